use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text
        .chars()
        .filter(char::is_ascii_hexdigit)
        .map(|it| it.to_digit(16).expect("hex") as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn pair(profile: Profile) -> (Session, Session) {
    let len = 2 * (profile.key_len() + profile.salt_len());
    let material: Vec<u8> = (0..len).map(|n| (n * 7) as u8).collect();
    (
        Session::new(profile, &material, true).expect("keys"),
        Session::new(profile, &material, false).expect("keys"),
    )
}

const ALL: [Profile; 3] = [Profile::Cm128Sha1, Profile::Gcm128, Profile::Gcm256];

/// RFC 3711 appendix B.3.
#[test]
fn keys_are_derived_as_the_rfc_shows() {
    let key = hex("E1F97A0D3E018BE0D64FA32C06DE4139");
    let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
    let (mut cipher, mut session_salt, mut auth) = ([0; 16], [0; 14], [0; 20]);
    derive(&key, &salt, LABEL_KEY, &mut cipher).expect("derives");
    derive(&key, &salt, LABEL_SALT, &mut session_salt).expect("derives");
    derive(&key, &salt, LABEL_AUTH, &mut auth).expect("derives");
    assert_eq!(cipher.to_vec(), hex("C61E7A93744F39EE10734AFE3FF7A087"));
    assert_eq!(session_salt.to_vec(), hex("30CBBC08863D8C85D49DB34A9AE1"));
    assert_eq!(auth.to_vec(), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
}

/// RFC 7714 §16.1.1, with its keys as session keys.
#[test]
fn a_packet_is_sealed_with_gcm_as_the_rfc_shows() {
    let key = hex("000102030405060708090a0b0c0d0e0f");
    let suite = || Suite::Gcm {
        key: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("key")),
        salt: *b"Quid pro quo",
    };
    let way = || Way {
        rtp: suite(),
        rtcp: suite(),
    };
    let plain = hex(
        "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465
         73207472 6573",
    );
    let sealed = hex(
        "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a
         51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
    );
    let out = Outbound {
        way: way(),
        rtcp_index: 0,
    };
    let mut packet = plain.clone();
    out.seal_rtp(&mut packet, 0, 12, 0x5501_a0b2, 0xf17b).expect("seals");
    assert_eq!(packet, sealed);
    let mut inbound = Inbound {
        way: way(),
        streams: Vec::new(),
    };
    let (payload, index) = inbound
        .open_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b)
        .expect("authentic");
    assert_eq!((&*payload, index), (&plain[12..], 0xf17b));
}

/// str0m's own context is on the other end of every connection of the bench; here both ends are ours.
#[test]
fn what_is_sealed_is_opened_over_many_rounds_and_what_is_changed_is_not() {
    for profile in ALL {
        let (client, mut server) = pair(profile);
        for index in (65_000_u64..200_000).step_by(499) {
            let mut packet = vec![0x80, 96, 0, 0, 0, 0, 0, 1, 0, 0, 0, 9];
            packet[2..4].copy_from_slice(&(index as u16).to_be_bytes());
            packet.extend_from_slice(b"content");
            let plain = packet.clone();
            client.outbound.seal_rtp(&mut packet, 0, 12, 9, index).expect("seals");
            let tag = if profile == Profile::Cm128Sha1 { 10 } else { 16 };
            assert_eq!(packet.len(), plain.len() + tag);
            let mut changed = packet.clone();
            changed[13] ^= 1;
            let seq = index as u16;
            assert!(server.inbound.open_rtp(&mut changed, 12, 9, seq).is_none());
            let (payload, found) = server.inbound.open_rtp(&mut packet, 12, 9, seq).expect("authentic");
            assert_eq!((&*payload, found), (&plain[12..], index));
        }
    }
}

#[test]
fn rtcp_is_sealed_and_opened() {
    for profile in ALL {
        let (mut client, mut server) = pair(profile);
        for n in 0..3_u8 {
            let plain = [0x80, 201, 0, 2, 0, 0, 0, 5, 1, 2, 3, n].to_vec();
            let mut packet = plain.clone();
            client.outbound.seal_rtcp(&mut packet).expect("seals");
            let mut changed = packet.clone();
            changed[9] ^= 1;
            assert_eq!(server.inbound.open_rtcp(&mut changed), None);
            let len = server.inbound.open_rtcp(&mut packet).expect("authentic");
            assert_eq!(packet[..len], plain);
        }
        assert_eq!(server.inbound.open_rtcp(&mut [0x80, 201, 0]), None);
    }
}

#[test]
fn a_sequence_number_is_taken_for_the_nearest_index() {
    assert_eq!(index_near(65_535, 0), 65_536);
    assert_eq!(index_near(65_536, 65_535), 65_535);
    assert_eq!(index_near(70_000, 70_010_u32 as u16), 70_010);
    assert_eq!(index_near(3, 65_535), 65_535, "there is nothing before the beginning");
}

#[test]
fn material_of_another_length_is_refused() {
    let error = Session::new(Profile::Gcm128, &[0; 10], true).expect_err("too short");
    assert_eq!(error, KeyError::Length(10, 56));
}

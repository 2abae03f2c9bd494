use super::*;
use crate::stick::bundle::{make, make_key, open};
use protocol::time::UnixMillis;

fn keys_of(public: &str) -> Vec<Vec<u8>> {
    vec![data_encoding::BASE64.decode(public.as_bytes()).expect("base64")]
}

#[test]
fn names_lead_nowhere_but_into_the_folder() {
    let folder = Path::new("/media/USB");
    assert_eq!(inside(folder, "a/b.png"), Some(PathBuf::from("/media/USB/a/b.png")));
    for bad in ["", "../a.png", "/etc/passwd", "a/../../b.png"] {
        assert_eq!(inside(folder, bad), None, "{bad:?}");
    }
    assert!(kind_of("a.PNG", None).is_some() && kind_of("a.exe", None).is_none() && kind_of("png", None).is_none());
}

#[test]
fn an_import_is_whole_or_not_there_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().expect("temp");
    let cache = Cache::open(&dir.path().join("home"));
    let folder = dir.path().join("stick");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("a.pdf"), vec![7; 3_000_000]).expect("written");
    fs::write(folder.join("b.pdf"), b"%PDF small").expect("written");
    let imported = import(&folder, &cache, &[], Trust::Operator, 1_000_000).expect("b.pdf is taken");
    assert_eq!(imported.manifest.contents.keys().collect::<Vec<_>>(), ["b.pdf"]);
    assert!(
        imported.faults[0].starts_with("a.pdf: there is no room"),
        "{:?}",
        imported.faults
    );
    assert_eq!(cache.held().len(), 1, "no part of anything");
    assert_eq!(cache.current().manifest, Some(imported.manifest));
    assert_eq!(mark_of(&folder), None, "nothing says that this folder is for a screen");
}

#[test]
fn a_bundle_of_the_screens_own_server_is_taken_by_who_was_told_its_key() {
    let dir = tempfile::tempdir().expect("temp");
    let (key, folder) = (dir.path().join("key"), dir.path().join("stick"));
    let public = make_key(&key).expect("made");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("a.pdf"), b"%PDF a").expect("written");
    let layout = plain::open(&folder, None).expect("a plain folder").layout;
    make(&folder, &key, None, UnixMillis(50)).expect("signed");
    // As a server packs it: by its hash, so that any name can be unpacked.
    let sha256 = data_encoding::HEXLOWER.encode(&Sha256::digest(b"%PDF a"));
    let place = folder.join(protocol::screen::bundle::place_of(&sha256));
    fs::create_dir(folder.join("content")).expect("made");
    fs::rename(folder.join("a.pdf"), place).expect("moved");

    let cache = Cache::open(&dir.path().join("home"));
    let refused = import(&folder, &cache, &[], Trust::Anybody, 1_000_000).expect_err("no key yet");
    assert!(refused.to_string().contains("pair it with its server"), "{refused:#}");
    let served = Manifest {
        layout,
        contents: BTreeMap::new(),
        group: None,
        bundle_key: Some(public),
    };
    cache.store(&served).expect("stored");
    let imported = import(&folder, &cache, &[], Trust::Anybody, 1_000_000).expect("taken");
    assert_eq!(imported.faults, Vec::<String>::new());
    assert_eq!(imported.manifest.contents["a.pdf"].sha256, sha256);
}

#[test]
fn a_bundle_holds_for_its_key_its_words_and_in_its_order() {
    let dir = tempfile::tempdir().expect("temp");
    let (key, other) = (dir.path().join("key"), dir.path().join("other"));
    let public = make_key(&key).expect("made");
    let stranger = make_key(&other).expect("made");
    assert!(make_key(&key).is_err(), "a key is never overwritten");
    let folder = dir.path().join("stick");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("a.pdf"), b"%PDF a").expect("written");
    assert_eq!(
        make(&folder, &key, None, UnixMillis(50)).expect("signed"),
        Vec::<String>::new()
    );
    let folder = fs::canonicalize(&folder).expect("there");
    assert_eq!(open(&folder, &keys_of(&public), None).expect("sound").made_at, Some(50));
    assert_eq!(
        open(&folder, &keys_of(&public), Some(50)).expect("the same").made_at,
        Some(50)
    );
    let refused = |keys: &[Vec<u8>], newest| open(&folder, keys, newest).expect_err("refused").to_string();
    assert!(refused(&keys_of(&public), Some(51)).contains("older"));
    assert!(refused(&keys_of(&stranger), None).contains("not signed"));
    assert!(refused(&[], None).contains("player.stick_keys"));
    let words = fs::read_to_string(folder.join(bundle::FILE)).expect("there");
    fs::write(folder.join(bundle::FILE), words.replace("10000", "10001")).expect("written");
    assert!(refused(&keys_of(&public), None).contains("not signed"));
}

#[test]
fn an_unsigned_stick_is_not_taken_by_itself_where_there_is_a_key() {
    let dir = tempfile::tempdir().expect("temp");
    let cache = Cache::open(&dir.path().join("home"));
    let folder = dir.path().join("stick");
    fs::create_dir(&folder).expect("made");
    fs::write(folder.join("a.pdf"), b"%PDF a").expect("written");
    let keys = [vec![1; 32]];
    let refused = import(&folder, &cache, &keys, Trust::Anybody, 1_000_000).expect_err("not signed");
    assert!(refused.to_string().contains("not signed"), "{refused}");
    import(&folder, &cache, &keys, Trust::Operator, 1_000_000).expect("an operator may");
    import(&folder, &cache, &[], Trust::Anybody, 1_000_000).expect("no key, no lock");
}

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::super::frames::push_frame;
use super::connection::{STALLED, read};
use super::*;
use crate::core::{MAX_DATAGRAM, Path};

const SUCCESS: [u8; 20] = {
    let mut bytes = [0; 20];
    (bytes[0], bytes[1]) = (1, 1);
    bytes
};

fn port() -> Tcp {
    Tcp::bind(SocketAddr::from(([127, 0, 0, 1], 0)), &[]).expect("bind")
}

/// Serves the port until the condition holds.
async fn serve_until(tcp: &mut Tcp, mut holds: impl FnMut(&Tcp) -> bool) -> Vec<Vec<u8>> {
    let mut came = Vec::new();
    while !holds(tcp) {
        let first = tcp.ready().await;
        tcp.take(first, Instant::now(), |_, _, bytes| came.push(bytes.to_vec()));
    }
    came
}

fn to<'a>(client: &TcpStream, bytes: &'a [u8]) -> Datagram<'a> {
    Datagram {
        path: Path {
            transport: Transport::Tcp,
            ours: client.peer_addr().expect("address"),
            theirs: client.local_addr().expect("address"),
        },
        bytes,
    }
}

async fn connect(tcp: &Tcp) -> TcpStream {
    TcpStream::connect(tcp.local_addr()).await.expect("connects")
}

#[test]
fn who_proves_nothing_in_time_is_over_and_proof_must_be_renewed() {
    let now = Instant::now();
    let mut link = Link {
        number: 1,
        frames: mpsc::channel(1).0,
        opened: now,
        proven: None,
        heard: None,
    };
    let second = Duration::from_secs(1);
    assert!(!link.is_over(now + PROVEN_IN) && link.is_over(now + PROVEN_IN + second));
    link.proven = Some(now + PROVEN_IN);
    assert!(!link.is_over(now + PROVEN_IN + PROOF_LASTS));
    assert!(link.is_over(now + PROVEN_IN + PROOF_LASTS + second));
}

#[test]
fn a_connection_that_was_proven_once_stays_while_it_is_used_both_ways() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let new = || Link {
        number: 1,
        frames: mpsc::channel(1).0,
        opened: start,
        proven: None,
        heard: None,
    };
    let mut link = new();
    (link.heard, link.proven) = (Some(at(0)), None);
    link.sends(false, at(1));
    assert_eq!(link.proven, None, "what is only sent proves nobody");
    link.sends(true, at(1));
    for second in 2..100 {
        link.heard = Some(at(second));
        link.sends(false, at(second));
        assert!(!link.is_over(at(second)), "{second}");
    }
    // Nothing comes any more, whatever is sent.
    for second in 100..200 {
        link.sends(false, at(second));
    }
    assert!(link.is_over(at(200)));
    // The core has closed its end: nothing is sent any more, whatever comes.
    let mut link = new();
    link.sends(true, at(1));
    link.heard = Some(at(40));
    assert!(link.is_over(at(40)));
    link.sends(false, at(40));
    assert!(link.is_over(at(40)), "over is over");
}

#[tokio::test]
async fn frames_are_found_however_the_stream_is_cut() {
    let frames: Vec<Vec<u8>> = [1, 20, 0, 300, MAX_DATAGRAM].map(|len| vec![len as u8; len]).to_vec();
    let mut stream = Vec::new();
    frames.iter().for_each(|it| push_frame(&mut stream, it));
    let id = LinkId {
        ends: Ends {
            theirs: SocketAddr::from(([192, 0, 2, 1], 1)),
            ours: SocketAddr::from(([192, 0, 2, 2], 2)),
        },
        number: 1,
    };
    for cut in [1, 2, 3, 7, stream.len()] {
        let (mut theirs, ours) = tokio::io::duplex(cut);
        let (tell, mut arrivals) = mpsc::channel(8);
        let bytes = stream.clone();
        let writing = tokio::spawn(async move { theirs.write_all(&bytes).await });
        let ended = read(ours, id, &tell).await;
        assert_eq!(ended.expect_err("the end").kind(), io::ErrorKind::UnexpectedEof);
        writing.await.expect("no panic").expect("written");
        drop(tell);
        let mut came = Vec::new();
        while let Some(Arrival::Frame(_, bytes)) = arrivals.recv().await {
            came.push(bytes);
        }
        let not_empty: Vec<Vec<u8>> = frames.iter().filter(|it| !it.is_empty()).cloned().collect();
        assert_eq!(came, not_empty);
    }
    let (tell, _arrivals) = mpsc::channel(8);
    let too_long = read(&b"GET / HTTP/1.1"[..], id, &tell).await;
    assert!(too_long.expect_err("refused").to_string().contains("too long"));
}

#[tokio::test]
async fn who_reads_too_slowly_loses_whole_frames_of_media_and_no_check() {
    let mut tcp = port();
    let mut client = connect(&tcp).await;
    serve_until(&mut tcp, |tcp| tcp.counts().open == 1).await;
    tcp.send(to(&client, &SUCCESS), Instant::now());
    // The kernel takes some, the queue takes some, the rest is lost.
    let mut sent = 0_u64;
    while tcp.counts().lost < 50 {
        let mut media = vec![0x80; 1200];
        media[1..9].copy_from_slice(&sent.to_be_bytes());
        tcp.send(to(&client, &media), Instant::now());
        sent += 1;
        if sent.is_multiple_of(32) {
            tokio::task::yield_now().await;
        }
    }
    let lost = tcp.counts().lost;
    tcp.send(to(&client, &SUCCESS), Instant::now());
    assert_eq!(tcp.counts().lost, lost, "a check's answer has its place");

    let mut numbers = Vec::new();
    let mut answers = 0;
    while answers < 2 {
        let len = client.read_u16().await.expect("a frame");
        let mut frame = vec![0; usize::from(len)];
        client.read_exact(&mut frame).await.expect("whole");
        if frame == SUCCESS {
            answers += 1;
            continue;
        }
        assert!(frame.len() == 1200 && frame[0] == 0x80 && frame[9..].iter().all(|it| *it == 0x80));
        numbers.push(u64::from_be_bytes(frame[1..9].try_into().expect("eight bytes")));
    }
    assert!(numbers.is_sorted() && numbers.len() as u64 + lost == sent);
}

#[tokio::test]
async fn one_address_gets_so_many_unproven_connections_and_a_proven_one_takes_no_place_of_theirs() {
    let mut tcp = port();
    let mut clients = Vec::new();
    for number in 0..MAX_UNPROVEN_OF_ONE + 1 {
        let client = connect(&tcp).await;
        serve_until(&mut tcp, |tcp| tcp.counts().open as usize == number + 1).await;
        if number == 0 {
            tcp.send(to(&client, &SUCCESS), Instant::now());
        }
        clients.push(client);
    }
    let mut refused = connect(&tcp).await;
    serve_until(&mut tcp, |tcp| tcp.counts().refused == 1).await;
    assert_eq!(refused.read(&mut [0; 8]).await.expect("closed"), 0);

    // One of them speaks something else: it is shown out, and another has its place.
    clients[5].write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("sent");
    serve_until(&mut tcp, |tcp| tcp.counts().refused == 2).await;
    let _another = connect(&tcp).await;
    serve_until(&mut tcp, |tcp| tcp.counts().open as usize == MAX_UNPROVEN_OF_ONE + 1).await;
    // Time passes: those who proved nothing go, who proved something stays.
    tcp.close_those_over(Instant::now() + PROVEN_IN * 2);
    assert_eq!(tcp.counts().open, 1);
}

#[tokio::test]
async fn the_last_words_are_sent() {
    let mut tcp = port();
    let mut client = connect(&tcp).await;
    serve_until(&mut tcp, |tcp| tcp.counts().open == 1).await;
    tcp.send(to(&client, b"\x15goodbye"), Instant::now());
    let mut heard = Vec::new();
    let (_, read) = tokio::join!(tcp.close(STALLED), client.read_to_end(&mut heard));
    read.expect("closed in order");
    assert_eq!(heard, b"\0\x08\x15goodbye");
}

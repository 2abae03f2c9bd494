//! Pictures that cross from one end to the other, whatever either of them does.
#![allow(clippy::expect_used)]

use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use frames::socket::{Listener, pair};
use frames::{End, Format, Picture, Reader, Socket, Writer, writer};

/// Long enough for a machine that is busy.
const LIMIT: Duration = Duration::from_secs(60);

fn picture(width: u32, height: u32, at_ms: u64) -> Picture {
    Picture {
        format: Format::Bgr,
        width,
        height,
        at: Duration::from_millis(at_ms),
        taken_ms: 1_700_000_000_000 + at_ms,
    }
}

fn both(room: usize) -> (Writer, Reader) {
    let (ours, theirs) = pair().expect("a pair");
    (Writer::new(ours, room).expect("a writer"), Reader::new(theirs))
}

#[test]
fn the_newest_picture_crosses_as_it_is_without_the_gaps_between_its_rows() {
    let (mut writer, mut reader) = both(64 * 48 * 3);
    assert_eq!(reader.next(Duration::ZERO).expect("nothing yet"), None);
    let older = vec![9; 64 * 48 * 3];
    writer.put(&picture(64, 48, 0), &older, 64 * 3).expect("given");
    // Rows of 5 pixels, 16 bytes apart; the last has no gap.
    let told = picture(5, 3, 40);
    let with_gaps: Vec<u8> = (0..47).collect();
    writer.put(&told, &with_gaps, 16).expect("given");
    let ready = reader.next(LIMIT).expect("alive").expect("a picture");
    assert_eq!(ready.picture, told);
    let mut pixels = vec![255; 50];
    assert!(reader.copy(&ready, &mut pixels).expect("copied"));
    let expected: Vec<u8> = [0..15, 16..31, 32..47].into_iter().flatten().collect();
    assert_eq!(pixels[..45], expected);
    assert_eq!(pixels[45..], [255; 5], "and no more");
    assert_eq!(reader.next(Duration::ZERO).expect("alive"), None, "each once");
    assert!(matches!(
        reader.copy(&ready, &mut pixels[..44]),
        Err(End::TooLarge(45, 44))
    ));
}

#[test]
fn a_picture_that_is_overwritten_while_it_is_read_is_thrown_away() {
    const SIZE: usize = 640 * 360 * 3;
    let (mut writer, mut reader) = both(SIZE);
    let is_over = AtomicBool::new(false);
    let (mut whole, mut torn) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for at in (0..).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                let pixels = vec![at as u8; SIZE];
                writer.put(&picture(640, 360, at), &pixels, 640 * 3).expect("given");
            }
        });
        let mut pixels = vec![0; SIZE];
        while whole < 200 {
            let Some(ready) = reader.next(LIMIT).expect("alive") else {
                continue;
            };
            if reader.copy(&ready, &mut pixels).expect("copied") {
                let value = ready.picture.at.as_millis() as u8;
                assert!(pixels.iter().all(|it| *it == value), "a mixture");
                whole += 1;
            } else {
                torn += 1;
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    println!("{whole} whole, {torn} overwritten meanwhile");
}

#[test]
fn who_gives_waits_for_nobody_and_who_comes_back_gets_what_is_new() {
    let (mut writer, mut reader) = both(12);
    for at in 0..50_000 {
        writer.put(&picture(2, 2, at), &[at as u8; 12], 6).expect("given");
    }
    let mut pixels = [0; 12];
    // What was told first is overwritten long since, and known to be.
    let first = reader.next(LIMIT).expect("alive").expect("an old one");
    assert!(!reader.copy(&first, &mut pixels).expect("copied"));
    while reader.next(Duration::ZERO).expect("alive").is_some() {}
    writer.put(&picture(2, 2, 1), &[77; 12], 6).expect("given");
    let ready = reader.next(LIMIT).expect("alive").expect("a picture");
    assert!(reader.copy(&ready, &mut pixels).expect("copied"));
    assert_eq!(pixels, [77; 12]);
}

#[test]
fn what_does_not_fit_is_refused_by_who_gives() {
    let (mut writer, _reader) = both(12);
    let put = |writer: &mut Writer, width, bytes: &[u8], stride| writer.put(&picture(width, 2, 0), bytes, stride);
    assert!(matches!(put(&mut writer, 4, &[0; 24], 12), Err(End::TooLarge(24, 12))));
    assert!(matches!(put(&mut writer, 2, &[0; 11], 6), Err(End::TooLarge(12, 11))));
    assert!(matches!(put(&mut writer, 2, &[0; 12], 5), Err(End::TooLarge(..))));
    put(&mut writer, 2, &[0; 12], 6).expect("given");
}

#[test]
fn both_ends_hear_when_the_other_is_gone_and_why() {
    let (mut writer, mut reader) = both(12);
    writer.put(&picture(2, 2, 0), &[1; 12], 6).expect("given");
    writer.give_up("the camera was unplugged").expect("said");
    drop(writer);
    let end = reader.next(LIMIT).expect_err("over");
    assert!(
        matches!(&end, End::Said(why) if why == "the camera was unplugged"),
        "{end}"
    );
    assert!(matches!(reader.next(LIMIT), Err(End::Gone)));

    let (mut writer, reader) = both(12);
    assert!(writer.is_wanted());
    drop(reader);
    assert!(!writer.is_wanted());
    let end = writer.put(&picture(2, 2, 0), &[1; 12], 6).expect_err("nobody reads");
    assert!(matches!(end, End::Gone), "{end}");

    // What came before the end is still good.
    let (mut writer, mut reader) = both(12);
    writer.put(&picture(2, 2, 0), &[5; 12], 6).expect("given");
    drop(writer);
    let ready = reader.next(LIMIT).expect("good").expect("a picture");
    let mut pixels = [0; 12];
    assert!(reader.copy(&ready, &mut pixels).expect("copied"));
    assert_eq!(pixels, [5; 12]);
    assert!(matches!(reader.next(LIMIT), Err(End::Gone)));
}

#[test]
fn an_order_crosses_first() {
    let (ours, theirs) = pair().expect("a pair");
    let reader = Reader::new(ours);
    reader.order("rtsp://192.0.2.7/1").expect("ordered");
    assert_eq!(writer::order(&theirs, LIMIT).expect("heard"), "rtsp://192.0.2.7/1");
    assert!(reader.order(&"x".repeat(5000)).is_err());
    assert!(matches!(
        writer::order(&theirs, Duration::ZERO),
        Err(End::Nonsense("nothing"))
    ));
}

/// The links of this process's open files.
fn open_files() -> Vec<(String, bool)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd").expect("read").flatten() {
        let Ok(to) = std::fs::read_link(entry.path()) else {
            continue;
        };
        let info = entry.path().to_string_lossy().replace("/fd/", "/fdinfo/");
        let info = std::fs::read_to_string(info).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap_or("0");
        let can_write = u32::from_str_radix(flags.trim(), 8).expect("octal") & 3 != 0;
        files.push((to.to_string_lossy().into_owned(), can_write));
    }
    files
}

#[test]
fn pictures_are_in_no_folder_and_who_reads_cannot_write() {
    let (mut writer, mut reader) = both(4096 * 3);
    // A memory of a size that no other test here has.
    writer
        .put(&picture(64, 64, 0), &[1; 64 * 64 * 3], 64 * 3)
        .expect("given");
    reader.next(LIMIT).expect("alive").expect("a picture");
    let memories: Vec<(String, bool)> = open_files()
        .into_iter()
        .filter(|(to, _)| to.contains("madoguchi-frames"))
        .collect();
    assert!(memories.iter().all(|(to, _)| to.starts_with("/memfd:")), "{memories:?}");
    let writable = memories.iter().filter(|(_, can_write)| *can_write).count();
    let others = memories.len() - writable;
    assert!(writable >= 1 && others >= 1, "{memories:?}");
    assert!(
        std::fs::read_dir("/dev/shm")
            .expect("read")
            .flatten()
            .all(|it| { !it.file_name().to_string_lossy().contains("madoguchi-frames") })
    );
}

#[test]
fn others_of_the_same_user_come_by_the_name_of_a_screens_folder() {
    let name = frames::name_of(std::path::Path::new(&format!("run/{}", std::process::id()))).expect("a name");
    assert!(matches!(Socket::connect(&name), Err(End::System(_))), "nobody there");
    let listener = Listener::bind(&name).expect("bound");
    assert!(Listener::bind(&name).is_err(), "one screen, one camera");
    assert!(listener.accept(Duration::ZERO).expect("waited").is_none());
    let mut reader = Reader::new(Socket::connect(&name).expect("connected"));
    let socket = listener.accept(LIMIT).expect("waited").expect("somebody");
    let mut writer = Writer::new(socket, 12).expect("a writer");
    writer.put(&picture(2, 2, 0), &[3; 12], 6).expect("given");
    assert!(reader.next(LIMIT).expect("alive").is_some());
    drop(listener);
    Listener::bind(&name).expect("the name goes with who had it");
}

/// Run by the next test as another user.
#[test]
#[ignore = "run by another test, as another user"]
fn a_stranger_comes() {
    let name = std::env::var("FRAMES_NAME").expect("a name");
    assert!(matches!(Socket::connect(&name), Err(End::Stranger)));
}

#[test]
fn another_users_process_gets_nothing() {
    let name = format!("madoguchi-camera-stranger-{}", std::process::id());
    let listener = Listener::bind(&name).expect("bound");
    let program = std::env::current_exe().expect("this program");
    let stranger = Command::new(program)
        .args(["--ignored", "--exact", "a_stranger_comes"])
        .env("FRAMES_NAME", &name)
        .uid(65534)
        .current_dir("/")
        .spawn();
    let mut stranger = match stranger {
        Ok(stranger) => stranger,
        Err(error) => return println!("SKIPPED: this test can't start a program as another user: {error}"),
    };
    assert!(matches!(listener.accept(LIMIT), Err(End::Stranger)));
    assert!(stranger.wait().expect("ended").success());
}

#[test]
fn nonsense_from_the_other_end_is_an_error_and_never_a_wait_or_a_fall() {
    let (ours, theirs) = pair().expect("a pair");
    let mut reader = Reader::new(theirs);
    // A picture without a memory: by a writer that never made one.
    writer::give_up(&ours, "").expect("said");
    assert!(matches!(reader.next(LIMIT), Err(End::Said(_))));
    let raw = ours.into_fd();
    assert!(raw.as_raw_fd() > 2);
    for word in [&b"x"[..], b"M", b"P12345", &[b'M'; 17], &[b'P'; 34]] {
        let (one, other) = pair().expect("a pair");
        let mut reader = Reader::new(other);
        let one = std::fs::File::from(one.into_fd());
        std::io::Write::write_all(&mut &one, word).expect("sent");
        let end = reader.next(LIMIT).expect_err("nonsense");
        assert!(matches!(end, End::Nonsense(_)), "{word:?}: {end}");
    }
}

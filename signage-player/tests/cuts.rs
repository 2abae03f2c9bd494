//! Power cuts and bad disks against the real program: whatever happens, it starts again, shows a whole picture, and
//! keeps nothing that isn't what it should be. `MADOGUCHI_LONG=1` cuts 200 times.
#![allow(clippy::expect_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::office::{LIMIT, Noise, Office, hash, noise, pictures};
use common::server::Server;
use common::wait_for;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const SIZE: (u32, u32) = (320, 240);

/// The least that a configuration may give the contents, in bytes.
const BUDGET: u64 = 10_000_000;
/// Two of these a round are more than that long before the twentieth.
const LARGE: (u32, u32) = (640, 480);

/// Waits until exactly one of these pictures is on show, every pixel of it.
fn see(office: &Office, any_of: &[&Noise]) {
    let look = || {
        any_of
            .iter()
            .any(|it| office.try_snapshot().is_some_and(|mut shot| shot.shows(it)))
            .then_some(())
    };
    wait_for("a whole picture", LIMIT, look);
}

fn manifest_of(name: &str, size: (u32, u32), noises: &[Noise]) -> protocol::screen::Manifest {
    let named = noises
        .iter()
        .enumerate()
        .map(|(at, it)| (format!("{at}.png"), it.file.as_slice()));
    let named: Vec<(String, &[u8])> = named.collect();
    let named: Vec<(&str, &[u8])> = named.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    pictures(name, size, &named)
}

fn has_part(office: &Office) -> bool {
    let files = std::fs::read_dir(office.home().join("content"))
        .expect("there")
        .flatten();
    files
        .into_iter()
        .any(|file| file.file_name().to_string_lossy().ends_with(".part"))
}

/// What is stored, by its name, in bytes.
fn stored(office: &Office) -> BTreeMap<String, u64> {
    let files = std::fs::read_dir(office.home().join("content"))
        .expect("there")
        .flatten();
    let about = |file: std::fs::DirEntry| {
        let size = file.metadata().map_or(0, |about| about.len());
        (file.file_name().to_string_lossy().into_owned(), size)
    };
    files.map(about).collect()
}

#[test]
fn cut_at_any_moment_it_starts_again_with_a_whole_picture_and_sound_files() {
    let rounds = if std::env::var_os("MADOGUCHI_LONG").is_some() {
        200
    } else {
        20
    };
    let mut chance = StdRng::seed_from_u64(7);
    let server = Server::start();
    let office = server.office("[player]\ndisk_budget = \"10MB\"");
    let first = [noise(1, LARGE), noise(2, LARGE)];
    first.iter().for_each(|it| server.hold(&it.file));
    server.want(manifest_of("first", LARGE, &first));
    server.told.pace_ms.store(2, Ordering::SeqCst);
    let mut held: Vec<Noise> = first.to_vec();
    let mut cut_downloads = 0;
    // All that was ever stored, whole or not.
    let mut ever: BTreeMap<String, u64> = BTreeMap::new();
    for round in 1..=rounds {
        let mut player = office.start();
        see(&office, &held.iter().collect::<Vec<_>>());
        assert_eq!(office.spoilt(), Vec::<String>::new(), "round {round}");
        // Something else is wanted; the cut comes at any moment of it being fetched, stored and swapped in.
        let next = [noise(round * 2 + 1, LARGE), noise(round * 2 + 2, LARGE)];
        next.iter().for_each(|it| server.hold(&it.file));
        let before = server.told.requests.load(Ordering::SeqCst);
        server.want(manifest_of(&format!("round {round}"), LARGE, &next));
        if chance.random_bool(0.8) {
            wait_for("the first request", LIMIT, || {
                (server.told.requests.load(Ordering::SeqCst) > before).then_some(())
            });
        }
        std::thread::sleep(Duration::from_millis(chance.random_range(0..400)));
        player.kill();
        cut_downloads += u32::from(has_part(&office));
        let here = stored(&office);
        let bytes: u64 = here.values().sum();
        assert!(bytes <= BUDGET, "round {round}: {bytes} bytes");
        for (name, size) in here {
            let size_of = ever.entry(name.trim_end_matches(".part").to_owned()).or_insert(0);
            *size_of = size.max(*size_of);
        }
        assert_eq!(office.spoilt(), Vec::<String>::new(), "round {round}");
        // The old ones until the new ones are whole, and then the new ones.
        held.truncate(2);
        held.splice(0..0, next);
    }
    let mut player = office.start();
    see(&office, &held[..2].iter().collect::<Vec<_>>());
    wait_for("the parts to be finished or cleared away", LIMIT, || {
        (!has_part(&office)).then_some(())
    });
    assert_eq!(office.spoilt(), Vec::<String>::new());
    assert!(cut_downloads > 0, "some cuts hit a download");
    let total: u64 = ever.values().sum();
    assert!(total > BUDGET, "{total} bytes came in all: nothing had to go");
    eprintln!("{cut_downloads} of {rounds} cuts left a part of a download; {total} bytes came in all");
    assert!(player.terminate().success());
}

/// A file system of its own over the screen's folder; none where it isn't allowed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn over(folder: &Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("made");
        let options = format!("size={size}");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "madoguchi-test"])
            .arg(folder)
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(folder.to_owned())),
            other => {
                eprintln!("SKIPPED: a small disk can't be mounted here: {other:?}");
                None
            }
        }
    }

    fn make_read_only(&self) {
        let status = Command::new("mount").args(["-o", "remount,ro"]).arg(&self.0).status();
        assert!(status.expect("mount runs").success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn fault(office: &Office, item: &str, words: &str) {
    wait_for(&format!("{item}: {words}"), LIMIT, || {
        let faults = office.status()?.faults;
        let is_it = |it: &String| it.starts_with(item) && it.contains(words);
        faults.iter().any(is_it).then_some(())
    });
}

#[test]
fn a_full_disk_and_then_a_read_only_one_play_what_they_have_and_say_what_is_missing() {
    let server = Server::start();
    let office = server.office("");
    let Some(disk) = SmallDisk::over(&office.home(), "2m") else {
        return;
    };
    let small = noise(1, SIZE);
    let large = noise(2, (1200, 900));
    assert!(large.file.len() > 2 << 20);
    [&small, &large].iter().for_each(|it| server.hold(&it.file));
    server.want(pictures(
        "both",
        SIZE,
        &[("large.png", &large.file), ("small.png", &small.file)],
    ));
    let mut player = office.start();
    see(&office, &[&small]);
    fault(&office, "large.png", "there is no room");
    // Filled to the last byte by something else.
    let filler = office.home().join("filler");
    let _ = std::fs::write(&filler, vec![0; 4 << 20]);
    player.kill();
    let mut player = office.start();
    see(&office, &[&small]);
    player.kill();
    std::fs::remove_file(filler).expect("removed");

    disk.make_read_only();
    let mut player = office.start();
    see(&office, &[&small]);
    // Something else is wanted that can't be kept any more: what can be shown is shown, and the fault is told.
    let other = noise(3, SIZE);
    server.hold(&other.file);
    server.want(pictures(
        "other",
        SIZE,
        &[("other.png", &other.file), ("small.png", &small.file)],
    ));
    fault(&office, "other.png", "");
    see(&office, &[&small]);
    assert!(player.terminate().success());
    assert_eq!(office.spoilt(), Vec::<String>::new());
}

#[test]
fn what_the_server_lies_about_or_lacks_is_named_and_the_others_play() {
    let server = Server::start();
    let office = server.office("");
    let [good, wrong, gone] = [1, 2, 3].map(|seed| noise(seed, SIZE));
    server.hold(&good.file);
    let mut contents = server.told.contents.lock().expect("lock");
    contents.insert(hash(&wrong.file), vec![7; wrong.file.len()]);
    drop(contents);
    let named = [
        ("good.png", good.file.as_slice()),
        ("gone.png", &gone.file),
        ("wrong.png", &wrong.file),
    ];
    let mut manifest = pictures("mixed", SIZE, &named);
    let unknown = pictures("x", SIZE, &[("good.png", &good.file), ("unknown.png", b"x")]);
    manifest.layout.pages[0].zones[0].widget = unknown.layout.pages[0].zones[0].widget.clone();
    server.want(manifest);
    let _player = office.start();
    fault(&office, "gone.png", "doesn't have it");
    fault(&office, "wrong.png", "set aside");
    // What may still come is asked for again and again, what was a lie twice is not.
    let asked = |of: &Noise| {
        let asked = server.told.asked.lock().expect("lock");
        asked.iter().filter(|it| **it == hash(&of.file)).count()
    };
    wait_for("another try", LIMIT, || (asked(&gone) > 4).then_some(()));
    assert_eq!((asked(&good), asked(&wrong)), (1, 2));
    fault(&office, "unknown.png", "the manifest doesn't say");
    see(&office, &[&good]);
    assert_eq!(office.spoilt(), Vec::<String>::new());
}

#[test]
fn a_manifest_that_cannot_be_read_is_told_and_the_last_good_one_plays_on() {
    let server = Server::start();
    let office = server.office("");
    let (old, new) = (noise(1, SIZE), noise(2, SIZE));
    [&old, &new].iter().for_each(|it| server.hold(&it.file));
    server.want(pictures("old", SIZE, &[("a.png", &old.file)]));
    let mut player = office.start();
    see(&office, &[&old]);
    server.say_raw(r#"{"type":"manifest","manifest":{"layout":{"version":99,"zones":[]},"contents":{}}}"#);
    fault(&office, "the server's manifest can't be shown", "");
    see(&office, &[&old]);
    server.want(pictures("new", SIZE, &[("a.png", &new.file)]));
    see(&office, &[&new]);
    wait_for("the fault's end", LIMIT, || {
        office.status()?.faults.is_empty().then_some(())
    });
    player.kill();
    // On the disk: the newest is cut, the one before plays, and the agent fetches the newest again.
    let file = office.home().join("manifest.json");
    let bytes = std::fs::read(&file).expect("there");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("written");
    let lonely = Office {
        dir: tempfile::tempdir().expect("temp"),
    };
    std::fs::write(
        lonely.dir.path().join("office.toml"),
        std::fs::read_to_string(office.dir.path().join("office.toml"))
            .expect("there")
            .replace(&server.url, "https://127.0.0.1:9"),
    )
    .expect("written");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(office.dir.path().join("run"))
        .arg(lonely.dir.path())
        .status();
    assert!(copied.expect("cp runs").success());
    let _alone = lonely.start();
    see(&lonely, &[&old]);
    fault(&lonely, "manifest.json can't be read", "");
    let _player = office.start();
    see(&office, &[&new]);
}

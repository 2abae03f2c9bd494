//! Memory sticks on the real program, without a network: plain folders, bundles, broken and hostile ones.
#![allow(clippy::expect_used)]

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::office::{LIMIT, Noise, Office, PLAYER, frames_at_least, noise};
use common::wait_for;

/// The size of a screen that has shown nothing yet.
const SIZE: (u32, u32) = (1920, 1080);
const NOBODY: &str = "https://127.0.0.1:9";

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn import(office: &Office, folder: &Path) -> Output {
    Command::new(PLAYER)
        .arg("import")
        .arg("--config")
        .arg(office.dir.path().join("office.toml"))
        .args(["--screen", "lobby"])
        .arg(folder)
        .output()
        .expect("it runs")
}

fn see(office: &Office, noise: &Noise) {
    wait_for("the picture", LIMIT, || {
        office.try_snapshot().filter(|_| true)?.shows(noise).then_some(())
    });
}

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("temp");
    for (name, bytes) in files {
        let path: PathBuf = dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, bytes).expect("written");
    }
    dir
}

#[test]
fn a_plain_folder_plays_at_once_without_a_network_and_broken_files_are_named() {
    let office = Office::at(NOBODY, "");
    let good = noise(1, SIZE);
    let secret = office.dir.path().join("secret.png");
    std::fs::write(&secret, &good.file).expect("written");
    let playlist = r#"
        name = "夏まつり"
        [[item]]
        file = "good.png"
        seconds = 5
        [[item]]
        file = "empty.mp4"
        [[item]]
        file = "missing.png"
        [[item]]
        file = "../secret.png"
        [[item]]
        file = "link.png"
        [[item]]
        file = "program.exe"
        [[item]]
        file = "good.png"
        seconds = 0.01
    "#;
    let stick = folder(&[
        ("playlist.toml", playlist.as_bytes()),
        ("good.png", &good.file),
        ("empty.mp4", b""),
        ("program.exe", b"MZ"),
    ]);
    std::os::unix::fs::symlink(&secret, stick.path().join("link.png")).expect("linked");
    let player = office.start();
    assert_eq!(frames_at_least(&office, 10).page, "standby");
    let imported = import(&office, stick.path());
    assert!(imported.status.success(), "{}", said(&imported));
    for (name, why) in [
        ("empty.mp4", "empty"),
        ("missing.png", "not there"),
        ("../secret.png", "out of the folder"),
        ("link.png", "out of the folder"),
        ("program.exe", "of this kind"),
        ("good.png", "0.5 to 86400"),
    ] {
        let words = said(&imported);
        let is_named = |line: &str| line.contains(&format!("{name}: ")) && line.contains(why);
        assert!(words.lines().any(is_named), "{name}: {words}");
    }
    // The stick is pulled out.
    drop(stick);
    see(&office, &good);
    drop(player);
    let _player = office.start();
    see(&office, &good);
    assert_eq!(office.spoilt(), Vec::<String>::new());
}

#[test]
fn without_a_playlist_what_is_there_plays_by_name_and_nothing_at_all_is_an_error() {
    let office = Office::at(NOBODY, "");
    let (a, b) = (noise(1, SIZE), noise(2, SIZE));
    let stick = folder(&[
        ("b.png", &b.file),
        ("a.png", &a.file),
        (".c.png", b"x"),
        ("notes.txt", b"x"),
    ]);
    let imported = import(&office, stick.path());
    assert!(
        imported.status.success() && said(&imported).contains("2 files"),
        "{}",
        said(&imported)
    );
    let _player = office.start();
    see(&office, &a);
    for (files, why) in [
        (&[("notes.txt", &b"x"[..])][..], "no video, picture or PDF"),
        (&[("playlist.toml", b"[[item]]\nfile = \"a.png\"\n")], "nothing in"),
        (&[("playlist.toml", b"[[itme]]\nfile = \"a.png\"\n")], "playlist.toml"),
        (&[("layout.json", b"{\"version\":99}")], "layout.json"),
        (&[("bundle.json", b"{}")], "player.stick_keys"),
    ] {
        let refused = import(&office, folder(files).path());
        assert!(
            !refused.status.success() && said(&refused).contains(why),
            "{why}: {}",
            said(&refused)
        );
    }
    see(&office, &a);
}

#[test]
fn a_watched_stick_plays_by_itself_when_it_is_signed_and_not_otherwise() {
    let dir = tempfile::tempdir().expect("temp");
    let key = dir.path().join("key");
    let run = |arguments: &[&str]| {
        let output = Command::new(PLAYER).args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
    };
    let public = run(&["key", key.to_str().expect("UTF-8")]);
    let media = dir.path().join("media");
    std::fs::create_dir(&media).expect("made");
    let config = format!(
        "[player]\nsticks = {:?}\nstick_keys = [{public:?}]",
        media.display().to_string()
    );
    let office = Office::at(NOBODY, &config);
    let _player = office.start();
    frames_at_least(&office, 10);

    // Anybody's stick.
    let mine = noise(1, SIZE);
    let playlist = b"[[item]]\nfile = \"a.png\"\n";
    let plain = folder(&[("playlist.toml", playlist), ("a.png", &mine.file)]);
    std::fs::rename(plain.path(), media.join("USB")).expect("put in");
    let fault = |words: &str| {
        wait_for(words, LIMIT, || {
            let faults = office.status()?.faults;
            faults.iter().any(|fault| fault.contains(words)).then_some(())
        });
    };
    fault("not signed");
    assert_eq!(office.status().expect("there").page, "standby");

    // The office's own, with one file that was changed after it was signed.
    let theirs = noise(2, SIZE);
    let stick = folder(&[("a.png", &theirs.file), ("b.png", &mine.file)]);
    run(&[
        "bundle",
        stick.path().to_str().expect("UTF-8"),
        "--key",
        key.to_str().expect("UTF-8"),
    ]);
    let mut spoilt = mine.file.clone();
    let middle = spoilt.len() / 2;
    spoilt[middle] ^= 1;
    std::fs::write(stick.path().join("b.png"), spoilt).expect("written");
    std::fs::rename(stick.path(), media.join("OFFICE")).expect("put in");
    see(&office, &theirs);
    fault("b.png: it is not what the bundle says");

    // A bundle whose words were changed.
    let forged = folder(&[("a.png", &mine.file)]);
    run(&[
        "bundle",
        forged.path().to_str().expect("UTF-8"),
        "--key",
        key.to_str().expect("UTF-8"),
    ]);
    let file = forged.path().join("bundle.json");
    let words = std::fs::read_to_string(&file)
        .expect("there")
        .replace("\"stick\"", "\"Stick\"");
    std::fs::write(&file, words).expect("written");
    let refused = import(&office, forged.path());
    assert!(
        !refused.status.success() && said(&refused).contains("not signed"),
        "{}",
        said(&refused)
    );
    see(&office, &theirs);
    assert_eq!(office.spoilt(), Vec::<String>::new());
}

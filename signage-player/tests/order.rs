//! What survives a power cut, and not only a kill: in which order the kernel is told, looked at by strace. A file gets its name
//! when its bytes are on the disk, and is counted upon when its folder is on it too (POSIX fsync; ext4 and FAT promise no more).
#![allow(clippy::expect_used)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use common::office::{LIMIT, PLAYER, Running, hash, noise, pictures};
use common::server::Server;
use common::wait_for;

const SIZE: (u32, u32) = (320, 240);

/// A call that has succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Call {
    /// A file or a folder is on the disk.
    Sync(String),
    /// From a name to another.
    Rename(String, String),
}

impl Call {
    /// Reads `1700000000.123456 fsync(7</folder/file>) = 0`, and such of renames.
    fn read(line: &str) -> Option<(f64, Self)> {
        let (at, call) = line.split_once(' ')?;
        let (call, result) = call.rsplit_once(" = ")?;
        let (name, arguments) = call.trim_end().split_once('(')?;
        if result != "0" {
            return None;
        }
        let call = if name.ends_with("sync") {
            let path = arguments.split_once('<')?.1.trim_end_matches(')').trim_end_matches('>');
            Self::Sync(path.to_owned())
        } else {
            let mut quoted = arguments.split('"').skip(1).step_by(2);
            Self::Rename(quoted.next()?.to_owned(), quoted.next()?.to_owned())
        };
        Some((at.parse().ok()?, call))
    }
}

/// All calls of a program's processes that went well, in order.
fn calls(reports: &Path) -> Vec<Call> {
    let files = std::fs::read_dir(reports).expect("reports").flatten();
    let texts = files.map(|file| std::fs::read_to_string(file.path()).expect("a report"));
    let mut calls: Vec<(f64, Call)> = texts
        .flat_map(|text| text.lines().filter_map(Call::read).collect::<Vec<_>>())
        .collect();
    calls.sort_by(|a, b| a.0.total_cmp(&b.0));
    calls.into_iter().map(|(_, call)| call).collect()
}

/// What got its name in a folder, of which nothing would be left, or half of it, after a power cut at some moment.
fn at_risk(calls: &[Call], folder: &Path) -> Vec<String> {
    let is_within = |path: &str| Path::new(path).starts_with(folder);
    let mut faults = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let Call::Rename(from, to) = call else { continue };
        if !is_within(to) {
            continue;
        }
        if !calls[..at].contains(&Call::Sync(from.clone())) {
            faults.push(format!("{to}: named before its bytes are on the disk"));
        }
        let parent = Path::new(to).parent().expect("a folder").display().to_string();
        let next = calls[at + 1..].iter().find(|call| matches!(call, Call::Sync(_)));
        if !calls[at + 1..].contains(&Call::Sync(parent)) {
            faults.push(format!("{to}: its name isn't on the disk (next: {next:?})"));
        }
    }
    faults
}

#[test]
fn what_is_fetched_and_the_manifest_that_names_it_are_on_the_disk_before_they_are_counted_upon() {
    if !test_trace::is_there() {
        println!("SKIPPED the order of what goes to the disk: strace can't run here");
        return;
    }
    let server = Server::start();
    let office = server.office("");
    let home = office.home();
    let [a, b] = [1, 2].map(|seed| noise(seed, SIZE));
    [&a, &b].iter().for_each(|it| server.hold(&it.file));
    server.want(pictures("first", SIZE, &[("a.png", &a.file)]));

    let reports = tempfile::tempdir().expect("temp");
    let player = office.command(&["--headless"]);
    // -D: the player is this process's own child, and strace its grandchild.
    let mut strace = Command::new("strace");
    strace.args(["-D", "-ff", "-ttt", "-y", "-q", "-e", "signal=none"]);
    strace.args(["-e", "trace=?fsync,?fdatasync,?rename,?renameat,?renameat2", "-o"]);
    strace
        .arg(reports.path().join("report"))
        .arg(PLAYER)
        .args(player.get_args());
    strace.env("RUST_LOG", "warn");
    let mut player = Running(strace.spawn().expect("starts"));
    let sees = |noise| {
        wait_for("the picture", LIMIT, || {
            office.try_snapshot()?.shows(noise).then_some(())
        });
    };
    sees(&a);
    server.want(pictures("second", SIZE, &[("b.png", &b.file)]));
    sees(&b);
    assert!(player.terminate().success());
    assert!(test_trace::wait_for_end(reports.path()), "strace goes on writing");

    let calls = calls(reports.path());
    let named: BTreeSet<&str> = calls
        .iter()
        .filter_map(|call| match call {
            Call::Rename(_, to) => Path::new(to).file_name()?.to_str(),
            Call::Sync(_) => None,
        })
        .collect();
    for wanted in [hash(&a.file).as_str(), &hash(&b.file), "manifest.json"] {
        assert!(named.contains(wanted), "{wanted}: {named:?}");
    }
    let mut faults = at_risk(&calls, &home.join("content"));
    let manifests = calls.iter().filter(|call| match call {
        Call::Rename(_, to) => Path::new(to) == home.join("manifest.json"),
        Call::Sync(_) => true,
    });
    faults.extend(at_risk(&manifests.cloned().collect::<Vec<_>>(), &home));
    assert_eq!(faults, Vec::<String>::new(), "{calls:#?}");
    // Each manifest comes after all that it names.
    let at = |is_it: &dyn Fn(&str) -> bool| {
        let found = calls
            .iter()
            .rposition(|call| matches!(call, Call::Rename(_, to) if is_it(to)));
        found.expect("renamed")
    };
    let (content, manifest) = (
        at(&|to| to.ends_with(&hash(&b.file))),
        at(&|to| to.ends_with("manifest.json")),
    );
    assert!(content < manifest, "{calls:#?}");
}

#[test]
fn a_name_that_comes_too_soon_or_stays_in_memory_is_found() {
    let read = |lines: &[&str]| -> Vec<Call> { lines.iter().map(|line| Call::read(line).expect(line).1).collect() };
    let good = [
        "1.0 fsync(7</s/content/x.part>)          = 0",
        "2.0 rename(\"/s/content/x.part\", \"/s/content/x\") = 0",
        "3.0 fsync(8</s/content>)        = 0",
    ];
    let folder = Path::new("/s/content");
    assert_eq!(at_risk(&read(&good), folder), Vec::<String>::new());
    let soon = [good[1], good[0], good[2]];
    assert!(at_risk(&read(&soon), folder)[0].contains("before its bytes"));
    let forgotten = [good[0], good[1]];
    assert!(at_risk(&read(&forgotten), folder)[0].contains("its name isn't"));
    assert_eq!(Call::read("1.0 fsync(7</s/x>) = -1 EIO (Input/output error)"), None);
}

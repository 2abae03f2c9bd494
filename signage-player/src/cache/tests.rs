use std::collections::BTreeMap;

use protocol::screen::Text;

use super::*;

fn content(fill: char, size: u64) -> Content {
    Content {
        sha256: fill.to_string().repeat(64),
        size,
        media_type: "image/png".into(),
    }
}

fn manifest(contents: &[(&str, Content)]) -> Manifest {
    Manifest {
        layout: crate::scene::standby::layout(&Text::japanese("南区役所")),
        contents: contents
            .iter()
            .map(|(name, it)| ((*name).to_owned(), it.clone()))
            .collect::<BTreeMap<_, _>>(),
        group: None,
        bundle_key: None,
    }
}

#[test]
fn a_manifest_is_kept_and_where_it_breaks_the_one_before_plays_and_the_fault_is_named() {
    let dir = tempfile::tempdir().expect("temp");
    let cache = Cache::open(dir.path());
    assert_eq!(cache.current().manifest, None);
    let (first, second) = (
        manifest(&[("a.png", content('a', 3))]),
        manifest(&[("b.png", content('b', 3))]),
    );
    cache.store(&first).expect("stored");
    cache.store(&second).expect("stored");
    let loaded = cache.current();
    assert_eq!((loaded.manifest.as_ref(), loaded.faults.len()), (Some(&second), 0));
    let file = dir.path().join("manifest.json");
    let whole = fs::read(&file).expect("there");
    for cut in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&file, &whole[..cut]).expect("written");
        let loaded = cache.current();
        assert_eq!(loaded.manifest.as_ref(), Some(&first), "cut at {cut}");
        assert!(loaded.faults[0].contains("manifest.json"), "{:?}", loaded.faults);
    }
    // The broken one is never taken for the one before.
    cache.store(&second).expect("stored");
    fs::write(&file, b"{").expect("written");
    assert_eq!(cache.current().manifest, Some(first));
}

#[test]
fn what_came_on_a_stick_plays_until_the_server_wants_something_newer() {
    let dir = tempfile::tempdir().expect("temp");
    let cache = Cache::open(dir.path());
    let [stick, first, second] = ['a', 'b', 'c'].map(|fill| manifest(&[("x.png", content(fill, 3))]));
    cache.store_stick(stick.clone(), None, None).expect("stored");
    assert_eq!(cache.current().manifest, Some(stick.clone()), "no server at all");
    cache.store(&first).expect("stored");
    assert_eq!(cache.current().manifest, Some(first.clone()), "newer than the stick");
    cache.store_stick(stick.clone(), None, None).expect("stored");
    cache.store(&first).expect("stored");
    assert_eq!(cache.current().manifest, Some(stick), "the same as before is not newer");
    cache.store(&second).expect("stored");
    assert_eq!(cache.current().manifest, Some(second.clone()));
    fs::write(dir.path().join("stick.json"), b"{").expect("written");
    let loaded = cache.current();
    assert_eq!(loaded.manifest, Some(second));
    assert!(loaded.faults[0].contains("stick.json"), "{:?}", loaded.faults);
    assert!(cache.forget_stick().expect("gone") && !cache.forget_stick().expect("none"));
}

#[test]
fn only_whole_files_count_and_what_was_begun_for_nobody_goes() {
    let dir = tempfile::tempdir().expect("temp");
    let cache = Cache::open(dir.path());
    let (whole, cut, old) = (content('a', 3), content('b', 3), content('c', 3));
    for (it, bytes) in [(&whole, "abc"), (&cut, "ab"), (&old, "abc")] {
        fs::write(cache.path(it).expect("a hash"), bytes).expect("written");
        fs::write(cache.part(it).expect("a hash"), bytes).expect("written");
    }
    // A process that there can't be: numbers end at 4,194,304 (proc(5), `pid_max`). And one that writes just now.
    let by = |pid: u32| dir.path().join(format!("gl.json.{pid}.part"));
    let (of_the_dead, of_the_living) = (by(4_194_305), by(std::process::id()));
    for file in [&of_the_dead, &of_the_living] {
        fs::write(file, b"{").expect("written");
    }
    let shown = manifest(&[("a.png", whole.clone()), ("b.png", cut.clone())]);
    assert_eq!(cache.library(&shown).into_keys().collect::<Vec<_>>(), ["a.png"]);
    cache.tidy(&shown.contents.values().map(|it| it.sha256.clone()).collect());
    assert!(
        cache.has(&whole) && cache.has(&old),
        "whole files go only when room is needed"
    );
    assert!(cache.part(&cut).expect("a hash").exists() && !cache.part(&old).expect("a hash").exists());
    assert!(!of_the_dead.exists() && of_the_living.exists());
}

#[test]
fn a_name_that_is_no_hash_reaches_no_file() {
    let cache = Cache {
        dir: PathBuf::from("/nowhere"),
    };
    for bad in ["", "../../etc/passwd", &"A".repeat(64), &"é".repeat(32)] {
        let content = Content {
            sha256: bad.to_owned(),
            size: 1,
            media_type: String::new(),
        };
        assert_eq!(cache.path(&content), None, "{bad:?}");
    }
}

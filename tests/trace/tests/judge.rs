//! What is harmless and what is a fault, line by line.

use test_trace::{Allowed, Budget, Door, Folder, Outlet, judge};

/// Faults of a program that does what the lines say.
fn faults(lines: &[&str], allowed: &Allowed) -> Vec<String> {
    let dir = tempfile::tempdir().expect("a folder");
    let numbered = (lines.iter().enumerate()).map(|(second, line)| format!("{second}.5 {line}\n"));
    let text = numbered.collect::<String>() + "900.5 +++ exited with 0 +++\n";
    std::fs::write(dir.path().join("start-1.1"), text).expect("written");
    judge(dir.path(), allowed).expect("reports").faults
}

const CONNECTED: &str = r#"connect(4<UNIX-STREAM:[7]>, {sa_family=AF_UNIX, sun_path="/run/redis"}, 110) = 0"#;
const TO_PLAYER: &str = r#"connect(4<UNIX-STREAM:[8]>, {sa_family=AF_UNIX, sun_path="/run/player"}, 110) = 0"#;

fn allowed() -> Allowed {
    Allowed {
        texts: vec![("/srv/log".into(), Budget::once(100))],
        folders: Vec::new(),
        redis: vec!["/run/redis".into()],
        to_redis: Budget::once(100),
        cameras: vec!["192.0.2.5:554".to_owned()],
        to_cameras: Budget::once(100),
        door: Some(Door {
            socket: "/run/door".into(),
            answers: Budget::once(100),
            still: Some([64, 48]),
        }),
        players: vec!["/run/player".into()],
        output: Outlet::Nothing,
        errors: Outlet::Text(Budget::once(100)),
    }
}

#[test]
fn what_a_worker_has_to_do_is_no_fault() {
    for harmless in [
        r#"openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3</etc/hosts>"#,
        r#"openat(AT_FDCWD</>, "/srv/a", O_WRONLY|O_CREAT, 0666) = -1 EACCES (Permission denied)"#,
        r#"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f0000000000"#,
        r#"mmap(NULL, 4096, PROT_READ, MAP_SHARED, 3</usr/lib/locale>, 0) = 0x7f0000000000"#,
        r#"write(2</srv/log>, "counted 3\n", 10) = 10"#,
        r#"write(2<pipe:[5]>, "counted 3\n", 10) = 10"#,
        r#"write(1</dev/null<char 1:3>>, "\377\330\377", 300) = 300"#,
        r#"write(9<anon_inode:[eventfd]>, "\1\0\0\0\0\0\0\0", 8) = 8"#,
        r#"connect(4<UNIX-STREAM:[7]>, {sa_family=AF_UNIX, sun_path="/run/nscd"}, 110) = -1 ENOENT (No such file)"#,
        r#"connect(4<TCP:[9]>, {sa_family=AF_INET, sin_port=htons(554), sin_addr=inet_addr("192.0.2.5")}, 16) = -1 EINPROGRESS (Operation now in progress)"#,
        r#"sendto(4<TCP:[192.0.2.9:1->192.0.2.5:554]>, "OPTIONS", 7, 0, NULL, 0) = 7"#,
        r#"bind(4<UNIX-STREAM:[9]>, {sa_family=AF_UNIX, sun_path="/run/door"}, 12) = 0"#,
        r#"write(4<UNIX-STREAM:[1->2,"/run/door"]>, "{\"boxes\":[]}", 12) = 12"#,
    ] {
        assert_eq!(faults(&[harmless], &allowed()), [""; 0], "{harmless}");
    }
    let own = "pipe2([3<pipe:[77]>, 4<pipe:[77]>], O_CLOEXEC) = 0";
    let picture = r#"write(1<pipe:[77]>, "MDGv\1\0\0\0", 400000) = 400000"#;
    assert_eq!(faults(&[picture, own], &allowed()), [""; 0], "in any order");
    let told = r#"sendto(4<UNIX-STREAM:[7->6]>, "*3", 50, MSG_NOSIGNAL, NULL, 0) = 50"#;
    assert_eq!(faults(&[CONNECTED, told, told], &allowed()), [""; 0]);
    assert_eq!(faults(&[TO_PLAYER], &allowed()), [""; 0]);
}

#[test]
fn each_way_out_is_a_fault() {
    for leak in [
        r#"openat(AT_FDCWD</>, "/srv/a", O_WRONLY|O_CREAT, 0666) = 3</srv/a>"#,
        r#"openat(AT_FDCWD</>, "/srv/log/../a", O_RDWR) = 3</srv/a>"#,
        r#"mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</srv/a>, 0) = 0x7f0000000000"#,
        r#"write(3</srv/a>, "counted 3", 9) = 9"#,
        r#"write(2</srv/log>, "counted 3", 101) = 101"#,
        r#"write(2</srv/log>, "counted 3"..., 101 <unfinished ...>) = ?"#,
        r#"write(2</srv/log>, "\377\330\377\340", 4) = 4"#,
        r#"write(1<pipe:[5]>, "counted 3", 9) = 9"#,
        r#"write(2<pipe:[5]>, "\377\330\377\340", 4) = 4"#,
        r#"memfd_create("a", MFD_CLOEXEC) = 3</memfd:a>"#,
        r#"sendfile(4<TCP:[127.0.0.1:1->127.0.0.1:2]>, 3</srv/a>, NULL, 4096) = 4096"#,
        r#"sendto(4<UDP:[127.0.0.1:1->127.0.0.1:2]>, "abc", 3, 0, NULL, 0) = 3"#,
        r#"sendto(4<UNIX-DGRAM:[9]>, "abc", 3, 0, {sa_family=AF_UNIX, sun_path="/dev/log"}, 110) = 3"#,
        r#"sendmsg(4<UNIX-STREAM:[1->2]>, {msg_iov=[{iov_base="a", iov_len=1}], msg_control=[{cmsg_type=SCM_RIGHTS}]}, 0) = 1"#,
        r#"connect(4<TCP:[7]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.7")}, 16) = 0"#,
        r#"connect(4<TCP:[7]>, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("192.0.2.7")}, 16) = -1 EINPROGRESS (Operation now in progress)"#,
        r#"sendto(4<TCP:[192.0.2.9:1->192.0.2.5:554]>, "OPTIONS", 101, 0, NULL, 0) = 101"#,
        r#"write(4<UNIX-STREAM:[1->2]>, "to whom?", 9) = 9"#,
        r#"bind(4<UNIX-STREAM:[9]>, {sa_family=AF_UNIX, sun_path="/run/other"}, 12) = 0"#,
        r#"rename("/srv/a", "/srv/b") = 0"#,
        r#"fsetxattr(3</srv/log>, "user.a", "abc", 3, 0) = 0"#,
        "strace: something went wrong",
    ] {
        assert!(!faults(&[leak], &allowed()).is_empty(), "{leak}");
    }
    let told = r#"sendto(4<UNIX-STREAM:[7->6]>, "*3", 51, MSG_NOSIGNAL, NULL, 0) = 51"#;
    assert_eq!(faults(&[CONNECTED, told, told], &allowed()).len(), 1, "too much");
    let binary = r#"sendto(4<UNIX-STREAM:[7->6]>, "\1\2", 2, MSG_NOSIGNAL, NULL, 0) = 2"#;
    assert_eq!(faults(&[CONNECTED, binary], &allowed()).len(), 1, "not text");
    let word = r#"write(4<UNIX-STREAM:[8->6]>, "a", 1) = 1"#;
    assert_eq!(
        faults(&[TO_PLAYER, word], &allowed()).len(),
        1,
        "not a word to a player"
    );
}

#[test]
fn a_still_may_leave_by_the_door_only_and_be_no_larger_than_stated() {
    let rest = "8ABQABRU5ErkJggg".repeat(8);
    // 64x48 and 65x48.
    for (sides, is_fault) in [("AAAAQAAAADA", false), ("AAAAQQAAADA", true)] {
        let still = format!("iVBORw0KGgoAAAANSUhEUg{sides}{rest}");
        let line = format!(r#"write(4<UNIX-STREAM:[1->2,"/run/door"]>, "{still}", 99) = 99"#);
        assert_eq!(!faults(&[&line], &allowed()).is_empty(), is_fault, "{sides}");
        let logged = format!(r#"write(2</srv/log>, "{still}", 99) = 99"#);
        assert!(!faults(&[&logged], &allowed()).is_empty(), "{sides}");
    }
}

#[test]
fn a_report_that_is_missing_or_cut_off_is_a_fault() {
    let dir = tempfile::tempdir().expect("a folder");
    let found = || judge(dir.path(), &allowed()).expect("reports").faults.len();
    assert_eq!(found(), 1);
    std::fs::write(dir.path().join("start-1.7"), "1.5 pipe2([3<pipe:[7]>], 0) = 0\n").expect("written");
    assert_eq!(found(), 1);
    std::fs::write(dir.path().join("start-1.7"), "1.5 +++ killed by SIGKILL +++\n").expect("written");
    assert_eq!(found(), 0);
}

#[test]
fn a_folder_takes_what_was_given_and_words() {
    let (dir, models) = (
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("another"),
    );
    let given = dir.path().join("model");
    std::fs::write(&given, b"\xff\xfea model").expect("written");
    let folder = Folder {
        path: models.path().to_owned(),
        given: vec![given.clone()],
        text: Budget::once(100),
    };
    let allowed = Allowed {
        folders: vec![folder],
        ..Allowed::default()
    };
    let to = models.path().display();
    let taken = format!(r#"openat(AT_FDCWD</>, "{to}/model", O_WRONLY|O_CREAT, 0666) = 3<{to}/model>"#);
    let written = format!(r#"write(3<{to}/model>, "\377\376a model", 9) = 9"#);
    std::fs::copy(&given, models.path().join("model")).expect("copied");
    std::fs::write(models.path().join("card"), "licence").expect("written");
    assert_eq!(faults(&[&taken, &written], &allowed), [""; 0]);
    let outside = r#"rename("/srv/a", "/srv/b") = 0"#;
    assert_eq!(faults(&[outside], &allowed).len(), 1);
    std::fs::write(models.path().join("picture"), b"\xff\xd8").expect("written");
    assert_eq!(faults(&[&taken, &written], &allowed).len(), 1, "not one that was given");
}

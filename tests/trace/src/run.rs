//! Programs under strace.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Calls that write.
pub const WRITES: [&str; 7] = [
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg",
];

/// Calls by which bytes leave, or a process could hide that they do, and which a worker has no use for.
pub const NEVER: [&str; 31] = [
    "sendmmsg",
    "sendfile",
    "splice",
    "vmsplice",
    "tee",
    "copy_file_range",
    "process_vm_writev",
    "ptrace",
    "io_uring_setup",
    "io_submit",
    "memfd_create",
    "memfd_secret",
    "shmget",
    "mq_open",
    "mq_timedsend",
    "msgget",
    "msgsnd",
    "add_key",
    "keyctl",
    "setxattr",
    "lsetxattr",
    "fsetxattr",
    "mknod",
    "mknodat",
    "link",
    "linkat",
    "symlink",
    "symlinkat",
    "open_by_handle_at",
    "truncate",
    "bpf",
];

/// Calls that are looked at by what they name.
const LOOKED_AT: [&str; 13] = [
    "bind",
    "open",
    "openat",
    "openat2",
    "creat",
    "mmap",
    "connect",
    "rename",
    "renameat",
    "renameat2",
    "ftruncate",
    "pipe",
    "pipe2",
];

/// Of what a call writes so much is kept, enough to know text from pictures, and to find a still's size.
const KEPT: usize = 2048;

/// strace has so long to write its reports down after a program's end.
const LIMIT: Duration = Duration::from_secs(60);

/// How strace can be run here.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// As it is.
    Plain,
    /// In a user namespace of its own, for ordinary users: only who may trace everything sees where descriptors of a
    /// program lead that has made itself undumpable.
    Namespace,
}

fn way() -> Option<Way> {
    static WAY: OnceLock<Option<Way>> = OnceLock::new();
    *WAY.get_or_init(|| {
        let way = if nix::unistd::geteuid().is_root() {
            Way::Plain
        } else {
            Way::Namespace
        };
        let works = tempfile::tempdir().is_ok_and(|folder| {
            let mut trial = strace(way, &folder.path().join("trial"));
            let trial = trial.arg("true").stdout(Stdio::null()).stderr(Stdio::null());
            let has_run = trial.status().is_ok_and(|status| status.success()) && wait_for_end(folder.path());
            // One that may not trace lets the program run on, and reports nothing.
            has_run && std::fs::read_dir(folder.path()).is_ok_and(|mut reports| reports.next().is_some())
        });
        if !works {
            println!("NOT LOOKED AT: strace is missing or not allowed here, so nobody sees what the workers write");
        }
        works.then_some(way)
    })
}

/// Whether strace is there, and allowed. Where it isn't, that is said once.
#[must_use]
pub fn is_there() -> bool {
    way().is_some()
}

/// Whether this user's processes are traced in a user namespace: then a worker can't look into those outside it, as it does
/// for a film that the office's server holds open.
#[must_use]
pub fn is_apart() -> bool {
    matches!(way(), Some(Way::Namespace))
}

fn strace(way: Way, to: &Path) -> Command {
    let mut strace = match way {
        Way::Plain => Command::new("strace"),
        Way::Namespace => {
            let mut unshare = Command::new("unshare");
            unshare.args(["--map-root-user", "strace"]);
            unshare
        }
    };
    // The question mark: where a machine hasn't such a call, it needn't be looked at.
    let calls: Vec<String> = (WRITES.iter().chain(&NEVER).chain(&LOOKED_AT))
        .map(|call| format!("?{call}"))
        .collect();
    strace
        // The tracer stands aside: the process that is started becomes the program, and is signalled and waited for as ever.
        .arg("-DDD")
        .args(["-ff", "-yy", "-ttt", "--seccomp-bpf"])
        .arg("--quiet=attach,personality")
        .args(["-s", &KEPT.to_string()])
        .arg(format!("--trace={}", calls.join(",")))
        .arg("-o")
        .arg(to);
    strace
}

/// `program` under strace, its reports in files that begin with `to`; the program alone where there is no strace. The
/// process that is started is the program's own.
#[must_use]
pub fn command(program: impl AsRef<OsStr>, to: &Path) -> Command {
    match way() {
        Some(way) => {
            let mut strace = strace(way, to);
            strace.arg(program);
            strace
        }
        None => Command::new(program),
    }
}

/// Waits until every strace that writes into a folder has ended. Gives whether they have.
#[must_use]
pub fn wait_for_end(folder: &Path) -> bool {
    let end = Instant::now() + LIMIT;
    while is_written(folder) {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

/// Whether a strace has reports in the folder still to write.
fn is_written(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    processes.into_iter().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        let is_strace = words.next().is_some_and(|program| program.ends_with(b"strace"));
        is_strace
            && words.skip_while(|word| *word != b"-o").nth(1).is_some_and(|to| {
                let to = Path::new(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(to));
                to.parent() == Some(folder)
            })
    })
}

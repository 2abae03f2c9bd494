//! For tests: what a program and its children gave to the kernel, by strace, and whether a picture was among it.
//!
//! Invariant: what isn't known to be harmless is a fault. Reading is free; whatever writes must name an allowed destination,
//! and be of a size and kind that no picture has.

#![allow(dead_code, reason = "each test file uses its part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Calls that write, or open what can be written.
const WRITES: [&str; 7] = [
    "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg",
];
const NEVER: [&str; 13] = [
    "sendmmsg",
    "sendfile",
    "splice",
    "vmsplice",
    "tee",
    "copy_file_range",
    "process_vm_writev",
    "io_uring_setup",
    "io_submit",
    "memfd_create",
    "shmget",
    "mknod",
    "mknodat",
];
const OTHERS: [&str; 13] = [
    "bind",
    "open",
    "openat",
    "openat2",
    "creat",
    "mmap",
    "connect",
    "rename",
    "renameat2",
    "link",
    "symlink",
    "truncate",
    "ftruncate",
];

/// Of what a call writes so much is kept, enough to know text from pictures.
const KEPT: usize = 8192;

/// A wake-up is no longer than this.
const WAKE_UP: u64 = 8;

/// Where a program may write, and how much.
#[derive(Debug, Default)]
pub struct Allowed {
    /// Its log, and files it may write: text only.
    pub texts: Vec<(PathBuf, u64)>,
    /// The unix socket of Redis, and how many bytes may go there in all: text only.
    pub redis: Option<(PathBuf, u64)>,
    /// A camera's address, and how many bytes may go there in all.
    pub camera: Option<(String, u64)>,
    /// The unix socket at which it listens for who sets cameras up. Nobody does: nothing may go there.
    pub door: Option<PathBuf>,
}

/// strace before `program`, its report in files that begin with `to`.
pub fn under_strace(program: impl AsRef<std::ffi::OsStr>, to: &Path) -> Command {
    let calls: Vec<&str> = WRITES.into_iter().chain(NEVER).chain(OTHERS).collect();
    let mut strace = Command::new("strace");
    strace
        .args([
            "-ff",
            "-qqq",
            "-yy",
            "--seccomp-bpf",
            "--signal=none",
            "-s",
            &KEPT.to_string(),
        ])
        .arg(format!("--trace={}", calls.join(",")))
        .arg("-o")
        .arg(to)
        .arg(program);
    strace
}

/// Whether strace is there.
pub fn is_there() -> bool {
    let is_there = Command::new("strace").arg("-V").output().is_ok();
    if !is_there {
        println!("SKIPPED: there is no strace");
    }
    is_there
}

/// What was written where.
#[derive(Debug, Default)]
pub struct Report {
    /// What a picture could have left by.
    pub faults: Vec<String>,
    /// Bytes by destination: `pipe`, `redis`, `camera`, `log`, `wake-up`.
    pub bytes: BTreeMap<&'static str, u64>,
    /// Calls that were looked at.
    pub calls: u64,
}

/// Judges all reports that begin with `to`.
pub fn judge(to: &Path, allowed: &Allowed) -> Report {
    let name = to.file_name().and_then(|name| name.to_str()).expect("a name");
    let mut report = Report::default();
    let mut texts = BTreeMap::new();
    for entry in std::fs::read_dir(to.parent().expect("a folder")).expect("the reports") {
        let file = entry.expect("an entry").path();
        let is_report = file.file_name().and_then(|file| file.to_str()).is_some_and(|file| {
            file.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('.') && rest[1..].parse::<u32>().is_ok())
        });
        if is_report {
            let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a report")).into_owned();
            for line in text.lines() {
                report.take(line, allowed, &mut texts);
            }
        }
    }
    let limit = |limit: Option<u64>| limit.unwrap_or(0);
    for (name, most) in [
        ("redis", limit(allowed.redis.as_ref().map(|(_, most)| *most))),
        ("camera", limit(allowed.camera.as_ref().map(|(_, most)| *most))),
    ] {
        let sent = report.bytes.get(name).copied().unwrap_or(0);
        if sent > most {
            report.faults.push(format!("{sent} bytes to {name}: more than {most}"));
        }
    }
    for (file, most) in &allowed.texts {
        let written = texts.get(file).copied().unwrap_or(0);
        if written > *most {
            report
                .faults
                .push(format!("{written} bytes to {}: more than {most}", file.display()));
        }
    }
    report
}

impl Report {
    /// One line: `name(arguments) = result`.
    fn take(&mut self, line: &str, allowed: &Allowed, texts: &mut BTreeMap<PathBuf, u64>) {
        let Some((name, rest)) = line.split_once('(') else {
            return;
        };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else {
            // Cut off by the program's end: judged as if it had written all.
            return self.write(name, rest, u64::MAX, allowed, texts);
        };
        self.calls += 1;
        if result.starts_with('-') || result.starts_with('?') && !WRITES.contains(&name) {
            return;
        }
        if NEVER.contains(&name) {
            return self.faults.push(shortened(line));
        }
        match name {
            "open" | "openat" | "openat2" | "creat" => {
                let is_written = name == "creat"
                    || ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"]
                        .iter()
                        .any(|flag| arguments.contains(flag));
                let is_known = arguments.contains("\"/dev/null\"")
                    || allowed
                        .texts
                        .iter()
                        .any(|(file, _)| arguments.contains(&format!("\"{}\"", file.display())));
                if is_written && !is_known {
                    self.faults.push(shortened(line));
                }
            }
            "mmap" => {
                // A shared mapping of a file is a way to write into it.
                let is_file = !arguments.contains("MAP_ANONYMOUS");
                if is_file && arguments.contains("MAP_SHARED") && arguments.contains("PROT_WRITE") {
                    self.faults.push(shortened(line));
                }
            }
            "bind" => {
                let is_door = (allowed.door.as_ref())
                    .is_some_and(|socket| arguments.contains(&format!("sun_path=\"{}\"", socket.display())));
                if !is_door {
                    self.faults.push(shortened(line));
                }
            }
            "connect" => {
                let is_redis = (allowed.redis.as_ref())
                    .is_some_and(|(socket, _)| arguments.contains(&format!("sun_path=\"{}\"", socket.display())));
                let is_camera = allowed.camera.as_ref().is_some_and(|(address, _)| {
                    let (host, port) = address.rsplit_once(':').expect("an address");
                    arguments.contains(&format!("htons({port})")) && arguments.contains(&format!("\"{host}\""))
                });
                if !is_redis && !is_camera {
                    self.faults.push(shortened(line));
                }
            }
            name if WRITES.contains(&name) => {
                let written = result
                    .split(' ')
                    .next()
                    .and_then(|number| number.parse().ok())
                    .unwrap_or(u64::MAX);
                self.write(name, arguments, written, allowed, texts);
            }
            _ => self.faults.push(shortened(line)),
        }
    }

    fn write(
        &mut self,
        name: &str,
        arguments: &str,
        written: u64,
        allowed: &Allowed,
        texts: &mut BTreeMap<PathBuf, u64>,
    ) {
        // `7<destination>, …`
        let whole = || shortened(&format!("{name}({arguments} = {written}"));
        let Some((to, content)) = arguments.split_once('<').and_then(|(_, rest)| rest.split_once(">, ")) else {
            return self.faults.push(whole());
        };
        let is_text = is_text(content);
        let destination = if to.starts_with("pipe:[") {
            // To a process of its own, which is traced too.
            "pipe"
        } else if (to.starts_with("anon_inode:[eventfd") || to.starts_with("UNIX")) && written <= WAKE_UP {
            "wake-up"
        } else if to.starts_with("UNIX") && allowed.redis.is_some() && is_text {
            "redis"
        } else if to.starts_with("TCP")
            && allowed
                .camera
                .as_ref()
                .is_some_and(|(camera, _)| to.ends_with(&format!("->{camera}]")))
        {
            "camera"
        } else if let Some((file, _)) = allowed.texts.iter().find(|(file, _)| Path::new(to) == file)
            && is_text
            && written < u64::MAX
        {
            *texts.entry(file.clone()).or_default() += written;
            "log"
        } else {
            return self.faults.push(whole());
        };
        if written < u64::MAX {
            *self.bytes.entry(destination).or_default() += written;
        } else if destination != "pipe" {
            self.faults.push(whole());
        }
    }
}

/// Whether all that strace shows of a call's bytes is text: UTF-8 without control characters.
fn is_text(content: &str) -> bool {
    let mut bytes = Vec::new();
    let mut letters = content.bytes().peekable();
    while let Some(letter) = letters.next() {
        if letter != b'\\' {
            bytes.push(letter);
            continue;
        }
        match letters.next() {
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    if let Some(digit @ b'0'..=b'7') = letters.peek().copied() {
                        value = value * 8 + u32::from(digit - b'0');
                        letters.next();
                    }
                }
                bytes.push(value as u8);
            }
            Some(b'n' | b'r' | b't') => bytes.push(b'\n'),
            Some(b'v' | b'f') => bytes.push(0),
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    // The end of what is kept may cut a letter.
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or("\0"),
        Err(_) => return false,
    };
    // Colours of a terminal are the one thing that a log may have beside letters.
    text.chars()
        .all(|letter| !letter.is_control() || matches!(letter, '\n' | '\u{1b}'))
}

fn shortened(line: &str) -> String {
    line.chars().take(200).collect()
}

//! Reports against what is allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::allowed::{Allowed, Budget, Outlet};
use crate::call::{Call, Line, pipe, unix};
use crate::run::{NEVER, WRITES};
use crate::text::{has_spelt_out_bytes, png_in, shortened};

/// A wake-up is no longer than this.
const WAKE_UP: u64 = 8;

/// More faults aren't kept: the first ones say enough.
const MOST_FAULTS: usize = 50;

/// What was written where.
#[derive(Debug, Default)]
pub struct Report {
    /// What a picture could have left by; empty: nothing has.
    pub faults: Vec<String>,
    /// Bytes by destination: `pipe`, `redis`, `camera`, `door`, `output`, `errors`, `wake-up`, `null`, and files by path.
    pub bytes: BTreeMap<String, u64>,
    /// Calls that were looked at.
    pub calls: u64,
    /// How often the program was started.
    pub starts: u64,
    /// From the first call of all to the last.
    pub lasted: Duration,
}

/// What is known from all reports before any write is judged.
#[derive(Default)]
struct Known {
    /// Pipes that the program and its children have made.
    pipes: BTreeSet<u64>,
    /// Unix sockets that were connected to Redis, by their inodes.
    redis: BTreeSet<u64>,
    /// Likewise to players.
    players: BTreeSet<u64>,
    from: Option<f64>,
    to: f64,
}

/// Judges all reports in a folder, each called `START.PID`. Who calls waits for strace's end before.
///
/// # Errors
/// When they can't be read.
pub fn judge(folder: &Path, allowed: &Allowed) -> std::io::Result<Report> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let file = entry?.path();
        if file.extension().is_some_and(is_number) {
            files.push(file);
        }
    }
    let starts: BTreeSet<PathBuf> = files.iter().map(|file| file.with_extension("")).collect();
    let mut report = Report {
        starts: starts.len() as u64,
        ..Report::default()
    };
    let mut known = Known::default();
    for file in &files {
        let is_whole = each_line(file, |line, _| known.learn(line, allowed))?;
        if !is_whole {
            report.fault(format!("{}: the report has no end", file.display()));
        }
    }
    if files.is_empty() {
        report.fault("there is no report: the program was never seen".to_owned());
    }
    for file in &files {
        each_line(file, |line, whole| report.take(line, whole, allowed, &known))?;
    }
    report.lasted = Duration::from_secs_f64((known.to - known.from.unwrap_or(known.to)).max(0.0));
    report.weigh(allowed);
    Ok(report)
}

fn is_number(extension: &std::ffi::OsStr) -> bool {
    extension.to_str().is_some_and(|pid| pid.parse::<u32>().is_ok())
}

/// Gives whether the file's last line is a process' end.
fn each_line(file: &Path, mut take: impl FnMut(&Line<'_>, &str)) -> std::io::Result<bool> {
    let (mut lines, mut bytes, mut has_ended) = (BufReader::new(File::open(file)?), Vec::new(), false);
    while lines.read_until(b'\n', &mut bytes)? > 0 {
        let whole = String::from_utf8_lossy(&bytes);
        let whole = whole.trim_end();
        let line = Line::parse(whole);
        has_ended = matches!(line, Line::End);
        take(&line, whole);
        bytes.clear();
    }
    Ok(has_ended)
}

impl Known {
    fn learn(&mut self, line: &Line<'_>, allowed: &Allowed) {
        let Line::Call(call) = line else { return };
        self.from = Some(self.from.map_or(call.at, |from| from.min(call.at)));
        self.to = self.to.max(call.at);
        match call.name {
            "pipe" | "pipe2" if !call.is_refused() => self.pipes.extend(call.pipes()),
            "connect" if !call.is_refused() => {
                let socket = call.descriptor().and_then(|(_, to, _)| unix(to));
                let path = call.unix_address();
                if let (Some(socket), Some(path)) = (socket, path) {
                    if allowed.redis.contains(&path) {
                        self.redis.insert(socket.own);
                    } else if allowed.players.contains(&path) {
                        self.players.insert(socket.own);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Report {
    fn fault(&mut self, what: String) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(what);
        }
    }

    fn take(&mut self, line: &Line<'_>, whole: &str, allowed: &Allowed, known: &Known) {
        let call = match line {
            Line::Call(call) => call,
            Line::End | Line::Signal => return,
            Line::Unknown => return self.fault(format!("not understood: {}", shortened(whole))),
        };
        self.calls += 1;
        // What was cut off by the program's end may have been done.
        if call.is_refused() {
            return;
        }
        let is_harmless = match call.name {
            name if NEVER.contains(&name) => false,
            name if WRITES.contains(&name) => self.is_harmless_write(call, allowed, known),
            "pipe" | "pipe2" => true,
            "open" | "openat" | "openat2" | "creat" => is_harmless_open(call, allowed),
            // A shared mapping of a file is a way to write into it.
            "mmap" => {
                let has = |flag| call.arguments.contains(flag);
                has("MAP_ANONYMOUS") || !has("MAP_SHARED") || !has("PROT_WRITE")
            }
            // Within a folder into which files are taken.
            "rename" | "renameat" | "renameat2" => call.paths().all(|path| allowed.folder_of(path).is_some()),
            "bind" => {
                let path = call.unix_address();
                path.is_some() && path.as_ref() == allowed.door.as_ref().map(|door| &door.socket)
            }
            "connect" => is_harmless_connect(call, allowed),
            _ => false,
        };
        if !is_harmless {
            self.fault(shortened(whole));
        }
    }

    fn is_harmless_write(&mut self, call: &Call<'_>, allowed: &Allowed, known: &Known) -> bool {
        let (Some((number, to, content)), Some(written)) = (call.descriptor(), call.written()) else {
            return false;
        };
        // A descriptor that is handed on, or a destination that is named with each message, could be anything.
        if content.contains("SCM_RIGHTS") || content.contains("sa_family=") {
            return false;
        }
        let is_text = call.is_text();
        let is_plain_text = is_text && !has_spelt_out_bytes(content);
        let outlet = |outlet: Outlet| match outlet {
            Outlet::Nothing => false,
            Outlet::Text(_) => is_plain_text,
            Outlet::Pictures => true,
        };
        let (destination, is_harmless) = if let Some(pipe) = pipe(to) {
            match number {
                // To a process of its own, which is looked at too.
                _ if known.pipes.contains(&pipe) => ("pipe", true),
                "1" => ("output", outlet(allowed.output)),
                "2" => ("errors", outlet(allowed.errors)),
                _ => return false,
            }
        } else if to.starts_with("/dev/null<") {
            ("null", true)
        } else if to.starts_with("anon_inode:[eventfd") {
            ("wake-up", written <= WAKE_UP)
        } else if let Some(socket) = unix(to) {
            let door = allowed.door.as_ref();
            if let Some(path) = socket.path {
                let door = door.filter(|door| door.socket == Path::new(path));
                let fits = |still: [u32; 2]| {
                    let most = door.and_then(|door| door.still).unwrap_or_default();
                    still[0] <= most[0] && still[1] <= most[1]
                };
                let is_harmless = png_in(content).map_or(is_plain_text, |sides| is_text && fits(sides));
                ("door", door.is_some() && is_harmless)
            } else if known.players.contains(&socket.own) {
                return false;
            } else if known.redis.contains(&socket.own) {
                ("redis", is_plain_text)
            } else {
                ("wake-up", written <= WAKE_UP)
            }
        } else if to.starts_with("UNIX") {
            ("wake-up", written <= WAKE_UP)
        } else if to.starts_with("TCP") {
            let is_camera = |camera: &String| to.ends_with(&format!("->{camera}]"));
            ("camera", allowed.cameras.iter().any(is_camera))
        } else if allowed.is_text(to) {
            (to, is_plain_text)
        } else if let Some(folder) = allowed.folder_of(to) {
            (folder.path.to_str().unwrap_or_default(), true)
        } else {
            return false;
        };
        *self.bytes.entry(destination.to_owned()).or_default() += written;
        is_harmless
    }

    /// Sums against budgets, and files against those that were given.
    fn weigh(&mut self, allowed: &Allowed) {
        let mut budgets = vec![
            ("redis".to_owned(), allowed.to_redis),
            ("camera".to_owned(), allowed.to_cameras),
        ];
        budgets.extend(allowed.door.iter().map(|door| ("door".to_owned(), door.answers)));
        for (name, outlet) in [("output", allowed.output), ("errors", allowed.errors)] {
            if let Outlet::Text(budget) = outlet {
                budgets.push((name.to_owned(), budget));
            }
        }
        budgets.extend((allowed.texts.iter()).map(|(file, budget)| (file.display().to_string(), *budget)));
        for folder in &allowed.folders {
            let mut given = Vec::new();
            for file in &folder.given {
                match std::fs::read(file) {
                    Ok(bytes) => given.push(bytes),
                    Err(error) => self.fault(format!("{}: {error}", file.display())),
                }
            }
            let bytes: usize = given.iter().map(Vec::len).sum();
            let start = folder.text.start + bytes as u64;
            budgets.push((folder.path.display().to_string(), Budget { start, ..folder.text }));
            self.compare(&folder.path, &given);
        }
        for (name, budget) in budgets {
            let (sent, most) = (
                self.bytes.get(&name).copied().unwrap_or(0),
                budget.most(self.starts, self.lasted),
            );
            if sent > most {
                self.fault(format!("{sent} bytes to {name}: more than {most} in {:?}", self.lasted));
            }
        }
    }

    /// Each file in the folder must be one of those that were given, or text.
    fn compare(&mut self, folder: &Path, given: &[Vec<u8>]) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let file = entry.path();
            let is_known = std::fs::read(&file).is_ok_and(|bytes| {
                let is_text = || std::str::from_utf8(&bytes).is_ok_and(|text| !has_spelt_out_bytes(text));
                given.contains(&bytes) || is_text()
            });
            if !is_known {
                self.fault(format!("{}: neither text nor a file that was given", file.display()));
            }
        }
    }
}

fn is_harmless_open(call: &Call<'_>, allowed: &Allowed) -> bool {
    let is_written = call.name == "creat"
        || ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"]
            .iter()
            .any(|flag| call.arguments.contains(flag));
    let path = call.paths().next().unwrap_or_default();
    !is_written || path == "/dev/null" || allowed.is_text(path) || allowed.folder_of(path).is_some()
}

fn is_harmless_connect(call: &Call<'_>, allowed: &Allowed) -> bool {
    if let Some(path) = call.unix_address() {
        let mut sockets = allowed.redis.iter().chain(&allowed.players);
        return sockets.any(|socket| *socket == path);
    }
    allowed.cameras.iter().any(|address| {
        let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
        call.arguments.contains(&format!("htons({port})")) && call.arguments.contains(&format!("\"{host}\""))
    })
}

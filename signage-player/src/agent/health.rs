//! How the machine is doing, as the kernel tells (proc(5), sysfs). What it doesn't tell is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use protocol::screen::Report;
use protocol::screen::report::Health;
use protocol::time::UnixMillis;

use crate::cache::Cache;
use crate::cache::room::free_bytes;
use crate::stage::output::RATE;

/// So many processes are looked at, at most.
const MOST_PROCESSES: usize = 256;

/// All processes use so much by now, all threads together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Usage {
    /// Processors' time in ticks.
    ticks: u64,
    /// Resident memory in bytes.
    resident: u64,
}

/// Looks at the machine again and again.
#[derive(Debug, Default)]
pub struct Watch {
    before: Option<(u64, UnixMillis)>,
}

/// What health is told from, besides the machine.
#[derive(Debug)]
pub struct Told<'a> {
    /// How the picture is doing.
    pub picture: &'a Report,
    /// The layout on show.
    pub layout: String,
    /// This machine's clock minus the server's, in milliseconds.
    pub clock_offset_ms: Option<i64>,
    /// What it runs on.
    pub versions: &'a Versions,
}

/// What the player runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    /// GStreamer's, such as `1.22.0`.
    pub gstreamer: String,
    /// The system's and the kernel's.
    pub system: String,
}

impl Versions {
    /// Looks.
    #[must_use]
    pub fn read() -> Self {
        let (major, minor, micro, _) = gstreamer::version();
        let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
        Self {
            gstreamer: format!("{major}.{minor}.{micro}"),
            system: system(&read("/etc/os-release"), &read("/proc/sys/kernel/osrelease")),
        }
    }
}

/// Of os-release(5) and of the kernel's own word, as far as they are there.
fn system(os_release: &str, kernel: &str) -> String {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let name = name.map(|name| name.trim().trim_matches(['"', '\'']).to_owned());
    let kernel = Some(kernel.trim()).filter(|it| !it.is_empty());
    let both = name.into_iter().chain(kernel.map(|it| format!("Linux {it}")));
    super::short(&both.collect::<Vec<_>>().join(", "))
}

impl Watch {
    /// Looks at `now`.
    pub fn look(&mut self, cache: &Cache, told: Told<'_>, now: UnixMillis) -> Health {
        let usage = usage();
        let cpu = self.before.zip(usage).and_then(|((ticks, at), usage)| {
            let used = usage.ticks.checked_sub(ticks)?.checked_mul(1_000_000)? / ticks_per_second();
            let permille = used.checked_div(u64::try_from(now.since(at).as_millis()).ok()?)?;
            u32::try_from(permille).ok()
        });
        self.before = usage.map(|usage| (usage.ticks, now));
        let report = told.picture;
        Health {
            at: now,
            player: env!("CARGO_PKG_VERSION").to_owned(),
            gstreamer: told.versions.gstreamer.clone(),
            system: told.versions.system.clone(),
            layout: told.layout,
            page: report.page.clone(),
            uptime_s: report.frames / u64::from(RATE),
            frames: report.frames,
            dropped: report.dropped,
            black: report.black,
            still_ms: report.still_ms,
            cpu_permille: cpu,
            memory_bytes: usage.map(|usage| usage.resident),
            disk_free_bytes: free_bytes(cache.dir()),
            temperature_millicelsius: hottest(Path::new("/sys/class/thermal")),
            clock_offset_ms: told.clock_offset_ms,
            group: report.group.clone(),
        }
    }
}

fn ticks_per_second() -> u64 {
    let asked = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).ok().flatten();
    asked
        .and_then(|ticks| u64::try_from(ticks).ok())
        .filter(|ticks| *ticks > 0)
        .unwrap_or(100)
}

/// Of the process that keeps this one, and of all that came of it: the picture, the agent, the camera, live pictures.
fn usage() -> Option<Usage> {
    let page = u64::try_from(
        nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
            .ok()
            .flatten()?,
    )
    .ok()?;
    let mut sum = Usage::default();
    for pid in descendants(nix::unistd::getppid().as_raw()) {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if let Some(usage) = usage_of(&stat, page) {
            sum.ticks += usage.ticks;
            sum.resident += usage.resident;
        }
    }
    (sum != Usage::default()).then_some(sum)
}

/// A process and all that came of it. The kernel tells children by the thread that started them.
fn descendants(first: i32) -> BTreeSet<i32> {
    let (mut found, mut next) = (BTreeSet::new(), vec![first]);
    while let Some(pid) = next.pop().filter(|_| found.len() < MOST_PROCESSES) {
        if !found.insert(pid) {
            continue;
        }
        let threads = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        for thread in threads {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            next.extend(children.split_whitespace().filter_map(|it| it.parse::<i32>().ok()));
        }
    }
    found
}

/// Of `/proc/PID/stat`: user and system time with ended children's, and resident pages.
fn usage_of(stat: &str, page: u64) -> Option<Usage> {
    // The name in parentheses may have blanks in it.
    let fields: Vec<&str> = stat.get(stat.rfind(')')? + 2..)?.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Usage {
        ticks: [11, 12, 13, 14].into_iter().map(number).sum::<Option<u64>>()?,
        resident: number(21)?.checked_mul(page)?,
    })
}

/// The hottest sensor, in thousandths of a degree Celsius.
fn hottest(folder: &Path) -> Option<i32> {
    let zones = fs::read_dir(folder).ok()?.flatten();
    let temperatures = zones.filter_map(|zone| {
        let text = fs::read_to_string(zone.path().join("temp")).ok()?;
        text.trim().parse::<i32>().ok()
    });
    // A sensor that isn't there says nonsense.
    temperatures.filter(|it| (-50_000..200_000).contains(it)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_line_is_understood_whatever_the_name() {
        let stat =
            "42 (a ) b) S 1 42 42 0 -1 4194304 900 0 0 0 100 20 3 1 20 0 9 0 12345 1000000 250 18446744073709551615";
        assert_eq!(
            usage_of(stat, 4096),
            Some(Usage {
                ticks: 124,
                resident: 250 * 4096
            })
        );
        for nonsense in ["", ")", "1 (x) S", "1 (x) S a b c"] {
            assert_eq!(usage_of(nonsense, 4096), None, "{nonsense:?}");
        }
    }

    #[test]
    fn the_system_is_named_with_its_kernel_as_far_as_it_tells() {
        let debian = "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(
            system(debian, "6.1.0-18-amd64\n"),
            "Debian GNU/Linux 12 (bookworm), Linux 6.1.0-18-amd64"
        );
        assert_eq!(system("", "6.1.0\n"), "Linux 6.1.0");
        assert_eq!(system("", ""), "");
    }

    #[test]
    fn children_of_children_count_whatever_thread_started_them() {
        // A shell that has a child of its own, started by a thread that isn't the first.
        let start = || {
            let mut shell = std::process::Command::new("sh");
            shell
                .args(["-c", "sleep 600 & echo $!; wait"])
                .stdout(std::process::Stdio::piped());
            let mut child = shell.spawn().expect("starts");
            let mut line = String::new();
            let output = child.stdout.take().expect("piped");
            std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line).expect("read");
            (child, line.trim().parse::<i32>().expect("a process"))
        };
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tell.send(start()).expect("heard");
            // Its children are this thread's as long as it lives.
            let _ = held.recv();
        });
        let (mut child, grandchild) = told.recv().expect("told");
        let found = descendants(i32::try_from(std::process::id()).expect("small"));
        drop(hold);
        thread.join().expect("ends");
        let ended = std::process::Command::new("kill").arg(grandchild.to_string()).status();
        assert!(ended.expect("kill runs").success());
        child.wait().expect("ends");
        assert!(found.contains(&grandchild) && found.contains(&i32::try_from(child.id()).expect("small")));
    }

    #[test]
    fn the_hottest_sensor_counts_and_broken_ones_do_not() {
        let dir = tempfile::tempdir().expect("temp");
        assert_eq!(hottest(dir.path()), None);
        for (zone, text) in [("a", "48200\n"), ("b", "61500\n"), ("c", "-274000\n"), ("d", "x")] {
            fs::create_dir(dir.path().join(zone)).expect("made");
            fs::write(dir.path().join(zone).join("temp"), text).expect("written");
        }
        assert_eq!(hottest(dir.path()), Some(61_500));
    }

    #[test]
    fn this_machine_says_something() {
        let dir = tempfile::tempdir().expect("temp");
        let cache = Cache::open(dir.path());
        let picture = Report {
            page: "home".into(),
            frames: 300,
            ..Report::default()
        };
        let mut watch = Watch::default();
        let told = Told {
            picture: &picture,
            layout: "lobby".into(),
            clock_offset_ms: None,
            versions: &Versions::read(),
        };
        let health = watch.look(&cache, told, UnixMillis(5));
        assert_eq!((health.uptime_s, health.page.as_str()), (10, "home"));
        assert!(health.gstreamer.starts_with("1."), "{}", health.gstreamer);
        assert!(health.system.contains("Linux"), "{}", health.system);
        assert!(
            health.disk_free_bytes.is_some() && health.cpu_permille.is_none(),
            "a share takes two looks"
        );
    }
}

//! A server under test: a child process on a core of its own, and what it costs.
//!
//! Invariant: it never outlives the bench; what it costs is its own CPU time, never the machine's load.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// How long a server may take to end after SIGTERM.
const GOODBYE: Duration = Duration::from_secs(10);

/// The server's core, and the bench's own.
const SERVER_CORE: usize = 1;
const OWN_CORE: usize = 0;

/// A running server.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pid: Pid,
}

/// CPU time used so far.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cpu {
    /// In all.
    pub total: Duration,
    /// In the program's own code, in clock ticks.
    pub user_ticks: u64,
    /// In the kernel, in clock ticks.
    pub kernel_ticks: u64,
    /// Time in which its threads could have run, and something else had the core.
    pub waited: Duration,
}

impl Process {
    /// Starts a program on the server's core; what it says goes to a file.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn start(program: &Command, log: &Path) -> anyhow::Result<Self> {
        let file = fs::File::create(log)?;
        let mut command = dying_with_us(program);
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        // Children are born on their parent's core, with all their threads.
        pin(SERVER_CORE);
        let child = command.spawn();
        pin(OWN_CORE);
        let child = child.with_context(|| format!("{} can't be started", program.get_program().display()))?;
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        Ok(Self { child, pid })
    }

    /// Whether it still runs.
    pub fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// What it used so far.
    ///
    /// # Errors
    /// When it is gone.
    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        let clock = nix::time::clock_getcpuclockid(self.pid).context("the server is gone")?;
        let total = Duration::from(nix::time::clock_gettime(clock)?);
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // The name may hold spaces: fields are counted after it.
        let (_, rest) = stat.rsplit_once(')').context("/proc/PID/stat has another form")?;
        let field = |at: usize| rest.split_whitespace().nth(at).and_then(|it| it.parse().ok());
        let (Some(user_ticks), Some(kernel_ticks)) = (field(11), field(12)) else {
            bail!("/proc/PID/stat has another form");
        };
        Ok(Cpu {
            total,
            user_ticks,
            kernel_ticks,
            waited: self.waited(),
        })
    }

    /// The kernel's run delay of all threads (`/proc/PID/task/*/schedstat`); zero where it keeps none.
    fn waited(&self) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten();
        let delays = threads.filter_map(|it| {
            let stat = fs::read_to_string(it.ok()?.path().join("schedstat")).ok()?;
            stat.split_whitespace().nth(1)?.parse::<u64>().ok()
        });
        Duration::from_nanos(delays.sum())
    }

    /// Its resident memory in KiB.
    ///
    /// # Errors
    /// When it is gone.
    pub fn rss_kib(&self) -> anyhow::Result<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.pid)).context("the server is gone")?;
        let pages: u64 = statm
            .split_whitespace()
            .nth(1)
            .and_then(|it| it.parse().ok())
            .context("/proc/PID/statm has another form")?;
        let page = sysconf(SysconfVar::PAGE_SIZE)?.unwrap_or(4096);
        Ok(pages * u64::try_from(page)? / 1024)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill(self.pid, Signal::SIGTERM);
        let deadline = Instant::now() + GOODBYE;
        while self.is_alive() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same program, ended by the kernel when the bench is (util-linux's `setpriv`; the process is the same).
fn dying_with_us(program: &Command) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(program.get_program());
    command.args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// Ties this thread to a core. False: the machine has no such core, or doesn't let us.
pub fn pin(core: usize) -> bool {
    let mut set = CpuSet::new();
    set.set(core).is_ok() && sched_setaffinity(Pid::from_raw(0), &set).is_ok()
}

/// Ties the bench to its own core. False: the machine has one core only, or doesn't let us.
pub fn pin_self() -> bool {
    pin(SERVER_CORE) && pin(OWN_CORE)
}

/// A TCP port of the loopback that nobody uses now.
///
/// # Errors
/// When there is none.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_measured_and_ended() {
        let dir = tempfile::tempdir().expect("temp");
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]);
        let mut process = Process::start(&command, &dir.path().join("log")).expect("starts");
        let before = process.cpu().expect("runs");
        let mut after = before;
        for _ in 0..500 {
            std::thread::sleep(Duration::from_millis(10));
            after = process.cpu().expect("runs");
            if after.total > before.total {
                break;
            }
        }
        assert!(after.total > before.total && process.is_alive());
        assert!(process.rss_kib().expect("runs") > 100);
        let pid = process.pid;
        drop(process);
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}

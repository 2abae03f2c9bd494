//! A printer: `ippeveprinter` (Debian's cups-ipp-utils), which speaks IPP as IPP Everywhere has it, with the two services that it
//! announces itself by on a bus and a name of their own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Printer {
    pub address: String,
    spool: PathBuf,
    children: Vec<Child>,
}

impl Printer {
    /// `None`: what it needs isn't installed, or doesn't run here. Says so.
    pub fn start(dir: &Path, formats: &str) -> Option<Self> {
        let started = Self::try_start(dir, formats);
        if started.is_none() {
            println!("SKIPPED: no ippeveprinter here (cups-ipp-utils, dbus-daemon, avahi-daemon)");
        }
        started
    }

    fn try_start(dir: &Path, formats: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let spool = dir.join("spool");
        fs::create_dir_all(&spool).ok()?;
        let bus = format!("unix:path={}", dir.join("bus").display());
        let mut printer = Self {
            address: format!("ipp://localhost:{port}/ipp/print"),
            spool,
            children: Vec::new(),
        };
        printer.run(Command::new("dbus-daemon").args([
            "--session",
            "--nofork",
            "--nopidfile",
            &format!("--address={bus}"),
        ]))?;
        wait(|| dir.join("bus").exists())?;
        let names = dir.join("avahi.conf");
        fs::write(
            &names,
            "[server]\nallow-interfaces=lo\nuse-ipv6=no\nenable-dbus=yes\n[wide-area]\nenable-wide-area=no\n",
        )
        .ok()?;
        let mut daemon = Command::new("avahi-daemon");
        daemon.args(["--no-drop-root", "--no-chroot", "--no-rlimits", "--no-proc-title", "-f"]);
        printer.run(daemon.arg(&names).env("DBUS_SYSTEM_BUS_ADDRESS", &bus))?;
        // It has to be on the bus first, and says so nowhere: the printer is begun again until it stays.
        wait(|| {
            let mut program = Command::new("ippeveprinter");
            program
                .args([
                    "-k",
                    "-n",
                    "localhost",
                    "-s",
                    "600",
                    "-p",
                    &port.to_string(),
                    "-f",
                    formats,
                    "-d",
                ])
                .arg(&printer.spool)
                .arg("窓口の隣")
                .env("DBUS_SYSTEM_BUS_ADDRESS", &bus);
            printer.run(&mut program).is_some() && printer.answers(port)
        })?;
        Some(printer)
    }

    fn run(&mut self, command: &mut Command) -> Option<()> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.children.push(quiet.spawn().ok()?);
        Some(())
    }

    /// Whether the one that was begun last listens. False: it ended.
    fn answers(&mut self, port: u16) -> bool {
        loop {
            if std::net::TcpStream::connect(("localhost", port)).is_ok() {
                return true;
            }
            if !matches!(self.children.last_mut().map(Child::try_wait), Some(Ok(None))) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// What was printed, oldest first.
    pub fn printed(&self) -> Vec<Vec<u8>> {
        let mut files: Vec<PathBuf> = fs::read_dir(&self.spool)
            .unwrap()
            .map(|it| it.unwrap().path())
            .filter(|it| it.is_file())
            .collect();
        files.sort();
        files.iter().map(|it| fs::read(it).unwrap()).collect()
    }

    pub fn switch_off(&mut self) {
        for mut child in self.children.drain(..).rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.switch_off();
    }
}

fn wait(mut holds: impl FnMut() -> bool) -> Option<()> {
    let until = Instant::now() + Duration::from_secs(15);
    while Instant::now() < until {
        if holds() {
            return Some(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    None
}

//! Televisions by HDMI-CEC (HDMI 1.4b, supplement 1): `cec-ctl` of Debian's v4l-utils is asked, as the kernel's own interface
//! wants ioctls. It is a process of its own, with a limit.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// The program, found as any other (`PATH`).
const PROGRAM: &str = "cec-ctl";

/// What we are on the bus: others than playback devices may not switch televisions.
const US: [&str; 3] = ["--playback", "--osd-name", "Madoguchi"];

/// The adapter where the office names none.
pub(super) const FIRST: &str = "/dev/cec0";

/// How long one order may take: a bus that is busy or shorted holds it up.
const LIMIT: Duration = Duration::from_secs(10);

/// So much of what the program says is read, in bytes.
const MOST: u64 = 64 * 1024;

/// Switches the television at an adapter.
///
/// # Errors
/// When there is no such adapter or program, no television, or it doesn't answer.
pub(super) fn switch(device: &Path, is_off: bool) -> Result<()> {
    switch_by(Path::new(PROGRAM), device, is_off)
}

fn switch_by(program: &Path, device: &Path, is_off: bool) -> Result<()> {
    // It says where in the tree of cables we are.
    let said = run(program, device, &US)?;
    let Some(address) = address_of(&said) else {
        bail!(
            "{}: no television is plugged in there (it has no physical address)",
            device.display()
        );
    };
    if is_off {
        return send(program, device, &["--standby"]);
    }
    // So that it is on, and shows us and not what it showed last.
    let source = format!("phys-addr={address}");
    send(program, device, &["--image-view-on", "--active-source", &source])
}

/// Sends orders to the television. We are made a playback device each time: some adapters forget it.
fn send(program: &Path, device: &Path, orders: &[&str]) -> Result<()> {
    let said = run(program, device, &[&US, &["--skip-info", "--to", "0"], orders].concat())?;
    let count = orders.iter().filter(|it| it.starts_with("--")).count();
    match refusal_of(&said, count) {
        Some(why) => bail!(
            "{}: the television doesn't take {}: {why}",
            device.display(),
            orders.join(" ")
        ),
        None => Ok(()),
    }
}

/// Gives what the program has said.
fn run(program: &Path, device: &Path, order: &[&str]) -> Result<String> {
    let mut child = Command::new(program)
        .arg("--device")
        .arg(device)
        .args(order)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("{PROGRAM} can't be started: install Debian's v4l-utils"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let read = |from: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(from) = from {
                let _ = from.take(MOST).read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let (out, err) = (
        read(out.map(|it| Box::new(it) as _)),
        read(err.map(|it| Box::new(it) as _)),
    );
    let end = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > end {
            child.kill()?;
            child.wait()?;
            bail!("{}: {PROGRAM} took longer than {} s", device.display(), LIMIT.as_secs());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = out.join().unwrap_or_default();
    if !status.success() {
        let why = err.join().unwrap_or_default();
        let why = if why.trim().is_empty() { status.to_string() } else { why };
        bail!("{}: {PROGRAM}: {}", device.display(), why.trim());
    }
    Ok(said)
}

/// The physical address in what the program says of its adapter (`Physical Address : 1.0.0.0`); none where there is no
/// television (`f.f.f.f`).
fn address_of(said: &str) -> Option<&str> {
    let line = said
        .lines()
        .find(|line| line.trim_start().starts_with("Physical Address"))?;
    let address = line.split_once(':')?.1.trim();
    let is_address = address.split('.').count() == 4 && address != "f.f.f.f";
    is_address.then_some(address)
}

/// Why so many orders weren't taken, in what the program says of having sent them (`Sequence: 3 Tx Timestamp: …`, and where
/// that went wrong, `Tx, Not Acknowledged (4), Max Retries`). Without a place on the bus it sends nothing, and ends well.
fn refusal_of(said: &str, orders: usize) -> Option<&str> {
    const REFUSALS: [&str; 6] = [
        "Not Acknowledged",
        "Arbitration Lost",
        "Low Drive",
        "Tx, Error",
        "Aborted",
        "Timed Out",
    ];
    let is_refusal = |line: &&str| REFUSALS.iter().any(|it| line.contains(it));
    let refusal = said.lines().find(is_refusal).map(str::trim);
    let is_sent = said.matches("Tx Timestamp").count() >= orders;
    refusal.or((!is_sent).then_some("nothing was sent: the bus gives us no place"))
}

/// The adapter that the office means.
pub(super) fn adapter(named: Option<&Path>) -> PathBuf {
    named.unwrap_or(Path::new(FIRST)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that writes down how it is called, answers as the real one does, and takes `order` for `answer`.
    fn program(dir: &Path, order: &str, answer: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let (program, calls) = (dir.join("cec-ctl"), dir.join("calls"));
        let text = format!(
            "#!/bin/sh\necho \"$*\" >> {calls:?}\ncase \"$*\" in\n*{order}*) {answer} ;;\n\
             *--to*) echo ' Sequence: 1 Tx Timestamp: 1.0s'; echo ' Sequence: 2 Tx Timestamp: 1.1s' ;;\n\
             *) echo ' Physical Address : 2.0.0.0' ;;\nesac\n"
        );
        std::fs::write(&program, text).expect("written");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("set");
        program
    }

    #[test]
    fn a_television_is_told_to_stand_by_and_to_show_us_and_what_it_refuses_is_said() {
        let dir = tempfile::tempdir().expect("temp");
        let device = Path::new("/dev/cec7");
        let told = |is_off| {
            let quiet = program(dir.path(), "nothing", ":");
            switch_by(&quiet, device, is_off).expect("taken");
            let calls = std::fs::read_to_string(dir.path().join("calls")).expect("written");
            std::fs::remove_file(dir.path().join("calls")).expect("removed");
            calls.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let ours = "--device /dev/cec7 --playback --osd-name Madoguchi";
        let order = |it: &str| format!("{ours} --skip-info --to 0 {it}");
        assert_eq!(told(true), [ours.to_owned(), order("--standby")]);
        let on = order("--image-view-on --active-source phys-addr=2.0.0.0");
        assert_eq!(told(false), [ours.to_owned(), on]);

        let refused = |order, answer, is_off| {
            let program = program(dir.path(), order, answer);
            let error = switch_by(&program, device, is_off).expect_err("refused");
            format!("{error:#}")
        };
        let said = refused(
            "standby",
            "echo ' Tx Timestamp: 1.0s'; echo ' Tx, Not Acknowledged (4), Max Retries'",
            true,
        );
        assert!(
            said.contains("/dev/cec7") && said.contains("Not Acknowledged"),
            "{said}"
        );
        let said = refused("standby", ":", true);
        assert!(said.contains("nothing was sent"), "{said}");
        let said = refused("playback", "echo ' Physical Address : f.f.f.f'", false);
        assert!(said.contains("no television"), "{said}");
        let said = refused(
            "playback",
            "echo 'Failed to open /dev/cec7: No such device' >&2; exit 1",
            true,
        );
        assert!(said.contains("No such device"), "{said}");
        let missing = switch_by(&dir.path().join("missing"), device, true).expect_err("no program");
        assert!(format!("{missing:#}").contains("v4l-utils"), "{missing:#}");
    }

    #[test]
    fn what_the_program_says_is_understood() {
        let told = |address: &str| {
            format!("Driver Info:\n\tDriver Name                : vc4_hdmi\n\tPhysical Address           : {address}\n")
        };
        assert_eq!(address_of(&told("1.0.0.0")), Some("1.0.0.0"));
        assert_eq!(address_of(&told("f.f.f.f")), None);
        assert_eq!(address_of("Driver Info:\n"), None);
        let sent =
            "\nTransmit from Playback Device 1 to TV (4 to 0):\nSTANDBY (0x36)\n\tSequence: 3 Tx Timestamp: 12.1s";
        assert_eq!(refusal_of(sent, 1), None);
        assert!(refusal_of(sent, 2).is_some(), "one of two");
        let refused = format!("{sent}\n\tTx, Not Acknowledged (4), Max Retries\n");
        assert_eq!(refusal_of(&refused, 1), Some("Tx, Not Acknowledged (4), Max Retries"));
    }
}

//! Where the picture goes: a Wayland compositor, monitors of an X server, a display that hangs turned, a television that is
//! switched by CEC. What is seen is read from the compositor and the X server.
#![allow(clippy::expect_used)]

mod common;

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use common::display::{Desk, Weston, x_display, xvfb};
use common::office::{LIMIT, Running, frames_at_least, hash};
use common::shown::{GREEN, WHITE, fault, no_fault, office, play};
use common::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::screen::Report;
use signage_player::scene::palette::BLUE;

#[test]
fn a_compositor_shows_the_picture_on_all_of_its_output_and_is_taken_again_when_it_was_gone() {
    let Some(mut weston) = Weston::start((1280, 720)) else {
        return;
    };
    let office = office("", "");
    let player = play(office.command(&[]), weston.environment());
    frames_at_least(&office, 10);
    // Twice as large as the layout: into the corners (but for the scaling's soft edge), and the button where it belongs.
    weston.shows(WHITE, (3, 3));
    weston.shows(WHITE, (1276, 716));
    weston.shows(BLUE, (100, 270));
    office.ask(&["--touch", "140,130"]);
    weston.shows(GREEN, (640, 360));

    let picture = wait_for("the picture's process", LIMIT, || player.part("signage-picture"));
    weston.go();
    let lost = fault(&office, "Wayland");
    frames_at_least(&office, lost.frames + 30);
    weston.come();
    weston.shows(GREEN, (640, 360));
    let found = no_fault(&office);
    assert!(found.frames > lost.frames, "frames are counted on");
    assert_eq!(player.part("signage-picture"), Some(picture), "by the same process");
}

#[test]
fn a_compositor_that_comes_up_after_the_player_is_waited_for() {
    let Some(mut weston) = Weston::start((640, 360)) else {
        return;
    };
    weston.go();
    let office = office("by = \"wayland\"", "");
    let _player = play(office.command(&[]), weston.environment());
    fault(&office, "no display by Wayland");
    frames_at_least(&office, 10);
    weston.come();
    weston.shows(BLUE, (100, 130));
    no_fault(&office);
}

#[test]
fn a_turned_display_shows_the_picture_turned_and_presses_are_where_it_is_seen() {
    // A panel of 360 by 640 that hangs turned clockwise by 90 degrees: as one looks at it, 640 by 360.
    let Some((_xvfb, display)) = x_display((360, 640)) else {
        return;
    };
    let office = office("rotate = 90", "");
    let _player = play(office.command(&[]), [("DISPLAY", display.clone().into())]);
    frames_at_least(&office, 10);
    let desk = Desk::of(&display);
    // The picture's 50,130 is a button's; the panel's top left is the picture's top right.
    wait_for("the turned button", LIMIT, || {
        (desk.color_at(130, 639 - 50) == BLUE).then_some(())
    });
    assert_eq!(desk.color_at(1, 1), WHITE);
    assert_eq!(desk.color_at(50, 130), WHITE, "not where it would be on a straight one");
    wait_for("the page behind the button", LIMIT, || {
        desk.click(90, 639 - 140);
        office.status().filter(|report| report.page == "next")
    });
    wait_for("it to be seen", LIMIT, || {
        (desk.color_at(180, 320) == GREEN).then_some(())
    });
}

#[test]
fn a_turned_picture_fills_a_compositors_output_too() {
    let Some(weston) = Weston::start((360, 640)) else {
        return;
    };
    let office = office("rotate = 270", "");
    let _player = play(office.command(&[]), weston.environment());
    // 270: the panel's top left is the picture's bottom left.
    weston.shows(BLUE, (359 - 130, 50));
    weston.shows(WHITE, (1, 638));
}

#[test]
fn a_display_that_alone_is_stuck_is_told_of_and_the_picture_begins_anew_and_is_back_with_it() {
    let Some((xvfb, display)) = x_display((640, 360)) else {
        return;
    };
    let office = office("", "");
    let player = play(office.command(&[]), [("DISPLAY", display.clone().into())]);
    let shows = || Desk::of(&display).color_at(50, 130) == BLUE;
    wait_for("the button", LIMIT, || shows().then_some(()));
    let picture = wait_for("the picture's process", LIMIT, || player.part("signage-picture"));
    // The server answers nobody: the sink waits for it, and all else runs on.
    let server = Pid::from_raw(i32::try_from(xvfb.0.id()).expect("a process"));
    kill(server, Signal::SIGSTOP).expect("stopped");
    fault(&office, "no frame comes to the display");
    let again = wait_for("another process", LIMIT, || {
        player.part("signage-picture").filter(|pid| *pid != picture)
    });
    kill(server, Signal::SIGCONT).expect("goes on");
    wait_for("the button again", LIMIT, || shows().then_some(()));
    no_fault(&office);
    assert_eq!(player.part("signage-picture"), Some(again));
}

#[test]
fn two_players_of_one_configuration_have_a_monitor_each_and_their_own_presses() {
    let Some((_xvfb, display)) = x_display((1280, 720)) else {
        return;
    };
    let desk = Desk::of(&display);
    desk.set_monitor("LEFT", (0, 0), (640, 720));
    desk.set_monitor("RIGHT", (640, 0), (640, 360));
    let tables = "output = { connector = \"LEFT\" }\n\n[[screen]]\nid = \"annex\"\nname = { ja = \"別館\" }\n\
                  layout = \"content/layouts/lobby.json\"\noutput = { connector = \"RIGHT\" }\n";
    let office = office("", "");
    let file = office.dir.path().join("office.toml");
    let text = std::fs::read_to_string(&file).expect("the configuration");
    let lobby = "layout = \"content/layouts/lobby.json\"\n";
    std::fs::write(&file, text.replacen(lobby, &format!("{lobby}{tables}"), 1)).expect("written");
    let annex = office.dir.path().join("run/screens/annex");
    std::fs::create_dir_all(annex.join("content")).expect("made");
    let picture = format!("content/{}", hash(&office.picture()));
    for file in ["manifest.json", &picture] {
        std::fs::copy(office.home().join(file), annex.join(file)).expect("copied");
    }
    let of_annex = |more: &[&str]| {
        let mut command = Command::new(common::office::PLAYER);
        command
            .arg("--config")
            .arg(&file)
            .args(["--screen", "annex"])
            .args(more);
        command
    };
    let status_of_annex = || {
        let said = of_annex(&["--status"]).output().expect("it runs");
        serde_json::from_slice::<Report>(&said.stdout).ok()
    };

    let _lobby = play(office.command(&[]), [("DISPLAY", display.clone().into())]);
    let _annex = play(of_annex(&[]), [("DISPLAY", display.clone().into())]);
    wait_for("both buttons", LIMIT, || {
        // The left monitor is twice as high as the picture: that lies in its middle, between black bars.
        let both = desk.color_at(50, 180 + 130) == BLUE && desk.color_at(640 + 50, 130) == BLUE;
        both.then_some(())
    });
    assert_eq!(desk.color_at(50, 20), [0; 3], "a bar");
    assert_eq!(desk.color_at(1278, 358), WHITE);
    wait_for("the right screen's page", LIMIT, || {
        desk.click(640 + 140, 90);
        status_of_annex().filter(|report| report.page == "next")
    });
    assert_eq!(no_fault(&office).page, "home", "the left one wasn't touched");
    wait_for("the left screen's page", LIMIT, || {
        desk.click(140, 180 + 90);
        office.status().filter(|report| report.page == "next")
    });
    wait_for("both pages", LIMIT, || {
        let both = desk.color_at(320, 360) == GREEN && desk.color_at(960, 180) == GREEN;
        both.then_some(())
    });
    assert!(status_of_annex().is_some_and(|report| report.faults.is_empty()));
}

#[test]
fn a_window_follows_its_monitor_and_one_that_is_missing_is_named() {
    let Some((_xvfb, display)) = x_display((1280, 720)) else {
        return;
    };
    let office = office("connector = \"HDMI-1\"", "");
    let _player = play(office.command(&[]), [("DISPLAY", display.clone().into())]);
    let desk = Desk::of(&display);
    fault(&office, "no monitor \"HDMI-1\"");
    frames_at_least(&office, 10);
    desk.set_monitor("HDMI-1", (0, 0), (640, 360));
    wait_for("the button", LIMIT, || (desk.color_at(50, 130) == BLUE).then_some(()));
    no_fault(&office);
    desk.set_monitor("HDMI-1", (0, 0), (1280, 720));
    wait_for("the larger button", LIMIT, || {
        (desk.color_at(100, 270) == BLUE && desk.color_at(1278, 718) == WHITE).then_some(())
    });
}

#[test]
fn an_x_server_that_ends_takes_the_picture_with_it_and_both_come_back() {
    let Some((xvfb_before, display)) = x_display((640, 360)) else {
        return;
    };
    let office = office("by = \"x11\"", "");
    let player = play(office.command(&[]), [("DISPLAY", display.clone().into())]);
    let desk = Desk::of(&display);
    wait_for("the button", LIMIT, || (desk.color_at(50, 130) == BLUE).then_some(()));
    let before = player.part("signage-picture").expect("there");
    drop(desk);
    drop(xvfb_before);
    wait_for("another process", LIMIT, || {
        player.part("signage-picture").filter(|now| *now != before)
    });
    let told = fault(&office, "no display by X11");
    frames_at_least(&office, told.frames + 10);
    let mut command = xvfb(&[&display], (640, 360));
    let _xvfb = Running(command.stderr(Stdio::null()).spawn().expect("Xvfb starts again"));
    let desk = Desk::of(&display);
    wait_for("the button again", LIMIT, || {
        (desk.color_at(50, 130) == BLUE).then_some(())
    });
    no_fault(&office);
}

#[test]
fn a_display_that_cannot_be_had_is_told_and_the_stage_goes_on() {
    let office = office("by = \"kms\"\nconnector = \"HDMI-A-99\"", "");
    let _player = play(office.command(&[]), []);
    let told = fault(&office, "no display by KMS");
    frames_at_least(&office, told.frames + 30);
}

/// A `cec-ctl` that writes down how it is called, and says what the real one says. The device is the edge: all else is real.
const CEC_CTL: &str = r#"#!/bin/sh
echo "$*" >> "$CEC_CALLS"
if [ -e "$CEC_CALLS.broken" ]; then echo "Failed to open $2: No such file or directory" >&2; exit 1; fi
case "$*" in
  *--to*) for sent in 1 2; do printf '\nTransmit from Playback Device 1:\n\tSequence: %s Tx Timestamp: 1.0s\n' $sent; done ;;
  *) printf 'Driver Info:\n\tPhysical Address           : 2.0.0.0\n' ;;
esac
"#;

#[test]
fn a_television_is_switched_by_cec_and_one_that_is_not_there_is_a_fault_and_no_more() {
    for (on, order) in [
        ("", "--to 0 --image-view-on --active-source phys-addr=2.0.0.0"),
        (r#""on":[{"until":"2000-01-01"}],"#, "--to 0 --standby"),
    ] {
        if !on.is_empty() && !signage_player::schedule::clock::is_confirmed() {
            eprintln!("skipped: nobody knows the time here, so no screen is ever off");
            return;
        }
        let Some((_xvfb, display)) = x_display((640, 360)) else {
            return;
        };
        let office = office("power = \"cec\"\ncec = \"/dev/cec1\"", on);
        let bin = office.dir.path().join("bin");
        std::fs::create_dir(&bin).expect("made");
        std::fs::write(bin.join("cec-ctl"), CEC_CTL).expect("written");
        std::fs::set_permissions(bin.join("cec-ctl"), std::fs::Permissions::from_mode(0o755)).expect("set");
        let calls = office.dir.path().join("calls");
        let broken = office.dir.path().join("calls.broken");
        std::fs::write(&broken, "").expect("written");
        let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
        let environment = [
            ("DISPLAY", display.clone().into()),
            ("PATH", path.into()),
            ("CEC_CALLS", calls.clone()),
        ];
        let _player = play(office.command(&[]), environment);
        let told = fault(&office, "/dev/cec1: cec-ctl: Failed to open");
        frames_at_least(&office, told.frames + 30);
        std::fs::remove_file(&broken).expect("it is plugged in");
        no_fault(&office);
        let called = std::fs::read_to_string(&calls).expect("written");
        assert!(called.trim_end().ends_with(order), "{called}");
        assert!(called.starts_with("--device /dev/cec1 --playback"), "{called}");
    }
}

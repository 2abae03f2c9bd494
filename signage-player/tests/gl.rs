//! Frames that reach an X11 window by GL: the same picture, the same presses; and what happens where GL doesn't do what it
//! should. Mesa's software driver draws here.
#![allow(clippy::expect_used)]

mod common;

use std::path::PathBuf;
use std::process::Stdio;

use bad_decoder::driver::HANGS;
use common::display::{Desk, Weston, has, x_display, xvfb};
use common::office::{LIMIT, Office, Running, frames_at_least};
use common::shown::{GREEN, WHITE, fault, no_fault, office, play};
use common::wait_for;
use gstreamer as gst;
use signage_player::scene::palette::BLUE;

const PICTURE: &str = "signage-picture";

/// GL through libEGL, whose drivers a test can choose.
const EGL: (&str, &str) = ("GST_GL_PLATFORM", "egl");
const DRIVERS: &str = "__EGL_VENDOR_LIBRARY_FILENAMES";

/// A layout with a button at its upper edge that opens a page of its own, beside the one of `shown`.
const EDGE: &str = r##"{"version":2,"name":"edge","width":640,"height":360,"pages":[
  {"name":"home","background":"#ffffff","zones":[
    {"name":"on","rect":{"x":40,"y":40,"width":200,"height":100},"widget":{"type":"button","text":{"ja":"次へ"}},
     "on_touch":{"do":"go_to","page":"next"}},
    {"name":"edge","rect":{"x":300,"y":0,"width":300,"height":100},"widget":{"type":"button","text":{"ja":"上"}},
     "on_touch":{"do":"go_to","page":"edge"}}]},
  {"name":"next","background":"#208040","zones":[]},
  {"name":"edge","background":"#802040","zones":[]}]}"##;

/// Whether GStreamer has GL, and there is an X server. Says what is missing.
fn has_gl() -> bool {
    gst::init().expect("GStreamer");
    if gst::ElementFactory::find("glimagesinkelement").is_none() {
        eprintln!("skipped: GStreamer's GL (Debian: gstreamer1.0-gl) is not installed");
        return false;
    }
    has(&["Xvfb", "xdotool"])
}

/// A player whose log is read.
struct Told {
    player: Running,
    log: PathBuf,
}

impl Told {
    fn play(office: &Office, display: &str, environment: &[(&'static str, &str)]) -> Self {
        let log = office.dir.path().join("log");
        let mut command = office.command(&[]);
        command.stderr(Stdio::from(std::fs::File::create(&log).expect("made")));
        command.stdout(Stdio::from(
            std::fs::File::options().append(true).open(&log).expect("open"),
        ));
        let all = environment.iter().map(|(name, value)| (*name, PathBuf::from(value)));
        let player = play(command, all.chain([("DISPLAY", PathBuf::from(display))]));
        Self { player, log }
    }

    /// How often a part of the log's lines is there.
    fn count(&self, part: &str) -> usize {
        std::fs::read_to_string(&self.log).expect("a log").matches(part).count()
    }

    /// Whether GL takes the frames, once it is said.
    fn is_by_gl(&self) -> bool {
        wait_for("a display", LIMIT, || {
            let said = std::fs::read_to_string(&self.log).expect("a log");
            let line = said
                .lines()
                .rfind(|line| line.contains("the picture goes to a display"))?;
            Some(plain(line).contains("gl=true"))
        })
    }
}

/// The file that names a driver which ends its process, or with [`HANGS`] never answers (`tests/bad-decoder`).
fn bad_driver(office: &Office) -> String {
    let built = std::env::current_exe()
        .expect("this test")
        .with_file_name(bad_decoder::FILE);
    let file = office.dir.path().join("driver.json");
    let driver = serde_json::json!({"file_format_version": "1.0.0", "ICD": {"library_path": built}});
    std::fs::write(&file, driver.to_string()).expect("written");
    file.to_str().expect("UTF-8").to_owned()
}

/// A line of the log without its colours (ECMA-48's SGR).
fn plain(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| {
        all + part.split_once('m').map_or("", |(_, rest)| rest)
    })
}

fn waits_for(desk: &Desk, what: &str, color: [u8; 3], (x, y): (i16, i16)) {
    wait_for(what, LIMIT, || (desk.color_at(x, y) == color).then_some(()));
}

/// What a whole display shows once the button is at a place, with `gl` on or off.
fn picture(gl: &str, rotate: u16, size: (u16, u16), button: (i16, i16)) -> Option<Vec<u8>> {
    let (_xvfb, display) = x_display(size)?;
    let office = office(&format!("gl = \"{gl}\"\nrotate = {rotate}"), "");
    let told = Told::play(&office, &display, &[]);
    let desk = Desk::of(&display);
    waits_for(&desk, "the button", BLUE, button);
    assert_eq!(told.is_by_gl(), gl == "on");
    no_fault(&office);
    Some(desk.picture(size))
}

/// By how many levels of 256 two pictures differ: the farthest channel, and the mean of all.
fn difference(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let channels = a.iter().zip(b).enumerate().filter(|(at, _)| at % 4 != 3);
    let differences: Vec<u8> = channels.map(|(_, (a, b))| a.abs_diff(*b)).collect();
    let sum: f64 = differences.iter().map(|it| f64::from(*it)).sum();
    let farthest = differences.iter().copied().max().expect("pixels");
    (farthest, sum / differences.len() as f64)
}

#[test]
fn gl_shows_what_the_processor_shows_upright_and_turned_in_its_own_size_and_in_a_larger_one() {
    if !has_gl() {
        return;
    }
    // The picture's 50,130 is the button's. Turned by 90: the panel's top left is the picture's top right.
    for (rotate, size, button, is_own) in [
        (0, (640, 360), (50, 130), true),
        (90, (360, 640), (130, 639 - 50), true),
        (0, (960, 600), (75, 30 + 195), false),
        (270, (600, 960), (600 - 30 - 195, 75), false),
    ] {
        let shown = |gl| picture(gl, rotate, size, button).expect("an X server");
        let (processor, gl) = (shown("off"), shown("on"));
        let (farthest, mean) = difference(&processor, &gl);
        eprintln!("{rotate} degrees, {size:?}: farthest {farthest}, mean {mean:.4}");
        if is_own {
            assert!(farthest <= 2, "{rotate} {size:?}: {farthest}");
        } else {
            // Two ways of scaling agree but for the soft edges of letters and buttons.
            assert!(mean <= 0.5, "{rotate} {size:?}: {mean}");
        }
        let black = |picture: &[u8]| picture.chunks(4).filter(|pixel| pixel[..3] == [0; 3]).count();
        let bars = usize::from(size.0) * usize::from(size.1) - black(&gl);
        assert_eq!(black(&gl) > 0, !is_own, "bars: {bars}");
    }
}

#[test]
fn what_is_pressed_by_gl_is_what_is_seen_there_and_a_bar_is_nothing() {
    if !has_gl() {
        return;
    }
    for (rotate, size) in [(0, (960, 600)), (90, (600, 960))] {
        let Some((_xvfb, display)) = x_display(size) else {
            return;
        };
        let office = office(&format!("gl = \"on\"\nrotate = {rotate}"), "");
        let file = office.dir.path().join("edge.json");
        std::fs::write(&file, EDGE).expect("written");
        office.store(&file);
        let told = Told::play(&office, &display, &[]);
        let desk = Desk::of(&display);
        // Of the picture's pixels, half as large again, with a bar of 30 above and below.
        let at = |x: i16, y: i16| {
            let (x, y) = (x * 3 / 2, y * 3 / 2 + 30);
            if rotate == 0 { (x, y) } else { (y, 959 - x) }
        };
        waits_for(&desk, "the button", BLUE, at(50, 130));
        assert!(told.is_by_gl());
        let (x, y) = at(450, -10);
        (0..3).for_each(|_| desk.click(x, y));
        wait_for("the page behind the button", LIMIT, || {
            let (x, y) = at(140, 90);
            desk.click(x, y);
            let page = office.status()?.page;
            assert_ne!(page, "edge", "a bar was pressed");
            (page == "next").then_some(())
        });
        waits_for(&desk, "the page", GREEN, at(320, 180));
        no_fault(&office);
    }
}

#[test]
fn a_window_by_gl_follows_its_monitor() {
    if !has_gl() {
        return;
    }
    let Some((_xvfb, display)) = x_display((1280, 720)) else {
        return;
    };
    let office = office("gl = \"on\"\nconnector = \"HDMI-1\"", "");
    let told = Told::play(&office, &display, &[]);
    let desk = Desk::of(&display);
    // A display that isn't there is no fault of GL's.
    fault(&office, "no monitor \"HDMI-1\"");
    desk.set_monitor("HDMI-1", (640, 0), (640, 360));
    waits_for(&desk, "the button", BLUE, (640 + 50, 130));
    assert!(told.is_by_gl());
    assert_eq!(desk.color_at(1278, 358), WHITE);
    no_fault(&office);
    desk.set_monitor("HDMI-1", (0, 0), (1280, 720));
    waits_for(&desk, "the larger button", BLUE, (100, 270));
    waits_for(&desk, "the whole monitor", WHITE, (1278, 718));
}

#[test]
fn a_display_without_a_gpu_is_the_processors_by_itself() {
    let Some((_xvfb, display)) = x_display((640, 360)) else {
        return;
    };
    let office = office("", "");
    let told = Told::play(&office, &display, &[]);
    let desk = Desk::of(&display);
    waits_for(&desk, "the button", BLUE, (50, 130));
    assert!(!told.is_by_gl(), "a virtual X server has none");
    assert_eq!(told.count("GL isn't used: "), 1, "once");
    no_fault(&office);
}

#[test]
fn a_compositor_shows_the_picture_and_who_wants_gl_there_is_told() {
    let Some(weston) = Weston::start((640, 360)) else {
        return;
    };
    let office = office("gl = \"on\"", "");
    let _player = play(office.command(&[]), weston.environment());
    weston.shows(BLUE, (50, 130));
    fault(&office, "only X11's windows are drawn by GL");
}

#[test]
fn a_window_by_gl_is_the_x_servers_also_where_there_is_a_compositor() {
    if !has_gl() {
        return;
    }
    let Some(weston) = Weston::start((640, 360)) else {
        return;
    };
    let Some((_xvfb, display)) = x_display((640, 360)) else {
        return;
    };
    let office = office("by = \"x11\"\ngl = \"on\"", "");
    let environment = weston
        .environment()
        .into_iter()
        .chain([("DISPLAY", display.clone().into())]);
    let _player = play(office.command(&[]), environment);
    waits_for(&Desk::of(&display), "the button", BLUE, (50, 130));
    no_fault(&office);
}

#[test]
fn an_x_server_that_ends_with_the_first_frames_is_no_fault_of_gls() {
    if !has_gl() {
        return;
    }
    let Some((xvfb_before, display)) = x_display((640, 360)) else {
        return;
    };
    let office = office("by = \"x11\"\ngl = \"on\"", "");
    let told = Told::play(&office, &display, &[]);
    waits_for(&Desk::of(&display), "the button", BLUE, (50, 130));
    assert!(told.is_by_gl());
    drop(xvfb_before);
    fault(&office, "no display by X11");
    let mut command = xvfb(&[&display], (640, 360));
    let _xvfb = Running(command.stderr(Stdio::null()).spawn().expect("Xvfb starts again"));
    waits_for(&Desk::of(&display), "the button again", BLUE, (50, 130));
    no_fault(&office);
    assert!(told.is_by_gl());
}

#[test]
fn a_gl_that_does_not_start_is_told_once_and_the_processor_shows_the_picture() {
    if !has_gl() {
        return;
    }
    for (environment, why) in [
        ([EGL, (DRIVERS, "/nowhere/driver.json")], "EGLDisplay"),
        ([("GST_GL_PLATFORM", "none"), (DRIVERS, "")], "GL context"),
    ] {
        let Some((_xvfb, display)) = x_display((640, 360)) else {
            return;
        };
        let office = office("gl = \"on\"", "");
        let told = Told::play(&office, &display, &environment);
        let desk = Desk::of(&display);
        waits_for(&desk, "the button", BLUE, (50, 130));
        let report = fault(&office, "the processor draws, without GL");
        assert!(report.faults.concat().contains(why), "{:?}", report.faults);
        assert!(!told.is_by_gl());
        frames_at_least(&office, report.frames + 60);
        assert_eq!(told.count("the processor draws, without GL"), 1, "once in the log");
    }
}

#[test]
fn a_gl_that_ends_later_gives_the_picture_to_the_processor_in_the_same_process() {
    if !has_gl() {
        return;
    }
    let Some((_xvfb, display)) = x_display((640, 360)) else {
        return;
    };
    let office = office("gl = \"on\"", "");
    let told = Told::play(&office, &display, &[]);
    let desk = Desk::of(&display);
    waits_for(&desk, "the button", BLUE, (50, 130));
    assert!(told.is_by_gl());
    let pid = told.player.part(PICTURE).expect("there");
    desk.close_window();
    let report = fault(&office, "the processor draws, without GL");
    waits_for(&desk, "the button again", BLUE, (50, 130));
    assert!(!told.is_by_gl());
    let later = frames_at_least(&office, report.frames + 30);
    assert_eq!(later.faults.len(), 1, "{:?}", later.faults);
    assert_eq!(told.player.part(PICTURE), Some(pid), "by the same process");
}

#[test]
fn a_driver_that_takes_the_process_with_it_does_so_once_and_the_processor_shows_the_picture() {
    if !has_gl() {
        return;
    }
    let Some((_xvfb, display)) = x_display((640, 360)) else {
        return;
    };
    let office = office("gl = \"on\"", "");
    let built = std::env::current_exe()
        .expect("this test")
        .with_file_name(bad_decoder::FILE);
    let vendor = office.dir.path().join("driver.json");
    let driver = serde_json::json!({"file_format_version": "1.0.0", "ICD": {"library_path": built}});
    std::fs::write(&vendor, driver.to_string()).expect("written");
    let environment = [EGL, (DRIVERS, vendor.to_str().expect("UTF-8"))];
    let mut told = Told::play(&office, &display, &environment);
    let desk = Desk::of(&display);
    waits_for(&desk, "the button", BLUE, (50, 130));
    let report = fault(&office, "it ended the process (signal: 6");
    assert!(
        report.faults.concat().contains("machine is started again"),
        "{:?}",
        report.faults
    );
    let pid = told.player.part(PICTURE).expect("there");
    let later = frames_at_least(&office, report.frames + 60);
    assert_eq!(later.faults.len(), 1, "{:?}", later.faults);
    assert_eq!(told.player.part(PICTURE), Some(pid), "it falls no more");
    assert_eq!(told.count("signage-picture fell"), 1);

    // Started again, by somebody who knows nothing of a fall.
    told.player.terminate();
    let told = Told::play(&office, &display, &environment);
    fault(&office, "it ended the process (signal: 6");
    waits_for(&desk, "the button after another start", BLUE, (50, 130));
    assert_eq!(told.count("signage-picture fell"), 0);
}

#[test]
fn a_driver_that_never_answers_is_left_to_itself_and_the_processor_shows_the_picture() {
    if !has_gl() {
        return;
    }
    let Some((_xvfb, display)) = x_display((640, 360)) else {
        return;
    };
    let office = office("gl = \"on\"", "");
    let vendor = bad_driver(&office);
    let told = Told::play(&office, &display, &[EGL, (DRIVERS, &vendor), (HANGS, "1")]);
    let desk = Desk::of(&display);
    let before = frames_at_least(&office, 10);
    assert_eq!(
        before.faults,
        Vec::<String>::new(),
        "the stage plays, and waits for no driver"
    );
    fault(&office, "the driver doesn't answer");
    waits_for(&desk, "the button", BLUE, (50, 130));
    assert!(!told.is_by_gl());
    assert_eq!(told.count("signage-picture fell"), 0);
}

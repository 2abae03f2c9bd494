//! Looks at a rig: paints poses as PNGs into a folder and measures the time of a frame.
//!
//! `cargo run --release -p avatar --example paint -- configs/rigs/hibari /tmp/poses [WIDTHxHEIGHT]`

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use avatar::idle::Idle;
use avatar::paint::Painter;
use avatar::rig::Rig;
use protocol::pose::{Expression, Pose, Viseme};
use resvg::tiny_skia::{IntSize, Pixmap};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let (Some(rig), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: paint RIG_FOLDER OUTPUT_FOLDER [WIDTHxHEIGHT]".into());
    };
    let size = arguments.next().unwrap_or_else(|| "480x576".into());
    let (width, height) = size.split_once('x').ok_or("the size must look like 480x576")?;
    let rig = Rig::load(Path::new(&rig))?;
    let begin = Instant::now();
    let mut painter = Painter::new(&rig, width.parse()?, height.parse()?)?;
    println!(
        "{} at {size}: rasterised in {} ms",
        rig.name(),
        begin.elapsed().as_millis()
    );

    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    for (name, pose) in poses() {
        painter.paint(&pose);
        save(&painter, &folder.join(format!("{name}.png")))?;
    }
    measure(&mut painter)
}

/// The poses worth looking at.
fn poses() -> Vec<(String, Pose)> {
    let rest = Pose {
        breath: 0.5,
        ..Pose::default()
    };
    let mut poses: Vec<(String, Pose)> = vec![
        ("rest".into(), rest),
        ("blink".into(), Pose { eyes_shut: 1.0, ..rest }),
        ("half-shut".into(), Pose { eyes_shut: 0.5, ..rest }),
        (
            "turned".into(),
            Pose {
                head_turn: 10.0,
                head_roll: 4.0,
                gaze: (0.9, 0.0),
                ..rest
            },
        ),
        (
            "bowed".into(),
            Pose {
                head_nod: 11.0,
                eyes_shut: 0.3,
                gaze: (0.0, 0.8),
                ..rest
            },
        ),
        (
            "up".into(),
            Pose {
                head_nod: -6.0,
                head_turn: -10.0,
                head_roll: -7.0,
                gaze: (-1.0, -1.0),
                ..rest
            },
        ),
    ];
    for viseme in [
        Viseme::Pressed,
        Viseme::A,
        Viseme::I,
        Viseme::U,
        Viseme::E,
        Viseme::O,
        Viseme::N,
    ] {
        for open in [0.5, 1.0] {
            poses.push((
                format!("mouth-{viseme:?}-{open}"),
                Pose {
                    viseme,
                    mouth_open: open,
                    ..rest
                },
            ));
        }
    }
    for expression in [Expression::Smile, Expression::Listening, Expression::Sorry] {
        let face = Pose { expression, ..rest };
        poses.push((format!("{expression:?}"), face));
        poses.push((
            format!("{expression:?}-A"),
            Pose {
                viseme: Viseme::A,
                mouth_open: 0.8,
                ..face
            },
        ));
    }
    poses
}

fn save(painter: &Painter, file: &Path) -> Result<(), Failure> {
    let (width, height) = painter.size();
    let mut bytes = vec![0; (width * height * 4) as usize];
    painter.copy_to(&mut bytes, width as usize * 4)?;
    for pixel in bytes.chunks_exact_mut(4) {
        pixel.swap(0, 2); // tiny-skia keeps premultiplied RGBA
    }
    let size = IntSize::from_wh(width, height).ok_or("size")?;
    Pixmap::from_vec(bytes, size).ok_or("size")?.save_png(file)?;
    Ok(())
}

/// Ten seconds of an idle, speaking figure at 30 frames a second, each frame painted and copied.
fn measure(painter: &mut Painter) -> Result<(), Failure> {
    let (width, height) = painter.size();
    let mut bytes = vec![0; (width * height * 4) as usize];
    let idle = Idle::new(1);
    let mut times = Vec::new();
    for frame in 0..300_u32 {
        let now = Duration::from_millis(u64::from(frame) * 1000 / 30);
        let pose = Pose {
            viseme: Viseme::A,
            mouth_open: (frame % 9) as f32 / 8.0,
            ..idle.at(now)
        };
        let begin = Instant::now();
        painter.paint(&pose);
        painter.copy_to(&mut bytes, width as usize * 4)?;
        times.push(begin.elapsed());
    }
    times.sort();
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!(
        "a frame, painted and copied: median {:.2} ms, 95 % {:.2} ms, worst {:.2} ms",
        ms(times[150]),
        ms(times[285]),
        ms(times[299])
    );
    Ok(())
}

//! What a pose changes is what is painted anew, and nothing else moves.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use avatar::paint::{Area, PaintError, Painter};
use avatar::rig::Rig;
use protocol::pose::{Expression, Pose, Viseme};

const WIDTH: u32 = 300;
const HEIGHT: u32 = 360;
/// Where the face's parts lie at that size: left, top, right, bottom.
const MOUTH: [u32; 4] = [128, 180, 172, 218];
const EYES: [u32; 4] = [100, 128, 200, 168];
const FACE: [u32; 4] = [90, 70, 210, 220];

fn painter() -> Painter {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../configs/rigs/hibari");
    Painter::new(&Rig::load(&folder).unwrap(), WIDTH, HEIGHT).unwrap()
}

fn picture(painter: &Painter) -> Vec<[u8; 4]> {
    let mut bytes = vec![0; (WIDTH * HEIGHT * 4) as usize];
    painter.copy_to(&mut bytes, WIDTH as usize * 4).unwrap();
    bytes.chunks_exact(4).map(|p| p.try_into().unwrap()).collect()
}

fn paint(painter: &mut Painter, pose: Pose) -> Vec<[u8; 4]> {
    painter.paint(&pose);
    picture(painter)
}

/// How many pixels differ visibly inside the box, and how many differ at all outside.
fn differences(one: &[[u8; 4]], other: &[[u8; 4]], [left, top, right, bottom]: [u32; 4]) -> (usize, usize) {
    let (mut inside, mut outside) = (0, 0);
    for (at, (a, b)) in one.iter().zip(other).enumerate() {
        let (x, y) = (at as u32 % WIDTH, at as u32 / WIDTH);
        let most = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        if (left..right).contains(&x) && (top..bottom).contains(&y) {
            inside += usize::from(most > 24);
        } else {
            outside += usize::from(most > 0);
        }
    }
    (inside, outside)
}

fn is_within(area: Area, [left, top, right, bottom]: [u32; 4]) -> bool {
    area.x >= left && area.y >= top && area.x + area.width <= right && area.y + area.height <= bottom
}

#[test]
fn every_viseme_changes_the_mouth_and_only_the_mouth() {
    let mut painter = painter();
    let shapes = [
        Viseme::Pressed,
        Viseme::A,
        Viseme::I,
        Viseme::U,
        Viseme::E,
        Viseme::O,
        Viseme::N,
    ];
    let mut pictures = vec![paint(&mut painter, Pose::default())];
    for viseme in shapes {
        let pose = Pose {
            viseme,
            mouth_open: 1.0,
            ..Pose::default()
        };
        assert!(is_within(painter.paint(&pose).unwrap(), MOUTH), "{viseme:?}");
        pictures.push(picture(&painter));
    }
    for (at, one) in pictures.iter().enumerate() {
        for (other_at, other) in pictures.iter().enumerate().skip(at + 1) {
            let (inside, outside) = differences(one, other, MOUTH);
            assert!(inside >= 15, "shapes {at} and {other_at} differ in {inside} pixels");
            assert_eq!(outside, 0, "shapes {at} and {other_at}");
        }
    }
    assert_eq!(
        paint(&mut painter, Pose::default()),
        pictures[0],
        "the mouth closes again"
    );
}

#[test]
fn the_mouth_opens_step_by_step() {
    let mut painter = painter();
    let rest = paint(&mut painter, Pose::default());
    let changed = [0.0, 0.25, 0.5, 0.75, 1.0].map(|mouth_open| {
        let open = paint(
            &mut painter,
            Pose {
                viseme: Viseme::A,
                mouth_open,
                ..Pose::default()
            },
        );
        differences(&rest, &open, MOUTH).0
    });
    assert_eq!(changed[0], 0);
    assert!(changed.is_sorted() && changed[4] > 2 * changed[1], "{changed:?}");
}

#[test]
fn a_blink_changes_the_eyes_and_only_the_eyes() {
    let mut painter = painter();
    let open = paint(&mut painter, Pose::default());
    let shut = Pose {
        eyes_shut: 1.0,
        ..Pose::default()
    };
    assert!(is_within(painter.paint(&shut).unwrap(), EYES));
    let (inside, outside) = differences(&open, &picture(&painter), EYES);
    assert!(inside > 500, "{inside}");
    assert_eq!(outside, 0);
    // Shut lids hide where the eyes look.
    let looking = paint(
        &mut painter,
        Pose {
            gaze: (1.0, 0.0),
            ..shut
        },
    );
    assert!(differences(&looking, &paint(&mut painter, shut), EYES).0 < 10);
}

#[test]
fn gaze_moves_the_irises_within_the_eyes() {
    let mut painter = painter();
    let ahead = paint(&mut painter, Pose::default());
    let aside = paint(
        &mut painter,
        Pose {
            gaze: (1.0, 0.0),
            ..Pose::default()
        },
    );
    let (inside, outside) = differences(&ahead, &aside, EYES);
    assert!(inside > 60, "{inside}");
    assert_eq!(outside, 0);
}

#[test]
fn expressions_differ_and_stay_on_the_face() {
    let mut painter = painter();
    let faces = [
        Expression::Neutral,
        Expression::Smile,
        Expression::Listening,
        Expression::Sorry,
    ]
    .map(|expression| {
        paint(
            &mut painter,
            Pose {
                expression,
                ..Pose::default()
            },
        )
    });
    for (at, one) in faces.iter().enumerate() {
        for other in &faces[at + 1..] {
            let (inside, outside) = differences(one, other, FACE);
            assert!(inside > 40, "{inside}");
            assert_eq!(outside, 0);
        }
    }
}

#[test]
fn partial_painting_gives_the_same_picture_as_painting_anew() {
    let mut going_on = painter();
    let poses = [
        Pose {
            head_roll: 6.0,
            head_turn: -9.0,
            ..Pose::default()
        },
        Pose {
            head_roll: 6.0,
            head_turn: -9.0,
            viseme: Viseme::O,
            mouth_open: 0.7,
            ..Pose::default()
        },
        Pose {
            head_nod: 9.0,
            gaze: (-1.0, 1.0),
            breath: 1.0,
            ..Pose::default()
        },
        Pose {
            head_nod: 9.0,
            gaze: (1.0, 1.0),
            breath: 1.0,
            expression: Expression::Sorry,
            ..Pose::default()
        },
        Pose::default(),
    ];
    for pose in poses {
        let (one, other) = (paint(&mut going_on, pose), paint(&mut painter(), pose));
        assert_eq!(differences(&one, &other, [0; 4]), (0, 0), "{pose:?}");
    }
    assert_eq!(going_on.paint(&Pose::default()), None, "nothing moved");
}

#[test]
fn colours_are_premultiplied_and_the_figure_stands_on_the_lower_edge() {
    let mut painter = painter();
    for pose in [
        Pose::default(),
        Pose {
            head_roll: -8.0,
            head_nod: 12.0,
            breath: 0.7,
            ..Pose::default()
        },
    ] {
        let picture = paint(&mut painter, pose);
        for [b, g, r, a] in &picture {
            assert!(b <= a && g <= a && r <= a);
        }
        assert_eq!(picture[0], [0; 4], "transparent around the figure");
        let soft = picture.iter().filter(|p| (1..255).contains(&p[3])).count();
        assert!(soft > 300, "edges are smooth: {soft}");
        let last_row = &picture[(WIDTH * (HEIGHT - 1)) as usize..];
        let solid = last_row.iter().filter(|p| p[3] == 255).count();
        assert!(solid > WIDTH as usize / 2, "{solid}");
    }
    // The order of bytes: the jacket is blue, so its first byte is its largest.
    let [b, _, r, a] = paint(&mut painter, Pose::default())[(340 * WIDTH + 60) as usize];
    assert!(a == 255 && b > r + 30, "{b} {r} {a}");
}

#[test]
fn poses_beyond_reason_do_no_harm() {
    let mut painter = painter();
    let wild = Pose {
        mouth_open: f32::NAN,
        eyes_shut: 1e30,
        gaze: (f32::INFINITY, f32::NEG_INFINITY),
        head_roll: -1e9,
        head_turn: f32::NAN,
        head_nod: 1e9,
        breath: -5.0,
        viseme: Viseme::A,
        expression: Expression::Smile,
    };
    assert!(painter.paint(&wild).is_some());
    assert!(picture(&painter).iter().any(|p| p[3] == 255));
}

#[test]
fn a_buffer_with_longer_rows_is_filled_and_a_short_one_refused() {
    let mut painter = painter();
    painter.paint(&Pose::default());
    let stride = WIDTH as usize * 4 + 64;
    let mut bytes = vec![7; stride * HEIGHT as usize];
    painter.copy_to(&mut bytes, stride).unwrap();
    let expected = picture(&painter);
    for (y, row) in bytes.chunks_exact(stride).enumerate() {
        assert!(
            row[WIDTH as usize * 4..].iter().all(|byte| *byte == 7),
            "the rest of a row is left alone"
        );
        assert_eq!(row[400..404], expected[y * WIDTH as usize + 100]);
    }
    let row = WIDTH as usize * 4;
    let short = painter.copy_to(&mut bytes[..1000], row).unwrap_err();
    assert_eq!(
        short,
        PaintError::Buffer {
            given: 1000,
            stride: row,
            needed: row * HEIGHT as usize,
            row
        }
    );
    assert!(painter.copy_to(&mut bytes, row - 4).is_err());
}

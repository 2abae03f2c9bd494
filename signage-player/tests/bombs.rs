//! Pictures of some bytes that unfold to more than there is memory for: each is refused by name before anything is decoded.
#![allow(clippy::expect_used)]

mod common;

use std::time::Duration;

use common::{data, moment, scene, wait_for};
use signage_player::stage::canvas::{Canvas, Region};

const LIMIT: Duration = Duration::from_secs(60);
/// What the process may take more while it looks at all of them, in KiB. The smallest of them unfolds to 160 MB.
const MEMORY: u64 = 64 << 10;

/// Run-length coded, 256 colours, no pixel: 1,080 bytes.
fn bmp(side: u32) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    for field in [1080, 0, 1078, 40, side, side] {
        bytes.extend(u32::to_le_bytes(field));
    }
    bytes.extend([1, 0, 8, 0]);
    for field in [1, 2, 2835, 2835, 256, 0] {
        bytes.extend(u32::to_le_bytes(field));
    }
    bytes.extend([0x40; 1024]);
    bytes.extend([0, 1]);
    bytes
}

/// Lossless: the size is in its first bytes, 14 bits a side.
fn webp(side: u32) -> Vec<u8> {
    let size = (side - 1) | (side - 1) << 14;
    let mut chunk = vec![0x2f];
    chunk.extend(size.to_le_bytes());
    chunk.extend([0; 27]);
    let length = |bytes: usize| u32::try_from(bytes).expect("small").to_le_bytes();
    [
        &b"RIFF"[..],
        &length(chunk.len() + 12),
        b"WEBPVP8L",
        &length(chunk.len()),
        &chunk,
    ]
    .concat()
}

fn gif(side: u16) -> Vec<u8> {
    let side = side.to_le_bytes();
    let size = [side, side].concat();
    let colors = [0x80, 0, 0, 0, 0, 0, 255, 255, 255];
    // One picture as large as all, of one code.
    let end = [0, 2, 2, 0x4c, 1, 0, 0x3b];
    [&b"GIF89a"[..], &size, &colors, &[0x2c, 0, 0, 0, 0], &size, &end].concat()
}

/// Grey, one strip of PackBits.
fn tiff(side: u32) -> Vec<u8> {
    let fields = [
        (256, side),
        (257, side),
        (258, 8),
        (259, 32773),
        (262, 1),
        (273, 200),
        (277, 1),
        (278, side),
        (279, 2),
    ];
    let mut bytes = b"II*\0\x08\0\0\0\x09\0".to_vec();
    for (tag, value) in fields {
        bytes.extend(u16::to_le_bytes(tag));
        // One number of 32 bits.
        bytes.extend([4, 0, 1, 0, 0, 0]);
        bytes.extend(value.to_le_bytes());
    }
    bytes.resize(200, 0);
    bytes.extend([0x81, 0x40]);
    bytes
}

/// With 1,001 comments before its size.
fn jpeg(side: u16) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    bytes.extend([0xff, 0xfe, 0, 4, b'h', b'i'].repeat(1001));
    bytes.extend([0xff, 0xc0, 0, 11, 8]);
    bytes.extend([side.to_be_bytes(), side.to_be_bytes()].concat());
    bytes.extend([1, 1, 0x11, 0]);
    bytes.extend([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0, 0, 0xff, 0xd9]);
    bytes
}

/// With a header for each of these sizes.
fn png(sides: &[u32]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = |side: &u32| {
        let mut header = [side.to_be_bytes(), side.to_be_bytes()].concat();
        header.extend([8, 2, 0, 0, 0]);
        (b"IHDR", header)
    };
    let mut chunks: Vec<(&[u8; 4], Vec<u8>)> = sides.iter().map(header).collect();
    chunks.push((b"IEND", Vec::new()));
    for (kind, body) in chunks {
        bytes.extend(u32::try_from(body.len()).expect("small").to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(&body);
        bytes.extend(kind);
        bytes.extend(&body);
        bytes.extend(crc.sum().to_be_bytes());
    }
    bytes
}

/// The most memory that this process has had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).expect("told");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn pictures_that_unfold_to_more_than_there_is_memory_for_are_refused_by_name_and_memory_stays() {
    let dir = tempfile::tempdir().expect("temp");
    let too_many = "pixels are too many";
    let bombs: [(&str, Vec<u8>, &str); 9] = [
        ("a.bmp", bmp(14_000), "14000x14000 pixels are too many"),
        ("b.webp", webp(16_000), "16000x16000 pixels are too many"),
        ("c.gif", gif(20_000), "20000x20000 pixels are too many"),
        ("d.tiff", tiff(20_000), "20000x20000 pixels are too many"),
        ("e.jpg", jpeg(20_000), "20000x20000 pixels are too many"),
        ("f.png", png(&[20_000]), "20000x20000 pixels are too many"),
        // By name it is something else.
        ("g.png", bmp(14_000), too_many),
        // It takes its word back.
        ("h.png", png(&[64, 20_000]), ""),
        (
            "i.svg",
            b"<svg xmlns='http://www.w3.org/2000/svg' width='20000' height='20000'/>".to_vec(),
            "no picture of a kind",
        ),
    ];
    assert_eq!(bombs[0].1.len(), 1080);
    let mut data = data();
    let mut items = Vec::new();
    for (name, bytes, _) in &bombs {
        let file = dir.path().join(name);
        std::fs::write(&file, bytes).expect("written");
        data.library.insert((*name).to_owned(), file);
        items.push(format!(r#"{{"type":"picture","content":"{name}","duration_ms":500}}"#));
    }
    // A film is no way around.
    data.library.insert("film".to_owned(), dir.path().join("a.bmp"));
    items.push(r#"{"type":"video","content":"film"}"#.to_owned());
    let mut scene = scene(&format!(
        r##"{{"version":1,"name":"t","width":128,"height":72,"pages":[{{"name":"home","background":"#ffffff","zones":[
        {{"name":"main","rect":{{"x":0,"y":0,"width":128,"height":72}},"widget":{{"type":"playlist","items":[{}]}}}}]}}]}}"##,
        items.join(",")
    ));
    let mut canvas = Canvas::new(128, 72, [255; 3]);
    // From here on (proc(5)).
    std::fs::write("/proc/self/clear_refs", "5").expect("the peak begins anew");
    let before = peak();
    let start = std::time::Instant::now();
    wait_for("all are named", LIMIT, || {
        scene.draw(&mut canvas, &moment(start.elapsed()), &data, &mut Region::default());
        let faults = scene.faults();
        let is_named = |name: &str, what: &str| {
            faults
                .iter()
                .any(|it| it.starts_with(&format!("{name}: ")) && it.contains(what))
        };
        let all = bombs.iter().all(|(name, _, what)| is_named(name, what));
        (all && is_named("film", too_many)).then_some(())
    });
    let grown = peak() - before;
    assert!(grown < MEMORY, "{grown} KiB more");
}

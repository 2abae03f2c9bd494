//! A plan of the bays, drawn without the picture: SVG, in which a taken bay is dark and crossed, a free one is white.

use std::fmt::Write as _;

use super::lot::Lot;

/// Units of the drawing: a picture's width, and a height of 9 by 16 of it unless `shape` says another.
const WIDTH: f64 = 1280.0;

/// Draws the bays as they lie in the picture. `shape`: its height by its width.
#[must_use]
pub fn plan(lot: &Lot, shape: f64) -> String {
    let height = (WIDTH * shape).round();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"20\" text-anchor=\"middle\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#e8e8eb\"/>\n"
    );
    for (name, outline, is_taken) in lot.bays() {
        let points: Vec<[f64; 2]> = outline.iter().map(|[x, y]| [x * WIDTH, y * height]).collect();
        let corners: Vec<String> = points.iter().map(|[x, y]| format!("{x:.0},{y:.0}")).collect();
        let (fill, ink) = match is_taken {
            Some(true) => ("#1a1a1c", "#ffffff"),
            Some(false) => ("#ffffff", "#1a1a1c"),
            None => ("#b4b4b7", "#1a1a1c"),
        };
        // Writing to a text doesn't fail.
        let _ = writeln!(
            svg,
            "<polygon points=\"{}\" fill=\"{fill}\" stroke=\"#1a1a1c\" stroke-width=\"2\"/>",
            corners.join(" ")
        );
        if is_taken == Some(true) {
            let across = |a: usize, b: usize| {
                let ([ax, ay], [bx, by]) = (points[a], points[b]);
                format!("M{ax:.0} {ay:.0}L{bx:.0} {by:.0}")
            };
            let second = if points.len() > 3 { across(1, 3) } else { String::new() };
            let _ = writeln!(svg, "<path d=\"{}{second}\" stroke=\"#949497\"/>", across(0, 2));
        }
        let middle = [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / points.len() as f64);
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" fill=\"{ink}\">{}</text>",
            middle[0],
            middle[1] + 7.0,
            escaped(name)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

//! Pages that a booth prints: pictures (JPEG) that become one PDF (ISO 32000-1), each on a sheet of A4 of its own.
//!
//! Pure. Invariant: what isn't a whole JPEG never reaches a printer, and a picture is neither cut nor distorted.

use std::fmt::Write as _;

/// A sheet of A4, in points (1/72 inch).
const SHEET: (f64, f64) = (595.28, 841.89);
/// What printers can't print on, all round.
const MARGIN: f64 = 14.0;
/// The most pages of one job, and the largest picture's side in pixels.
pub(super) const MOST_PAGES: usize = 20;
const LARGEST_SIDE: u16 = 10_000;

/// Why something isn't printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAPage {
    #[error("there is nothing to print")]
    Empty,
    #[error("more than {MOST_PAGES} pages")]
    TooMany,
    #[error("page {0} isn't a JPEG of a size that can be printed")]
    Broken(usize),
}

/// What a JPEG says of itself in its frame header. (ITU-T T.81 §B.2.2)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Picture {
    width: u16,
    height: u16,
    components: u8,
}

/// All pages as one document.
///
/// # Errors
/// [`NotAPage`]: which page can't be printed, from 1.
pub(super) fn document(pages: &[Vec<u8>]) -> Result<Vec<u8>, NotAPage> {
    if pages.is_empty() {
        return Err(NotAPage::Empty);
    }
    if pages.len() > MOST_PAGES {
        return Err(NotAPage::TooMany);
    }
    let mut pictures = Vec::new();
    for (index, bytes) in pages.iter().enumerate() {
        pictures.push((read(bytes).ok_or(NotAPage::Broken(index + 1))?, bytes));
    }
    Ok(write(&pictures))
}

/// `None`: it isn't a JPEG that printers know, or isn't whole.
fn read(bytes: &[u8]) -> Option<Picture> {
    const BEGIN: [u8; 2] = [0xff, 0xd8];
    const END: [u8; 2] = [0xff, 0xd9];
    if !bytes.starts_with(&BEGIN) || !bytes.ends_with(&END) {
        return None;
    }
    let mut at = 2;
    loop {
        let (marker, length) = match *bytes.get(at..at + 4)? {
            [0xff, marker, high, low] => (marker, usize::from(u16::from_be_bytes([high, low]))),
            _ => return None,
        };
        match marker {
            // Baseline and progressive, Huffman coded, 8 bits.
            0xc0..=0xc2 => {
                let body = bytes.get(at + 4..at + 2 + length)?;
                let &[8, h1, h0, w1, w0, components, ..] = body else {
                    return None;
                };
                let picture = Picture {
                    width: u16::from_be_bytes([w1, w0]),
                    height: u16::from_be_bytes([h1, h0]),
                    components,
                };
                let is_sized = |side: u16| (1..=LARGEST_SIDE).contains(&side);
                let is_known = matches!(components, 1 | 3) && is_sized(picture.width) && is_sized(picture.height);
                return is_known.then_some(picture);
            }
            // The picture begins, and no frame was described.
            0xda | 0xd9 => return None,
            _ => at += 2 + length.max(2),
        }
    }
}

/// How large a picture is on the sheet, and where its lower left corner lies, in points. Lying pictures are on lying sheets.
fn place(picture: Picture) -> ((f64, f64), [f64; 4]) {
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let sheet = if width > height { (SHEET.1, SHEET.0) } else { SHEET };
    let scale = f64::min((sheet.0 - 2.0 * MARGIN) / width, (sheet.1 - 2.0 * MARGIN) / height);
    let (width, height) = (width * scale, height * scale);
    (
        sheet,
        [width, height, (sheet.0 - width) / 2.0, (sheet.1 - height) / 2.0],
    )
}

/// Objects 1 and 2 are catalogue and page tree; each page has three: itself, its content, its picture.
fn write(pictures: &[(Picture, &Vec<u8>)]) -> Vec<u8> {
    let mut out = Out::default();
    out.bytes.extend_from_slice(b"%PDF-1.4\n");
    let kids: String = (0..pictures.len())
        .map(|index| format!("{} 0 R ", 3 + 3 * index))
        .collect();
    out.object("<< /Type /Catalog /Pages 2 0 R >>", None);
    out.object(
        &format!("<< /Type /Pages /Kids [{kids}] /Count {} >>", pictures.len()),
        None,
    );
    for (index, (picture, bytes)) in pictures.iter().enumerate() {
        let (content, image) = (4 + 3 * index, 5 + 3 * index);
        let (sheet, [width, height, left, bottom]) = place(*picture);
        out.object(
            &format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {:.2} {:.2}] /Contents {content} 0 R \
                 /Resources << /XObject << /P {image} 0 R >> >> >>",
                sheet.0, sheet.1
            ),
            None,
        );
        let drawing = format!("q {width:.2} 0 0 {height:.2} {left:.2} {bottom:.2} cm /P Do Q");
        out.object(&format!("<< /Length {} >>", drawing.len()), Some(drawing.as_bytes()));
        let colours = if picture.components == 1 {
            "DeviceGray"
        } else {
            "DeviceRGB"
        };
        out.object(
            &format!(
                "<< /Type /XObject /Subtype /Image /Width {} /Height {} /ColorSpace /{colours} /BitsPerComponent 8 \
                 /Filter /DCTDecode /Length {} >>",
                picture.width,
                picture.height,
                bytes.len()
            ),
            Some(bytes),
        );
    }
    out.finish()
}

#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Out {
    fn object(&mut self, dictionary: &str, stream: Option<&[u8]>) {
        self.places.push(self.bytes.len());
        self.bytes
            .extend_from_slice(format!("{} 0 obj\n{dictionary}\n", self.places.len()).as_bytes());
        if let Some(stream) = stream {
            self.bytes.extend_from_slice(b"stream\n");
            self.bytes.extend_from_slice(stream);
            self.bytes.extend_from_slice(b"\nendstream\n");
        }
        self.bytes.extend_from_slice(b"endobj\n");
    }

    fn finish(mut self) -> Vec<u8> {
        let begins = self.bytes.len();
        let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", self.places.len() + 1);
        for place in &self.places {
            // Writing into a text doesn't fail.
            let _ = writeln!(end, "{place:010} 00000 n ");
        }
        let _ = write!(
            end,
            "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{begins}\n%%EOF\n",
            self.places.len() + 1
        );
        self.bytes.extend_from_slice(end.as_bytes());
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a JPEG and its end: what is in between isn't looked at here.
    fn jpeg(width: u16, height: u16, components: u8) -> Vec<u8> {
        let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 8 + 3 * components, 8];
        bytes.extend_from_slice(&height.to_be_bytes());
        bytes.extend_from_slice(&width.to_be_bytes());
        bytes.push(components);
        bytes.extend(std::iter::repeat_n(0, 3 * usize::from(components)));
        bytes.extend_from_slice(&[0xff, 0xd9]);
        bytes
    }

    #[test]
    fn what_is_no_picture_is_refused_and_named() {
        assert_eq!(document(&[]), Err(NotAPage::Empty));
        assert_eq!(document(&vec![jpeg(10, 10, 3); 21]), Err(NotAPage::TooMany));
        let whole = jpeg(10, 10, 3);
        for broken in [
            Vec::new(),
            b"%PDF-1.7 not a picture".to_vec(),
            vec![0xff, 0xd8, 0xff, 0xd9],
            whole[..whole.len() - 2].to_vec(),
            jpeg(0, 10, 3),
            jpeg(10, 20_000, 3),
            jpeg(10, 10, 4),
            vec![0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff, 0xff, 0xd9],
        ] {
            assert_eq!(document(&[whole.clone(), broken]), Err(NotAPage::Broken(2)));
        }
    }

    #[test]
    fn a_picture_is_whole_on_its_sheet_and_not_distorted() {
        for (width, height) in [(2480, 3508), (3508, 2480), (100, 100), (10_000, 1), (1, 10_000)] {
            let (sheet, [w, h, left, bottom]) = place(Picture {
                width,
                height,
                components: 3,
            });
            assert!(left >= MARGIN - 1e-6 && bottom >= MARGIN - 1e-6, "{width}x{height}");
            assert!(left + w <= sheet.0 - MARGIN + 1e-6 && bottom + h <= sheet.1 - MARGIN + 1e-6);
            let (before, after) = (f64::from(width) / f64::from(height), w / h);
            assert!((before / after - 1.0).abs() < 1e-9);
            assert_eq!(sheet.0 > sheet.1, width > height);
        }
    }

    #[test]
    fn every_object_lies_where_the_table_says() {
        let file = document(&[jpeg(600, 800, 3), jpeg(800, 600, 1)]).expect("pages");
        let text = String::from_utf8_lossy(&file);
        assert!(text.contains("/Count 2") && text.contains("/DeviceGray") && text.contains("[0 0 841.89 595.28]"));
        let begins: usize = text
            .rsplit("startxref\n")
            .next()
            .and_then(|it| it.lines().next())
            .and_then(|it| it.parse().ok())
            .expect("a place");
        let table = std::str::from_utf8(&file[begins..]).expect("text");
        let places = table.lines().skip(3).take_while(|line| line.ends_with("n "));
        let mut number = 0;
        for line in places {
            number += 1;
            let place: usize = line[..10].parse().expect("a number");
            assert!(
                file[place..].starts_with(format!("{number} 0 obj\n").as_bytes()),
                "{line}"
            );
        }
        assert_eq!(number, 8);
    }
}

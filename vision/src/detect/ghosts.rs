//! Foreground that nobody is in: where somebody stood while the background was learned, and left.
//!
//! A person has an outline in the picture; a ghost has its outline in the learned background instead, and the
//! picture goes on smoothly across it.

use opencv::core::{self, Mat, MatTraitConst as _, MatTraitConstManual as _, Size};
use opencv::imgproc;

use super::DetectError;

/// A blob is a ghost when the picture's edge along its outline is weaker than this share of the background's.
const EDGE_SHARE: f64 = 0.6;

/// One blob's outline.
#[derive(Debug, Clone, Copy, Default)]
struct Outline {
    pixels: i32,
    in_picture: f64,
    in_background: f64,
}

impl Outline {
    fn is_ghost(&self, smallest: i32) -> bool {
        self.pixels >= smallest && self.in_picture < EDGE_SHARE * self.in_background
    }
}

/// The blobs of a mask (0 or 255) that are ghosts, as a mask; `None` when there are none. Blobs with fewer than
/// `smallest` pixels of outline are never called ghosts.
pub(super) fn find(mask: &Mat, picture: &Mat, background: &Mat, smallest: i32) -> Result<Option<Mat>, DetectError> {
    let mut labels = Mat::default();
    let blobs = imgproc::connected_components_def(mask, &mut labels)?;
    let blobs = usize::try_from(blobs).unwrap_or(0);
    if blobs <= 1 {
        return Ok(None);
    }
    let square = imgproc::get_structuring_element_def(imgproc::MORPH_RECT, Size::new(3, 3))?;
    let (mut inner, mut rim) = (Mat::default(), Mat::default());
    imgproc::erode_def(mask, &mut inner, &square)?;
    core::subtract_def(mask, &inner, &mut rim)?;
    let (now, before) = (edges(picture)?, edges(background)?);
    let mut outlines = vec![Outline::default(); blobs];
    let labels_of = labels.data_typed::<i32>()?;
    let pixels = labels_of.iter().zip(rim.data_bytes()?);
    let strengths = now.data_typed::<f32>()?.iter().zip(before.data_typed::<f32>()?);
    for ((label, is_rim), (now, before)) in pixels.zip(strengths) {
        if *is_rim > 0
            && let Some(outline) = usize::try_from(*label).ok().and_then(|label| outlines.get_mut(label))
        {
            outline.pixels += 1;
            outline.in_picture += f64::from(*now);
            outline.in_background += f64::from(*before);
        }
    }
    // Label 0 is where no blob is.
    let are_ghosts: Vec<bool> = outlines.iter().map(|outline| outline.is_ghost(smallest)).collect();
    if !are_ghosts.contains(&true) {
        return Ok(None);
    }
    let of = |label: &i32| usize::try_from(*label).ok().and_then(|label| are_ghosts.get(label));
    let marks: Vec<u8> = labels_of
        .iter()
        .map(|label| if of(label) == Some(&true) { 255 } else { 0 })
        .collect();
    let ghosts = Mat::from_slice(&marks)?.reshape(1, mask.rows())?.try_clone()?;
    Ok(Some(ghosts))
}

/// How strong the edge is at each pixel, of the grey picture.
fn edges(picture: &Mat) -> Result<Mat, DetectError> {
    let (mut grey, mut x, mut y, mut strength) = (Mat::default(), Mat::default(), Mat::default(), Mat::default());
    imgproc::cvt_color_def(picture, &mut grey, imgproc::COLOR_BGR2GRAY)?;
    imgproc::sobel_def(&grey, &mut x, core::CV_32F, 1, 0)?;
    imgproc::sobel_def(&grey, &mut y, core::CV_32F, 0, 1)?;
    core::magnitude(&x, &y, &mut strength)?;
    Ok(strength)
}

//! A model at work: OpenCV's dnn, on the CPU.
//!
//! Invariant: its memory is bounded by its input's size; a picture's size changes nothing.

use std::path::{Path, PathBuf};

use opencv::core::{self, Mat, MatTraitConst as _, MatTraitConstManual as _, Rect, Scalar, Size, ToInputArray, Vector};
use opencv::prelude::{NetTrait as _, NetTraitConst as _};
use opencv::{dnn, imgproc};

use super::card::{Fit, Format, Nanodet, sha256};
use super::{Box2, Card, Found, ModelError, boxes, darknet, decode, nanodet, onnx};

/// The grey that YOLOX was trained to see around pictures.
const GREY: f64 = 114.0;

/// Of the candidates of one picture so many are looked at, the surest first.
const MOST_CANDIDATES: usize = 1000;

/// A model that was opened, checked and found to answer as its card says.
pub struct Model {
    file: PathBuf,
    card: Card,
    net: dnn::Net,
    outputs: Vector<String>,
    shrunk: Mat,
    resized: Mat,
    canvas: Mat,
    /// Of NanoDet's input, on its way to the mean and spread that it knows.
    shifted: Mat,
    scaled: Mat,
    blob: Mat,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// Opens a model by its file; its card stands beside it.
    ///
    /// # Errors
    /// [`ModelError`] naming the file: missing, another one than the card says, broken, or of another input size.
    pub fn open(file: &Path) -> Result<Self, ModelError> {
        let card = Card::read(file)?;
        Self::with_card(file, card)
    }

    /// Opens a model with a card that isn't written yet.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn with_card(file: &Path, card: Card) -> Result<Self, ModelError> {
        let bytes = read_checked(file, &card.sha256)?;
        let net = match (card.format, &card.network, &card.network_sha256) {
            (Format::Darknet, Some(network), Some(hash)) => {
                let network = read_checked(&file.with_file_name(network), hash)?;
                check_length(file, &network, &bytes)?;
                open_darknet(file, &network, &bytes)?
            }
            _ => {
                check_input(file, &bytes, card.input)?;
                open_onnx(file, &bytes)?
            }
        };
        let mut model = Self {
            file: file.to_owned(),
            outputs: net.get_unconnected_out_layers_names()?,
            net,
            card,
            shrunk: Mat::default(),
            resized: Mat::default(),
            canvas: Mat::default(),
            shifted: Mat::default(),
            scaled: Mat::default(),
            blob: Mat::default(),
        };
        let [width, height] = model.sides();
        let grey = Mat::new_rows_cols_with_default(height, width, core::CV_8UC3, Scalar::all(GREY))?;
        model.find(&grey, Rect::new(0, 0, width, height))?;
        Ok(model)
    }

    /// Its card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// What is in a part of a picture (8-bit blue, green, red), in the whole picture's pixels, surest first;
    /// from the card's `weak` score on.
    ///
    /// # Errors
    /// [`ModelError`] when the network doesn't answer as its card says.
    pub fn find(&mut self, picture: &Mat, part: Rect) -> Result<Vec<Found>, ModelError> {
        let scale = self.prepare(picture, part)?;
        self.net.set_input(&self.blob, "", 1.0, Scalar::default())?;
        let mut answers: Vector<Mat> = Vector::new();
        let forward = self.net.forward(&mut answers, &self.outputs);
        forward.map_err(|error| self.shape(format!("it can't be run: {}", first_line(&error.message))))?;
        let mut candidates = match &self.card.nanodet {
            Some(how) => self.decode_nanodet(&answers, how)?,
            None => {
                let mut candidates = Vec::new();
                for answer in &answers {
                    candidates.append(&mut self.decode(&answer)?);
                }
                candidates
            }
        };
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
        candidates.truncate(MOST_CANDIDATES);
        let found = candidates.iter().filter_map(|candidate| {
            let place = candidate.place;
            Some(Found {
                kind: self.card.kind(candidate.class)?,
                place: Box2::new(
                    place.left / scale[0] + f64::from(part.x),
                    place.top / scale[1] + f64::from(part.y),
                    place.width / scale[0],
                    place.height / scale[1],
                ),
                score: candidate.score,
            })
        });
        Ok(boxes::suppress(found.collect(), self.card.overlap))
    }

    /// Brings a part of a picture into the network's input; by what its sides were multiplied.
    fn prepare(&mut self, picture: &Mat, part: Rect) -> Result<[f64; 2], ModelError> {
        let [width, height] = self.sides();
        let part_of = Mat::roi(picture, part)?;
        let whole = [
            f64::from(width) / f64::from(part.width),
            f64::from(height) / f64::from(part.height),
        ];
        let scale = match self.card.fit {
            Fit::Stretch => whole,
            Fit::Letterbox => [whole[0].min(whole[1]); 2],
        };
        // At least one pixel, at most the input.
        let side = |pixels: i32, scale: f64, limit: i32| ((f64::from(pixels) * scale).round() as i32).clamp(1, limit);
        let size = Size::new(side(part.width, scale[0], width), side(part.height, scale[1], height));
        // Above half the size nothing is lost between the pixels that are taken; what is smaller is shrunk first.
        let times = scale.map(|scale| (1.0 / scale).floor() as i32);
        shrink(&part_of, &mut self.shrunk, times)?;
        imgproc::resize(&self.shrunk, &mut self.resized, size, 0.0, 0.0, imgproc::INTER_LINEAR)?;
        let (right, lower) = (width - size.width, height - size.height);
        let grey = Scalar::all(GREY);
        core::copy_make_border(
            &self.resized,
            &mut self.canvas,
            0,
            lower,
            0,
            right,
            core::BORDER_CONSTANT,
            grey,
        )?;
        let (factor, swaps_colours) = match self.card.format {
            Format::Yolox => (1.0, false),
            Format::Darknet => (1.0 / 255.0, true),
            Format::Nanodet => (1.0, false),
        };
        if let Some(how) = &self.card.nanodet {
            self.canvas.convert_to(&mut self.shifted, core::CV_32FC3, 1.0, 0.0)?;
            let scalar = |[blue, green, red]: [f64; 3]| Scalar::new(blue, green, red, 0.0);
            let (mean, parts) = (scalar(how.mean), scalar(how.std.map(|std| 1.0 / std)));
            core::subtract(&self.shifted, &mean, &mut self.scaled, &core::no_array(), -1)?;
            core::multiply(&self.scaled, &parts, &mut self.shifted, 1.0, -1)?;
        }
        let input = match self.card.format {
            Format::Nanodet => &self.shifted,
            Format::Yolox | Format::Darknet => &self.canvas,
        };
        let size = Size::new(width, height);
        self.blob = dnn::blob_from_image(
            input,
            factor,
            size,
            Scalar::default(),
            swaps_colours,
            false,
            core::CV_32F,
        )?;
        Ok(scale)
    }

    fn decode_nanodet(&self, answers: &Vector<Mat>, how: &Nanodet) -> Result<Vec<decode::Candidate>, ModelError> {
        let mats: Vec<Mat> = answers.iter().collect();
        let mut rows = Vec::new();
        for mat in &mats {
            let sizes: Vec<i32> = mat.mat_size().to_vec();
            let columns = sizes.last().and_then(|columns| usize::try_from(*columns).ok());
            let Some(columns) = columns.filter(|columns| *columns > 0 && mat.typ() == core::CV_32FC1) else {
                return Err(self.shape(format!("it answers {sizes:?}")));
            };
            let numbers = mat.data_typed::<f32>()?;
            rows.push(nanodet::Rows { columns, numbers });
        }
        let input = self.card.input;
        let answer = nanodet::Answer::of(&rows, how, input).map_err(|why| self.shape(why))?;
        self.check_classes(answer.classes)?;
        Ok(answer.boxes(how, input, self.card.weak))
    }

    /// Whether the card names classes that the model knows.
    fn check_classes(&self, classes: usize) -> Result<(), ModelError> {
        let named = self.card.person.iter().chain(&self.card.vehicle);
        match named.max() {
            Some(most) if *most >= classes => {
                Err(self.shape(format!("it knows {classes} classes, the card names {most}")))
            }
            _ => Ok(()),
        }
    }

    fn decode(&self, answer: &Mat) -> Result<Vec<decode::Candidate>, ModelError> {
        let sizes: Vec<i32> = answer.mat_size().to_vec();
        let columns = sizes.last().and_then(|columns| usize::try_from(*columns).ok());
        let Some(columns) = columns.filter(|columns| *columns >= 6 && answer.typ() == core::CV_32FC1) else {
            return Err(self.shape(format!("it answers {sizes:?}")));
        };
        let numbers = answer.data_typed::<f32>()?;
        self.check_classes(columns - 5)?;
        let (input, weak) = (self.card.input, self.card.weak);
        match self.card.format {
            Format::Yolox => {
                let rows = decode::yolox_rows(input);
                if numbers.len() != rows * columns {
                    return Err(self.shape(format!("it answers {sizes:?}")));
                }
                Ok(decode::yolox(numbers, columns, input, weak))
            }
            Format::Darknet | Format::Nanodet => Ok(decode::darknet(numbers, columns, input, weak)),
        }
    }

    fn shape(&self, why: String) -> ModelError {
        let [width, height] = self.card.input;
        let expected = match self.card.format {
            Format::Nanodet => format!(
                "a NanoDet model for {width}x{height} pixels that answers {} rows, of classes and of 4 x {} numbers: does the \
                 card name its input size, strides and bins?",
                (self.card.nanodet.as_ref()).map_or(0, |how| nanodet::rows(how, self.card.input)),
                (self.card.nanodet.as_ref()).map_or(0, |how| how.bins),
            ),
            Format::Yolox => format!(
                "a YOLOX model for {width}x{height} pixels that answers {} rows: does the card name its input size?",
                decode::yolox_rows(self.card.input)
            ),
            Format::Darknet => format!("a Darknet model for {width}x{height} pixels that answers rows of boxes"),
        };
        ModelError::Shape {
            file: self.file.clone(),
            why,
            expected,
        }
    }

    /// The input's sides; `Card::check` keeps them far below i32's limit.
    fn sides(&self) -> [i32; 2] {
        self.card.input.map(|side| i32::try_from(side).unwrap_or(i32::MAX))
    }
}

/// Shrinks by whole numbers, across and down: each pixel is the mean of so many. That keeps the small people that single
/// pixels would lose, and costs a tenth of shrinking to any size, where it goes evenly.
///
/// # Errors
/// OpenCV's.
pub(crate) fn shrink(
    picture: &(impl core::MatTraitConst + ToInputArray),
    to: &mut Mat,
    times: [i32; 2],
) -> opencv::Result<()> {
    let size = picture.size()?;
    let side = |pixels: i32, times: i32| (pixels / times.max(1)).max(1);
    let size = Size::new(side(size.width, times[0]), side(size.height, times[1]));
    imgproc::resize(picture, to, size, 0.0, 0.0, imgproc::INTER_AREA)
}

fn read_checked(file: &Path, expected: &str) -> Result<Vec<u8>, ModelError> {
    let bytes = std::fs::read(file).map_err(|error| ModelError::Read {
        file: file.to_owned(),
        error,
    })?;
    let found = sha256(&bytes);
    if found.eq_ignore_ascii_case(expected) {
        return Ok(bytes);
    }
    Err(ModelError::Hash {
        file: file.to_owned(),
        found,
        expected: expected.to_owned(),
    })
}

/// OpenCV runs some models of a fixed size with any, and they find what isn't there. A side that may be any passes.
fn check_input(file: &Path, bytes: &[u8], card: [usize; 2]) -> Result<(), ModelError> {
    let declared = onnx::input_sides(bytes);
    let is_other = |(declared, side): (&Option<u64>, &usize)| declared.is_some_and(|it| it != *side as u64);
    if !declared.iter().zip(&card).any(is_other) {
        return Ok(());
    }
    let word = |side: Option<u64>| side.map_or_else(|| "any".to_owned(), |side| side.to_string());
    Err(ModelError::Input {
        file: file.to_owned(),
        takes: format!("{}x{}", word(declared[0]), word(declared[1])),
        card,
    })
}

fn check_length(file: &Path, network: &[u8], weights: &[u8]) -> Result<(), ModelError> {
    let has = weights.len() as u64;
    match darknet::weights_needed(network, darknet::head_of(weights)) {
        Some(needs) if has < needs => Err(ModelError::Short {
            file: file.to_owned(),
            has,
            needs,
        }),
        _ => Ok(()),
    }
}

/// From the very bytes that were hashed.
fn open_onnx(file: &Path, bytes: &[u8]) -> Result<dnn::Net, ModelError> {
    let net = dnn::read_net_from_onnx_buffer(&Vector::from_slice(bytes));
    opened(file, "ONNX", net)
}

fn open_darknet(file: &Path, network: &[u8], weights: &[u8]) -> Result<dnn::Net, ModelError> {
    let net = dnn::read_net_from_darknet_buffer(&Vector::from_slice(network), &Vector::from_slice(weights));
    opened(file, "Darknet", net)
}

fn opened(file: &Path, format: &'static str, net: opencv::Result<dnn::Net>) -> Result<dnn::Net, ModelError> {
    let is_usable = |net: &dnn::Net| !net.empty().unwrap_or(true);
    let mut net = net.ok().filter(is_usable).ok_or_else(|| ModelError::Open {
        file: file.to_owned(),
        format,
    })?;
    net.set_preferable_backend(dnn::DNN_BACKEND_OPENCV)?;
    net.set_preferable_target(dnn::DNN_TARGET_CPU)?;
    Ok(net)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

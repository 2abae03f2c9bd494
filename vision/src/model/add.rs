//! Taking a model in: `vision models add`.
//!
//! Invariant: what lies in the models' folder with a card was hashed, opened, run on a picture, and has a licence note.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::civil::Date;
use opencv::core::{Mat, MatTraitConst as _};
use opencv::imgcodecs;
use opencv::prelude::VideoCaptureTrait as _;
use opencv::videoio::{self, VideoCapture};

use super::card::{Fit, Format, Nanodet, sha256};
use super::tried::Tried;
use super::{Card, Model};

/// A model for a small machine is smaller.
const MOST_BYTES: u64 = 512 * 1024 * 1024;

/// A download may take so long.
const FETCH_LIMIT: Duration = Duration::from_secs(300);

/// What is known of a model before it is looked at.
#[derive(Debug, Clone)]
pub struct Order {
    /// A file, or an `https://` address.
    pub from: String,
    /// Darknet: the cfg, a file or an address.
    pub network: Option<String>,
    /// The folder of the office's models.
    pub to: PathBuf,
    /// The licence that it is under.
    pub licence: String,
    /// What its SHA-256 must be, where its source says so.
    pub sha256: Option<String>,
    /// NanoDet: how it is used.
    pub nanodet: Option<Nanodet>,
    /// Its input's width and height; found by trying where it isn't given.
    pub input: Option<[usize; 2]>,
    /// Class ids that are people; for models with COCO's 80 classes or one class, they are known.
    pub person: Vec<usize>,
    /// Class ids that are vehicles, as `person`.
    pub vehicle: Vec<usize>,
    /// A picture or film with people that it must find; for a model that knows vehicles, a car park with some does as well.
    pub picture: PathBuf,
    /// The day of the trial, UTC.
    pub on: Date,
}

/// What came of it.
#[derive(Debug)]
pub struct Added {
    /// Where the model lies now.
    pub file: PathBuf,
    /// Its card.
    pub card: Card,
    /// What it did in the picture, as the card says.
    pub tried: Tried,
}

/// A card's `sure`, `weak` and `overlap` for models of a format. Fitted to YOLOX-nano and Yolo-Fastest on a film of a
/// square; a wide range around them does as well there. Darknet's scores of small networks are too high by far.
fn thresholds(format: Format) -> [f64; 3] {
    match format {
        Format::Yolox | Format::Nanodet => [0.4, 0.1, 0.5],
        Format::Darknet => [0.6, 0.2, 0.35],
    }
}

/// Input sizes that are tried, the usual ones first.
const USUAL_INPUTS: [usize; 8] = [416, 320, 640, 192, 256, 352, 512, 608];

/// Fetches or reads a model, checks it, tries it on a picture, and lays it with its card into the folder.
///
/// # Errors
/// A sentence that says what is wrong with it; nothing is left in the folder then.
pub async fn add(order: &Order) -> Result<Added> {
    if order.licence.trim().is_empty() {
        bail!("--licence: expected the licence that the model is under, such as Apache-2.0");
    }
    let model = fetch(&order.from).await?;
    let hash = sha256(&model.bytes);
    if let Some(expected) = order
        .sha256
        .as_deref()
        .filter(|expected| !hash.eq_ignore_ascii_case(expected))
    {
        bail!("{}: its SHA-256 is {hash}, expected {expected}", order.from);
    }
    let network = match &order.network {
        Some(from) => Some(fetch(from).await?),
        None => None,
    };
    let format = match (Path::new(&model.name).extension().and_then(|it| it.to_str()), &network) {
        (Some("onnx"), None) => Format::Yolox,
        (Some("weights"), Some(_)) => Format::Darknet,
        (Some("weights"), None) => bail!("{}: Darknet's weights need --network FILE.cfg", order.from),
        _ => bail!(
            "{}: expected a .onnx file (YOLOX, LWPD, NanoDet), or .weights with --network",
            order.from
        ),
    };
    let format = match (format, &order.nanodet) {
        (Format::Yolox, Some(_)) => Format::Nanodet,
        (Format::Darknet, Some(_)) => bail!("{}: NanoDet is expected as .onnx", order.from),
        (format, _) => format,
    };
    std::fs::create_dir_all(&order.to).with_context(|| order.to.display().to_string())?;
    // It is looked at in a folder of its own, so that nothing half-checked is ever in the models' folder.
    let trial = order.to.join(format!(".trial-{}", std::process::id()));
    std::fs::create_dir_all(&trial).with_context(|| trial.display().to_string())?;
    let outcome =
        try_out(order, format, &model, network.as_ref(), &trial).and_then(|added| settle(added, &trial, &order.to));
    let _ = std::fs::remove_dir_all(&trial);
    outcome
}

struct Fetched {
    name: String,
    bytes: Vec<u8>,
}

async fn fetch(from: &str) -> Result<Fetched> {
    let name = from.split(['?', '#']).next().and_then(|path| path.rsplit('/').next());
    let name = name.filter(|name| !name.is_empty() && !name.starts_with('.'));
    let name = name
        .with_context(|| format!("{from}: expected a file's name at its end"))?
        .to_owned();
    if !from.contains("://") {
        let size = std::fs::metadata(from).with_context(|| from.to_owned())?.len();
        if size > MOST_BYTES {
            bail!("{from}: {size} bytes, expected at most {MOST_BYTES}");
        }
        let bytes = std::fs::read(from).with_context(|| from.to_owned())?;
        return Ok(Fetched { name, bytes });
    }
    if !from.starts_with("https://") {
        bail!("{from}: expected a file, or an address that begins with https://");
    }
    let client = reqwest::Client::builder()
        .timeout(FETCH_LIMIT)
        .https_only(true)
        .build()?;
    let mut answer = client
        .get(from)
        .send()
        .await
        .and_then(reqwest::Response::error_for_status)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > MOST_BYTES {
            bail!("{from}: expected at most {MOST_BYTES} bytes");
        }
    }
    Ok(Fetched { name, bytes })
}

fn try_out(order: &Order, format: Format, model: &Fetched, network: Option<&Fetched>, trial: &Path) -> Result<Added> {
    let file = trial.join(&model.name);
    std::fs::write(&file, &model.bytes).with_context(|| file.display().to_string())?;
    if let Some(network) = network {
        std::fs::write(trial.join(&network.name), &network.bytes).with_context(|| network.name.clone())?;
    }
    let [sure, weak, overlap] = thresholds(format);
    let mut card = Card {
        format,
        input: [USUAL_INPUTS[0]; 2],
        fit: if format == Format::Darknet {
            Fit::Stretch
        } else {
            Fit::Letterbox
        },
        person: vec![0],
        vehicle: Vec::new(),
        sure,
        weak,
        overlap,
        licence: order.licence.trim().to_owned(),
        source: if order.from.contains("://") {
            order.from.clone()
        } else {
            String::new()
        },
        sha256: sha256(&model.bytes),
        network: network.map(|network| PathBuf::from(&network.name)),
        network_sha256: network.map(|network| sha256(&network.bytes)),
        nanodet: order.nanodet.clone(),
        tried: None,
    };
    let input = order
        .input
        .or_else(|| network.and_then(|network| input_of(&network.bytes)).map(shaped));
    card.input = match input {
        Some(input) => input,
        None => (USUAL_INPUTS.iter().map(|side| [*side; 2]))
            .find(|input| {
                Model::with_card(
                    &file,
                    Card {
                        input: *input,
                        ..card.clone()
                    },
                )
                .is_ok()
            })
            .unwrap_or(card.input),
    };
    // COCO's first class is the person; its 80 have cars, buses and trucks. A model with another list says so.
    card.person = if order.person.is_empty() {
        vec![0]
    } else {
        order.person.clone()
    };
    card.vehicle.clone_from(&order.vehicle);
    if order.person.is_empty() && order.vehicle.is_empty() {
        let coco = Card {
            vehicle: vec![2, 5, 7],
            ..card.clone()
        };
        let knows_80 = Model::with_card(
            &file,
            Card {
                person: vec![79],
                ..coco.clone()
            },
        )
        .is_ok();
        let knows_more = Model::with_card(
            &file,
            Card {
                person: vec![80],
                ..coco.clone()
            },
        )
        .is_ok();
        let knows_two = Model::with_card(
            &file,
            Card {
                person: vec![1],
                ..card.clone()
            },
        )
        .is_ok();
        match (knows_80 && !knows_more, knows_two) {
            (true, _) => card = coco,
            (false, false) => {}
            (false, true) => bail!(
                "{}: it knows several classes that aren't COCO's 80: --person, --vehicle say which ids are what",
                order.from
            ),
        }
    }
    card.check().map_err(|why| anyhow::anyhow!("{}: {why}", order.from))?;
    let mut opened = Model::with_card(&file, card.clone())?;
    let picture = first_picture(&order.picture)?;
    let tried = Tried::on(&picture, &order.picture, &mut opened, order.on)?;
    if tried.people + tried.vehicles == 0 {
        let whom = if card.vehicle.is_empty() {
            "nobody"
        } else {
            "neither people nor vehicles"
        };
        bail!(
            "{}: it finds {whom} in {}: another kind of model, other classes, or a picture without them",
            order.from,
            order.picture.display()
        );
    }
    card.tried = Some(tried.clone());
    card.check().map_err(|why| anyhow::anyhow!("{}: {why}", order.from))?;
    Ok(Added { file, card, tried })
}

/// The input that a Darknet network's description names (`width=`, `height=` in `[net]`).
fn input_of(network: &[u8]) -> Option<[usize; 2]> {
    let text = String::from_utf8_lossy(network);
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix('='));
        line.and_then(|value| value.trim().parse().ok())
    };
    Some([value("width")?, value("height")?])
}

/// A square network of layers that take any size sees cameras' pictures better in about their shape than squeezed into
/// its own, and costs less so: a little wider and lower, in steps of the cells that it looks by.
fn shaped([width, height]: [usize; 2]) -> [usize; 2] {
    let steps = |side: usize| (side / 32).max(1) * 32;
    if width == height {
        [steps(width * 11 / 10), steps(height * 4 / 5)]
    } else {
        [width, height]
    }
}

/// Moves what was checked to where it stays: the card last, for a model without one isn't used.
fn settle(mut added: Added, trial: &Path, to: &Path) -> Result<Added> {
    let place = |name: &std::ffi::OsStr| {
        let target = to.join(name);
        std::fs::rename(trial.join(name), &target).with_context(|| target.display().to_string())
    };
    let name = added.file.file_name().unwrap_or_default().to_owned();
    let file = to.join(&name);
    let _ = std::fs::remove_file(Card::beside(&file));
    if let Some(network) = &added.card.network {
        place(network.as_os_str())?;
    }
    place(&name)?;
    let card = Card::beside(&file);
    std::fs::write(&card, toml::to_string(&added.card)?).with_context(|| card.display().to_string())?;
    added.file = file;
    Ok(added)
}

/// A picture, or the first one of a film.
pub(super) fn first_picture(file: &Path) -> Result<Mat> {
    let name = file.to_str().filter(|_| file.is_file());
    let name = name.with_context(|| format!("--picture: there is no file {}", file.display()))?;
    let picture = imgcodecs::imread(name, imgcodecs::IMREAD_COLOR)?;
    if !picture.empty() {
        return Ok(picture);
    }
    let mut picture = Mat::default();
    let mut film = VideoCapture::from_file(name, videoio::CAP_FFMPEG)?;
    if film.read(&mut picture)? {
        return Ok(picture);
    }
    bail!("--picture {name}: expected a picture or a film");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_networks_input_is_read_from_its_description() {
        assert_eq!(
            input_of(b"[net]\nwidth=320\nheight = 192\n[convolutional]"),
            Some([320, 192])
        );
        assert_eq!(input_of(b"[net]\nwidth=wide"), None);
        assert_eq!([320, 416].map(|side| shaped([side; 2])), [[352, 256], [448, 320]]);
        assert_eq!(shaped([320, 192]), [320, 192], "it has a shape of its own");
    }
}

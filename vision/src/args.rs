//! What the command line says.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Counts people before the office's cameras. No picture is stored or sent; counts go to Redis.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// The office's configuration
    #[arg(long, value_name = "FILE", env = "MADOGUCHI_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) task: Option<Task>,
}

#[derive(Subcommand)]
pub(crate) enum Task {
    /// Counts a film offline and, with --truth, scores the counts and the people's ways
    Count(CountArgs),
    /// Checks a camera's table on a film of its place, and prints what it counts there
    Check {
        /// A TOML file with the camera's table (an office's, or one with only [[camera]])
        camera_file: PathBuf,
        /// The film
        film: PathBuf,
        /// Which camera of it; the first unless given
        #[arg(long, value_name = "ID")]
        camera: Option<String>,
        /// Draws a car park's bays as they were last, without the picture
        #[arg(long, value_name = "FILE.svg")]
        plan: Option<PathBuf>,
    },
    /// Says which bays of a car park are taken in pictures of it
    Lot {
        /// A TOML file with the camera's table (an office's, or one with only [[camera]])
        camera_file: PathBuf,
        /// Pictures, in their order
        #[arg(required = true)]
        pictures: Vec<PathBuf>,
        /// Which camera of it; the first unless given
        #[arg(long, value_name = "ID")]
        camera: Option<String>,
        /// One JSON array
        #[arg(long)]
        json: bool,
    },
    /// Prints the poster that tells people of the cameras: a page of HTML, for A4
    Notice(NoticeArgs),
    /// Reads one camera for `vision`, which starts it and tells it what to read
    #[command(hide = true)]
    Capture {
        /// The camera's id
        camera: String,
    },
    /// Counts a film for `vision`, which starts it and tells it which
    #[command(hide = true)]
    Trial,
    /// Looks after the files of detectors
    #[command(subcommand)]
    Models(Models),
}

#[derive(Args)]
pub(crate) struct NoticeArgs {
    /// The office's configuration
    #[arg(long, value_name = "FILE", env = "MADOGUCHI_CONFIG")]
    pub(crate) config: PathBuf,
    /// Whom to ask, such as "総務課 庁舎管理係"; the office unless given
    #[arg(long)]
    pub(crate) contact: Option<String>,
    /// Since when, as it is to be read, such as "令和8年4月1日"
    #[arg(long)]
    pub(crate) since: Option<String>,
}

#[derive(Subcommand)]
pub(crate) enum Models {
    /// Checks a model, tries it on a picture, and writes its card
    Add(AddArgs),
    /// Measures what one look costs
    Time(TimeArgs),
}

/// Kinds of ONNX files that don't say which they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Family {
    Yolox,
    Nanodet,
    NanodetPlus,
}

#[derive(Args)]
pub(crate) struct AddArgs {
    /// A file, or an https:// address: .onnx (YOLOX, LWPD; NanoDet with --family) or Darknet's .weights
    pub(crate) from: String,
    /// What kind of .onnx it is; YOLOX (LWPD is one) unless given
    #[arg(long, value_enum)]
    pub(crate) family: Option<Family>,
    /// Darknet: the network's .cfg, a file or an address
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) network: Option<String>,
    /// The licence that the model is under
    #[arg(long)]
    pub(crate) licence: String,
    /// What its SHA-256 must be
    #[arg(long, value_name = "HEX")]
    pub(crate) sha256: Option<String>,
    /// Its input, such as 416x416; found by trying unless given
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    pub(crate) input: Option<[usize; 2]>,
    /// Class ids that are people, where they aren't COCO's
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) person: Vec<usize>,
    /// Class ids that are cars, buses, trucks
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) vehicle: Vec<usize>,
    /// A picture or a film in which it must find somebody, or a car if it knows vehicles
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: PathBuf,
    /// The office's folder of models
    #[arg(long, value_name = "FOLDER", default_value = "run/models")]
    pub(crate) to: PathBuf,
}

#[derive(Args)]
pub(crate) struct TimeArgs {
    /// The model, with its card beside it
    pub(crate) model: PathBuf,
    /// A picture or a film to look at
    #[arg(long, value_name = "FILE")]
    pub(crate) picture: PathBuf,
    /// So many looks
    #[arg(long, default_value_t = 50)]
    pub(crate) looks: u32,
}

#[derive(Args)]
pub(crate) struct CountArgs {
    /// The film
    pub(crate) film: PathBuf,
    /// A TOML file with the camera's table (an office's, or one with only [[camera]])
    #[arg(long, value_name = "FILE")]
    pub(crate) calibration: PathBuf,
    /// Which camera of it; the first unless given
    #[arg(long, value_name = "ID")]
    pub(crate) camera: Option<String>,
    /// Ground truth in MOTChallenge's format
    #[arg(long, value_name = "FILE")]
    pub(crate) truth: Option<PathBuf>,
    /// First frame scored, from 1
    #[arg(long, default_value_t = 1)]
    pub(crate) from: u64,
    /// Last frame scored; the film's last unless given
    #[arg(long, default_value_t = u64::MAX)]
    pub(crate) to: u64,
    /// Look only at as many frames as the camera's frames_per_second says
    #[arg(long)]
    pub(crate) at_pace: bool,
    /// A line to watch, in pixels of the film; to the right of it is in
    #[arg(long = "line", value_name = "X,Y,X,Y", value_parser = parse_line)]
    pub(crate) lines: Vec<[f64; 4]>,
    /// How far from a line the truth's feet are settled, in pixels; what is counted is settled by people's heights
    #[arg(long, default_value_t = 12.0)]
    pub(crate) dead_band: f64,
    /// With --truth, to be scored elsewhere: writes who was where, in MOTChallenge's format
    #[arg(long, value_name = "FILE", requires = "truth")]
    pub(crate) boxes: Option<PathBuf>,
    /// One JSON object as the last line
    #[arg(long)]
    pub(crate) json: bool,
}

fn parse_size(text: &str) -> Result<[usize; 2], String> {
    let sides = text
        .split_once('x')
        .and_then(|(width, height)| Some([width.parse().ok()?, height.parse().ok()?]));
    sides.ok_or_else(|| "expected WIDTHxHEIGHT, such as 416x416".to_owned())
}

fn parse_line(text: &str) -> Result<[f64; 4], String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    let ends = numbers.and_then(|numbers| <[f64; 4]>::try_from(numbers).ok());
    let ends = ends.filter(|ends| ends.iter().all(|number| number.is_finite()) && ends[..2] != ends[2..]);
    ends.ok_or_else(|| "expected two different points, X,Y,X,Y".to_owned())
}

//! `vision`: counts people before the office's cameras, or offline in a film.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use jiff::tz::TimeZone;
use protocol::config::Config;
use protocol::congestion::CameraStatus;
use protocol::ids::CameraId;
use runtime::{EXIT_CONFIG, EXIT_STALLED, Shutdown};
use store::Store;
use store::cameras::Setup;
use tokio::sync::{Notify, watch};
use tracing::Instrument as _;
use vision::area::watch::{AreaWatch, Readings};
use vision::cameras::Cameras;
use vision::count::{self, count_film, read_camera};
use vision::line::Line;
use vision::model::add::{Order, add};
use vision::model::time::time;
use vision::notice::{Wording, notice};
use vision::parking::offline;
use vision::publish::Publisher;
use vision::score::mot::Boxes;
use vision::setup::{follow, server, trial};
use vision::worker::Reading;

/// How long the cameras' last words may take when the program ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// So long the start waits for what staff have drawn.
const LEDGER_ANSWERS: Duration = Duration::from_secs(2);

/// Counts people before the office's cameras. No picture is stored or sent; counts go to Redis.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
struct Cli {
    /// The office's configuration
    #[arg(long, value_name = "FILE", env = "MADOGUCHI_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
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
struct NoticeArgs {
    /// The office's configuration
    #[arg(long, value_name = "FILE", env = "MADOGUCHI_CONFIG")]
    config: PathBuf,
    /// Whom to ask, such as "総務課 庁舎管理係"; the office unless given
    #[arg(long)]
    contact: Option<String>,
    /// Since when, as it is to be read, such as "令和8年4月1日"
    #[arg(long)]
    since: Option<String>,
}

#[derive(Subcommand)]
enum Models {
    /// Checks a model, tries it on a picture, and writes its card
    Add(AddArgs),
    /// Measures what one look costs
    Time(TimeArgs),
}

#[derive(Args)]
struct AddArgs {
    /// A file, or an https:// address: .onnx (YOLOX, LWPD) or Darknet's .weights
    from: String,
    /// Darknet: the network's .cfg, a file or an address
    #[arg(long, value_name = "FILE|URL")]
    network: Option<String>,
    /// The licence that the model is under
    #[arg(long)]
    licence: String,
    /// What its SHA-256 must be
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// Its input, such as 416x416; found by trying unless given
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    input: Option<[usize; 2]>,
    /// Class ids that are people, where they aren't COCO's
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    person: Vec<usize>,
    /// Class ids that are cars, buses, trucks
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    vehicle: Vec<usize>,
    /// A picture or a film in which it must find somebody
    #[arg(long, value_name = "FILE")]
    picture: PathBuf,
    /// The office's folder of models
    #[arg(long, value_name = "FOLDER", default_value = "run/models")]
    to: PathBuf,
}

#[derive(Args)]
struct TimeArgs {
    /// The model, with its card beside it
    model: PathBuf,
    /// A picture or a film to look at
    #[arg(long, value_name = "FILE")]
    picture: PathBuf,
    /// So many looks
    #[arg(long, default_value_t = 50)]
    looks: u32,
}

#[derive(Args)]
struct CountArgs {
    /// The film
    film: PathBuf,
    /// A TOML file with the camera's table (an office's, or one with only [[camera]])
    #[arg(long, value_name = "FILE")]
    calibration: PathBuf,
    /// Which camera of it; the first unless given
    #[arg(long, value_name = "ID")]
    camera: Option<String>,
    /// Ground truth in MOTChallenge's format
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// First frame scored, from 1
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Last frame scored; the film's last unless given
    #[arg(long, default_value_t = u64::MAX)]
    to: u64,
    /// Look only at as many frames as the camera's frames_per_second says
    #[arg(long)]
    at_pace: bool,
    /// A line to watch, in pixels of the film; to the right of it is in
    #[arg(long = "line", value_name = "X,Y,X,Y", value_parser = parse_line)]
    lines: Vec<[f64; 4]>,
    /// How far from a line the truth's feet are settled, in pixels; what is counted is settled by people's heights
    #[arg(long, default_value_t = 12.0)]
    dead_band: f64,
    /// Writes who was where, in MOTChallenge's format
    #[arg(long, value_name = "FILE")]
    boxes: Option<PathBuf>,
    /// One JSON object as the last line
    #[arg(long)]
    json: bool,
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

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = forbid_core_dumps() {
        eprintln!("core dumps can't be turned off: {error}");
        return ExitCode::FAILURE;
    }
    if let Some(Task::Capture { .. }) = cli.task {
        return capture();
    }
    runtime::start_log();
    let done = match (cli.task, cli.config) {
        (Some(Task::Count(args)), _) => prepare_opencv().and_then(|()| count(&args)),
        (Some(Task::Capture { .. }), _) => Ok(capture()),
        (
            Some(Task::Check {
                camera_file,
                film,
                camera,
                plan,
            }),
            _,
        ) => prepare_opencv().and_then(|()| check_camera(&camera_file, &film, camera.as_deref(), plan.as_deref())),
        (
            Some(Task::Lot {
                camera_file,
                pictures,
                camera,
                json,
            }),
            _,
        ) => prepare_opencv().and_then(|()| look_at_lot(&camera_file, &pictures, camera.as_deref(), json)),
        (Some(Task::Trial), _) => prepare_opencv()
            .and_then(|()| trial::process(std::io::stdin().lock(), std::io::stdout()))
            .map(|()| ExitCode::SUCCESS),
        (Some(Task::Notice(args)), _) => print_notice(args),
        (Some(Task::Models(Models::Add(args))), _) => prepare_opencv().and_then(|()| add_model(args)),
        (Some(Task::Models(Models::Time(args))), _) => prepare_opencv().and_then(|()| {
            let cost = time(&args.model, &args.picture, args.looks)?;
            println!("{cost:.2} ms of CPU a look");
            Ok(ExitCode::SUCCESS)
        }),
        (None, Some(file)) => prepare_opencv().and_then(|()| watch_cameras(runtime::config_or_exit(&file))),
        (None, None) => {
            eprintln!("expected --config FILE, such as configs/demo.toml, or a command; see --help");
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A core dump would be a file with the last pictures in it. Not dumpable is for where a program takes the dumps, whatever
/// the limit says (core(5)); it also keeps other processes of this user from reading its memory.
fn forbid_core_dumps() -> nix::Result<()> {
    nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_CORE, 0, 0)?;
    nix::sys::prctl::set_dumpable(false)
}

/// One thread: small pictures gain nothing from more, and cameras are side by side already. And no words of
/// OpenCV's own in the log: they may carry a camera's address.
fn prepare_opencv() -> Result<()> {
    opencv::core::set_num_threads(1)?;
    opencv::core::set_log_level(opencv::core::LogLevel::LOG_LEVEL_SILENT)?;
    Ok(())
}

fn look_at_lot(file: &Path, pictures: &[PathBuf], id: Option<&str>, json: bool) -> Result<ExitCode> {
    let seen = offline::look_at(&read_camera(file, id)?, pictures)?;
    if json {
        println!("{}", serde_json::to_string(&seen)?);
        return Ok(ExitCode::SUCCESS);
    }
    for seen in seen {
        println!(
            "{}: {} of {} free; taken: {}",
            seen.picture,
            seen.free,
            seen.total,
            seen.taken.join(" ")
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn check_camera(file: &Path, film: &Path, id: Option<&str>, plan: Option<&Path>) -> Result<ExitCode> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    if text.lines().any(|line| line.trim() == "[office]") {
        // An office's file is checked whole, which names the line of a fault.
        runtime::read_config(file)?;
    }
    let camera = read_camera(file, id)?;
    print!("{}", vision::check::check(&camera, film, plan)?);
    Ok(ExitCode::SUCCESS)
}

fn print_notice(args: NoticeArgs) -> Result<ExitCode> {
    let config = runtime::config_or_exit(&args.config);
    let wording = Wording {
        contact: args.contact,
        since: args.since,
    };
    print!("{}", notice(&config, &wording)?);
    Ok(ExitCode::SUCCESS)
}

/// Without a log of its own: what there is to say goes to who has started it.
fn capture() -> ExitCode {
    let done = prepare_opencv().and_then(|()| {
        vision::camera::capture::run(std::io::stdin().lock(), std::io::stdout()).map_err(anyhow::Error::from)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn count(args: &CountArgs) -> Result<ExitCode> {
    let camera = read_camera(&args.calibration, args.camera.as_deref())?;
    let truth = match &args.truth {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
            Some(Boxes::parse(&text).with_context(|| file.display().to_string())?)
        }
        None => None,
    };
    let line = |[x0, y0, x1, y1]: &[f64; 4]| Line::new([*x0, *y0], [*x1, *y1], args.dead_band);
    let outcome = count_film(&count::Task {
        film: &args.film,
        camera: &camera,
        truth: truth.as_ref(),
        frames: args.from..=args.to,
        at_pace: args.at_pace,
        lines: &args.lines.iter().map(line).collect::<Vec<_>>(),
    })?;
    if let Some(file) = &args.boxes {
        std::fs::write(file, outcome.told.to_text()).with_context(|| file.display().to_string())?;
    }
    if args.json {
        println!("{}", serde_json::to_string(&outcome)?);
        return Ok(ExitCode::SUCCESS);
    }
    match &outcome.score {
        Some(score) => println!(
            "frames {}  count error {:.2}  within one {:.0} %  bias {:+.2}",
            score.frames, score.count_error, score.within_one_pct, score.bias
        ),
        None => {
            for (frame, count) in &outcome.counts {
                println!(
                    "{frame}\t{}",
                    count.map_or_else(|| "unknown".to_owned(), |count| count.to_string())
                );
            }
        }
    }
    if let Some(following) = &outcome.following {
        println!(
            "MOTA {:.1}  IDF1 {:.1}  misses {}  false alarms {}  switches {}  of {}",
            following.mota,
            following.idf1,
            following.misses,
            following.false_alarms,
            following.switches,
            following.truth
        );
    }
    for (number, line) in outcome.lines.iter().enumerate() {
        println!(
            "line {}: in {}, out {}{}",
            number + 1,
            line.told.came_in,
            line.told.went_out,
            match line.truth {
                Some(truth) => format!(" (truly {}, {})", truth.came_in, truth.went_out),
                None => String::new(),
            }
        );
    }
    println!("CPU {:.1} ms a frame", outcome.cpu_ms_per_frame);
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
async fn add_model(args: AddArgs) -> Result<ExitCode> {
    let added = add(&Order {
        from: args.from,
        network: args.network,
        to: args.to,
        licence: args.licence,
        sha256: args.sha256,
        input: args.input,
        person: args.person,
        vehicle: args.vehicle,
        picture: args.picture,
    })
    .await?;
    let [width, height] = added.card.input;
    println!(
        "{}: {width}x{height}, {} ms a look; finds {} people and {} vehicles in the picture",
        added.file.display(),
        added.took.as_millis(),
        added.people,
        added.vehicles
    );
    println!("its card: {}", vision::model::Card::beside(&added.file).display());
    println!("in a camera's table: model = {:?}", added.file.display().to_string());
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
async fn watch_cameras(config: Config) -> Result<ExitCode> {
    let shutdown = Shutdown::on_signals().context("signals can't be listened to")?;
    let config = Arc::new(config);
    let store = Store::connect(&config).await?;
    let office = config.office.id.clone();
    let zone = TimeZone::get(&config.office.time_zone).context("office.time_zone")?;
    let drawn = drawn(&store, &config).await;
    let mut cameras = Cameras::new(Arc::clone(&config));
    let mut words = BTreeMap::new();
    for area in &config.areas {
        let its_cameras = || config.cameras.iter().filter(|camera| *camera.area.get_ref() == area.id);
        if its_cameras().next().is_none() {
            continue;
        }
        let starting = || Reading::unknown(runtime::now(), CameraStatus::Starting);
        let start: Readings = its_cameras().map(|camera| (camera.id.clone(), starting())).collect();
        let (readings, newest) = watch::channel(start);
        let word = Arc::new(Notify::new());
        words.insert(area.id.clone(), Arc::clone(&word));
        let publisher = Publisher {
            live: store.live.clone(),
            office: office.clone(),
            area: area.clone(),
            state: AreaWatch::new(area, its_cameras(), zone.clone()),
            word,
        };
        shutdown.spawn(
            publisher
                .run(newest)
                .instrument(tracing::info_span!("area", id = %area.id)),
        );
        for camera in its_cameras() {
            let (readings, id) = (readings.clone(), camera.id.clone());
            let tell = move |reading| {
                readings.send_modify(|readings| {
                    readings.insert(id.clone(), reading);
                });
            };
            cameras.start(camera, drawn.get(&camera.id), Arc::new(tell))?;
        }
    }
    tracing::info!(cameras = cameras.at_work(), "vision counts");
    let windows = cameras.windows();
    let cameras = Arc::new(Mutex::new(cameras));
    let at_work = || cameras.lock().unwrap_or_else(PoisonError::into_inner);
    shutdown.spawn(follow::words(
        store.live.clone(),
        office.clone(),
        words,
        shutdown.clone(),
    ));
    shutdown.spawn(follow::setups(store, office, Arc::clone(&cameras), shutdown.clone()));
    shutdown.spawn(server::serve(config, windows, shutdown.clone()));
    let code = loop {
        tokio::select! {
            () = shutdown.started() => break ExitCode::SUCCESS,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        let cameras = at_work();
        if let Some(camera) = cameras.broken() {
            tracing::error!(%camera, "counting has failed: vision ends to be started again");
            break ExitCode::from(EXIT_STALLED);
        }
        cameras.say_who_fails(runtime::now());
    };
    shutdown.start();
    at_work().stop();
    if !shutdown.finished(FAREWELL).await {
        tracing::warn!("not every camera could say that it stops");
    }
    Ok(code)
}

/// What staff have drawn into cameras' pictures. While the ledger is away the configuration holds, until it is back.
async fn drawn(store: &Store, config: &Config) -> BTreeMap<CameraId, Setup> {
    match tokio::time::timeout(LEDGER_ANSWERS, store::cameras::setups(&store.ledger, &config.office.id)).await {
        Ok(Ok(drawn)) => drawn,
        Ok(Err(error)) => {
            tracing::warn!(%error, "what is drawn into cameras' pictures can't be read yet");
            BTreeMap::new()
        }
        Err(_) => BTreeMap::new(),
    }
}

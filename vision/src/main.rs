//! `vision`: counts people before the office's cameras, or offline in a film.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use protocol::config::Config;
use runtime::{EXIT_CONFIG, EXIT_STALLED, Shutdown};
use store::Store;
use tokio::sync::watch;
use tracing::Instrument as _;
use vision::count::{count_film, read_camera};
use vision::publish::Publisher;
use vision::truth::Truth;
use vision::worker::{HUNG_AFTER, Reading, Worker, scene_of};

/// How long the cameras' last words may take when the program ends.
const FAREWELL: Duration = Duration::from_secs(3);

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
    /// Counts a film offline and, with --truth, scores the counts
    Count(CountArgs),
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
    /// One JSON object as the last line
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    runtime::start_log();
    let done = match (cli.task, cli.config) {
        (Some(Task::Count(args)), _) => prepare_opencv().and_then(|()| count(&args)),
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

/// One thread: small pictures gain nothing from more, and cameras are side by side already. And no words of
/// OpenCV's own in the log: they may carry a camera's address.
fn prepare_opencv() -> Result<()> {
    opencv::core::set_num_threads(1)?;
    opencv::core::set_log_level(opencv::core::LogLevel::LOG_LEVEL_SILENT)?;
    Ok(())
}

fn count(args: &CountArgs) -> Result<ExitCode> {
    let camera = read_camera(&args.calibration, args.camera.as_deref())?;
    let truth = match &args.truth {
        Some(file) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
            Some(Truth::parse(&text).with_context(|| file.display().to_string())?)
        }
        None => None,
    };
    let outcome = count_film(&args.film, &camera, truth.as_ref(), args.from..=args.to, args.at_pace)?;
    if args.json {
        println!("{}", serde_json::to_string(&outcome)?);
        return Ok(ExitCode::SUCCESS);
    }
    match &outcome.score {
        Some(score) => println!(
            "frames {}  count error {:.2}  within one {:.0} %  bias {:+.2}  CPU {:.1} ms a frame",
            score.frames, score.count_error, score.within_one_pct, score.bias, outcome.cpu_ms_per_frame
        ),
        None => {
            for (frame, count) in &outcome.counts {
                println!(
                    "{frame}\t{}",
                    count.map_or_else(|| "unknown".to_owned(), |count| count.to_string())
                );
            }
            println!("CPU {:.1} ms a frame", outcome.cpu_ms_per_frame);
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
async fn watch_cameras(config: Config) -> Result<ExitCode> {
    let shutdown = Shutdown::on_signals().context("signals can't be listened to")?;
    let store = Store::connect(&config).await?;
    let mut workers = Vec::new();
    for camera in &config.cameras {
        let span = tracing::info_span!("camera", id = %camera.id);
        let scene = match scene_of(camera) {
            Ok(scene) => scene,
            Err(error) => runtime::exit_config(&format!("camera {}: {error}", camera.id)),
        };
        // `Config::parse` has checked that the area is there.
        let Some(area) = config.area(camera.area.get_ref()).cloned() else {
            runtime::exit_config(&format!(
                "camera {}: there is no area {}",
                camera.id,
                camera.area.get_ref()
            ));
        };
        let unknown = Reading {
            count: None,
            at: runtime::now(),
            frames_counted: 0,
        };
        let (readings, newest) = watch::channel(unknown);
        let publisher = Publisher {
            live: store.live.clone(),
            office: config.office.id.clone(),
            area,
            camera: camera.id.clone(),
        };
        shutdown.spawn(publisher.run(newest).instrument(span.clone()));
        let worker = span
            .in_scope(|| Worker::start(camera, scene, readings))
            .with_context(|| format!("camera {}: no thread", camera.id))?;
        workers.push((camera.id.clone(), worker));
    }
    tracing::info!(cameras = workers.len(), "vision counts");
    let code = loop {
        tokio::select! {
            () = shutdown.started() => break ExitCode::SUCCESS,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
        let now = Instant::now();
        if let Some((camera, _)) = workers.iter().find(|(_, worker)| worker.is_hung(now)) {
            tracing::error!(%camera, limit = ?HUNG_AFTER, "a call into the camera hangs: vision ends to be started again");
            break ExitCode::from(EXIT_STALLED);
        }
    };
    shutdown.start();
    for (_, worker) in &workers {
        worker.stop();
    }
    if !shutdown.finished(FAREWELL).await {
        tracing::warn!("not every camera could say that it stops");
    }
    Ok(code)
}

//! `vision`: counts people before the office's cameras, or offline in a film.

#![forbid(unsafe_code)]

mod args;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use args::{AddArgs, Cli, CountArgs, Family, Models, NoticeArgs, Task};
use clap::Parser as _;
use runtime::EXIT_CONFIG;
use vision::count::{self, count_film, read_camera};
use vision::line::Line;
use vision::model::add::{Order, add};
use vision::model::card::Nanodet;
use vision::model::time::time;
use vision::notice::{Wording, notice};
use vision::parking::offline;
use vision::score::mot::Boxes;
use vision::setup::trial;

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
        (None, Some(file)) => prepare_opencv().and_then(|()| vision::office::run(runtime::config_or_exit(&file))),
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
        let config = runtime::read_config(file)?;
        let named = config
            .cameras
            .iter()
            .find(|camera| id.is_none_or(|id| id == camera.id.as_str()));
        let mut faults = named
            .and_then(|camera| config.camera_faults.get(&camera.id))
            .into_iter()
            .flatten();
        if let Some(first) = faults.next() {
            let others = faults.map(|fault| format!("\n{fault}")).collect::<String>();
            anyhow::bail!("{first}{others}");
        }
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
        nanodet: match args.family {
            None | Some(Family::Yolox) => None,
            Some(Family::Nanodet) => Some(Nanodet::default()),
            Some(Family::NanodetPlus) => Some(Nanodet::plus()),
        },
        to: args.to,
        licence: args.licence,
        sha256: args.sha256,
        input: args.input,
        person: args.person,
        vehicle: args.vehicle,
        picture: args.picture,
        on: jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date(),
    })
    .await?;
    let [width, height] = added.card.input;
    println!("{}: {width}x{height}, {}", added.file.display(), added.tried);
    println!("its card: {}", vision::model::Card::beside(&added.file).display());
    println!("in a camera's table: model = {:?}", added.file.display().to_string());
    Ok(ExitCode::SUCCESS)
}

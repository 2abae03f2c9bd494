//! The program as it runs in an office: its cameras at work, what areas make of them told, set-up answered.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use jiff::tz::TimeZone;
use protocol::config::Config;
use protocol::congestion::CameraStatus;
use protocol::ids::CameraId;
use runtime::{EXIT_STALLED, Shutdown};
use store::Store;
use store::cameras::Setup;
use tokio::sync::{Notify, watch};
use tracing::Instrument as _;

use crate::area::watch::{AreaWatch, Readings};
use crate::cameras::Cameras;
use crate::counter::Reading;
use crate::publish::Publisher;
use crate::setup::{follow, server};

/// How long the cameras' last words may take when the program ends.
const FAREWELL: Duration = Duration::from_secs(3);

/// So long the start waits for what staff have drawn.
const LEDGER_ANSWERS: Duration = Duration::from_secs(2);

/// Runs until it is told to end. Gives the code with which the program ends.
///
/// # Errors
/// When it can't begin: no signals, no addresses for the ledger, no threads.
#[tokio::main(flavor = "current_thread")]
pub async fn run(config: Config) -> Result<ExitCode> {
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
            cameras.start(camera, &drawn, Arc::new(tell))?;
        }
    }
    tracing::info!(cameras = cameras.at_work(), "vision counts");
    cameras.say_who_is_left_to_nobody(&drawn);
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

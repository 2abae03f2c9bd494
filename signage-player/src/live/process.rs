//! The process of one live picture, `signage-player live`: connects, decodes, and gives the newest frame away until
//! nobody takes it any more.

use std::process;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use frames::{End, Format, Picture, Socket, Writer, writer};
use nix::sys::prctl;
use runtime::Shutdown;

use super::Order;
use super::whep::{self, Viewer};
use crate::item::Fault;
use crate::item::decoder::Decoder;

/// The subcommand.
pub const ARGUMENT: &str = "live";
/// Its name, as the system's lists show it.
pub const NAME: &str = "signage-live";

/// Who starts it has its order ready.
const ORDER_LIMIT: Duration = Duration::from_secs(10);
/// So often it looks whether all is well while no frame comes.
const LOOK: Duration = Duration::from_millis(100);
/// What has begun to end may take so long: a server is told of it.
pub(super) const END_LIMIT: Duration = Duration::from_secs(4);

/// Does what is ordered on the standard input, until the other end is gone.
///
/// # Errors
/// When it wasn't started by a player, or can't begin. What is wrong with the picture is told to the other end.
pub fn run() -> Result<()> {
    let socket = Socket::from_stdin().context("this command is the player's own")?;
    // For lists of processes only.
    let _ = prctl::set_name(&std::ffi::CString::new(NAME)?);
    let order = writer::order(&socket, ORDER_LIMIT)?;
    let order: Order = serde_json::from_str(&order).map_err(|_| anyhow::anyhow!("the order can't be read"))?;
    gstreamer::init().context("GStreamer")?;
    let network = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let shutdown = {
        let _entered = network.enter();
        Shutdown::on_signals()?
    };
    end_with(socket.try_clone()?, shutdown.clone())?;
    let viewer = match &order.office {
        Some(office) => Viewer::new(network.handle().clone(), shutdown.clone(), office.clone()),
        None => Viewer::default(),
    };
    if let Err(fault) = show(&order, socket, &viewer, &shutdown) {
        tracing::debug!("a live picture is over: {fault}");
    }
    shutdown.start();
    network.block_on(shutdown.finished(END_LIMIT));
    network.shutdown_background();
    Ok(())
}

/// Ends this process with the other end; also when it hangs.
fn end_with(socket: Socket, shutdown: Shutdown) -> Result<()> {
    thread::Builder::new().name("end".to_owned()).spawn(move || {
        socket.wait_for_end();
        shutdown.start();
        thread::sleep(END_LIMIT * 2);
        process::exit(1);
    })?;
    Ok(())
}

/// Shows the picture until there is no more, or nobody looks. What is wrong is told to the other end, too.
fn show(order: &Order, socket: Socket, viewer: &Viewer, shutdown: &Shutdown) -> Result<(), Fault> {
    let opened = if whep::is_whep(&order.url) {
        whep::open(&order.url, order.zone, viewer)
    } else {
        Decoder::open_live(&order.url, order.zone)
    };
    let decoder = match opened {
        Ok(decoder) => decoder,
        Err(fault) => {
            let _ = writer::give_up(&socket, &fault);
            return Err(fault);
        }
    };
    let room = order.zone.0 as usize * order.zone.1 as usize * Format::Bgrx.bytes();
    let mut writer = Writer::new(socket, room).map_err(|end| end.to_string())?;
    let given = give(&decoder, &mut writer, shutdown);
    if let Err(fault) = &given {
        let _ = writer.give_up(fault);
    }
    given
}

fn give(decoder: &Decoder, writer: &mut Writer, shutdown: &Shutdown) -> Result<(), Fault> {
    while !shutdown.is_started() {
        if let Some(timed) = decoder.wait_for_frame(LOOK) {
            let pixels = timed.frame.pixels().ok_or("its pixels are of another kind")?;
            let picture = Picture {
                format: Format::Bgrx,
                width: pixels.width,
                height: pixels.height,
                at: timed.at,
                taken_ms: runtime::now().0,
            };
            match writer.put(&picture, pixels.data, pixels.stride) {
                Ok(()) => {}
                Err(End::Gone) => return Ok(()),
                Err(end) => return Err(end.to_string()),
            }
        } else if let Some(fault) = decoder.fault() {
            return Err(fault);
        } else if decoder.is_at_end() {
            return Ok(());
        }
    }
    Ok(())
}

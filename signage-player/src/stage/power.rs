//! The display's own power, where the output is an X server that can switch it (DPMS extension, X.Org). On a thread of its
//! own: an X server may take its time.

use std::sync::mpsc;

use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::protocol::dpms::{ConnectionExt as _, DPMSMode, X11_EXTENSION_NAME};
use x11rb::rust_connection::RustConnection;

/// Wishes that wait for the display. When full, the stage says it again with the next frame.
const QUEUE: usize = 2;

/// Switches a display.
#[derive(Debug)]
pub struct Power {
    wishes: mpsc::SyncSender<bool>,
    /// What it was told last.
    is_off: bool,
}

impl Power {
    /// Of the display that the environment names (`DISPLAY`).
    #[must_use]
    pub fn of_display() -> Option<Self> {
        let (wishes, wished) = mpsc::sync_channel(QUEUE);
        let spawned = std::thread::Builder::new()
            .name("display-power".to_owned())
            .spawn(move || serve(&wished));
        if let Err(error) = spawned {
            tracing::warn!("no thread for the display's power: {error}");
            return None;
        }
        Some(Self { wishes, is_off: false })
    }

    /// Off or on, from now on.
    pub fn set_off(&mut self, is_off: bool) {
        if self.is_off != is_off && self.wishes.try_send(is_off).is_ok() {
            self.is_off = is_off;
        }
    }
}

fn serve(wished: &mpsc::Receiver<bool>) {
    for is_off in wished {
        match switch(is_off) {
            Ok(true) => tracing::info!(is_off, "the display is switched"),
            Ok(false) => tracing::info!("the X server can't switch the display: the picture is black instead"),
            Err(error) => tracing::warn!("the display can't be switched: {error:#}"),
        }
    }
}

/// Gives whether the X server can do it. A connection for each time: it is needed twice a day, and a server may be
/// another one by then.
fn switch(is_off: bool) -> anyhow::Result<bool> {
    let (connection, _) = RustConnection::connect(None)?;
    if connection.extension_information(X11_EXTENSION_NAME)?.is_none() || !connection.dpms_capable()?.reply()?.capable {
        return Ok(false);
    }
    // Levels are forced only while it is enabled.
    connection.dpms_enable()?.check()?;
    let level = if is_off { DPMSMode::OFF } else { DPMSMode::ON };
    connection.dpms_force_level(level)?.check()?;
    if !is_off {
        // The server's own timers know nothing of opening hours.
        connection.dpms_disable()?.check()?;
    }
    connection.flush()?;
    Ok(true)
}

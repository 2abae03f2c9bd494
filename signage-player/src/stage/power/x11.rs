//! DPMS of an X server (extension DPMS, X.Org).

use anyhow::Result;
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::protocol::dpms::{ConnectionExt as _, DPMSMode, X11_EXTENSION_NAME};
use x11rb::rust_connection::RustConnection;

/// Gives whether the X server can do it. A connection for each time: it is needed twice a day, and a server may be
/// another one by then.
pub(super) fn switch(is_off: bool) -> Result<bool> {
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

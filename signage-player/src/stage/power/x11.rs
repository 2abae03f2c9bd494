//! DPMS of an X server (extension DPMS, X.Org). It switches all displays of a server at once.

use anyhow::Result;
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::protocol::dpms::{ConnectionExt as _, DPMSMode, X11_EXTENSION_NAME};
use x11rb::protocol::randr::ConnectionExt as _;
use x11rb::rust_connection::RustConnection;

/// Gives why the X server's displays aren't switched, where they aren't. `must`: also where it has several, which may be
/// other screens'. A connection for each time: it is needed twice a day, and a server may be another one by then.
///
/// # Errors
/// When the X server doesn't answer.
pub(super) fn switch(is_off: bool, must: bool) -> Result<Option<&'static str>> {
    let (connection, screen) = RustConnection::connect(None)?;
    if connection.extension_information(X11_EXTENSION_NAME)?.is_none() || !connection.dpms_capable()?.reply()?.capable {
        return Ok(Some("the X server can't switch the display"));
    }
    let root = connection.setup().roots.get(screen).map(|it| it.root);
    if let (Some(root), false) = (root, must)
        && connection.randr_get_monitors(root, true)?.reply()?.monitors.len() > 1
    {
        return Ok(Some("the X server has several displays, and switches all at once"));
    }
    let now = connection.dpms_info()?.reply()?;
    if !is_off && (!now.state || now.power_level == DPMSMode::ON) {
        return Ok(None);
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
    Ok(None)
}

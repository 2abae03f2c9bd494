//! A Wayland compositor. GStreamer's sink goes on without a word when its compositor is gone, so a connection of our own
//! says whether it lives: it asks for nothing, and ends with the compositor.

use std::ffi::{OsStr, OsString};
use std::io::{ErrorKind, Read as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gstreamer::prelude::*;

use super::{Opened, Watch, ready, variable};

/// The property by which newer sinks are told on which output a window goes full screen.
const ON_OUTPUT: &str = "fullscreen-output";

/// A connection to a compositor.
#[derive(Debug)]
pub struct Connection(UnixStream);

impl Connection {
    fn to(socket: &Path) -> Result<Self> {
        let missing = || format!("there is no Wayland compositor at {}", socket.display());
        let stream = UnixStream::connect(socket).with_context(missing)?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }

    /// Whether the compositor lives.
    ///
    /// # Errors
    /// When it has gone.
    pub fn look(&mut self) -> Result<()> {
        match self.0.read(&mut [0; 64]) {
            Ok(0) => bail!("the Wayland compositor has gone"),
            Err(error) if !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Err(error).context("the Wayland compositor has gone")
            }
            _ => Ok(()),
        }
    }
}

/// A compositor's socket, as libwayland finds it (wl_display_connect(3)): `WAYLAND_DISPLAY`, else `wayland-0`; a name lies in
/// `XDG_RUNTIME_DIR`.
fn socket(display: Option<OsString>, runtime: Option<OsString>) -> Result<PathBuf> {
    let name = display.unwrap_or_else(|| OsStr::new("wayland-0").to_owned());
    let name = PathBuf::from(name);
    if name.is_absolute() {
        return Ok(name);
    }
    let runtime =
        runtime.context("XDG_RUNTIME_DIR is not set: it names the folder of the Wayland compositor's socket")?;
    Ok(PathBuf::from(runtime).join(name))
}

pub(super) fn open(connector: Option<&str>, full_screen: bool) -> Result<Opened> {
    let socket = socket(variable("WAYLAND_DISPLAY"), variable("XDG_RUNTIME_DIR"))?;
    let connection = Connection::to(&socket)?;
    let sink = ready("waylandsink", |sink| {
        sink.set_property("display", socket.to_string_lossy().as_ref());
        sink.set_property("fullscreen", full_screen);
        match connector {
            Some(connector) if sink.has_property(ON_OUTPUT) => sink.set_property(ON_OUTPUT, connector),
            Some(_) => bail!(
                "connector: this GStreamer's waylandsink can't choose an output (it has no {ON_OUTPUT}): take X11 or KMS, \
                 or a compositor for each display"
            ),
            None => {}
        }
        Ok(())
    })
    .with_context(|| format!("Wayland at {}", socket.display()))?;
    Ok(Opened {
        sink,
        size: None,
        watch: Watch::Wayland(connection),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_compositor_is_found_where_libwayland_finds_it() {
        let of = |display: Option<&str>, runtime: Option<&str>| {
            socket(display.map(Into::into), runtime.map(Into::into)).map(|it| it.display().to_string())
        };
        assert_eq!(
            of(Some("wl-1"), Some("/run/user/7")).expect("found"),
            "/run/user/7/wl-1"
        );
        assert_eq!(of(None, Some("/run/user/7")).expect("found"), "/run/user/7/wayland-0");
        assert_eq!(of(Some("/srv/wl"), None).expect("found"), "/srv/wl");
        let said = of(None, None).expect_err("nowhere").to_string();
        assert!(said.contains("XDG_RUNTIME_DIR"), "{said}");
    }

    #[test]
    fn the_end_of_a_compositor_is_noticed() {
        let dir = tempfile::tempdir().expect("temp");
        let path = dir.path().join("wl");
        let said = Connection::to(&path).expect_err("nobody").to_string();
        assert!(said.contains(&path.display().to_string()), "{said}");
        let listener = UnixListener::bind(&path).expect("bound");
        let mut connection = Connection::to(&path).expect("connected");
        let (its, _) = listener.accept().expect("accepted");
        connection.look().expect("it lives");
        drop(its);
        connection.look().expect_err("gone");
    }
}

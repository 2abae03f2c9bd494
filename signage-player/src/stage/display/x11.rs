//! A window on an X server. GStreamer's sinks make it as large as the picture; here it is laid over its monitor, and follows
//! it when that changes (RandR 1.5).

use anyhow::{Context, Result, bail};
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::protocol::randr::{ConnectionExt as _, X11_EXTENSION_NAME};
use x11rb::protocol::res::{ClientIdMask, ClientIdSpec, ConnectionExt as _};
use x11rb::protocol::xproto::{
    AtomEnum, ClientMessageEvent, ConfigureWindowAux, ConnectionExt as _, EventMask, MapState, StackMode,
};
use x11rb::rust_connection::RustConnection;

use super::{Opened, Watch, ready, variable};

/// The sinks, in the order in which they are tried: an X server without the XVideo extension doesn't take the first.
const SINKS: [&str; 2] = ["xvimagesink", "ximagesink"];

/// The extensions by which an X server lets programs draw by its GPU: Mesa's, NVIDIA's own.
const DIRECT: [&str; 2] = ["DRI3", "NV-GLX"];

/// So often a sink's window is looked for: ten seconds, as `seeker` does it.
const LOOKS: u32 = 500;

/// How deep a window manager puts windows into its own.
const DEPTH: u32 = 4;

/// `_NET_WM_STATE_ADD` (EWMH).
const ADD: u32 = 1;

/// A part of the X server's picture that one display shows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Monitor {
    name: String,
    is_primary: bool,
    x: i32,
    y: i32,
    width: u32,
    height: u32,
}

/// The monitor that the office has named, or else the primary one, or the first.
fn choose<'a>(monitors: &'a [Monitor], wanted: Option<&str>) -> Result<&'a Monitor> {
    let found = match wanted {
        Some(wanted) => monitors.iter().find(|it| it.name == wanted),
        None => monitors.iter().find(|it| it.is_primary).or(monitors.first()),
    };
    if let Some(found) = found {
        return Ok(found);
    }
    let names: Vec<&str> = monitors.iter().map(|it| it.name.as_str()).collect();
    match wanted {
        Some(wanted) => bail!(
            "connector: the X server has no monitor {wanted:?} now, expected one of {}",
            names.join(", ")
        ),
        None => bail!("the X server has no monitor"),
    }
}

/// A picture's window, as its X server knows it.
#[derive(Debug)]
pub struct Window {
    connection: RustConnection,
    root: u32,
    connector: Option<String>,
    /// None: it stays as the sink made it.
    fills: bool,
    id: Option<u32>,
    /// Its sink doesn't say which it is: it is this process's.
    is_looked_for: bool,
    /// How often it was looked for.
    looks: u32,
    /// What it was laid over last.
    over: Option<Monitor>,
}

impl Window {
    /// Connects to the X server that `DISPLAY` names. A monitor that isn't there yet is told before a window comes up on
    /// another one.
    ///
    /// # Errors
    /// When the X server, or the monitor, isn't there.
    pub fn open(connector: Option<&str>, full_screen: bool) -> Result<Self> {
        let display = name();
        let window = Self::connect(connector, full_screen).with_context(|| format!("the X server at {display:?}"))?;
        choose(&window.monitors()?, connector)?;
        Ok(window)
    }

    fn connect(connector: Option<&str>, fills: bool) -> Result<Self> {
        let (connection, screen) = RustConnection::connect(None)?;
        let root = connection.setup().roots.get(screen).context("no screen")?.root;
        Ok(Self {
            connection,
            root,
            connector: connector.map(str::to_owned),
            fills: fills || connector.is_some(),
            id: None,
            is_looked_for: false,
            looks: 0,
            over: None,
        })
    }

    /// Whether the X server lets programs draw by a GPU.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        let has = |name| matches!(self.connection.extension_information(name), Ok(Some(_)));
        DIRECT.into_iter().any(has)
    }

    /// The same, of a sink that doesn't say which window it has made.
    #[must_use]
    pub fn looked_for(self) -> Self {
        Self {
            is_looked_for: true,
            ..self
        }
    }

    /// Whether it is still looked for.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.is_looked_for && self.fills && self.id.is_none()
    }

    /// Whether it was looked for too often: the X server can't say whose it is, as across containers.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.is_waiting() && self.looks >= LOOKS
    }

    /// The window that this process shows (X-Resource 1.2, QueryClientIds).
    fn find(&self) -> Result<Option<u32>> {
        let own = self.connection.setup();
        let all = ClientIdSpec {
            client: 0,
            mask: ClientIdMask::LOCAL_CLIENT_PID,
        };
        let ids = self.connection.res_query_client_ids(&[all])?.reply();
        let ids = ids.context("the X server doesn't say whose windows are whose (X-Resource)")?;
        let is_ours = |value: &&x11rb::protocol::res::ClientIdValue| {
            value.value.first() == Some(&std::process::id()) && value.spec.client != own.resource_id_base
        };
        let ours: Vec<u32> = ids.ids.iter().filter(is_ours).map(|it| it.spec.client).collect();
        let mut level = vec![self.root];
        for _ in 0..DEPTH {
            let mut next = Vec::new();
            for window in level {
                // What has gone meanwhile has no children.
                let Ok(tree) = self.connection.query_tree(window)?.reply() else {
                    continue;
                };
                next.extend(tree.children);
            }
            for window in &next {
                let is_its = ours.contains(&(window & !own.resource_id_mask));
                if is_its && self.is_mapped(*window)? {
                    return Ok(Some(*window));
                }
            }
            level = next;
        }
        Ok(None)
    }

    fn is_mapped(&self, window: u32) -> Result<bool> {
        let attributes = self.connection.get_window_attributes(window)?.reply();
        Ok(attributes.is_ok_and(|it| it.map_state != MapState::UNMAPPED))
    }

    /// The sink has made its window.
    pub fn is_made(&mut self, id: u32) {
        (self.id, self.over) = (Some(id), None);
    }

    /// Lays it over its monitor, if it isn't yet, or that has changed.
    ///
    /// # Errors
    /// When there is no such monitor, or the X server doesn't answer.
    pub fn look(&mut self) -> Result<()> {
        if self.is_waiting() {
            self.looks += 1;
            self.id = self.find()?;
        }
        let Some(id) = self.id.filter(|_| self.fills) else {
            return Ok(());
        };
        let monitors = self.monitors()?;
        let monitor = choose(&monitors, self.connector.as_deref())?;
        if self.over.as_ref() != Some(monitor) {
            self.lay(id, monitor)?;
            tracing::info!(monitor = monitor.name, "the window fills the monitor");
            self.over = Some(monitor.clone());
        }
        Ok(())
    }

    fn monitors(&self) -> Result<Vec<Monitor>> {
        if self.connection.extension_information(X11_EXTENSION_NAME)?.is_none() {
            // One picture, whose parts nobody knows.
            let roots = &self.connection.setup().roots;
            let whole = roots.iter().find(|it| it.root == self.root).map(|screen| Monitor {
                name: "screen".to_owned(),
                is_primary: true,
                x: 0,
                y: 0,
                width: screen.width_in_pixels.into(),
                height: screen.height_in_pixels.into(),
            });
            return Ok(whole.into_iter().collect());
        }
        let reply = self.connection.randr_get_monitors(self.root, true)?.reply()?;
        let one = |info: &x11rb::protocol::randr::MonitorInfo| -> Result<Monitor> {
            let name = self.connection.get_atom_name(info.name)?.reply()?.name;
            Ok(Monitor {
                name: String::from_utf8_lossy(&name).into_owned(),
                is_primary: info.primary,
                x: info.x.into(),
                y: info.y.into(),
                width: info.width.into(),
                height: info.height.into(),
            })
        };
        reply.monitors.iter().map(one).collect()
    }

    fn lay(&self, id: u32, monitor: &Monitor) -> Result<()> {
        let atom = |name: &[u8]| -> Result<u32> { Ok(self.connection.intern_atom(false, name)?.reply()?.atom) };
        let place = ConfigureWindowAux::new()
            .x(monitor.x)
            .y(monitor.y)
            .width(monitor.width)
            .height(monitor.height)
            .stack_mode(StackMode::ABOVE);
        self.connection.configure_window(id, &place)?.check()?;
        // A window manager has the last word on windows: it is asked (EWMH, _NET_WM_STATE).
        let manager = atom(b"_NET_SUPPORTING_WM_CHECK")?;
        let managed = self
            .connection
            .get_property(false, self.root, manager, AtomEnum::WINDOW, 0, 1)?
            .reply()?;
        if managed.value_len > 0 {
            let full_screen = atom(b"_NET_WM_STATE_FULLSCREEN")?;
            let wish = ClientMessageEvent::new(32, id, atom(b"_NET_WM_STATE")?, [ADD, full_screen, 0, 1, 0]);
            let to = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
            self.connection.send_event(false, self.root, to, wish)?.check()?;
        }
        self.connection.flush()?;
        Ok(())
    }
}

/// What `DISPLAY` says.
fn name() -> String {
    variable("DISPLAY").unwrap_or_default().to_string_lossy().into_owned()
}

pub(super) fn open(window: Window) -> Result<Opened> {
    let sink = SINKS.iter().find_map(|name| ready(name, |_| Ok(())).ok());
    let sink = sink.with_context(|| format!("the X server at {:?} takes no pictures", name()))?;
    Ok(Opened {
        sink,
        size: None,
        watch: Watch::X11(Box::new(window)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fills_the_monitor_that_is_named_or_else_the_primary_one() {
        let monitor = |name: &str, is_primary| Monitor {
            name: name.to_owned(),
            is_primary,
            x: 0,
            y: 0,
            width: 1,
            height: 1,
        };
        let two = [monitor("DP-1", false), monitor("HDMI-1", true)];
        let name = |wanted| choose(&two, wanted).map(|it| it.name.as_str());
        assert_eq!(name(None).expect("one"), "HDMI-1");
        assert_eq!(name(Some("DP-1")).expect("one"), "DP-1");
        assert_eq!(choose(&two[..1], None).expect("one").name, "DP-1");
        let said = name(Some("HDMI-A-1")).expect_err("KMS's name").to_string();
        assert!(said.contains("connector") && said.contains("DP-1, HDMI-1"), "{said}");
        choose(&[], None).expect_err("none");
    }
}

//! A display without a window system: the kernel's mode setting (DRM/KMS) by `kmssink`. `drm` decides which card, connector
//! and size; here they are only taken.
//!
//! The card is opened here and lent to the sink, so that it stays ours, and the display can be switched off, when the sink
//! is gone. One program at a time has a card (its *DRM master*): who opens it while nobody does.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

use ::drm::Device as _;
use ::drm::control::dumbbuffer::DumbBuffer;
use ::drm::control::{Device as _, connector};
use anyhow::{Context, Result, bail};
use gstreamer::prelude::*;

use super::drm::{self, Connector, Unfit};
use super::{Opened, Watch, ready};

/// The connector's property by which it is switched, and its values (drm_mode.h).
const DPMS: &[u8] = b"DPMS";
const ON: u64 = 0;
const OFF: u64 = 3;

struct Device(File);

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl ::drm::Device for Device {}
impl ::drm::control::Device for Device {}

/// A card that is ours, and its connector. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Card {
    device: Arc<Device>,
    connector: Connector,
    handle: connector::Handle,
}

impl Card {
    fn open(connector: &Connector) -> Result<Self> {
        let path = format!("/dev/dri/{}", connector.card);
        let file = File::options().read(true).write(true).open(&path);
        let file =
            file.with_context(|| format!("{path} can't be opened; the player's user must be in the group `video`"))?;
        let device = Device(file);
        if let Err(error) = device.acquire_master_lock() {
            bail!("another program has the display at {path} ({error}): end it, such as an X server or a compositor");
        }
        let found = device.resource_handles()?.connectors().iter().find_map(|handle| {
            let info = device.get_connector(*handle, false).ok()?;
            (info.to_string() == connector.name).then_some(*handle)
        });
        let handle = found.with_context(|| format!("{path} has no connector {}", connector.name))?;
        Ok(Self {
            device: Arc::new(device),
            connector: connector.clone(),
            handle,
        })
    }

    /// Whether its display is still plugged in.
    ///
    /// # Errors
    /// When it isn't.
    pub fn look(&self) -> Result<()> {
        if drm::is_connected(&self.connector.folder) {
            return Ok(());
        }
        Err(Unfit::Unplugged(self.connector.name.clone()).into())
    }

    /// Switches the display (DPMS).
    ///
    /// # Errors
    /// When the card isn't ours any more, or its driver can't do it.
    pub fn switch(&self, is_off: bool) -> Result<()> {
        let properties = self.device.get_properties(self.handle)?;
        let is_dpms = |property: &::drm::control::property::Handle| {
            let info = self.device.get_property(*property);
            info.is_ok_and(|info| info.name().to_bytes() == DPMS)
        };
        let found = properties.iter().map(|(property, _)| *property).find(is_dpms);
        let property = found.with_context(|| format!("{} has no DPMS", self.connector.name))?;
        let level = if is_off { OFF } else { ON };
        let set = self.device.set_property(self.handle, property, level);
        set.with_context(|| format!("the display at {} can't be switched", self.connector.name))
    }

    /// What an X server or a console has left there.
    fn hide_cursors(&self) -> io::Result<()> {
        for crtc in self.device.resource_handles()?.crtcs() {
            // Some have none.
            #[expect(deprecated, reason = "the atomic way is not the sink's")]
            let _ = self.device.set_cursor::<DumbBuffer>(*crtc, None);
        }
        Ok(())
    }
}

pub(super) fn open(folder: &Path, connector: Option<&str>, picture: (u32, u32)) -> Result<Opened> {
    let all = drm::connectors(folder);
    let chosen = drm::choose(&all, connector, folder)?;
    let size = drm::mode_for(chosen, picture)?;
    let card = Card::open(chosen)?;
    let _ = card.hide_cursors();
    let number = i32::try_from(u32::from(card.handle)).context("the connector's number")?;
    let sink = ready("kmssink", |sink| {
        sink.set_property("fd", card.device.0.as_raw_fd());
        sink.set_property("connector-id", number);
        // The mode is the caps' size; what was there before is nobody's, and isn't brought back.
        sink.set_property("force-modesetting", true);
        sink.set_property("restore-crtc", false);
        Ok(())
    })
    .with_context(|| format!("{} at /dev/dri/{}", chosen.name, chosen.card))?;
    Ok(Opened {
        sink,
        size: Some(size),
        watch: Watch::Kms(card),
    })
}

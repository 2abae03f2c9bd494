//! The display's own power: by an X server's DPMS, or by HDMI-CEC. (A bare display is switched where it is opened:
//! `display::seeker`.) On a thread of its own: X servers and televisions may take their time.

mod cec;
mod x11;

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::Result;
use protocol::config::{Output, OutputBy, PowerBy};

use super::display::choice::Kind;
use crate::faults::Faults;

/// Wishes that wait for the display. When full, the stage says it again with the next frame.
const QUEUE: usize = 2;

/// From one try to the next.
const RETRY: Duration = Duration::from_secs(10);

/// By what a display is switched.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    /// An X server. `must`: the office has said so.
    X11 { must: bool },
    /// A television at this adapter.
    Cec(PathBuf),
}

/// The way that the office wants; `None`: the picture is black, or whoever opens the display switches it.
fn way(wanted: &Output, kind: Option<Kind>) -> Option<Way> {
    match (*wanted.power.get_ref(), kind) {
        // Also while there is no display yet: a television may only be one when it is on.
        (PowerBy::Cec, _) if wanted.by != OutputBy::None => {
            let named = wanted.cec.as_ref().map(|it| it.get_ref().as_path());
            Some(Way::Cec(cec::adapter(named)))
        }
        (PowerBy::Auto, Some(Kind::X11)) => Some(Way::X11 { must: false }),
        (PowerBy::Dpms, Some(Kind::X11)) => Some(Way::X11 { must: true }),
        _ => None,
    }
}

/// Switches a display.
#[derive(Debug)]
pub struct Power {
    wishes: mpsc::SyncSender<bool>,
    /// What it was told last. Nothing at first: who switched it before has fallen.
    told: Option<bool>,
}

impl Power {
    /// Of a screen whose display is of that kind. What doesn't work is in `faults`, and tried again.
    #[must_use]
    pub fn of(wanted: &Output, kind: Option<Kind>, faults: Faults) -> Option<Self> {
        let way = way(wanted, kind);
        if way.is_none() && *wanted.power.get_ref() == PowerBy::Dpms && kind == Some(Kind::Wayland) {
            let fault = "display power: Wayland has no DPMS: the picture is black instead; expected power = \"cec\" or \"none\"";
            faults.set(vec![fault.to_owned()]);
        }
        let way = way?;
        let (wishes, wished) = mpsc::sync_channel(QUEUE);
        let spawned = std::thread::Builder::new()
            .name("display-power".to_owned())
            .spawn(move || serve(&way, &wished, &faults));
        if let Err(error) = spawned {
            tracing::warn!("no thread for the display's power: {error}");
            return None;
        }
        Some(Self { wishes, told: None })
    }

    /// Off or on, from now on.
    pub fn set_off(&mut self, is_off: bool) {
        if self.told != Some(is_off) && self.wishes.try_send(is_off).is_ok() {
            self.told = Some(is_off);
        }
    }
}

/// Does what is wished, and tries again what didn't work, until nobody wishes any more.
fn serve(way: &Way, wished: &mpsc::Receiver<bool>, faults: &Faults) {
    let mut undone = None;
    loop {
        let next = match undone {
            Some(last) => match wished.recv_timeout(RETRY) {
                Err(RecvTimeoutError::Timeout) => Ok(last),
                Ok(wish) => Ok(wish),
                Err(RecvTimeoutError::Disconnected) => return,
            },
            None => wished.recv(),
        };
        let Ok(is_off) = next else { return };
        let fault = match switch(way, is_off) {
            Ok(()) => None,
            Err(error) => Some(format!("display power: {error:#}")),
        };
        undone = fault.is_some().then_some(is_off);
        faults.set(fault.into_iter().collect());
    }
}

fn switch(way: &Way, is_off: bool) -> Result<()> {
    match way {
        Way::Cec(device) => {
            cec::switch(device, is_off)?;
            tracing::info!(is_off, "the television is switched");
        }
        Way::X11 { must } => match x11::switch(is_off, *must)? {
            None => tracing::info!(is_off, "the display is switched"),
            Some(why) if *must => anyhow::bail!("{why}: the picture is black instead"),
            Some(why) => tracing::info!("{why}: the picture is black instead"),
        },
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use toml::Spanned;

    use super::*;

    #[test]
    fn a_display_is_switched_as_the_office_says_and_a_television_only_where_it_does() {
        let way = |power, kind, cec: Option<&str>| {
            let output = Output {
                power: Spanned::new(0..0, power),
                cec: cec.map(|it| Spanned::new(0..0, it.into())),
                ..Output::default()
            };
            way(&output, kind)
        };
        let all = [Some(Kind::Wayland), Some(Kind::X11), Some(Kind::Kms)];
        let auto = all.map(|kind| way(PowerBy::Auto, kind, None));
        assert_eq!(auto, [None, Some(Way::X11 { must: false }), None]);
        for kind in all {
            assert_eq!(way(PowerBy::Cec, kind, None), Some(Way::Cec("/dev/cec0".into())));
            assert_eq!(way(PowerBy::None, kind, None), None);
        }
        let second = way(PowerBy::Cec, Some(Kind::Kms), Some("/dev/cec1"));
        assert_eq!(second, Some(Way::Cec("/dev/cec1".into())));
        assert!(way(PowerBy::Cec, None, None).is_some(), "it comes later");
        let nowhere = Output {
            by: OutputBy::None,
            power: Spanned::new(0..0, PowerBy::Cec),
            ..Output::default()
        };
        assert_eq!(super::way(&nowhere, None), None);
    }
}

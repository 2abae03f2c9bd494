//! Which input devices are touch panels, by what the kernel says that they can do.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use evdev::PropType;
use evdev::raw_stream::RawDevice;

use super::decode::Protocol;
use super::mapping::Axis;

const ABS_X: u16 = 0x00;
const ABS_Y: u16 = 0x01;
const ABS_MT_SLOT: u16 = 0x2f;
const ABS_MT_POSITION_X: u16 = 0x35;
const ABS_MT_POSITION_Y: u16 = 0x36;
const BTN_LEFT: u16 = 0x110;
const BTN_TOOL_PEN: u16 = 0x140;
const BTN_TOUCH: u16 = 0x14a;

/// What a device can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Abilities {
    /// Its name.
    pub name: String,
    /// Its absolute axes (`ABS_*`): their ranges, and the values of now.
    pub axes: BTreeMap<u16, (Axis, i32)>,
    /// Its buttons (`BTN_*`, `KEY_*`).
    pub keys: BTreeSet<u16>,
    /// `INPUT_PROP_DIRECT`: what is touched is where the picture is.
    pub is_direct: bool,
    /// `INPUT_PROP_POINTER`: it moves a pointer, as touchpads do.
    pub is_pointer: bool,
}

/// Why a device is no touch panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Keyboards, mice, power buttons.
    #[error("it has no places (ABS_X and ABS_Y, or ABS_MT_POSITION_X and _Y)")]
    NoPlaces,
    /// Joysticks, sensors.
    #[error("it doesn't say when it is touched (BTN_TOUCH)")]
    NoContact,
    /// Touchpads.
    #[error(
        "it moves a pointer, as touchpads do; name it in player.touch.device if it lies on the picture all the same"
    )]
    Pointer,
    /// Pens' tablets.
    #[error("it is a pen's; name it in player.touch.device if it lies on the picture all the same")]
    Pen,
}

/// A touch panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panel {
    /// Its name.
    pub name: String,
    /// How it tells of contacts, and its state now.
    pub protocol: Protocol,
    /// From left to right.
    pub x: Axis,
    /// From top to bottom.
    pub y: Axis,
}

impl Abilities {
    /// Asks a device.
    ///
    /// # Errors
    /// When the kernel doesn't answer.
    pub fn of(device: &RawDevice) -> io::Result<Self> {
        let axes = device.get_absinfo()?.map(|(code, info)| {
            let axis = Axis {
                min: info.minimum(),
                max: info.maximum(),
            };
            (code.0, (axis, info.value()))
        });
        let keys = device
            .supported_keys()
            .map(|keys| keys.iter().map(|key| key.0).collect());
        Ok(Self {
            name: device.name().unwrap_or("without a name").to_owned(),
            axes: axes.collect(),
            keys: keys.unwrap_or_default(),
            is_direct: device.properties().contains(PropType::DIRECT),
            is_pointer: device.properties().contains(PropType::POINTER),
        })
    }

    /// The device as a touch panel. `is_named`: the office says that it is one.
    ///
    /// # Errors
    /// [`Unfit`].
    pub fn panel(&self, is_named: bool) -> Result<Panel, Unfit> {
        let axis = |code: u16| self.axes.get(&code).copied();
        let panel = |(x, _): (Axis, i32), (y, _): (Axis, i32), protocol| Panel {
            name: self.name.clone(),
            protocol,
            x,
            y,
        };
        if !is_named && self.is_pointer && !self.is_direct {
            return Err(Unfit::Pointer);
        }
        if let (Some(x), Some(y)) = (axis(ABS_MT_POSITION_X), axis(ABS_MT_POSITION_Y)) {
            let protocol = axis(ABS_MT_SLOT).map_or(Protocol::Anonymous, |(_, slot)| Protocol::Slots(slot));
            return Ok(panel(x, y, protocol));
        }
        let (Some(x), Some(y)) = (axis(ABS_X), axis(ABS_Y)) else {
            return Err(Unfit::NoPlaces);
        };
        if !is_named && self.keys.contains(&BTN_TOOL_PEN) {
            return Err(Unfit::Pen);
        }
        // Some old controllers present themselves as a mouse with absolute places.
        let has_contact = self.keys.contains(&BTN_TOUCH) || (is_named && self.keys.contains(&BTN_LEFT));
        if !has_contact {
            return Err(Unfit::NoContact);
        }
        Ok(panel(x, y, Protocol::Single(x.1, y.1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(axes: &[u16], keys: &[u16], is_pointer: bool) -> Abilities {
        let axis = |code: &u16| (*code, (Axis { min: 0, max: 100 }, 7));
        Abilities {
            name: "test".into(),
            axes: axes.iter().map(axis).collect(),
            keys: keys.iter().copied().collect(),
            is_direct: false,
            is_pointer,
        }
    }

    #[test]
    fn panels_are_told_from_everything_else_that_has_axes() {
        let protocol = |it: &Abilities| it.panel(false).map(|panel| panel.protocol);
        let multi = [ABS_X, ABS_Y, ABS_MT_POSITION_X, ABS_MT_POSITION_Y];
        assert_eq!(protocol(&device(&multi, &[BTN_TOUCH], false)), Ok(Protocol::Anonymous));
        let slots = [&multi[..], &[ABS_MT_SLOT]].concat();
        assert_eq!(protocol(&device(&slots, &[BTN_TOUCH], false)), Ok(Protocol::Slots(7)));
        assert_eq!(
            protocol(&device(&[ABS_X, ABS_Y], &[BTN_TOUCH], false)),
            Ok(Protocol::Single(7, 7))
        );
        assert_eq!(protocol(&device(&[], &[30], false)), Err(Unfit::NoPlaces), "a keyboard");
        assert_eq!(
            protocol(&device(&[ABS_X, ABS_Y], &[0x120], false)),
            Err(Unfit::NoContact),
            "a joystick"
        );
        assert_eq!(
            protocol(&device(&slots, &[BTN_TOUCH], true)),
            Err(Unfit::Pointer),
            "a touchpad"
        );
        let pen = device(&[ABS_X, ABS_Y], &[BTN_TOUCH, BTN_TOOL_PEN], false);
        assert_eq!(protocol(&pen), Err(Unfit::Pen));
        assert!(pen.panel(true).is_ok(), "the office knows better");
        assert!(device(&[ABS_X, ABS_Y], &[BTN_LEFT], false).panel(true).is_ok());
    }
}

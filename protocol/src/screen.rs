//! Screen ↔ signaling, and what a screen shows: layouts of pages, zones and widgets.
//!
//! A layout names its contents; a manifest says what each name is (SHA-256, size, media type), so that a
//! screen can fetch them, verify them, and play from its own disk with nobody there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::congestion::AreaState;
use crate::ids::{AreaId, ScreenId};
use crate::problem::Problem;
use crate::time::UnixMillis;

/// The version of these messages and of the layout format.
pub const VERSION: u32 = 1;

/// A text in the languages that there are: `ja` always, others by their BCP 47 tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Japanese.
    pub ja: String,
    /// English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

/// A rectangle in the layout's own pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rect {
    /// From the left.
    pub x: u32,
    /// From the top.
    pub y: u32,
    /// Pixels wide.
    pub width: u32,
    /// Pixels high.
    pub height: u32,
}

impl Rect {
    /// Whether a point is inside (right and bottom edge excluded).
    #[must_use]
    pub fn contains(&self, x: f64, y: f64) -> bool {
        let (left, top) = (f64::from(self.x), f64::from(self.y));
        x >= left && y >= top && x < left + f64::from(self.width) && y < top + f64::from(self.height)
    }
}

/// What a screen shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// [`VERSION`].
    pub version: u32,
    /// A name for people and logs.
    pub name: String,
    /// Pixels wide.
    pub width: u32,
    /// Pixels high.
    pub height: u32,
    /// At least one; the first is shown at the start and after inactivity.
    pub pages: Vec<Page>,
}

/// One page of a layout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Its name, unique in the layout.
    pub name: String,
    /// `#rrggbb`.
    pub background: String,
    /// Zones from back to front.
    pub zones: Vec<Zone>,
    /// After so long without a touch, back to the first page; none: stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_after_ms: Option<u64>,
    /// What a touch does where no zone has an answer of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_touch: Option<Action>,
}

/// A place on a page, with one widget in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its name, unique on the page.
    pub name: String,
    /// Where.
    pub rect: Rect,
    /// What.
    pub widget: Widget,
    /// What a touch does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_touch: Option<Action>,
}

/// What a touch does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Shows another page.
    GoTo {
        /// Its name.
        page: String,
    },
    /// Shows the first page.
    GoHome,
}

/// What a zone shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Widget {
    /// Videos and pictures, one after the other, for ever.
    Playlist {
        /// At least one.
        items: Vec<Item>,
    },
    /// The live congestion of areas.
    CongestionBoard {
        /// A heading.
        title: Text,
        /// Which, from top to bottom, with the words to show.
        areas: Vec<BoardArea>,
    },
    /// Time and date (with 和暦).
    Clock,
    /// A line of text that runs from right to left at constant speed.
    Ticker {
        /// The text.
        text: Text,
        /// Layout pixels a second.
        speed: u32,
    },
    /// Standing text.
    Label {
        /// The text.
        text: Text,
        /// Height of the letters in layout pixels.
        size: u32,
        /// `#rrggbb`.
        color: String,
    },
    /// Something to press.
    Button {
        /// What happens, in words.
        text: Text,
    },
    /// The avatar: greets when its page is shown.
    Avatar {
        /// The folder's name under the rigs.
        rig: String,
        /// What it says, also shown as caption.
        greeting: Text,
    },
}

/// An area on a congestion board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardArea {
    /// Which.
    pub area: AreaId,
    /// Its name on the board.
    pub label: Text,
}

/// One item of a playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Item {
    /// A video, to its end.
    Video {
        /// The content's name in the manifest.
        content: String,
    },
    /// A picture.
    Picture {
        /// The content's name in the manifest.
        content: String,
        /// How long it stands.
        duration_ms: u64,
    },
}

impl Item {
    /// The content's name in the manifest.
    #[must_use]
    pub fn content(&self) -> &str {
        match self {
            Self::Video { content } | Self::Picture { content, .. } => content,
        }
    }
}

/// Why a layout can't be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("layout {layout:?}, {place}: {what}")]
pub struct LayoutError {
    layout: String,
    place: String,
    what: String,
}

impl Layout {
    /// Checks what the types can't: sizes, names, targets of actions, zones inside the picture.
    ///
    /// # Errors
    /// [`LayoutError`] that names the first page, zone and field at fault.
    pub fn check(&self) -> Result<(), LayoutError> {
        let fail = |place: &str, what: String| {
            Err(LayoutError {
                layout: self.name.clone(),
                place: place.to_owned(),
                what,
            })
        };
        if self.version != VERSION {
            return fail(
                "version",
                format!("{} is not supported, expected {VERSION}", self.version),
            );
        }
        if !(64..=7680).contains(&self.width) || !(64..=7680).contains(&self.height) {
            return fail("size", format!("{}x{} is outside 64 to 7680", self.width, self.height));
        }
        if self.pages.is_empty() {
            return fail("pages", "there is none, expected at least one".to_owned());
        }
        let is_page = |name: &str| self.pages.iter().any(|page| page.name == name);
        let check_action = |place: &str, action: &Option<Action>| match action {
            Some(Action::GoTo { page }) if !is_page(page) => fail(place, format!("there is no page {page:?} to go to")),
            _ => Ok(()),
        };
        for page in &self.pages {
            let place = format!("page {:?}", page.name);
            if parse_color(&page.background).is_none() {
                return fail(
                    &place,
                    format!("background {:?} is not of the form #rrggbb", page.background),
                );
            }
            check_action(&place, &page.on_touch)?;
            for zone in &page.zones {
                let place = format!("page {:?}, zone {:?}", page.name, zone.name);
                let Rect { x, y, width, height } = zone.rect;
                let fits = |start: u32, len: u32, whole: u32| {
                    len > 0 && start.checked_add(len).is_some_and(|end| end <= whole)
                };
                if !fits(x, width, self.width) || !fits(y, height, self.height) {
                    return fail(&place, format!("{width}x{height} at {x},{y} is not inside the layout"));
                }
                check_action(&place, &zone.on_touch)?;
                match &zone.widget {
                    Widget::Playlist { items } if items.is_empty() => {
                        return fail(&place, "the playlist has no item".to_owned());
                    }
                    Widget::Label { color, .. } if parse_color(color).is_none() => {
                        return fail(&place, format!("color {color:?} is not of the form #rrggbb"));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The names of all contents that the layout shows.
    pub fn contents(&self) -> impl Iterator<Item = &str> {
        self.pages
            .iter()
            .flat_map(|page| &page.zones)
            .flat_map(|zone| match &zone.widget {
                Widget::Playlist { items } => items.iter().map(Item::content).collect::<Vec<_>>(),
                _ => Vec::new(),
            })
    }
}

/// Red, green and blue of `#rrggbb`.
#[must_use]
pub fn parse_color(text: &str) -> Option<[u8; 3]> {
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.is_ascii())?;
    let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
    Some([channel(0)?, channel(2)?, channel(4)?])
}

/// One content, by what it is and not by where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// 64 lower-case hexadecimal digits.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Such as `video/mp4`, `image/png`.
    pub media_type: String,
}

/// All that a screen needs to play.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What to show.
    pub layout: Layout,
    /// The layout's contents by name; fetched from `/content/SHA256`.
    pub contents: BTreeMap<String, Content>,
}

/// A frame from a screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ScreenFrame {
    /// The first frame. The connection itself is authorised by a
    /// [`ScreenGrant`](crate::grants::ScreenGrant) in its `Authorization` header.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// The player's own version.
        player: String,
        /// Which manifest it has: SHA-256 of its JSON, so that the same needn't be sent again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifest: Option<String>,
    },
    /// How it is doing; every ten seconds.
    Report {
        /// The report.
        report: Report,
    },
    /// Proves that the link works; answered by [`ToScreen::Pong`].
    Ping,
}

/// How a screen is doing.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// The page on show.
    pub page: String,
    /// Frames that left the stage since the start.
    pub frames: u64,
    /// Of these, late or skipped.
    pub dropped: u64,
    /// Items that couldn't be played, by name, and why.
    #[serde(default)]
    pub faults: Vec<String>,
}

/// A frame to a screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToScreen {
    /// Hello to you.
    Welcome {
        /// Which screen you are.
        screen: ScreenId,
        /// The server's clock.
        now: UnixMillis,
        /// The office's IANA time zone, for the clock.
        time_zone: String,
    },
    /// What to play from now on.
    Manifest {
        /// The whole of it.
        manifest: Manifest,
    },
    /// The state of areas: all after hello, later those that changed.
    Areas {
        /// The states, stale ones already turned unknown.
        areas: Vec<AreaState>,
    },
    /// Something was wrong with the last frame.
    Error {
        /// What.
        problem: Problem,
    },
    /// Answer to a ping.
    Pong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        serde_json::from_str(
            r##"{"version":1,"name":"demo","width":1280,"height":720,"pages":[
                {"name":"home","background":"#ffffff","on_touch":{"do":"go_to","page":"reception"},"zones":[
                  {"name":"main","rect":{"x":0,"y":0,"width":854,"height":480},"widget":{"type":"playlist","items":[
                    {"type":"video","content":"a.mp4"},{"type":"picture","content":"b.png","duration_ms":8000}]}}]},
                {"name":"reception","background":"#f8f8fb","back_after_ms":30000,"zones":[]}]}"##,
        )
        .expect("valid layout")
    }

    #[test]
    fn a_layout_round_trips_and_names_its_contents() {
        let layout = layout();
        layout.check().expect("sound");
        assert_eq!(layout.contents().collect::<Vec<_>>(), ["a.mp4", "b.png"]);
        let json = serde_json::to_string(&layout).expect("json");
        assert_eq!(serde_json::from_str::<Layout>(&json).expect("json"), layout);
    }

    #[test]
    fn a_bad_layout_is_refused_with_the_place_of_the_fault() {
        let mut outside = layout();
        outside.pages[0].zones[0].rect.width = u32::MAX;
        assert!(
            outside
                .check()
                .expect_err("outside")
                .to_string()
                .contains("zone \"main\"")
        );
        let mut nowhere = layout();
        nowhere.pages[0].on_touch = Some(Action::GoTo { page: "cellar".into() });
        assert!(nowhere.check().expect_err("nowhere").to_string().contains("cellar"));
        let mut color = layout();
        color.pages[1].background = "#gg0000".into();
        assert!(color.check().expect_err("color").to_string().contains("#rrggbb"));
        assert!(serde_json::from_str::<Layout>(r#"{"version":1,"nmae":"x"}"#).is_err());
    }

    #[test]
    fn frames_round_trip() {
        let hello = ScreenFrame::Hello {
            version: 1,
            player: "0.1.0".into(),
            manifest: None,
        };
        let json = serde_json::to_string(&hello).expect("json");
        assert_eq!(json, r#"{"type":"hello","version":1,"player":"0.1.0"}"#);
        assert_eq!(serde_json::from_str::<ScreenFrame>(&json).expect("json"), hello);
        let manifest = ToScreen::Manifest {
            manifest: Manifest {
                layout: layout(),
                contents: BTreeMap::new(),
            },
        };
        let json = serde_json::to_string(&manifest).expect("json");
        assert_eq!(serde_json::from_str::<ToScreen>(&json).expect("json"), manifest);
    }
}

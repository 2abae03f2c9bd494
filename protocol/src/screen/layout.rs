//! The layout format: what a screen shows, as pages of zones with widgets. `docs/layout.md` explains it,
//! `docs/layout.schema.json` is made from these types.
//!
//! Invariant: unknown fields are refused, so that a misspelt one is never ignored in silence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schedule::{Day, When, usually_closed};
use super::{Language, Text};
use crate::ids::AreaId;

/// The version of the layout format that is written. Version 1 is a part of it, and still read.
pub const LAYOUT_VERSION: u32 = 2;

/// A rectangle in the layout's own pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// [`LAYOUT_VERSION`], or 1.
    pub version: u32,
    /// A name for people and logs.
    pub name: String,
    /// Pixels wide, 64 to 7680. A screen that hangs upright has a layout that is higher than wide.
    pub width: u32,
    /// Pixels high, 64 to 7680.
    pub height: u32,
    /// The languages that visitors may choose; the first is spoken at the start and after inactivity.
    #[serde(default = "japanese", skip_serializing_if = "is_japanese")]
    pub languages: Vec<Language>,
    /// The size of the letters, 100 to 200 percent of the usual.
    #[serde(default = "hundred", skip_serializing_if = "is_hundred")]
    pub text_percent: u32,
    /// When the screen is on; none: always. Otherwise it is dark, and decodes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<When>,
    /// The days on which the office is closed, for schedules that speak of `open` and `closed`. Without it: weekends,
    /// national holidays, and December 29 to January 3.
    #[serde(default = "usually_closed", skip_serializing_if = "is_usual")]
    pub closed: Vec<Day>,
    /// After so many milliseconds without a touch, back to the first page and language, on every page that says nothing else
    /// with `back_after_ms`; none: pages stay, and a language that somebody chose is given up after a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset_after_ms: Option<u64>,
    /// At least one; the first is shown at the start and after inactivity.
    pub pages: Vec<Page>,
}

fn japanese() -> Vec<Language> {
    vec![Language::Ja]
}

fn is_japanese(languages: &[Language]) -> bool {
    languages == [Language::Ja]
}

fn is_usual(closed: &[Day]) -> bool {
    closed == usually_closed()
}

fn hundred() -> u32 {
    100
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_hundred(percent: &u32) -> bool {
    *percent == 100
}

/// One page of a layout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Its name, unique in the layout.
    pub name: String,
    /// `#rrggbb`.
    pub background: String,
    /// Zones from back to front.
    pub zones: Vec<Zone>,
    /// After so many milliseconds without a touch, back to the first page and language; none: stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_after_ms: Option<u64>,
    /// What a touch does where no zone has an answer of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_touch: Option<Action>,
}

/// A place on a page, with one widget in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Shows another page.
    GoTo {
        /// Its name.
        page: String,
    },
    /// Shows the first page, in the first language.
    GoHome,
    /// Goes on in another language.
    Speak {
        /// Which; one of the layout's.
        language: Language,
    },
}

/// What a zone shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Widget {
    /// Videos, pictures and documents, one after the other, for ever.
    Playlist {
        /// At least one.
        items: Vec<Item>,
        /// Lists that take the place of `items` at their times, from the most to the least important.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        lists: Vec<Programme>,
        /// How one follows the other.
        #[serde(default, skip_serializing_if = "Transition::is_cut")]
        transition: Transition,
    },
    /// The live congestion of areas.
    CongestionBoard {
        /// A heading.
        title: Text,
        /// Which, from top to bottom, with the words to show.
        areas: Vec<BoardArea>,
    },
    /// The numbers called last. A new call is lit up for some seconds.
    WaitingBoard {
        /// A heading.
        title: Text,
        /// Which, from top to bottom, with the words to show.
        queues: Vec<BoardQueue>,
    },
    /// Free places of car parks.
    Parking {
        /// A heading.
        title: Text,
        /// Which, from top to bottom, with the words to show.
        lots: Vec<BoardLot>,
    },
    /// What the office says now; one after the other where there are several.
    Notices {
        /// A heading.
        title: Text,
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
    /// A long text that moves from bottom to top at constant speed, in lines.
    Roll {
        /// The text; an empty line begins a paragraph.
        text: Text,
        /// Height of the letters in layout pixels.
        size: u32,
        /// Layout pixels a second.
        speed: u32,
    },
    /// Standing text in one or few lines.
    Label {
        /// The text.
        text: Text,
        /// Height of the letters in layout pixels.
        size: u32,
        /// `#rrggbb`.
        color: String,
    },
    /// Text of several paragraphs: `[漢字|かんじ]` gives a reading, `*so*` is bold.
    RichText {
        /// The text.
        text: Text,
        /// Height of the letters in layout pixels.
        size: u32,
        /// `#rrggbb`.
        color: String,
        /// Which way the lines go.
        #[serde(default, skip_serializing_if = "Direction::is_horizontal")]
        direction: Direction,
    },
    /// A QR code (ISO/IEC 18004), error correction M, with its quiet zone.
    QrCode {
        /// What it is for.
        #[serde(default, skip_serializing_if = "QrKind::is_fixed")]
        kind: QrKind,
        /// What a phone reads, such as an address; of a remote control, nothing.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        content: String,
        /// What one gets there, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        caption: Option<Text>,
    },
    /// A plan of a floor, with the way from this screen to a counter.
    FloorMap {
        /// The plan.
        plan: Plan,
        /// To which of the plan's places the way is shown; none: the plan alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        route_to: Option<String>,
    },
    /// Something to press.
    Button {
        /// What happens, in words.
        text: Text,
    },
    /// The layout's languages to choose from, each by its own name.
    LanguageChooser,
    /// The avatar: greets when its page is shown.
    Avatar {
        /// The folder's name under the rigs.
        rig: String,
        /// What it says, also shown as caption.
        greeting: Text,
    },
}

/// A list that is played at its times. Where several are on, the first that has something to show is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Programme {
    /// Its name, for reports.
    pub name: String,
    /// When it is on.
    pub when: When,
    /// At least one.
    pub items: Vec<Item>,
}

/// How one item follows another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// At once.
    #[default]
    Cut,
    /// One shines through the other, half a second long.
    Fade,
    /// The new one pushes the old one out to the left, half a second long.
    Slide,
}

impl Transition {
    fn is_cut(&self) -> bool {
        *self == Self::Cut
    }
}

/// What a QR code is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QrKind {
    /// Always the same content.
    #[default]
    Fixed,
    /// Makes the phone that reads it the screen's remote control; the server says by which address.
    Remote,
}

impl QrKind {
    fn is_fixed(&self) -> bool {
        *self == Self::Fixed
    }
}

/// Which way lines go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// 横書き: from left to right, lines from top to bottom.
    #[default]
    Horizontal,
    /// 縦書き: from top to bottom, lines from right to left.
    Vertical,
}

impl Direction {
    fn is_horizontal(&self) -> bool {
        *self == Self::Horizontal
    }
}

/// An area on a congestion board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoardArea {
    /// Which.
    #[schemars(with = "String")]
    pub area: AreaId,
    /// Its name on the board.
    pub label: Text,
}

/// A queue on a waiting-number board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoardQueue {
    /// Which.
    pub queue: String,
    /// Its name on the board.
    pub label: Text,
}

/// A car park on a board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoardLot {
    /// Which.
    pub lot: String,
    /// Its name on the board.
    pub label: Text,
}

/// A floor, in units of its own: the widget fits it into its zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Units wide, 1 to 10,000.
    pub width: u32,
    /// Units high, 1 to 10,000.
    pub height: u32,
    /// Rooms and counters.
    pub rooms: Vec<Room>,
    /// Points that people walk over; the screen stands at one of them.
    pub points: Vec<Point>,
    /// Which points are joined, by their names.
    pub ways: Vec<(String, String)>,
    /// The name of the point at which the screen stands.
    pub here: String,
}

/// A room or counter on a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// Where, in the plan's units.
    pub rect: Rect,
    /// What stands on it.
    pub label: Text,
    /// The name of the point at its door; none: nobody is led there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
}

/// A point on a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Point {
    /// Its name, unique on the plan.
    pub name: String,
    /// From the left, in the plan's units.
    pub x: u32,
    /// From the top, in the plan's units.
    pub y: u32,
}

/// One item of a playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Item {
    /// A video, to its end.
    Video {
        /// The content's name in the manifest.
        content: String,
        /// When it is shown; none: always.
        #[serde(default, skip_serializing_if = "When::is_always")]
        when: When,
    },
    /// A picture.
    Picture {
        /// The content's name in the manifest.
        content: String,
        /// How long it stands.
        duration_ms: u64,
        /// When it is shown; none: always.
        #[serde(default, skip_serializing_if = "When::is_always")]
        when: When,
    },
    /// A live picture by RTSP (RFC 2326, RFC 7826), such as a camera's or an encoder's, or by WHEP (draft-ietf-wish-whep),
    /// such as one of the office's broadcasts.
    Live {
        /// Its name, for reports.
        name: String,
        /// `rtsp://` or `rtsps://`, with `user:password@` where it wants them; or `https://`, the WHEP address.
        url: String,
        /// How long it is shown.
        duration_ms: u64,
        /// When it is shown; none: always.
        #[serde(default, skip_serializing_if = "When::is_always")]
        when: When,
    },
    /// The pages of a PDF, one after the other.
    Document {
        /// The content's name in the manifest.
        content: String,
        /// How long each page stands.
        page_ms: u64,
        /// When it is shown; none: always.
        #[serde(default, skip_serializing_if = "When::is_always")]
        when: When,
    },
}

impl Item {
    /// The content's name in the manifest; `None`: it has no file.
    #[must_use]
    pub fn content(&self) -> Option<&str> {
        match self {
            Self::Video { content, .. } | Self::Picture { content, .. } | Self::Document { content, .. } => {
                Some(content)
            }
            Self::Live { .. } => None,
        }
    }

    /// What it is called: the content's name, or its own.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Live { name, .. } => name,
            other => other.content().unwrap_or_default(),
        }
    }

    /// When it is shown.
    #[must_use]
    pub fn when(&self) -> &When {
        match self {
            Self::Video { when, .. }
            | Self::Picture { when, .. }
            | Self::Document { when, .. }
            | Self::Live { when, .. } => when,
        }
    }
}

//! Reading a layout: what is wrong is said with its place.

use std::collections::HashSet;

use serde_json::Value;

use super::When;
use super::address::check_address;
use super::layout::{Action, Item, LAYOUT_VERSION, Layout, Page, Plan, Programme, QrKind, Rect, Widget, Zone};
use super::schedule::Day;

/// The longest text of a widget, in bytes: some 80 pages.
pub const MAX_TEXT: usize = 200_000;
/// What a QR code may hold, in bytes: more can't be read from afar.
pub const MAX_QR: usize = 300;
/// The largest side of a plan, in its units.
const MAX_PLAN: u32 = 10_000;

/// Why a layout can't be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("layout {layout:?}, {place}: {what}")]
pub struct LayoutError {
    layout: String,
    place: String,
    what: String,
}

type Checked = Result<(), (String, String)>;

fn fail(place: &str, what: impl Into<String>) -> Checked {
    Err((place.to_owned(), what.into()))
}

impl Layout {
    /// Reads a layout from JSON and checks it.
    ///
    /// # Errors
    /// [`LayoutError`] that names the field (`pages[0].zones[2].widget`) and what is wrong with it; of a
    /// version that this program doesn't know, what to do about it.
    pub fn parse(json: &str) -> Result<Self, LayoutError> {
        let error = |layout: &str, place: &str, what: String| LayoutError {
            layout: layout.to_owned(),
            place: place.to_owned(),
            what,
        };
        let value: Value = serde_json::from_str(json).map_err(|it| error("?", "the file", it.to_string()))?;
        let name = value.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
        // The version first: of a newer one, other complaints would only mislead.
        if let Some(version) = value.get("version").and_then(Value::as_u64) {
            check_version(version).map_err(|(place, what)| error(&name, &place, what))?;
        }
        let layout: Self = serde_path_to_error::deserialize(value)
            .map_err(|it| error(&name, &it.path().to_string(), it.inner().to_string()))?;
        layout.check()?;
        Ok(layout)
    }

    /// Checks what the types can't: sizes, names, targets of actions, zones inside the picture, and that there is something
    /// to show in each.
    ///
    /// # Errors
    /// [`LayoutError`] that names the first page, zone and field at fault.
    pub fn check(&self) -> Result<(), LayoutError> {
        self.named(self.check_all().and_then(|()| self.check_filled()))
    }

    /// The same for who has to play it all the same: a zone that has nothing to show is no reason to show none of the others.
    ///
    /// # Errors
    /// As [`Layout::check`].
    pub fn check_to_play(&self) -> Result<(), LayoutError> {
        self.named(self.check_all())
    }

    fn named(&self, checked: Checked) -> Result<(), LayoutError> {
        checked.map_err(|(place, what)| LayoutError {
            layout: self.name.clone(),
            place,
            what,
        })
    }

    fn check_filled(&self) -> Checked {
        for page in &self.pages {
            for zone in &page.zones {
                let place = format!("page {:?}, zone {:?}", page.name, zone.name);
                if let Widget::Playlist { items, lists, .. } = &zone.widget {
                    check_items(&place, items, lists)?;
                }
            }
        }
        Ok(())
    }

    fn check_all(&self) -> Checked {
        check_version(u64::from(self.version))?;
        if !(64..=7680).contains(&self.width) || !(64..=7680).contains(&self.height) {
            return fail("size", format!("{}x{} is outside 64 to 7680", self.width, self.height));
        }
        if !(100..=200).contains(&self.text_percent) {
            return fail("text_percent", format!("{} is outside 100 to 200", self.text_percent));
        }
        if let Some(ms @ 0..=999) = self.reset_after_ms {
            return fail(
                "reset_after_ms",
                format!("{ms} is less than a second, expected at least 1000"),
            );
        }
        if self.languages.is_empty() {
            return fail("languages", "there is none, expected at least \"ja\"");
        }
        if self.pages.is_empty() {
            return fail("pages", "there is none, expected at least one");
        }
        for (at, when) in self.on.iter().enumerate() {
            check_when(&format!("on[{at}]"), when)?;
        }
        if self.closed.iter().any(|day| matches!(day, Day::Open | Day::Closed)) {
            return fail(
                "closed",
                "\"open\" and \"closed\" can't say what they are by themselves",
            );
        }
        // First the names: what pages lead to depends on them.
        let mut names = HashSet::new();
        for page in &self.pages {
            if !names.insert(&page.name) {
                let place = format!("page {:?}", page.name);
                return fail(&place, "there are two pages of this name");
            }
        }
        for page in &self.pages {
            self.check_page(&format!("page {:?}", page.name), page)?;
        }
        Ok(())
    }

    fn check_page(&self, place: &str, page: &Page) -> Checked {
        check_color(place, "background", &page.background)?;
        self.check_action(place, page.on_touch.as_ref())?;
        for zone in &page.zones {
            self.check_zone(&format!("{place}, zone {:?}", zone.name), zone)?;
        }
        Ok(())
    }

    fn check_action(&self, place: &str, action: Option<&Action>) -> Checked {
        match action {
            Some(Action::GoTo { page }) if !self.pages.iter().any(|it| it.name == *page) => {
                fail(place, format!("there is no page {page:?} to go to"))
            }
            Some(Action::Speak { language }) if !self.languages.contains(language) => {
                fail(place, format!("{language:?} is not one of the layout's languages"))
            }
            _ => Ok(()),
        }
    }

    fn check_zone(&self, place: &str, zone: &Zone) -> Checked {
        let Rect { x, y, width, height } = zone.rect;
        let fits = |start: u32, len: u32, whole: u32| len > 0 && start.checked_add(len).is_some_and(|end| end <= whole);
        if !fits(x, width, self.width) || !fits(y, height, self.height) {
            return fail(place, format!("{width}x{height} at {x},{y} is not inside the layout"));
        }
        self.check_action(place, zone.on_touch.as_ref())?;
        match &zone.widget {
            Widget::Playlist { items, lists, .. } => check_playlist(place, items, lists),
            Widget::Label { color, text, .. } | Widget::RichText { color, text, .. } => {
                check_color(place, "color", color)?;
                check_text(place, &text.ja)
            }
            Widget::Ticker { text, .. } | Widget::Roll { text, .. } => check_text(place, &text.ja),
            Widget::QrCode {
                kind: QrKind::Remote,
                content,
                ..
            } if !content.is_empty() => fail(place, "a remote control's content comes from the server, expected none"),
            Widget::QrCode {
                kind: QrKind::Fixed,
                content,
                ..
            } if content.is_empty() || content.len() > MAX_QR => fail(
                place,
                format!("content has {} bytes, expected 1 to {MAX_QR}", content.len()),
            ),
            Widget::FloorMap { plan, route_to } => check_plan(place, plan, route_to.as_deref()),
            _ => Ok(()),
        }
    }

    /// The names of all contents that the layout shows.
    pub fn contents(&self) -> impl Iterator<Item = &str> {
        self.items().filter_map(Item::content)
    }

    /// The items of all playlists, of each first those of its own list.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        let zones = self.pages.iter().flat_map(|page| &page.zones);
        let lists = zones.filter_map(|zone| match &zone.widget {
            Widget::Playlist { items, lists, .. } => Some((items, lists)),
            _ => None,
        });
        lists.flat_map(|(items, lists)| items.iter().chain(lists.iter().flat_map(|list| &list.items)))
    }
}

fn check_version(version: u64) -> Checked {
    match version {
        1..=2 => Ok(()),
        newer if newer > u64::from(LAYOUT_VERSION) => fail(
            "version",
            format!(
                "{newer} is newer than this program knows ({LAYOUT_VERSION}): update it, or save the layout as version {LAYOUT_VERSION}"
            ),
        ),
        other => fail(
            "version",
            format!("{other} is not supported, expected 1 to {LAYOUT_VERSION}"),
        ),
    }
}

fn check_when(place: &str, when: &When) -> Checked {
    when.check().map_err(|what| (place.to_owned(), what))
}

fn check_items(place: &str, items: &[Item], lists: &[Programme]) -> Checked {
    if items.is_empty() {
        return fail(place, "the playlist has no item");
    }
    match lists.iter().find(|list| list.items.is_empty()) {
        Some(list) => fail(&format!("{place}, list {:?}", list.name), "the list has no item"),
        None => Ok(()),
    }
}

fn check_playlist(place: &str, items: &[Item], lists: &[Programme]) -> Checked {
    let mut names = HashSet::new();
    for list in lists {
        let place = format!("{place}, list {:?}", list.name);
        if !names.insert(&list.name) {
            return fail(&place, "there are two lists of this name");
        }
        check_when(&place, &list.when)?;
    }
    for item in items.iter().chain(lists.iter().flat_map(|list| &list.items)) {
        let place = format!("{place}, {:?}", item.name());
        check_when(&place, item.when())?;
        if let Item::Live { url, .. } = item {
            check_address(url, true).or_else(|fault| fail(&place, fault.to_string()))?;
        }
    }
    Ok(())
}

fn check_color(place: &str, field: &str, color: &str) -> Checked {
    match parse_color(color) {
        Some(_) => Ok(()),
        None => fail(place, format!("{field} {color:?} is not of the form #rrggbb")),
    }
}

fn check_text(place: &str, text: &str) -> Checked {
    match text.len() {
        0..=MAX_TEXT => Ok(()),
        bytes => fail(
            place,
            format!("the text has {bytes} bytes, at most {MAX_TEXT} are shown"),
        ),
    }
}

fn check_plan(place: &str, plan: &Plan, route_to: Option<&str>) -> Checked {
    if !(1..=MAX_PLAN).contains(&plan.width) || !(1..=MAX_PLAN).contains(&plan.height) {
        return fail(
            place,
            format!("a plan of {}x{} is outside 1 to {MAX_PLAN}", plan.width, plan.height),
        );
    }
    let is_point = |name: &str| plan.points.iter().any(|point| point.name == name);
    let doors = plan.rooms.iter().filter_map(|room| room.door.as_deref());
    let ends = plan.ways.iter().flat_map(|(from, to)| [from.as_str(), to.as_str()]);
    let mut named = doors.chain(ends).chain([plan.here.as_str()]).chain(route_to);
    match named.find(|name| !is_point(name)) {
        Some(name) => fail(place, format!("the plan has no point {name:?}")),
        None => Ok(()),
    }
}

/// Red, green and blue of `#rrggbb`.
#[must_use]
pub fn parse_color(text: &str) -> Option<[u8; 3]> {
    let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.is_ascii())?;
    let channel = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).ok();
    Some([channel(0)?, channel(2)?, channel(4)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: &str = r##"{"version":2,"name":"demo","width":1280,"height":720,"pages":[
        {"name":"home","background":"#ffffff","on_touch":{"do":"go_to","page":"reception"},"zones":[
          {"name":"main","rect":{"x":0,"y":0,"width":854,"height":480},"widget":{"type":"playlist","items":[
            {"type":"video","content":"a.mp4"},{"type":"picture","content":"b.png","duration_ms":8000}]}}]},
        {"name":"reception","background":"#f8f8fb","back_after_ms":30000,"zones":[]}]}"##;

    fn layout() -> Layout {
        Layout::parse(LAYOUT).expect("valid layout")
    }

    fn refused(json: &str) -> String {
        Layout::parse(json).expect_err("refused").to_string()
    }

    #[test]
    fn a_layout_round_trips_and_names_its_contents() {
        let layout = layout();
        assert_eq!(layout.contents().collect::<Vec<_>>(), ["a.mp4", "b.png"]);
        let json = serde_json::to_string(&layout).expect("json");
        assert_eq!(Layout::parse(&json), Ok(layout));
        let first = LAYOUT.replace("\"version\":2", "\"version\":1");
        assert_eq!(Layout::parse(&first).expect("still read").version, 1);
    }

    #[test]
    fn a_bad_layout_is_refused_with_the_place_of_the_fault() {
        let mut outside = layout();
        outside.pages[0].zones[0].rect.width = u32::MAX;
        let said = outside.check().expect_err("outside").to_string();
        assert!(said.contains("zone \"main\""), "{said}");
        for (from, to, place) in [
            ("\"page\":\"reception\"", "\"page\":\"cellar\"", "cellar"),
            ("#f8f8fb", "#gg0000", "#rrggbb"),
            ("\"reception\",\"background", "\"home\",\"background", "two pages"),
            ("\"duration_ms\":8000", "\"duration_m\":8000", "duration_m"),
            ("\"x\":0", "\"x\":-1", "pages[0].zones[0].rect.x"),
            (
                "\"type\":\"playlist\"",
                "\"type\":\"playlst\"",
                "pages[0].zones[0].widget",
            ),
            ("\"name\":\"demo\"", "\"nmae\":\"demo\"", "nmae"),
            ("\"width\":1280", "\"width\":12", "64 to 7680"),
            ("\"pages\"", "\"text_percent\":300,\"pages\"", "text_percent"),
            ("\"pages\"", "\"languages\":[],\"pages\"", "languages"),
            ("\"pages\"", "\"reset_after_ms\":60,\"pages\"", "reset_after_ms"),
        ] {
            let said = refused(&LAYOUT.replacen(from, to, 1));
            assert!(said.contains(place), "{to}: {said}");
        }
        assert!(refused("{").contains("the file"));
    }

    #[test]
    fn a_newer_version_says_what_to_do_and_nothing_else() {
        let newer = LAYOUT
            .replace("\"version\":2", "\"version\":3")
            .replace("\"zones\"", "\"layers\"");
        let said = refused(&newer);
        assert!(said.contains("update it") && !said.contains("layers"), "{said}");
        assert!(refused(&LAYOUT.replace("\"version\":2", "\"version\":0")).contains("1 to 2"));
    }
}

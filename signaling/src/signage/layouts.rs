//! Ready-made layouts: one JSON file each in `paths.layouts`, and what becomes of one with a playlist, an office and its areas
//! in it. `fill` is pure.
//!
//! In a ready-made layout every playlist in a zone named `main` is replaced by what staff arrange; a label `{office}` says
//! the office's name; a congestion board without areas shows all of the office's.

use std::collections::BTreeMap;
use std::path::Path;

use protocol::config::Config;
use protocol::screen::{BoardArea, Content, Item, Layout, Manifest, Programme, When, Widget};
use store::screens::files::Upload;
use store::screens::{Arrangement, LivePicture, Orientation};

/// The zone that staff fill.
const MAIN: &str = "main";
const OFFICE: &str = "{office}";

/// A ready-made layout.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ready {
    /// Its file's name without `.json`.
    pub(crate) name: String,
    /// What it says.
    pub(crate) layout: Layout,
}

impl Ready {
    /// For screens that hang so.
    pub(crate) fn orientation(&self) -> Orientation {
        if self.layout.height > self.layout.width {
            Orientation::Portrait
        } else {
            Orientation::Landscape
        }
    }

    /// Whether there is something in it for staff to arrange.
    fn has_main(&self) -> bool {
        let mut zones = self.layout.pages.iter().flat_map(|page| &page.zones);
        zones.any(|zone| zone.name == MAIN && matches!(zone.widget, Widget::Playlist { .. }))
    }
}

/// All ready-made layouts that are sound, by name. What is wrong with others is logged. Blocks.
pub(crate) fn all(folder: &Path) -> Vec<Ready> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<Ready> = files.filter_map(|file| read(&file.path())).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn read(path: &Path) -> Option<Ready> {
    if path.extension()? != "json" {
        return None;
    }
    let name = path.file_stem()?.to_str()?.to_owned();
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    match text.and_then(|text| Layout::parse(&text).map_err(|error| error.to_string())) {
        Ok(layout) => {
            let ready = Ready { name, layout };
            if !ready.has_main() {
                tracing::warn!(file = %path.display(), "has no playlist in a zone named \"main\": it can't be chosen");
            }
            ready.has_main().then_some(ready)
        }
        Err(error) => {
            tracing::warn!(file = %path.display(), "can't be chosen: {error}");
            None
        }
    }
}

/// Why nothing can be made of an arrangement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing was chosen to be played.
    NoItem,
    /// A file that was chosen isn't there any more.
    NoFile,
    /// It can't be shown: too large for the layout's rules.
    Unsound,
}

/// A manifest of a ready-made layout with what staff have arranged.
///
/// # Errors
/// [`Trouble`].
pub(crate) fn manifest(
    ready: &Ready,
    of: &Arrangement,
    files: &BTreeMap<String, Upload>,
    config: &Config,
) -> Result<Manifest, Trouble> {
    let mut contents: BTreeMap<String, Content> = BTreeMap::new();
    let (mut items, mut leading) = (Vec::with_capacity(of.items.len()), Vec::new());
    let mut lists: Vec<Programme> = Vec::new();
    for chosen in &of.items {
        let source = match &chosen.live {
            Some(picture) => Source::Live(picture),
            None => file(&mut contents, files, &chosen.sha256)?,
        };
        if chosen.leads {
            lead(&mut lists, &chosen.when, source.item(chosen.seconds, When::default()));
            leading.push(source.item(chosen.seconds, chosen.when.clone()));
        } else {
            items.push(source.item(chosen.seconds, chosen.when.clone()));
        }
    }
    // What leads is all there is: a playlist has something of its own.
    if items.is_empty() {
        items = leading;
    }
    if items.is_empty() {
        return Err(Trouble::NoItem);
    }
    let mut layout = ready.layout.clone();
    if !of.on.is_always() {
        layout.on = vec![of.on.clone()];
    }
    layout.closed = config.calendar.closed_days();
    for zone in layout.pages.iter_mut().flat_map(|page| &mut page.zones) {
        match &mut zone.widget {
            Widget::Playlist {
                items: old,
                lists: old_lists,
                ..
            } if zone.name == MAIN => {
                old.clone_from(&items);
                old_lists.clone_from(&lists);
            }
            Widget::Label { text, .. } if text.ja == OFFICE => text.clone_from(&config.office.name),
            Widget::CongestionBoard { areas, .. } if areas.is_empty() => {
                *areas = config
                    .areas
                    .iter()
                    .map(|area| BoardArea {
                        area: area.id.clone(),
                        label: area.name.clone(),
                    })
                    .collect();
            }
            _ => {}
        }
    }
    layout.check().map_err(|error| {
        tracing::warn!(%error, "an arrangement can't be shown");
        Trouble::Unsound
    })?;
    Ok(Manifest {
        layout,
        contents,
        group: None,
        bundle_key: None,
    })
}

/// Puts an item that leads into the list of its times.
fn lead(lists: &mut Vec<Programme>, when: &When, item: Item) {
    match lists.iter_mut().find(|list| list.when == *when) {
        Some(list) => list.items.push(item),
        None => lists.push(Programme {
            name: format!("priority {}", lists.len() + 1),
            when: when.clone(),
            items: vec![item],
        }),
    }
}

/// Where an item's picture comes from.
enum Source<'a> {
    /// From a file, under this name, of this media type.
    File(String, &'a str),
    Live(&'a LivePicture),
}

/// A file as the manifest names it.
fn file<'a>(
    contents: &mut BTreeMap<String, Content>,
    files: &'a BTreeMap<String, Upload>,
    sha256: &str,
) -> Result<Source<'a>, Trouble> {
    let file = files.get(sha256).ok_or(Trouble::NoFile)?;
    // Two files may have one name: the second is told apart by its hash.
    let is_taken = contents.get(&file.name).is_some_and(|other| *other != file.content);
    let name = if is_taken {
        format!("{} ({})", file.name, &sha256[..8])
    } else {
        file.name.clone()
    };
    contents.insert(name.clone(), file.content.clone());
    Ok(Source::File(name, &file.content.media_type))
}

impl Source<'_> {
    fn item(&self, seconds: u32, when: When) -> Item {
        let millis = u64::from(seconds) * 1000;
        match self {
            Self::Live(picture) => Item::Live {
                name: picture.name.clone(),
                url: picture.url.clone(),
                duration_ms: millis,
                when,
            },
            Self::File(name, media_type) => {
                let content = name.clone();
                match *media_type {
                    "video/mp4" | "video/webm" => Item::Video { content, when },
                    "application/pdf" => Item::Document {
                        content,
                        page_ms: millis,
                        when,
                    },
                    _ => Item::Picture {
                        content,
                        duration_ms: millis,
                        when,
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::ids::StaffId;
    use protocol::time::UnixMillis;
    use store::screens::Chosen;

    use super::*;

    fn config() -> Config {
        let text = include_str!("../../../configs/demo.toml");
        Config::parse(Path::new("demo.toml"), text).expect("the demo is sound")
    }

    fn file(fill: char, name: &str, media_type: &str) -> (String, Upload) {
        let sha256 = fill.to_string().repeat(64);
        let upload = Upload {
            content: Content {
                sha256: sha256.clone(),
                size: 1,
                media_type: media_type.into(),
            },
            name: name.into(),
            by: StaffId::new("kanri").expect("valid"),
            at: UnixMillis(0),
        };
        (sha256, upload)
    }

    fn of(fills: &str) -> Arrangement {
        let chosen = |fill: char| Chosen {
            sha256: fill.to_string().repeat(64),
            live: None,
            seconds: 7,
            when: When::default(),
            leads: false,
        };
        Arrangement {
            layout: "any".into(),
            items: fills.chars().map(chosen).collect(),
            on: When::default(),
        }
    }

    #[test]
    fn all_ready_made_layouts_take_a_playlist_the_offices_name_and_its_areas() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/layouts");
        let files = std::fs::read_dir(&folder).expect("read").count();
        let ready = all(&folder);
        assert_eq!(ready.len(), files, "all are sound");
        for orientation in [Orientation::Landscape, Orientation::Portrait] {
            assert!(
                ready.iter().any(|one| one.orientation() == orientation),
                "{orientation:?}"
            );
        }
        let known = BTreeMap::from([file('a', "a.mp4", "video/mp4"), file('b', "b.pdf", "application/pdf")]);
        for one in &ready {
            let made = manifest(one, &of("aba"), &known, &config()).expect("made");
            let names: Vec<&str> = made.layout.contents().collect();
            assert_eq!(names, ["a.mp4", "b.pdf", "a.mp4"], "{}", one.name);
            assert_eq!(made.contents.len(), 2);
            let json = serde_json::to_string(&made.layout).expect("json");
            assert!(!json.contains(OFFICE) && !json.contains("\"areas\":[]"), "{json}");
        }
    }

    #[test]
    fn what_leads_is_a_list_of_its_own_and_the_screens_times_are_the_layouts() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/layouts");
        let ready = all(&folder);
        let known = BTreeMap::from([
            file('a', "a.png", "image/png"),
            file('b', "b.png", "image/png"),
            file('c', "c.png", "image/png"),
        ]);
        let when = |json: &str| serde_json::from_str::<When>(json).expect("a when");
        let mut arranged = of("abc");
        arranged.items[0].when = when(r#"{"until":"2026-12-25"}"#);
        for item in &mut arranged.items[1..] {
            item.when = when(r#"{"days":["open"],"times":["12:00-13:00"]}"#);
            item.leads = true;
        }
        arranged.on = when(r#"{"times":["08:00-18:00"]}"#);
        let layout = manifest(&ready[0], &arranged, &known, &config()).expect("made").layout;
        assert_eq!(layout.on, [arranged.on.clone()]);
        let mut zones = layout.pages.iter().flat_map(|page| &page.zones);
        let main = zones.find(|zone| zone.name == MAIN).expect("main");
        let Widget::Playlist { items, lists, .. } = &main.widget else {
            panic!("a playlist")
        };
        assert_eq!(items.len(), 1);
        assert_eq!(*items[0].when(), arranged.items[0].when);
        assert_eq!((lists.len(), lists[0].items.len()), (1, 2));
        assert_eq!(lists[0].when, arranged.items[1].when);
        // Where everything leads, the playlist has it all.
        arranged.items.remove(0);
        let layout = manifest(&ready[0], &arranged, &known, &config()).expect("made").layout;
        assert_eq!(layout.items().count(), 4);
    }

    #[test]
    fn a_live_picture_needs_no_file_and_is_shown_as_long_as_was_said() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/layouts");
        let ready = all(&folder);
        let mut arranged = of("a");
        arranged.items[0] = Chosen {
            sha256: String::new(),
            live: Some(LivePicture {
                name: "式典".into(),
                url: "https://localhost/whep/abc".into(),
            }),
            seconds: 90,
            ..arranged.items[0].clone()
        };
        let made = manifest(&ready[0], &arranged, &BTreeMap::new(), &config()).expect("made");
        assert!(made.contents.is_empty());
        let live = Item::Live {
            name: "式典".into(),
            url: "https://localhost/whep/abc".into(),
            duration_ms: 90_000,
            when: When::default(),
        };
        assert_eq!(made.layout.items().collect::<Vec<_>>(), [&live]);
    }

    #[test]
    fn two_files_of_one_name_stay_two_and_a_missing_one_is_named() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/layouts");
        let ready = all(&folder);
        let known = BTreeMap::from([file('a', "x.png", "image/png"), file('b', "x.png", "image/png")]);
        let made = manifest(&ready[0], &of("abab"), &known, &config()).expect("made");
        assert_eq!(made.contents.len(), 2);
        assert!(made.contents.contains_key("x.png") && made.contents.contains_key("x.png (bbbbbbbb)"));
        let refused = |fills: &str| manifest(&ready[0], &of(fills), &known, &config()).expect_err("refused");
        assert_eq!(refused(""), Trouble::NoItem);
        assert_eq!(refused("ac"), Trouble::NoFile);
    }
}

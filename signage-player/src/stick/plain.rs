//! A plain folder: `layout.json` (docs/layout.md), or `playlist.toml`, or just videos, pictures and PDFs, which then
//! play in the order of their names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use protocol::screen::schedule::usually_closed;
use protocol::screen::{Item, LAYOUT_VERSION, Language, Layout, Page, Rect, Transition, Widget, Zone};
use serde::Deserialize;

use super::{Found, Listed, inside, kind_of};

/// A list of what plays.
pub const PLAYLIST: &str = "playlist.toml";
/// A whole layout.
pub const LAYOUT: &str = "layout.json";
/// A layout or playlist larger than this is not read, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// So many items of a playlist are taken.
const MAX_ITEMS: usize = 500;
/// The picture's size where the screen has shown nothing yet.
const SIZE: (u32, u32) = (1920, 1080);

/// `playlist.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Playlist {
    /// For logs.
    #[serde(default)]
    name: Option<String>,
    /// How one item follows another.
    #[serde(default)]
    transition: Transition,
    /// In order.
    #[serde(default, rename = "item")]
    items: Vec<Entry>,
}

/// `[[item]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// A file in the folder.
    file: String,
    /// How long a picture, or each page of a PDF, stands.
    #[serde(default)]
    seconds: Option<f64>,
}

/// Looks what is in a folder. `size`: of what the screen shows now.
///
/// # Errors
/// When its layout or playlist can't be read, or there is nothing in it.
pub fn open(folder: &Path, size: Option<(u32, u32)>) -> Result<Found> {
    let [layout, playlist] = [LAYOUT, PLAYLIST].map(|name| folder.join(name));
    if layout.exists() {
        let layout = Layout::parse(&read(&layout)?).context(LAYOUT)?;
        return Ok(with_layout(folder, layout));
    }
    let list = if playlist.exists() {
        toml::from_str(&read(&playlist)?).context(PLAYLIST)?
    } else {
        all_of(folder)?
    };
    from_list(folder, list, size.unwrap_or(SIZE))
}

fn read(file: &Path) -> Result<String> {
    let named = || file.display().to_string();
    let size = fs::metadata(file).with_context(named)?.len();
    if size > MAX_FILE {
        bail!("{}: {size} bytes are more than {MAX_FILE}", named());
    }
    fs::read_to_string(file).with_context(named)
}

fn with_layout(folder: &Path, layout: Layout) -> Found {
    let (mut files, mut faults) = (BTreeMap::new(), Vec::new());
    for name in layout.contents() {
        match (inside(folder, name), kind_of(name, None)) {
            (Some(path), Some((media_type, _))) => {
                files.insert(name.to_owned(), listed(path, media_type));
            }
            (None, _) => faults.push(format!("{name}: it leads out of the folder")),
            (_, None) => faults.push(format!("{name}: files of this kind are not played")),
        }
    }
    Found {
        layout,
        files,
        faults,
        made_at: None,
    }
}

fn listed(path: std::path::PathBuf, media_type: &str) -> Listed {
    Listed {
        path,
        media_type: media_type.to_owned(),
        sha256: None,
    }
}

/// Everything in the folder that plays, by name.
fn all_of(folder: &Path) -> Result<Playlist> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        // Systems leave hidden files behind that only look like pictures.
        .filter(|name| !name.starts_with('.') && kind_of(name, None).is_some())
        .collect();
    names.sort();
    let items = names.into_iter().map(|file| Entry { file, seconds: None });
    Ok(Playlist {
        name: None,
        transition: Transition::default(),
        items: items.collect(),
    })
}

fn from_list(folder: &Path, list: Playlist, size: (u32, u32)) -> Result<Found> {
    if list.items.is_empty() {
        bail!("there is no video, picture or PDF in {}", folder.display());
    }
    let (mut items, mut files, mut faults) = (Vec::<Item>::new(), BTreeMap::new(), Vec::new());
    if list.items.len() > MAX_ITEMS {
        faults.push(format!("{PLAYLIST}: only the first {MAX_ITEMS} items are taken"));
    }
    for Entry { file, seconds } in list.items.into_iter().take(MAX_ITEMS) {
        if seconds.is_some_and(|seconds| !(0.5..=86_400.0).contains(&seconds)) {
            faults.push(format!("{file}: seconds must be from 0.5 to 86400"));
            continue;
        }
        match (inside(folder, &file), kind_of(&file, seconds)) {
            (Some(path), Some((media_type, item))) => {
                items.push(item);
                files.insert(file, listed(path, media_type));
            }
            (None, _) => faults.push(format!("{file}: it leads out of the folder")),
            (_, None) => faults.push(format!("{file}: files of this kind are not played")),
        }
    }
    if items.is_empty() {
        bail!("nothing in {} can be played: {}", folder.display(), faults.join("; "));
    }
    let name = list.name.unwrap_or_else(|| "stick".to_owned());
    Ok(Found {
        layout: full_screen(name, items, list.transition, size),
        files,
        faults,
        made_at: None,
    })
}

/// One playlist over the whole screen.
fn full_screen(name: String, items: Vec<Item>, transition: Transition, (width, height): (u32, u32)) -> Layout {
    let rect = Rect {
        x: 0,
        y: 0,
        width,
        height,
    };
    let main = Zone {
        name: "main".to_owned(),
        rect,
        widget: Widget::Playlist {
            items,
            lists: Vec::new(),
            transition,
        },
        on_touch: None,
    };
    Layout {
        version: LAYOUT_VERSION,
        name,
        width,
        height,
        languages: vec![Language::Ja],
        text_percent: 100,
        on: Vec::new(),
        closed: usually_closed(),
        reset_after_ms: None,
        pages: vec![Page {
            name: "home".to_owned(),
            background: "#e8f1fe".to_owned(),
            zones: vec![main],
            back_after_ms: None,
            on_touch: None,
        }],
    }
}

//! What each screen shows, as a manifest: what staff have published, or else its layout file with the contents that are
//! really there.
//!
//! Invariant: a content is only ever named by the SHA-256 of bytes that were read; what changes on the
//! disk is read again before it is named again.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::extract::ws::Utf8Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use protocol::config::Config;
use protocol::ids::{GroupId, ScreenId};
use protocol::screen::{Content, Group, Item, Layout, Manifest, ToScreen, Widget};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::known::Known;
use crate::app::App;

/// Files are looked at for changes so often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// A manifest, ready to send.
#[derive(Debug, Clone)]
pub(super) struct Ready {
    /// SHA-256 of the manifest's JSON.
    pub(super) digest: String,
    /// The frame that carries it.
    pub(super) frame: Utf8Bytes,
    manifest: Arc<Manifest>,
}

/// A file's state that its hash was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            modified: metadata.modified().ok(),
            size: metadata.len(),
        }
    }
}

/// A content on the disk.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) path: PathBuf,
    pub(super) content: Content,
    stamp: Stamp,
}

impl Stored {
    /// Whether an opened file is still the one that was hashed.
    pub(super) fn is_still(&self, metadata: &fs::Metadata) -> bool {
        self.stamp == Stamp::of(metadata)
    }
}

#[derive(Debug)]
struct Shelf {
    /// The configuration's; `None`: it has no such screen.
    layout_file: Option<PathBuf>,
    /// Whether what is shown was published: then the file doesn't count.
    is_published: bool,
    /// The screens with which it shows the same frames.
    group: Option<Group>,
    /// `None`: there is nothing to show yet.
    ready: watch::Sender<Option<Ready>>,
}

impl Shelf {
    fn new(layout_file: Option<&Path>, group: Option<Group>) -> Self {
        Self {
            layout_file: layout_file.map(Path::to_owned),
            is_published: false,
            group,
            ready: watch::channel(None).0,
        }
    }

    fn show(&self, screen: &ScreenId, manifest: Manifest, bundle_key: &str) {
        let manifest = Manifest {
            group: self.group.clone().map(Box::new),
            bundle_key: Some(bundle_key.to_owned()),
            ..manifest
        };
        let ready = ready(manifest);
        let is_new = self.ready.borrow().as_ref().map(|it| &it.digest) != Some(&ready.digest);
        if is_new {
            tracing::info!(%screen, "a screen has a new manifest");
            self.ready.send_replace(Some(ready));
        }
    }
}

/// All screens' manifests and all contents.
#[derive(Debug)]
pub(crate) struct Library {
    folder: PathBuf,
    /// The public half of the key that signs bundles.
    bundle_key: String,
    shelves: Mutex<HashMap<ScreenId, Shelf>>,
    stored: Mutex<HashMap<PathBuf, Stored>>,
    /// Where the files lie that staff have given, each under its SHA-256, and what is known of them.
    uploads: PathBuf,
    uploaded: Mutex<HashMap<String, Content>>,
    /// What was said of each file last, so that the log says it once.
    said: Mutex<HashMap<PathBuf, String>>,
}

impl Library {
    /// Nothing is read yet. `group_key`: the secret of which each group's key is made; `bundle_key`: what screens are told of the
    /// key that signs bundles.
    pub(crate) fn new(config: &Config, group_key: &[u8], bundle_key: String) -> Self {
        let shelves = config.screens.iter().map(|screen| {
            let group = config.group_of(&screen.id, |name| key_of(group_key, name));
            (screen.id.clone(), Shelf::new(Some(&screen.layout), group))
        });
        Self {
            folder: config.paths.content.clone(),
            bundle_key,
            shelves: Mutex::new(shelves.collect()),
            stored: Mutex::default(),
            uploads: config.paths.run.join("uploads"),
            uploaded: Mutex::default(),
            said: Mutex::default(),
        }
    }

    fn stored(&self) -> MutexGuard<'_, HashMap<PathBuf, Stored>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelves(&self) -> MutexGuard<'_, HashMap<ScreenId, Shelf>> {
        self.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uploaded(&self) -> MutexGuard<'_, HashMap<String, Content>> {
        self.uploaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A screen's manifest, now and when it changes. Whether it is a screen of the office's is for the caller to know: one
    /// that was paired a moment ago may be new here.
    pub(super) fn watch(&self, screen: &ScreenId) -> watch::Receiver<Option<Ready>> {
        let mut shelves = self.shelves();
        let shelf = shelves.entry(screen.clone()).or_insert_with(|| Shelf::new(None, None));
        shelf.ready.subscribe()
    }

    /// The digest of what a screen shall show now.
    pub(crate) fn digest(&self, screen: &ScreenId) -> Option<String> {
        let ready = self.shelves().get(screen)?.ready.borrow().clone();
        ready.map(|ready| ready.digest)
    }

    /// What a screen shall show now.
    pub(super) fn manifest_of(&self, screen: &ScreenId) -> Option<Arc<Manifest>> {
        let ready = self.shelves().get(screen)?.ready.borrow().clone();
        ready.map(|ready| ready.manifest)
    }

    /// A content by its hash.
    pub(super) fn find(&self, sha256: &str) -> Option<Stored> {
        let of_file = self.stored().values().find(|it| it.content.sha256 == sha256).cloned();
        of_file.or_else(|| {
            let content = self.uploaded().get(sha256).cloned()?;
            let path = self.uploads.join(sha256);
            let stamp = Stamp::of(&fs::metadata(&path).ok()?);
            Some(Stored { path, content, stamp })
        })
    }

    /// Where the files lie that staff have given.
    pub(crate) fn uploads(&self) -> &Path {
        &self.uploads
    }

    /// Takes over what staff have published and uploaded.
    pub(super) fn take(&self, known: &Known) {
        *self.uploaded() = known
            .files
            .iter()
            .map(|(sha256, file)| (sha256.clone(), file.content.clone()))
            .collect();
        let mut shelves = self.shelves();
        for (id, shelf) in shelves.iter_mut() {
            shelf.is_published = known.screens.get(id).is_some_and(|screen| screen.shows.is_some());
        }
        for (id, screen) in &known.screens {
            if let Some(shows) = &screen.shows {
                let shelf = shelves.entry(id.clone()).or_insert_with(|| Shelf::new(None, None));
                shelf.is_published = true;
                shelf.show(id, shows.manifest.clone(), &self.bundle_key);
            }
        }
    }

    /// Reads all layouts and what they name. Blocks: large files are hashed when they are new.
    fn read(&self) {
        let of_files = |(id, shelf): (&ScreenId, &Shelf)| Some((id.clone(), shelf.layout_file.clone()?));
        let files: Vec<(ScreenId, PathBuf)> = self.shelves().iter().filter_map(of_files).collect();
        for (screen, file) in files {
            match self.manifest(&file) {
                Ok(manifest) => {
                    self.say(&file, "");
                    if let Some(shelf) = self.shelves().get(&screen).filter(|shelf| !shelf.is_published) {
                        shelf.show(&screen, manifest, &self.bundle_key);
                    }
                }
                // What was there before goes on.
                Err(error) => self.say(&file, &error),
            }
        }
    }

    fn manifest(&self, layout_file: &Path) -> Result<Manifest, String> {
        let text = fs::read_to_string(layout_file).map_err(|error| format!("can't be read: {error}"))?;
        let mut layout = Layout::parse(&text).map_err(|error| error.to_string())?;
        let mut contents = BTreeMap::new();
        let names: Vec<String> = layout.contents().map(str::to_owned).collect();
        for name in names {
            match self.content(&name) {
                Ok(content) => {
                    self.say(&self.folder.join(&name), "");
                    contents.insert(name, content);
                }
                Err(why) => self.say(&self.folder.join(&name), &format!("is left out: {why}")),
            }
        }
        leave_out(&mut layout, |name| contents.contains_key(name));
        Ok(Manifest {
            layout,
            contents,
            group: None,
            bundle_key: None,
        })
    }

    fn content(&self, name: &str) -> Result<Content, String> {
        let path = Path::new(name);
        let is_plain = !name.is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)));
        if !is_plain {
            return Err("expected a name below paths.content".to_owned());
        }
        let media_type = media_type(path).ok_or("expected a .mp4, .webm, .png, .jpg or .pdf file")?;
        let path = self.folder.join(path);
        let metadata = fs::metadata(&path).map_err(|error| error.to_string())?;
        if !metadata.is_file() {
            return Err("it is no file".to_owned());
        }
        let stamp = Stamp::of(&metadata);
        if let Some(known) = self.stored().get(&path)
            && known.stamp == stamp
        {
            return Ok(known.content.clone());
        }
        let (sha256, size) = hash(&path).map_err(|error| error.to_string())?;
        if size != stamp.size {
            return Err("it is being written".to_owned());
        }
        let content = Content {
            sha256,
            size,
            media_type: media_type.to_owned(),
        };
        let stored = Stored {
            path: path.clone(),
            content: content.clone(),
            stamp,
        };
        self.stored().insert(path, stored);
        Ok(content)
    }

    /// Logs what is wrong with a file, once; `""`: nothing any more.
    fn say(&self, file: &Path, what: &str) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = said.get(file).map_or("", String::as_str);
        if before == what {
            return;
        }
        if what.is_empty() {
            tracing::info!(file = %file.display(), "is all right again");
            said.remove(file);
        } else {
            tracing::warn!(file = %file.display(), "{what}");
            said.insert(file.to_owned(), what.to_owned());
        }
    }
}

/// A group's own key: from it nobody learns another group's.
fn key_of(secret: &[u8], group: &GroupId) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else {
        unreachable!("HMAC takes keys of any length (RFC 2104)");
    };
    mac.update(b"screen group ");
    mac.update(group.as_str().as_bytes());
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

fn ready(manifest: Manifest) -> Ready {
    // Plain data with text keys is always JSON.
    let json = serde_json::to_vec(&manifest).unwrap_or_default();
    let kept = Arc::new(manifest.clone());
    let frame = serde_json::to_string(&ToScreen::Manifest { manifest }).unwrap_or_default();
    Ready {
        manifest: kept,
        digest: data_encoding::HEXLOWER.encode(&Sha256::digest(&json)),
        frame: frame.into(),
    }
}

/// Takes items off whose content isn't there, and playlists that have no item left.
fn leave_out(layout: &mut Layout, is_there: impl Fn(&str) -> bool) {
    for page in &mut layout.pages {
        page.zones.retain_mut(|zone| match &mut zone.widget {
            Widget::Playlist { items, lists, .. } => {
                let leave = |items: &mut Vec<Item>| items.retain(|item| item.content().is_none_or(&is_there));
                leave(items);
                lists.iter_mut().for_each(|list| leave(&mut list.items));
                lists.retain(|list| !list.items.is_empty());
                !items.is_empty()
            }
            _ => true,
        });
    }
}

fn media_type(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    Some(match extension.as_str() {
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "pdf" => "application/pdf",
        _ => return None,
    })
}

fn hash(path: &Path) -> io::Result<(String, u64)> {
    let mut file = fs::File::open(path)?;
    let (mut hasher, mut size) = (Sha256::new(), 0);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((data_encoding::HEXLOWER.encode(&hasher.finalize()), size));
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

/// Keeps the library in step with the disk until the shutdown.
pub(crate) async fn follow_files(app: Arc<App>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = app.shutdown.started() => return,
        }
        let reading = Arc::clone(&app);
        if let Err(error) = tokio::task::spawn_blocking(move || reading.library.read()).await {
            tracing::error!(%error, "layouts can't be read");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(dir: &Path) -> Library {
        library_with(dir, "")
    }

    /// `more`: further lines of the screen `lobby`, and further screens.
    fn library_with(dir: &Path, more: &str) -> Library {
        let config = "[office]\nid = \"o\"\nname = { ja = \"o\" }\ntelephone = \"0\"\n\
             [paths]\nrun = \"run\"\nsecrets = \"s\"\ncontent = \"content\"\nrigs = \"r\"\n\
             [web]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://localhost\"\n\
             [media]\nudp = \"127.0.0.1:0\"\ncontrol = \"127.0.0.1:0\"\n\
             [[screen]]\nid = \"lobby\"\nname = { ja = \"l\" }\nlayout = \"lobby.json\"\n";
        let config = Config::parse(Path::new("o.toml"), &format!("{config}{more}"))
            .expect("sound")
            .resolve(dir);
        fs::create_dir_all(dir.join("content")).expect("made");
        Library::new(&config, b"secret", "a key".to_owned())
    }

    fn layout(items: &str) -> String {
        format!(
            r##"{{"version":1,"name":"demo","width":1280,"height":720,"pages":[{{"name":"home","background":"#ffffff",
            "zones":[{{"name":"main","rect":{{"x":0,"y":0,"width":640,"height":360}},"widget":{{"type":"playlist","items":[{items}]}}}},
            {{"name":"clock","rect":{{"x":0,"y":0,"width":640,"height":360}},"widget":{{"type":"clock"}}}}]}}]}}"##
        )
    }

    const A: &str = r#"{"type":"picture","content":"a.png","duration_ms":1000}"#;

    fn manifest(library: &Library) -> Option<Manifest> {
        library.read();
        let screen = ScreenId::new("lobby").expect("valid");
        let ready = library.watch(&screen).borrow().clone()?;
        match serde_json::from_str(ready.frame.as_str()).expect("a frame") {
            ToScreen::Manifest { manifest } => {
                let json = serde_json::to_vec(&manifest).expect("json");
                let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(json));
                assert_eq!(digest, ready.digest, "a screen computes the same digest");
                Some(manifest)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn contents_are_named_by_what_they_are_and_missing_ones_left_out() {
        let dir = tempfile::tempdir().expect("temp");
        let library = library(dir.path());
        assert!(manifest(&library).is_none(), "no layout yet");

        let two = format!(r#"{A},{{"type":"video","content":"gone.mp4"}}"#);
        fs::write(dir.path().join("lobby.json"), layout(&two)).expect("written");
        let nothing = manifest(&library).expect("a manifest");
        assert_eq!(nothing.layout.pages[0].zones.len(), 1, "an empty playlist is left out");

        fs::write(dir.path().join("content/a.png"), b"abc").expect("written");
        let one = manifest(&library).expect("a manifest");
        assert_eq!(one.layout.contents().collect::<Vec<_>>(), ["a.png"]);
        let content = &one.contents["a.png"];
        assert_eq!(
            content.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!((content.size, content.media_type.as_str()), (3, "image/png"));
        assert!(library.find(&content.sha256).is_some());

        fs::write(dir.path().join("content/a.png"), b"abcd").expect("written");
        let changed = manifest(&library).expect("a manifest");
        assert_ne!(changed.contents["a.png"].sha256, content.sha256);
        assert!(
            library.find(&content.sha256).is_none(),
            "what isn't there any more isn't named"
        );
    }

    #[test]
    fn the_screens_of_a_group_are_told_each_other_and_one_key_that_is_not_the_offices() {
        let dir = tempfile::tempdir().expect("temp");
        let more = "group = \"wall\"\naddress = \"192.0.2.1:7400\"\n\
             [[screen]]\nid = \"right\"\nname = { ja = \"r\" }\nlayout = \"lobby.json\"\n\
             group = \"wall\"\naddress = \"192.0.2.2:7400\"\n";
        let library = library_with(dir.path(), more);
        fs::write(dir.path().join("content/a.png"), b"abc").expect("written");
        fs::write(dir.path().join("lobby.json"), layout(A)).expect("written");
        library.read();
        let group = |screen: &str| {
            let ready = library.watch(&ScreenId::new(screen).expect("valid")).borrow().clone();
            match serde_json::from_str(ready.expect("a manifest").frame.as_str()).expect("a frame") {
                ToScreen::Manifest { manifest } => manifest.group.expect("a group"),
                other => panic!("{other:?}"),
            }
        };
        let (left, right) = (group("lobby"), group("right"));
        assert_eq!(left.others.values().collect::<Vec<_>>(), [&right.address]);
        assert_eq!(right.others.keys().collect::<Vec<_>>(), [&left.screen]);
        assert_eq!(left.key, right.key);
        assert_eq!(left.key.len(), 64);
        assert_ne!(left.key, key_of(b"secret", &GroupId::new("floor").expect("valid")));
        assert_ne!(left.key, key_of(b"another", &left.name));
    }

    #[test]
    fn a_broken_layout_leaves_the_last_good_one() {
        let dir = tempfile::tempdir().expect("temp");
        let library = library(dir.path());
        fs::write(dir.path().join("content/a.png"), b"abc").expect("written");
        fs::write(dir.path().join("lobby.json"), layout(A)).expect("written");
        let good = manifest(&library).expect("a manifest");
        fs::write(dir.path().join("lobby.json"), "{").expect("written");
        assert_eq!(manifest(&library), Some(good));
    }

    #[test]
    fn a_name_never_leads_out_of_the_folder() {
        let dir = tempfile::tempdir().expect("temp");
        let library = library(dir.path());
        fs::write(dir.path().join("secret.png"), b"abc").expect("written");
        let absolute = dir.path().join("secret.png").display().to_string();
        for name in [
            "../secret.png",
            absolute.as_str(),
            "",
            "a/../../secret.png",
            "./a.png",
            "a.exe",
        ] {
            assert!(library.content(name).is_err(), "{name:?}");
        }
    }
}

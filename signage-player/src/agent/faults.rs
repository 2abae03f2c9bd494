//! What is wrong now on the network's side, by who says it.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// Who says what is wrong. Each says all that it knows, every time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The manifest that the server sent.
    Manifest,
    /// What couldn't be fetched.
    Content,
    /// What is stored.
    Disk,
    /// What came on a memory stick.
    Stick,
    /// The picture's process.
    Picture,
    /// The screen's camera.
    Camera,
}

/// Everybody's faults. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Faults(watch::Sender<BTreeMap<Source, Vec<String>>>);

impl Default for Faults {
    fn default() -> Self {
        Self(watch::Sender::new(BTreeMap::new()))
    }
}

impl Faults {
    /// All that `source` knows to be wrong now.
    pub fn set(&self, source: Source, faults: Vec<String>) {
        self.0.send_if_modified(|all| {
            let before = all.insert(source, faults);
            before.unwrap_or_default() != all[&source]
        });
    }

    /// All faults of now.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.borrow().values().flatten().cloned().collect()
    }

    /// Hears of changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<BTreeMap<Source, Vec<String>>> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_says_its_own_and_what_is_right_again_goes() {
        let faults = Faults::default();
        let watch = faults.watch();
        faults.set(Source::Content, vec!["a.png: gone".into()]);
        faults.set(Source::Disk, vec!["manifest.json can't be read".into()]);
        assert_eq!(faults.all(), ["a.png: gone", "manifest.json can't be read"]);
        assert!(watch.has_changed().expect("open"));
        faults.set(Source::Content, Vec::new());
        assert_eq!(faults.all(), ["manifest.json can't be read"]);
    }
}

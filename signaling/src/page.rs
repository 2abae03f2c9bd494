//! What every page has: language, texts, office, assets. Templates call these methods.

use std::sync::Arc;

use protocol::config::EncryptionPolicy;

use crate::app::App;
use crate::texts::Lang;

/// The frame of a page.
#[derive(Clone)]
pub(crate) struct Page {
    app: Arc<App>,
    lang: Lang,
    path: String,
    csrf: String,
    is_staff: bool,
}

impl Page {
    /// A page at `path` (which the language switch leads back to).
    pub(crate) fn new(app: Arc<App>, lang: Lang, path: &str) -> Self {
        Self {
            app,
            lang,
            path: path.to_owned(),
            csrf: String::new(),
            is_staff: false,
        }
    }

    /// The same with the token that its forms and scripts send along.
    pub(crate) fn with_csrf(mut self, csrf: &str) -> Self {
        csrf.clone_into(&mut self.csrf);
        self
    }

    /// The same for somebody who is logged in.
    pub(crate) fn for_staff(mut self) -> Self {
        self.is_staff = true;
        self
    }
}

// What templates use is the web pages' choice.
#[allow(dead_code)]
impl Page {
    /// `ja` or `en`.
    pub(crate) fn lang(&self) -> &'static str {
        self.lang.tag()
    }

    /// The other language's tag, for the switch.
    pub(crate) fn other_lang(&self) -> &'static str {
        match self.lang {
            Lang::Ja => Lang::En.tag(),
            Lang::En => Lang::Ja.tag(),
        }
    }

    /// `require`, `allow` or `off`.
    pub(crate) fn encryption(&self) -> &'static str {
        match self.app.config.consultation.encryption {
            EncryptionPolicy::Require => "require",
            EncryptionPolicy::Allow => "allow",
            EncryptionPolicy::Off => "off",
        }
    }

    /// A text of the catalogue.
    pub(crate) fn t(&self, key: &str) -> &'static str {
        self.lang.catalogue().text(key)
    }

    /// A text with its `{n}` filled.
    pub(crate) fn counted(&self, key: &str, n: impl std::fmt::Display) -> String {
        self.lang.catalogue().counted(key, n)
    }

    /// The whole catalogue as JSON for a data block.
    pub(crate) fn texts_json(&self) -> &'static str {
        self.lang.catalogue().json()
    }

    /// The texts of the page on which a camera is set up, as JSON for a data block.
    pub(crate) fn camera_texts_json(&self) -> &'static str {
        self.lang.catalogue().camera_json()
    }

    /// The office's name.
    pub(crate) fn office(&self) -> &str {
        in_language(&self.app.config.office.name, self.lang)
    }

    /// The number to call when the page fails.
    pub(crate) fn telephone(&self) -> &str {
        &self.app.config.office.telephone
    }

    /// The token that forms and scripts send along.
    pub(crate) fn csrf(&self) -> &str {
        &self.csrf
    }

    /// The page's own path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Whether somebody is logged in.
    pub(crate) fn is_staff(&self) -> bool {
        self.is_staff
    }

    /// The address of a bundled file by its logical name.
    pub(crate) fn asset(&self, name: &str) -> String {
        self.app.assets.address(name)
    }
}

/// A configured text in a language, Japanese where there is no other.
pub(crate) fn in_language(text: &protocol::screen::Text, lang: Lang) -> &str {
    match (lang, &text.en) {
        (Lang::En, Some(en)) => en,
        _ => &text.ja,
    }
}

//! The one configuration file of an office, checked whole: an unknown field, a wrong unit, a reference
//! to something that isn't there each give file, line, field and what was expected.
//!
//! Relative paths in it are relative to the file's own folder; [`Config::resolve`] makes them whole.

mod booking;
mod camera;
mod check;
mod fields;
mod groups;
mod letters;
mod media;
mod output;
mod people;
mod player;
mod remote;
mod screen_camera;
mod sound_camera;
mod vision;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use crate::ids::{AreaId, BookingId, BoothId, CameraId, GroupId, OfficeId, ScreenId, SectionId, StaffId};
use crate::screen::Text;
use crate::staff::Role;

pub use booking::{Booking, Kind, OfficeHours, Topic, Words};
pub use camera::{Area, Bay, Camera, CameraRole, Detector, Effort, Join, Overlap};
pub use check::ConfigError;
pub use check::parking::{LONGEST_NAME, MOST_BAYS};
pub use fields::{bytes_of, duration_of};
pub use letters::{Line, Mail, MailTls, Sms};
pub use media::{Media, MediaNode, Turn};
pub use output::{GlBy, Output, OutputBy, PowerBy};
pub use people::{Oidc, OidcGroup, Privacy, Staff};
pub use player::{Player, Touch, TouchDevice};
pub use remote::Remote;
pub use screen_camera::{ScreenCamera, is_film, sharing_screen};
pub use sound_camera::{CameraFault, CameraFaults, SoundCamera};
pub use vision::Vision;

/// Everything a deployment says of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The office.
    pub office: Office,
    /// Where things lie on the disk.
    pub paths: Paths,
    /// Pages and APIs.
    pub web: Web,
    /// The media node, or nodes.
    pub media: Media,
    /// A TURN server, for browsers that reach the node in no other way; none: they can't.
    #[serde(default)]
    pub turn: Option<Turn>,
    /// Redis.
    #[serde(default)]
    pub redis: Redis,
    /// How consultations are held.
    #[serde(default)]
    pub consultation: Consultation,
    /// Sections that give consultations.
    #[serde(default, rename = "section")]
    pub sections: Vec<Section>,
    /// When the office is open.
    #[serde(default)]
    pub calendar: OfficeHours,
    /// What may be booked.
    #[serde(default, rename = "booking")]
    pub bookings: Vec<Booking>,
    /// The mail server that takes the office's letters; none: no mail is sent, and no address asked for.
    #[serde(default)]
    pub mail: Option<Mail>,
    /// A gateway for short messages; none: none are sent.
    #[serde(default)]
    pub sms: Option<Sms>,
    /// The office's account at LINE; none: nobody is told there.
    #[serde(default)]
    pub line: Option<Line>,
    /// Areas whose crowding is shown.
    #[serde(default, rename = "area")]
    pub areas: Vec<Area>,
    /// Cameras.
    #[serde(default, rename = "camera")]
    pub cameras: Vec<Camera>,
    /// What is wrong with the tables of single cameras. Such a camera doesn't count, its area is unknown; all else goes on.
    #[serde(skip)]
    pub camera_faults: BTreeMap<CameraId, Vec<ConfigError>>,
    /// What holds for setting up all cameras.
    #[serde(default)]
    pub vision: Vision,
    /// Screens.
    #[serde(default, rename = "screen")]
    pub screens: Vec<Screen>,
    /// What holds for every screen's player.
    #[serde(default)]
    pub player: Player,
    /// Phones as the screens' remote controls.
    #[serde(default)]
    pub remote: Remote,
    /// Booths from where residents talk with sections.
    #[serde(default, rename = "booth")]
    pub booths: Vec<Booth>,
    /// Staff accounts that are made at the first start, with passwords made then and printed.
    #[serde(default, rename = "demo_staff")]
    pub demo_staff: Vec<DemoStaff>,
    /// How members of staff log in.
    #[serde(default)]
    pub staff: Staff,
    /// Another server that says who somebody is; none: passwords only.
    #[serde(default)]
    pub oidc: Option<Oidc>,
    /// How long what is kept of people.
    #[serde(default)]
    pub privacy: Privacy,
}

/// The office.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// Its id, in every key and token.
    pub id: OfficeId,
    /// Its name.
    pub name: Text,
    /// Shown on every page that can fail.
    pub telephone: String,
    /// IANA name, such as `Asia/Tokyo`.
    #[serde(default = "fields::tokyo")]
    pub time_zone: String,
}

/// Where things lie.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paths {
    /// Sockets, Redis' files, screens' caches. Made when missing.
    pub run: PathBuf,
    /// Keys and the local certificate, readable by the office's user only. Made when missing.
    pub secrets: PathBuf,
    /// What screens show: pictures and videos.
    pub content: PathBuf,
    /// The avatar's rigs.
    pub rigs: PathBuf,
    /// Ready-made layouts for screens, one JSON file each.
    #[serde(default = "layouts")]
    pub layouts: PathBuf,
    /// An HTS voice for Open JTalk; none: captions and a chime.
    #[serde(default)]
    pub voice: Option<PathBuf>,
}

fn layouts() -> PathBuf {
    PathBuf::from("layouts")
}

/// Pages and APIs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Web {
    /// Where HTTPS is served.
    pub listen: SocketAddr,
    /// How browsers reach it, such as `https://madoguchi.example.jp`. No trailing slash.
    pub public_url: String,
    /// A certificate chain (PEM). Without it: a local one, made at the first start.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[serde(default)]
    pub certificate_key: Option<PathBuf>,
    /// How long a consultation's link works.
    #[serde(default = "fields::link_lifetime", deserialize_with = "fields::duration")]
    pub link_lifetime: Duration,
    /// How long a login holds without use.
    #[serde(default = "fields::session_lifetime", deserialize_with = "fields::duration")]
    pub session_lifetime: Duration,
    /// Reverse proxies whose word on a visitor's address is believed: networks such as `10.0.0.0/8`.
    #[serde(default)]
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// In which header they say it.
    #[serde(default)]
    pub forwarded_by: ForwardedBy,
}

/// The header in which reverse proxies say where a visitor is. The other one is the visitor's own, and isn't believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedBy {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// How consultations are held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consultation {
    /// Whether calls are encrypted from end to end.
    #[serde(default)]
    pub encryption: EncryptionPolicy,
    /// Whether residents and guests are told the names of the staff whom they talk to.
    #[serde(default)]
    pub show_names: bool,
}

/// Whether calls are encrypted from end to end: between the browsers, so that the media node carries what it can't read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncryptionPolicy {
    /// All are; who comes with a browser that can't is told so, and what to do.
    #[default]
    Require,
    /// Those are whose two browsers can; the others aren't, and both pages say so.
    Allow,
    /// None is.
    Off,
}

/// Redis, by purpose. `private`: a `redis-server` child of `madoguchi up` on a unix socket.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// What must not be lost.
    #[serde(default = "fields::private")]
    pub ledger: RedisAt,
    /// Feeds and presence.
    #[serde(default = "fields::private")]
    pub live: RedisAt,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            ledger: RedisAt::Private,
            live: RedisAt::Private,
        }
    }
}

/// Where a Redis is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "fields::OneOrMany")]
pub enum RedisAt {
    /// A child of `madoguchi up`.
    Private,
    /// One server: `redis://…`, `rediss://…` or `unix:///…`.
    Server(String),
    /// The seeds of a cluster: several addresses.
    Cluster(Vec<String>),
}

/// A section (課).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// Its id.
    pub id: SectionId,
    /// Its name.
    pub name: Text,
}

/// A screen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// Its id.
    pub id: ScreenId,
    /// Its name.
    pub name: Text,
    /// The layout's JSON file.
    pub layout: PathBuf,
    /// Its touch panel, where `player.touch` doesn't hold for it.
    #[serde(default)]
    pub touch: Option<Touch>,
    /// Its display, where `player.output` doesn't hold for it.
    #[serde(default)]
    pub output: Option<Output>,
    /// Its camera, where `player.camera` doesn't hold for it.
    #[serde(default)]
    pub camera: Option<ScreenCamera>,
    /// The screens of a group show the same frames at the same moment; none: it plays alone.
    #[serde(default)]
    pub group: Option<Spanned<GroupId>>,
    /// Where the other screens of its group reach it (UDP), such as `192.0.2.11:7400`.
    #[serde(default)]
    pub address: Option<Spanned<SocketAddr>>,
}

/// A booth (遠隔相談ブース): a screen with a camera at eye height, in a branch or a community centre.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Booth {
    /// Its id.
    pub id: BoothId,
    /// Its name, which staff see.
    pub name: Text,
    /// The sections that can be called from it; none: all.
    #[serde(default)]
    pub sections: Vec<Spanned<SectionId>>,
    /// A part of the name of its second camera, which looks down on papers; none: it has none.
    #[serde(default)]
    pub document_camera: Option<String>,
    /// Its printer's address (IPP, RFC 8011), such as `ipp://192.0.2.7/ipp/print`; none: it has none.
    #[serde(default)]
    pub printer: Option<Spanned<String>>,
    /// Raised by one, it makes the link of before, and the browser that has it, worthless.
    #[serde(default)]
    pub key: u32,
}

/// A demo account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemoStaff {
    /// The login.
    pub id: StaffId,
    /// Shown to colleagues.
    pub name: String,
    /// The section, or several.
    #[serde(deserialize_with = "people::sections")]
    pub section: Spanned<Vec<SectionId>>,
    /// What they are; not said: a member of staff.
    #[serde(default = "people::staff")]
    pub role: Role,
}

impl Config {
    /// Reads and checks a configuration. `file` is only named in errors.
    ///
    /// # Errors
    /// [`ConfigError`] with file, line, field and what was expected.
    pub fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::from_toml(file, text, &error))?;
        check::check(&mut config, file, text)?;
        Ok(config)
    }

    /// Makes relative paths relative to `base`, the configuration file's folder.
    #[must_use]
    pub fn resolve(mut self, base: &Path) -> Self {
        let whole = |path: &mut PathBuf| *path = fields::normal(&base.join(&*path));
        whole(&mut self.paths.run);
        whole(&mut self.paths.secrets);
        whole(&mut self.paths.content);
        whole(&mut self.paths.rigs);
        whole(&mut self.paths.layouts);
        self.paths.voice.as_mut().map(whole);
        self.web.certificate.as_mut().map(whole);
        self.web.certificate_key.as_mut().map(whole);
        if let Some(turn) = &mut self.turn {
            turn.certificate.as_mut().map(whole);
            turn.certificate_key.as_mut().map(whole);
        }
        if let Some(authority) = self.mail.as_mut().and_then(|mail| mail.authority.as_mut()) {
            whole(authority);
        }
        self.screens.iter_mut().for_each(|screen| whole(&mut screen.layout));
        self.player.sticks.as_mut().map(whole);
        self.vision.films.as_mut().map(whole);
        for camera in &mut self.cameras {
            if let Some(model) = &mut camera.model {
                *model = fields::normal(&base.join(&*model));
            }
            screen_camera::resolve_film(&mut camera.source, base);
        }
        self.resolve_screen_cameras(base);
        self
    }

    /// The host of `web.public_url`, an IPv6 address without its brackets.
    #[must_use]
    pub fn public_host(&self) -> &str {
        let rest = self.web.public_url.strip_prefix("https://").unwrap_or_default();
        match rest.strip_prefix('[').and_then(|it| it.split_once(']')) {
            Some((v6, _)) => v6,
            None => rest.split([':', '/']).next().unwrap_or_default(),
        }
    }

    /// Where the private Redis for `ledger` listens.
    #[must_use]
    pub fn ledger_socket(&self) -> PathBuf {
        self.paths.run.join("redis-ledger.sock")
    }

    /// Where the private Redis for `live` listens.
    #[must_use]
    pub fn live_socket(&self) -> PathBuf {
        self.paths.run.join("redis-live.sock")
    }

    /// Where the camera worker answers the office's server on the same machine, in a folder of its own.
    #[must_use]
    pub fn vision_socket(&self) -> PathBuf {
        self.paths.run.join("vision/setup.sock")
    }

    /// A camera by its id.
    #[must_use]
    pub fn camera(&self, id: &CameraId) -> Option<&Camera> {
        self.cameras.iter().find(|camera| camera.id == *id)
    }

    /// An area by its id.
    #[must_use]
    pub fn area(&self, id: &AreaId) -> Option<&Area> {
        self.areas.iter().find(|area| area.id == *id)
    }

    /// What may be booked, by its id.
    #[must_use]
    pub fn booking(&self, id: &BookingId) -> Option<&Booking> {
        self.bookings.iter().find(|booking| booking.id == *id)
    }

    /// A booth by its id.
    #[must_use]
    pub fn booth(&self, id: &BoothId) -> Option<&Booth> {
        self.booths.iter().find(|booth| booth.id == *id)
    }

    /// A section by its id.
    #[must_use]
    pub fn section(&self, id: &SectionId) -> Option<&Section> {
        self.sections.iter().find(|section| section.id == *id)
    }
}

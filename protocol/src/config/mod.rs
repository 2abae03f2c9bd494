//! The one configuration file of an office, checked whole: an unknown field, a wrong unit, a reference
//! to something that isn't there each give file, line, field and what was expected.
//!
//! Relative paths in it are relative to the file's own folder; [`Config::resolve`] makes them whole.

mod booking;
mod check;
mod check_booking;
mod check_parking;
mod check_people;
mod fields;
mod groups;
mod letters;
mod people;
mod player;
mod remote;
mod vision;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::ids::{AreaId, BookingId, BoothId, CameraId, GroupId, OfficeId, ScreenId, SectionId, StaffId};
use crate::screen::Text;
use crate::staff::Role;

pub use booking::{Booking, Kind, OfficeHours, Topic, Words};
pub use check::ConfigError;
pub use check_parking::{LONGEST_NAME, MOST_BAYS};
pub use fields::{bytes_of, duration_of};
pub use letters::{Line, Mail, MailTls, Sms};
pub use people::{Oidc, OidcGroup, Privacy, Staff};
pub use player::{Player, Touch, TouchDevice};
pub use remote::Remote;
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

/// The media node.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// The one UDP port for all media.
    pub udp: SocketAddr,
    /// The one TCP port for media, for browsers whose network lets no UDP out; none: they can't.
    #[serde(default)]
    pub tcp: Option<SocketAddr>,
    /// Addresses told to browsers (behind 1:1 NAT, the public one); none: `udp`'s own, or every address of
    /// the machine where that is unspecified.
    #[serde(default)]
    pub public_addresses: Vec<IpAddr>,
    /// Threads that carry media, each with whole rooms and ports of its own: `udp` and `tcp`, and those that follow.
    #[serde(default = "fields::workers")]
    pub workers: u16,
    /// A room with so many participants on one worker gives those who come later and only watch to the others.
    #[serde(default = "fields::spill_after")]
    pub spill_after: usize,
    /// Where signaling speaks to the node.
    pub control: SocketAddr,
    /// Further nodes on the same machine; the first is the one above.
    #[serde(default, rename = "node")]
    pub more_nodes: Vec<MediaNode>,
    /// A participant unheard for so long is gone.
    #[serde(default = "fields::silence", deserialize_with = "fields::duration")]
    pub silence: Duration,
}

/// What a further media node on the same machine has of its own; all else is as [`Media`] says.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaNode {
    /// Its UDP port.
    pub udp: SocketAddr,
    /// Its TCP port for media; none: UDP only.
    #[serde(default)]
    pub tcp: Option<SocketAddr>,
    /// Where signaling speaks to it.
    pub control: SocketAddr,
}

/// A TURN server (RFC 8656): a `turnserver` child of `madoguchi up`, or with `urls` one that others run with
/// the same secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turn {
    /// Where it serves UDP and TCP.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
    /// Where it serves TLS; the same address, another port. 443 passes most walls.
    #[serde(default)]
    pub tls_listen: Option<SocketAddr>,
    /// The port of TLS that browsers are told, where something in front leads it to `tls_listen`'s.
    #[serde(default)]
    pub tls_public_port: Option<u16>,
    /// Its name, also in its TLS address and certificate; none: the host of `web.public_url`.
    #[serde(default)]
    pub realm: Option<String>,
    /// Behind 1:1 NAT, the address that browsers are told.
    #[serde(default)]
    pub external_ip: Option<IpAddr>,
    /// A certificate chain (PEM); none: that of `web`.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Its key (PEM).
    #[serde(default)]
    pub certificate_key: Option<PathBuf>,
    /// First and last of the UDP ports from which it relays: one for each connection.
    #[serde(default = "fields::relay_ports")]
    pub relay_ports: [u16; 2],
    /// Media nodes on other machines: it relays to these and the node here, and to nobody else.
    #[serde(default)]
    pub media_nodes: Vec<IpAddr>,
    /// How long what a page was told lets it begin a connection.
    #[serde(default = "fields::credential_lifetime", deserialize_with = "fields::duration")]
    pub credential_lifetime: Duration,
    /// The addresses that browsers are told, of a TURN server that others run.
    #[serde(default)]
    pub urls: Vec<String>,
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

/// A place whose crowding is shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Its id.
    pub id: AreaId,
    /// Its name.
    pub name: Text,
    /// People it holds.
    pub capacity: u32,
    /// From how many people on it is やや混雑.
    pub moderate_from: u32,
    /// From how many on it is 混雑.
    pub busy_from: u32,
    /// How many fewer it takes to go back a level.
    #[serde(default = "fields::hysteresis")]
    pub hysteresis: u32,
    /// A count older than this isn't shown any more.
    #[serde(default = "fields::stale_after", deserialize_with = "fields::duration")]
    pub stale_after: Duration,
    /// How several cameras make one count.
    #[serde(default)]
    pub join: Join,
    /// When nobody is left, for who is counted at doors.
    #[serde(default = "fields::empties_at")]
    pub empties_at: jiff::civil::Time,
}

/// How several cameras of one area make one count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Join {
    /// All of them together; one that can't tell makes the area unknown.
    Sum,
    /// The largest of those that can tell.
    #[default]
    Max,
    /// This camera's; while it can't tell, the largest of the others.
    Master(CameraId),
}

/// What a camera is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraRole {
    /// It counts who is in its outline.
    #[default]
    Area,
    /// It counts who waits there, and over its line who is served.
    Queue,
    /// It sees whether somebody stays before a screen.
    Presence,
    /// It counts who goes in and out over its line.
    Entrance,
    /// It sees which of a car park's bays are taken; with a line and no bays, it counts the cars that drive in and out.
    Parking,
}

/// A bay of a car park.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bay {
    /// As it is painted on the ground, or any other name; each once.
    pub id: String,
    /// Its outline on the ground, `[x, y]`.
    pub polygon: Vec<[f64; 2]>,
}

/// A part of a camera's outline that another camera of the area counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// The other camera.
    pub camera: Spanned<CameraId>,
    /// The part, as this camera sees it.
    pub polygon: Vec<[f64; 2]>,
}

/// A camera. Points and heights are shares of the picture (0 to 1), so that they hold at every size.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// The area it sees.
    pub area: Spanned<AreaId>,
    /// A file (looped), `/dev/video0`, `rtsp://…`, or `http://…` (one JPEG after the other).
    pub source: String,
    /// Who logs in at an address, with the password in `paths.secrets/camera-ID.password`; none: nobody need.
    #[serde(default)]
    pub user: Option<String>,
    /// A camera that gives no new picture, or always the same one, for so long is opened anew.
    #[serde(default = "fields::watchdog", deserialize_with = "fields::duration")]
    pub watchdog: Duration,
    /// A film is counted as fast as the machine can, no picture left out.
    #[serde(default)]
    pub full_speed: bool,
    /// Pictures a second to count.
    #[serde(default = "fields::frames_per_second")]
    pub frames_per_second: f64,
    /// A film's true speed, where the file claims another.
    #[serde(default)]
    pub film_frames_per_second: Option<f64>,
    /// How tall a standing person is at two places: `[y of the feet, height]`. A car park's bays need none.
    #[serde(default = "fields::no_heights")]
    pub person_heights: Spanned<[[f64; 2]; 2]>,
    /// The area's outline on the ground, `[x, y]`; none: the whole picture.
    #[serde(default)]
    pub polygon: Option<Spanned<Vec<[f64; 2]>>>,
    /// What it is for.
    #[serde(default)]
    pub role: CameraRole,
    /// An entrance's line, or the head of a queue: from one end to the other, to its right is *in*, or served.
    #[serde(default)]
    pub line: Option<Spanned<[[f64; 2]; 2]>>,
    /// What other cameras count.
    #[serde(default, rename = "overlap")]
    pub overlaps: Vec<Overlap>,
    /// A car park's bays.
    #[serde(default, rename = "bay")]
    pub bays: Vec<Bay>,
    /// The count is the median of so many pictures' counts.
    #[serde(default = "fields::median_of")]
    pub median_of: usize,
    /// What finds people where no model file is given; not said: the background. Refused together with `model`.
    #[serde(default)]
    pub detector: Option<Spanned<Detector>>,
    /// A model's file, with its card beside it (`./madoguchi models add`).
    #[serde(default)]
    pub model: Option<PathBuf>,
    /// How much of the machine a model may take.
    #[serde(default)]
    pub effort: Effort,
    /// Somebody who doesn't move at all is counted for about so long, without a model file.
    #[serde(default = "fields::still_for", deserialize_with = "fields::duration")]
    pub still_for: Duration,
}

impl Camera {
    /// Whether it counts the cars that drive in and out of a car park, over its line.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        self.role == CameraRole::Parking && self.bays.is_empty()
    }
}

/// What finds people without a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detector {
    /// What differs from the learned background, explained by people of the size that set-up says.
    #[default]
    Background,
    /// OpenCV's people detector: dearer, but sees who never moves.
    Hog,
}

/// How much of the machine a camera's model may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Every picture, in two parts where people are small: twice the cost.
    Best,
    /// Every picture, whole.
    #[default]
    Normal,
    /// 3.5 pictures a second at most; between them people go on as they went.
    Economical,
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
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::from_toml(file, text, &error))?;
        check::check(&config, file, text)?;
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
            // Devices and addresses are names, not paths below the file.
            if !camera.source.contains("://") && !Path::new(&camera.source).is_absolute() {
                camera.source = fields::normal(&base.join(&camera.source))
                    .to_string_lossy()
                    .into_owned();
            }
        }
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

    /// The TURN server's name.
    #[must_use]
    pub fn turn_realm(&self) -> &str {
        let realm = self.turn.as_ref().and_then(|turn| turn.realm.as_deref());
        realm.unwrap_or_else(|| self.public_host())
    }

    /// The addresses of the TURN server that browsers are told (RFC 7065), the fastest first.
    #[must_use]
    pub fn turn_urls(&self) -> Vec<String> {
        let Some(turn) = &self.turn else {
            return Vec::new();
        };
        let mut urls = turn.urls.clone();
        if let Some(listen) = turn.listen {
            let told = SocketAddr::new(turn.external_ip.unwrap_or(listen.ip()), listen.port());
            urls.extend(["udp", "tcp"].map(|by| format!("turn:{told}?transport={by}")));
        }
        if let Some(listen) = turn.tls_listen {
            let host = match self.turn_realm() {
                v6 if v6.contains(':') => format!("[{v6}]"),
                name => name.to_owned(),
            };
            let port = turn.tls_public_port.unwrap_or(listen.port());
            urls.push(format!("turns:{host}:{port}?transport=tcp"));
        }
        urls
    }

    /// The addresses of the media node here as browsers are told them, and its own. None where it serves
    /// every address of the machine: then nobody has named them.
    #[must_use]
    pub fn media_addresses(&self) -> Vec<IpAddr> {
        let own = Some(self.media.udp.ip()).filter(|ip| !ip.is_unspecified());
        let mut all: Vec<IpAddr> = self.media.public_addresses.iter().copied().chain(own).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Where a 1:1 NAT stands before the media node here: its public address and its own.
    #[must_use]
    pub fn media_nat(&self) -> Option<(IpAddr, IpAddr)> {
        let own = self.media.udp.ip();
        match self.media.public_addresses.as_slice() {
            [public] if *public != own && !own.is_unspecified() => Some((*public, own)),
            _ => None,
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

    /// How many media nodes this machine has.
    #[must_use]
    pub fn media_nodes(&self) -> usize {
        1 + self.media.more_nodes.len()
    }

    /// The same configuration as media node `number` (from 1) reads it: its own addresses in `media`, and no further
    /// nodes. `None`: there is no such node.
    #[must_use]
    pub fn for_media_node(mut self, number: usize) -> Option<Self> {
        let more = std::mem::take(&mut self.media.more_nodes);
        if number != 1 {
            let own = more.get(number.checked_sub(2)?)?;
            self.media.udp = own.udp;
            self.media.tcp = own.tcp;
            self.media.control = own.control;
        }
        Some(self)
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

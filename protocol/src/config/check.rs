//! What the types can't check: references between tables, ranges, sense.

use std::collections::HashSet;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::check_parking::check_parking;
use super::{CameraRole, Config, Join};

/// What is wrong with a configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// From 1; none where the fault has no single place.
    pub line: Option<usize>,
    /// The field or table, such as `camera.area`.
    pub field: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.field, self.message)
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    pub(super) fn from_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span();
        Self {
            file: file.to_owned(),
            line: at.clone().map(|span| line_of(text, span.start)),
            field: at.map_or_else(|| "(file)".to_owned(), |span| field_at(text, span.start)),
            message: error.message().replace('\n', "; "),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// The table and key that a place in the text belongs to, as its writer sees them.
fn field_at(text: &str, offset: usize) -> String {
    let line_number = line_of(text, offset);
    let mut table = "";
    let mut key = "";
    for line in text.lines().take(line_number) {
        let line = line.trim();
        key = "";
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_start_matches('[').split(']').next().unwrap_or("").trim();
        } else if let Some((name, _)) = line.split_once('=') {
            key = name.trim();
        }
    }
    match (table, key) {
        ("", "") => "(file)".to_owned(),
        ("", key) => key.to_owned(),
        (table, "") => table.to_owned(),
        (table, key) => format!("{table}.{key}"),
    }
}

pub(super) struct Checker<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Checker<'_> {
    pub(super) fn fail<T>(&self, span: Option<Range<usize>>, field: &str, message: String) -> Result<T, ConfigError> {
        let line = span.map(|span| line_of(self.text, span.start));
        Err(ConfigError {
            file: self.file.to_owned(),
            line,
            field: field.to_owned(),
            message,
        })
    }

    pub(super) fn unique<'i>(&self, table: &str, ids: impl Iterator<Item = &'i str>) -> Result<(), ConfigError> {
        let mut seen = HashSet::new();
        for id in ids {
            if !seen.insert(id) {
                return self.fail(
                    None,
                    &format!("{table}.id"),
                    format!("{id:?} stands twice, expected each once"),
                );
            }
        }
        Ok(())
    }
}

pub(super) fn check(config: &Config, file: &Path, text: &str) -> Result<(), ConfigError> {
    let checker = Checker { file, text };
    checker.unique("section", config.sections.iter().map(|it| it.id.as_str()))?;
    checker.unique("area", config.areas.iter().map(|it| it.id.as_str()))?;
    checker.unique("camera", config.cameras.iter().map(|it| it.id.as_str()))?;
    checker.unique("screen", config.screens.iter().map(|it| it.id.as_str()))?;
    checker.unique("booth", config.booths.iter().map(|it| it.id.as_str()))?;
    checker.unique("demo_staff", config.demo_staff.iter().map(|it| it.id.as_str()))?;
    check_office(config, &checker)?;
    check_media(config, &checker)?;
    check_turn(config, &checker)?;
    check_areas(config, &checker)?;
    check_cameras(config, &checker)?;
    super::check_booking::check(config, &checker)?;
    check_booths(config, &checker)?;
    super::player::check(config, &checker)?;
    super::vision::check(config, &checker)?;
    super::groups::check(config, &checker)?;
    super::remote::check(config, &checker)?;
    super::check_people::check(config, &checker)?;
    super::letters::check(config, &checker)?;
    Ok(())
}

fn check_booths(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    for booth in &config.booths {
        for section in &booth.sections {
            if config.section(section.get_ref()).is_none() {
                let message = format!("there is no [[section]] with id {:?}", section.get_ref().as_str());
                return checker.fail(Some(section.span()), "booth.sections", message);
            }
        }
        if let Some(printer) = &booth.printer {
            let address = printer.get_ref();
            let rest = address
                .strip_prefix("ipp://")
                .or_else(|| address.strip_prefix("ipps://"));
            let is_address = rest.is_some_and(|it| it.contains('/') && !it.starts_with('/') && it.is_ascii());
            if !is_address || address.contains(char::is_whitespace) {
                let message = format!("{address:?} is not a printer's address such as \"ipp://192.0.2.7/ipp/print\"");
                return checker.fail(Some(printer.span()), "booth.printer", message);
            }
        }
    }
    Ok(())
}

fn check_office(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    if jiff::tz::TimeZone::get(&config.office.time_zone).is_err() {
        let message = format!(
            "{:?} is not an IANA time zone such as \"Asia/Tokyo\"",
            config.office.time_zone
        );
        return checker.fail(None, "office.time_zone", message);
    }
    let url = &config.web.public_url;
    if !url.starts_with("https://") || url.ends_with('/') {
        let message = format!("{url:?}: expected https://host[:port] without a slash at the end");
        return checker.fail(None, "web.public_url", message);
    }
    if config.web.certificate.is_some() != config.web.certificate_key.is_some() {
        let message = "certificate and certificate_key stand together: expected both or neither".to_owned();
        return checker.fail(None, "web.certificate", message);
    }
    Ok(())
}

/// Two nodes on one address would take turns at failing; so would a node whose control is its own port for media.
fn check_media(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let media = &config.media;
    if !(1..=64).contains(&media.workers) {
        let message = format!("{} is outside 1 to 64", media.workers);
        return checker.fail(None, "media.workers", message);
    }
    if media.spill_after == 0 {
        let message = "0 participants: expected at least 1".to_owned();
        return checker.fail(None, "media.spill_after", message);
    }
    let first = (media.udp, media.tcp, media.control);
    let more = media.more_nodes.iter().map(|node| (node.udp, node.tcp, node.control));
    let (mut udp, mut tcp) = (HashSet::new(), HashSet::new());
    for (number, node) in std::iter::once(first).chain(more).enumerate() {
        let table = if number == 0 { "media" } else { "media.node" };
        take_addresses(checker, &format!("{table}.udp"), node.0, media.workers, &mut udp)?;
        if let Some(address) = node.1 {
            take_addresses(checker, &format!("{table}.tcp"), address, media.workers, &mut tcp)?;
        }
        take_addresses(checker, &format!("{table}.control"), node.2, 1, &mut tcp)?;
    }
    Ok(())
}

/// Takes `count` ports from an address on, each worker's own.
fn take_addresses(
    checker: &Checker<'_>,
    field: &str,
    from: SocketAddr,
    count: u16,
    taken: &mut HashSet<SocketAddr>,
) -> Result<(), ConfigError> {
    // Port 0: the system chooses free ones.
    if from.port() == 0 {
        return Ok(());
    }
    let Some(last) = from.port().checked_add(count - 1) else {
        let message = format!("{count} ports from {} on: there are no more than 65535", from.port());
        return checker.fail(None, "media.workers", message);
    };
    for port in from.port()..=last {
        let address = SocketAddr::new(from.ip(), port);
        if !taken.insert(address) {
            let message = format!("{address} stands twice, expected each media node on addresses of its own");
            return checker.fail(None, field, message);
        }
    }
    Ok(())
}

fn check_turn(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let Some(turn) = &config.turn else {
        return Ok(());
    };
    let own: Vec<SocketAddr> = [turn.listen, turn.tls_listen].into_iter().flatten().collect();
    if own.is_empty() == turn.urls.is_empty() {
        let message =
            "expected listen or tls_listen for a server of the office's own, or urls for another's".to_owned();
        return checker.fail(None, "turn", message);
    }
    if let Some(url) = turn
        .urls
        .iter()
        .find(|it| !it.starts_with("turn:") && !it.starts_with("turns:"))
    {
        let message = format!("{url:?}: expected an address such as \"turns:turn.example.jp:443?transport=tcp\"");
        return checker.fail(None, "turn.urls", message);
    }
    if let Some(at) = own.iter().find(|it| it.ip().is_unspecified()) {
        let message = format!("{at}: expected one address of the machine, which browsers are told");
        return checker.fail(None, "turn.listen", message);
    }
    if own
        .windows(2)
        .any(|it| it[0].ip() != it[1].ip() || it[0].port() == it[1].port())
    {
        let message = "expected the address of listen and another port".to_owned();
        return checker.fail(None, "turn.tls_listen", message);
    }
    if turn.certificate.is_some() != turn.certificate_key.is_some() {
        let message = "certificate and certificate_key stand together: expected both or neither".to_owned();
        return checker.fail(None, "turn.certificate", message);
    }
    let [first, last] = turn.relay_ports;
    if first < 1024 || last < first {
        let message = format!("[{first}, {last}]: expected first and last, from 1024 to 65535");
        return checker.fail(None, "turn.relay_ports", message);
    }
    // The TURN server must know to whom it may relay.
    if !own.is_empty() && config.media_addresses().is_empty() && turn.media_nodes.is_empty() {
        let message = "expected the node's addresses here, since media.udp names none".to_owned();
        return checker.fail(None, "media.public_addresses", message);
    }
    Ok(())
}

fn check_areas(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    for area in &config.areas {
        let rising = area.moderate_from > area.hysteresis
            && area.busy_from > area.moderate_from
            && area.capacity >= area.busy_from;
        if !rising {
            let message = format!(
                "area {}: expected hysteresis ({}) < moderate_from ({}) < busy_from ({}) <= capacity ({})",
                area.id, area.hysteresis, area.moderate_from, area.busy_from, area.capacity
            );
            return checker.fail(None, "area", message);
        }
    }
    for area in &config.areas {
        if let Join::Master(master) = &area.join
            && !(config.cameras.iter()).any(|camera| camera.id == *master && *camera.area.get_ref() == area.id)
        {
            let message = format!("area {}: {master} is no camera of this area", area.id);
            return checker.fail(None, "area.join", message);
        }
    }
    Ok(())
}

fn check_cameras(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let is_share = |share: f64| (0.0..=1.0).contains(&share);
    for camera in &config.cameras {
        if config.area(camera.area.get_ref()).is_none() {
            let message = format!("there is no [[area]] with id {:?}", camera.area.get_ref().as_str());
            return checker.fail(Some(camera.area.span()), "camera.area", message);
        }
        let speed = camera.frames_per_second;
        if !(0.1..=60.0).contains(&speed) {
            let message = format!("camera {}: {speed} is outside 0.1 to 60", camera.id);
            return checker.fail(None, "camera.frames_per_second", message);
        }
        if let Some(speed) = camera.film_frames_per_second
            && !(0.1..=240.0).contains(&speed)
        {
            let message = format!("camera {}: {speed} is outside 0.1 to 240", camera.id);
            return checker.fail(None, "camera.film_frames_per_second", message);
        }
        if !(Duration::from_millis(500)..=Duration::from_secs(600)).contains(&camera.watchdog) {
            let message = format!("camera {}: {:?} is outside 500ms to 10m", camera.id, camera.watchdog);
            return checker.fail(None, "camera.watchdog", message);
        }
        if !(1..=99).contains(&camera.median_of) {
            let message = format!("camera {}: {} is outside 1 to 99", camera.id, camera.median_of);
            return checker.fail(None, "camera.median_of", message);
        }
        check_parking(config, camera, checker)?;
        let [[near, near_height], [far, far_height]] = *camera.person_heights.get_ref();
        let is_sound = [near, near_height, far, far_height].into_iter().all(is_share)
            && near_height > 0.0
            && far_height > 0.0
            && (near - far).abs() > 0.01;
        if !is_sound && (camera.role != CameraRole::Parking || camera.is_gate()) {
            let message = format!(
                "camera {}: expected two different [y, height] pairs, each a share from 0 to 1 of the picture's height",
                camera.id
            );
            let span = Some(camera.person_heights.span()).filter(|span| !span.is_empty());
            return checker.fail(span, "camera.person_heights", message);
        }
        if let Some(detector) = camera.detector.as_ref().filter(|_| camera.model.is_some()) {
            let message = format!(
                "camera {}: there is a model too: expected one of detector and model, leave the other out",
                camera.id
            );
            return checker.fail(Some(detector.span()), "camera.detector", message);
        }
        let needs_line = matches!(camera.role, CameraRole::Entrance | CameraRole::Queue);
        match &camera.line {
            None if needs_line => {
                let message = format!(
                    "camera {}: an entrance, and a queue, needs line = [[x, y], [x, y]]: looking from its first end to its \
                     second, in (or served) is to the right",
                    camera.id
                );
                return checker.fail(None, "camera.line", message);
            }
            Some(line) => {
                let [from, to] = *line.get_ref();
                if from == to || ![from, to].into_iter().flatten().all(is_share) {
                    let message = format!("camera {}: expected two different points, each from 0 to 1", camera.id);
                    return checker.fail(Some(line.span()), "camera.line", message);
                }
            }
            None => {}
        }
        for overlap in &camera.overlaps {
            let other = config
                .cameras
                .iter()
                .find(|other| other.id == *overlap.camera.get_ref());
            let is_neighbour = other.is_some_and(|other| other.area.get_ref() == camera.area.get_ref());
            if !is_neighbour || overlap.camera.get_ref() == &camera.id {
                let message = format!("camera {}: expected another camera of the same area", camera.id);
                return checker.fail(Some(overlap.camera.span()), "camera.overlap.camera", message);
            }
        }
        if let Some(polygon) = &camera.polygon {
            let points = polygon.get_ref();
            if points.len() < 3 || !points.iter().flatten().copied().all(is_share) {
                let message = format!(
                    "camera {}: expected at least three [x, y] points, each from 0 to 1",
                    camera.id
                );
                return checker.fail(Some(polygon.span()), "camera.polygon", message);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const GOOD: &str = r#"
[office]
id = "minami"
name = { ja = "南区役所", en = "Minami Ward Office" }
telephone = "072-000-0000"
[paths]
run = "../run"
secrets = "../run/secrets"
content = "../run/content"
rigs = "rigs"
[web]
listen = "127.0.0.1:8443"
public_url = "https://localhost:8443"
link_lifetime = "24h"
[media]
udp = "127.0.0.1:7000"
control = "127.0.0.1:7001"
[[section]]
id = "kosodate"
name = { ja = "子育て支援課" }
[[area]]
id = "lobby-1f"
name = { ja = "1階ロビー" }
capacity = 12
moderate_from = 4
busy_from = 7
[[camera]]
id = "hall"
area = "lobby-1f"
source = "film.avi"
person_heights = [[0.3, 0.1], [0.9, 0.2]]
"#;

    fn error(text: &str) -> String {
        Config::parse(Path::new("office.toml"), text)
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn a_good_file_is_read_and_its_paths_made_whole() {
        let config = Config::parse(Path::new("office.toml"), GOOD)
            .expect("good")
            .resolve(Path::new("/etc/madoguchi"));
        assert_eq!(config.paths.run, Path::new("/etc/run"));
        assert_eq!(config.cameras[0].source, "/etc/madoguchi/film.avi");
        assert_eq!(config.web.link_lifetime, std::time::Duration::from_secs(86_400));
    }

    #[test]
    fn a_remote_control_has_an_end() {
        let with = |remote: &str| GOOD.replace("[[section]]", &format!("[remote]\n{remote}\n[[section]]"));
        let good = Config::parse(Path::new("madoguchi.toml"), &with("idle = \"90s\"")).expect("good");
        assert_eq!(good.remote.idle.as_secs(), 90);
        for (remote, field, why) in [
            ("idle = \"2h\"", "remote.idle", "1s to 1h"),
            ("longest = \"30s\"", "remote.longest", "remote.idle"),
            ("idle = 60", "remote.idle", "duration"),
        ] {
            let said = error(&with(remote));
            assert!(said.contains(field) && said.contains(why), "{remote}: {said}");
        }
    }

    #[test]
    fn what_players_may_take_has_units_and_whose_sticks_they_take_is_a_key() {
        let with = |player: &str| GOOD.replace("[[section]]", &format!("[player]\n{player}\n[[section]]"));
        let good = Config::parse(
            Path::new("office.toml"),
            &with("disk_budget = \"2GiB\"\nsticks = \"../media\""),
        );
        let player = good.expect("good").resolve(Path::new("/etc/madoguchi")).player;
        assert_eq!(player.disk_budget, 2 << 30);
        assert_eq!(player.sticks.as_deref(), Some(Path::new("/etc/media")));
        for (player, field, why) in [
            ("disk_budget = \"2\"", "player.disk_budget", "8GB"),
            ("disk_budget = 2000000000", "player.disk_budget", "string"),
            ("disk_budget = \"9MB\"", "player.disk_budget", "at least 10MB"),
            ("stick_keys = [\"AAAA\"]", "player.stick_keys", "Ed25519"),
            ("stick = \"/media\"", "player.stick", "unknown field"),
            ("touch = { rotate = 45 }", "player.touch.rotate", "90, 180"),
            ("touch = { calibration = [1, 0, 0] }", "player.touch", "length"),
            (
                "touch = { calibration = [1, 0, 0, 2, 0, 0] }",
                "player.touch.calibration",
                "one line",
            ),
        ] {
            let said = error(&with(player));
            assert!(said.contains(field) && said.contains(why), "{player}: {said}");
        }
    }

    #[test]
    fn further_media_nodes_have_their_own_addresses_and_all_else_in_common() {
        let more = "[[media.node]]\nudp = \"127.0.0.1:7002\"\ncontrol = \"127.0.0.1:7003\"\n[[section]]";
        let text = GOOD
            .replace("[[section]]", more)
            .replace("[media]", "[media]\nsilence = \"9s\"\ntcp = \"127.0.0.1:7000\"");
        let config = Config::parse(Path::new("office.toml"), &text).expect("good");
        assert_eq!(config.media_nodes(), 2);
        let ports = |number| {
            let media = config.clone().for_media_node(number)?.media;
            assert!(media.more_nodes.is_empty() && media.silence == std::time::Duration::from_secs(9));
            Some((media.udp.port(), media.tcp.map(|tcp| tcp.port()), media.control.port()))
        };
        assert_eq!(ports(1), Some((7000, Some(7000), 7001)));
        assert_eq!(
            ports(2),
            Some((7002, None, 7003)),
            "the first node's TCP port is its own"
        );
        assert_eq!((ports(0), ports(3)), (None, None));
    }

    #[test]
    fn a_turn_server_is_told_by_its_addresses() {
        let table = "[turn]\nlisten = \"192.0.2.9:3478\"\ntls_listen = \"192.0.2.9:443\"\n";
        let parse = |more: &str| {
            let text = format!("{GOOD}\n{table}{more}");
            Config::parse(Path::new("office.toml"), &text).expect("good")
        };
        let urls =
            parse("realm = \"turn.example.jp\"\ntls_public_port = 8443\nexternal_ip = \"203.0.113.9\"\n").turn_urls();
        let expected = [
            "turn:203.0.113.9:3478?transport=udp",
            "turn:203.0.113.9:3478?transport=tcp",
            "turns:turn.example.jp:8443?transport=tcp",
        ];
        assert_eq!(urls, expected);
        let plain = parse("");
        assert_eq!((plain.public_host(), plain.turn_realm()), ("localhost", "localhost"));
        assert_eq!(plain.media_addresses(), [IpAddr::from([127, 0, 0, 1])]);
        let mut v6 = plain;
        v6.web.public_url = "https://[2001:db8::1]:8443".to_owned();
        assert_eq!(v6.turn_urls()[2], "turns:[2001:db8::1]:443?transport=tcp");
    }

    #[test]
    fn each_fault_names_file_line_field_and_what_was_expected() {
        let unknown = error(&GOOD.replace("telephone =", "telefone ="));
        assert!(
            unknown.starts_with("office.toml:5: office.telefone") && unknown.contains("telephone"),
            "{unknown}"
        );
        let unit = error(&GOOD.replace("\"24h\"", "24"));
        assert!(
            unit.starts_with("office.toml:14: web.link_lifetime") && unit.contains("\"20s\""),
            "{unit}"
        );
        let word = error(&GOOD.replace("\"24h\"", "\"a day\""));
        assert!(word.contains("with its unit"), "{word}");
        let reference = error(&GOOD.replace("area = \"lobby-1f\"", "area = \"lobby-2f\""));
        assert!(
            reference.starts_with("office.toml:29: camera.area") && reference.contains("lobby-2f"),
            "{reference}"
        );
        let levels = error(&GOOD.replace("busy_from = 7", "busy_from = 3"));
        assert!(levels.contains("moderate_from (4) < busy_from (3)"), "{levels}");
        let heights = error(&GOOD.replace("[0.9, 0.2]", "[0.9, 20]"));
        assert!(
            heights.starts_with("office.toml:31: camera.person_heights"),
            "{heights}"
        );
        let film = error(&GOOD.replace("source =", "film_frames_per_second = 0.0\nsource ="));
        assert!(
            film.contains("camera.film_frames_per_second") && film.contains("0.1 to 240"),
            "{film}"
        );
        let median = error(&GOOD.replace("source =", "median_of = 0\nsource ="));
        assert!(
            median.contains("camera.median_of") && median.contains("1 to 99"),
            "{median}"
        );
        let both = error(&GOOD.replace("source =", "detector = \"hog\"\nmodel = \"a.onnx\"\nsource ="));
        assert!(
            both.contains("camera.detector") && both.contains("leave the other out"),
            "{both}"
        );
        for (more, field, words) in [
            ("role = \"entrance\"", "camera.line", "needs line"),
            ("line = [[0.1, 0.2], [0.1, 0.2]]", "camera.line", "two different points"),
            (
                "overlap = [{ camera = \"hall\", polygon = [] }]",
                "camera.overlap.camera",
                "another camera",
            ),
        ] {
            let error = error(&GOOD.replace("source =", &format!("{more}\nsource =")));
            assert!(error.contains(field) && error.contains(words), "{error}");
        }
        let master = error(&GOOD.replace("capacity = 12", "capacity = 12\njoin = { master = \"roof\" }"));
        assert!(master.contains("area.join") && master.contains("roof"), "{master}");
        let watchdog = error(&GOOD.replace("source =", "watchdog = \"0s\"\nsource ="));
        assert!(
            watchdog.contains("camera.watchdog") && watchdog.contains("camera hall"),
            "{watchdog}"
        );
        let still = error(&GOOD.replace("source =", "still_for = 30\nsource ="));
        assert!(
            still.contains("camera.still_for") && still.contains("\"20s\""),
            "{still}"
        );
        let shown = error(&GOOD.replace("[media]", "[vision]\nshown_for = \"11m\"\n[media]"));
        assert!(
            shown.contains("vision.shown_for") && shown.contains("1s to 10m"),
            "{shown}"
        );
        let spill = error(&GOOD.replace("[media]", "[media]\nspill_after = 0"));
        assert!(
            spill.contains("media.spill_after") && spill.contains("at least 1"),
            "{spill}"
        );
        let workers = error(&GOOD.replace("[media]", "[media]\nworkers = 0"));
        assert!(
            workers.contains("media.workers") && workers.contains("1 to 64"),
            "{workers}"
        );
        let again = "[[media.node]]\nudp = \"127.0.0.1:7002\"\ncontrol = \"127.0.0.1:7001\"\n[[section]]";
        let node = error(&GOOD.replace("[[section]]", again));
        assert!(
            node.contains("media.node.control: 127.0.0.1:7001 stands twice"),
            "{node}"
        );
        let id = error(&GOOD.replace("id = \"minami\"", "id = \"南\""));
        assert!(id.starts_with("office.toml:3: office.id") && id.contains("a-z"), "{id}");
        let missing = error(&GOOD.replace("run = \"../run\"\n", ""));
        assert!(missing.contains("run"), "{missing}");
        for (table, field, words) in [
            ("realm = \"turn\"", "turn: ", "listen or tls_listen"),
            ("listen = \"0.0.0.0:3478\"", "turn.listen", "one address"),
            ("urls = [\"https://turn\"]", "turn.urls", "turns:"),
            (
                "listen = \"127.0.0.1:3478\"\nurls = [\"turn:a\"]",
                "turn: ",
                "another's",
            ),
            (
                "listen = \"127.0.0.1:3478\"\ntls_listen = \"127.0.0.1:3478\"",
                "turn.tls_listen",
                "another port",
            ),
            (
                "listen = \"127.0.0.1:3478\"\nrelay_ports = [9, 8]",
                "turn.relay_ports",
                "from 1024",
            ),
            (
                "listen = \"127.0.0.1:3478\"\ncertificate = \"a\"",
                "turn.certificate",
                "both or neither",
            ),
        ] {
            let error = error(&format!("{GOOD}\n[turn]\n{table}\n"));
            assert!(error.contains(field) && error.contains(words), "{error}");
        }
        let redis = error(&format!("{GOOD}\n[redis]\nledger = \"localhost\"\n"));
        assert!(redis.contains("redis://"), "{redis}");
    }
}

//! What a configuration may say, and what is said of one that is wrong.

use std::net::IpAddr;

use super::super::{GlBy, OutputBy, PowerBy};
use super::*;
use crate::ids::ScreenId;

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

/// What is wrong with the one camera, though the office is taken.
fn fault(text: &str) -> String {
    let config = Config::parse(Path::new("office.toml"), text).expect("only a camera is wrong");
    let errors: Vec<String> = config
        .camera_faults
        .values()
        .flatten()
        .map(ToString::to_string)
        .collect();
    assert!(!errors.is_empty(), "nothing is wrong");
    errors.join("\n")
}

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
fn a_display_is_one_that_can_be_and_a_touch_panel_hangs_as_its_display_does() {
    let screen = "[[screen]]\nid = \"lobby\"\nname = { ja = \"ロビー\" }\nlayout = \"lobby.json\"\n";
    let with = |tables: &str| GOOD.replace("[[section]]", &format!("{tables}\n[[section]]"));
    let of = |tables: &str| {
        let config = Config::parse(Path::new("office.toml"), &with(tables)).expect("good");
        let lobby = ScreenId::new("lobby").expect("valid");
        let rotate = config.touch_of(&lobby).rotate.expect("said");
        (config.output_of(&lobby).clone(), rotate.into_inner())
    };
    let (output, rotate) = of(&format!(
        "[player.output]\nby = \"kms\"\nconnector = \"HDMI-A-1\"\nrotate = 90\n{screen}"
    ));
    assert_eq!((output.by, *output.rotate.get_ref(), rotate), (OutputBy::Kms, 90, 90));
    assert!(output.full_screen && *output.power.get_ref() == PowerBy::Auto);
    assert_eq!(*output.gl.get_ref(), GlBy::Auto);
    // Its own table takes the place of the other one, whole; and a panel's own word counts.
    let own = format!(
        "[player.output]\nby = \"kms\"\nrotate = 90\n{screen}output = {{ rotate = 270 }}\ntouch = {{ rotate = 180 }}"
    );
    let (output, rotate) = of(&own);
    assert_eq!(
        (output.by, *output.rotate.get_ref(), rotate),
        (OutputBy::Auto, 270, 180)
    );

    for (output, field, why) in [
        ("by = \"hdmi\"", "player.output.by", "expected one of `auto`"),
        ("rotate = 45", "player.output.rotate", "0, 90, 180 or 270"),
        ("connector = \" \"", "player.output.connector", "such as \"HDMI-A-1\""),
        (
            "connector = \"DP-1\"\nby = \"none\"",
            "player.output.connector",
            "one of the two",
        ),
        ("power = \"off\"", "player.output.power", "expected one of `auto`"),
        (
            "power = \"dpms\"\nby = \"wayland\"",
            "player.output.power",
            "X11 and KMS only",
        ),
        ("cec = \"/dev/cec1\"", "player.output.cec", "power = \"cec\""),
        ("cec = \"cec1\"\npower = \"cec\"", "player.output.cec", "/dev/cec0"),
        ("gl = true", "player.output.gl", "wanted string"),
        ("gl = \"mesa\"", "player.output.gl", "expected one of `auto`"),
        ("gl = \"on\"\nby = \"kms\"", "player.output.gl", "by = \"x11\""),
        ("hdr = true", "player.output", "unknown field"),
    ] {
        let text = with(&format!("[player.output]\n{output}"));
        let said = error(&text);
        let table = 1 + text.lines().position(|it| it == "[player.output]").expect("there");
        let mut lines = table..=table + output.lines().count();
        let has_line = lines.any(|line| said.contains(&format!("office.toml:{line}:")));
        assert!(
            has_line && said.contains(field) && said.contains(why),
            "{output}: {said}"
        );
    }
    let said = error(&with(&format!("{screen}[screen.output]\nrotate = 91")));
    assert!(said.contains("screen.output.rotate"), "{said}");
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
    let heights = fault(&GOOD.replace("[0.9, 0.2]", "[0.9, 20]"));
    assert!(
        heights.starts_with("office.toml:31: camera.person_heights"),
        "{heights}"
    );
    let film = fault(&GOOD.replace("source =", "film_frames_per_second = 0.0\nsource ="));
    assert!(
        film.contains("camera.film_frames_per_second") && film.contains("0.1 to 240"),
        "{film}"
    );
    let median = fault(&GOOD.replace("source =", "median_of = 0\nsource ="));
    assert!(
        median.contains("camera.median_of") && median.contains("1 to 99"),
        "{median}"
    );
    let both = fault(&GOOD.replace("source =", "detector = \"hog\"\nmodel = \"a.onnx\"\nsource ="));
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
        let error = fault(&GOOD.replace("source =", &format!("{more}\nsource =")));
        assert!(error.contains(field) && error.contains(words), "{error}");
    }
    let master = error(&GOOD.replace("capacity = 12", "capacity = 12\njoin = { master = \"roof\" }"));
    assert!(master.contains("area.join") && master.contains("roof"), "{master}");
    let watchdog = fault(&GOOD.replace("source =", "watchdog = \"0s\"\nsource ="));
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
    let held = error(&GOOD.replace("[media]", "[vision]\nfilm_held_for = \"2h\"\n[media]"));
    assert!(
        held.contains("vision.film_held_for") && held.contains("1s to 1h"),
        "{held}"
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

#[test]
fn a_screens_camera_is_one_that_a_player_can_hold_and_who_counts_with_it_names_a_screen_that_has_one() {
    let screen = "[[screen]]\nid = \"lobby\"\nname = { ja = \"ロビー\" }\nlayout = \"lobby.json\"\n";
    let with = |tables: &str| GOOD.replace("[[section]]", &format!("{tables}\n[[section]]"));
    let sharing = |source: &str, tables: &str| with(tables).replace("\"film.avi\"", &format!("{source:?}"));
    let [lobby, paired] = ["lobby", "paired"].map(|id| ScreenId::new(id).expect("valid"));

    let own =
        format!("[player.camera]\nsource = \"/dev/video1\"\n{screen}camera = {{ source = \"hall.mp4\", width = 320 }}");
    let config = Config::parse(Path::new("office.toml"), &sharing("screen:lobby", &own))
        .expect("good")
        .resolve(Path::new("/etc/madoguchi"));
    let camera = config.camera_of(&lobby).expect("its own");
    assert_eq!(camera.source.get_ref(), "/etc/madoguchi/hall.mp4");
    assert_eq!((camera.width, camera.height, camera.frames_per_second), (320, 360, 5.0));
    let camera = config.camera_of(&paired).expect("what holds for all");
    assert_eq!((camera.source.get_ref().as_str(), camera.width), ("/dev/video1", 640));
    assert_eq!(config.cameras[0].source, "screen:lobby", "no file of the folder");
    assert_eq!(config.screen_home(&lobby), Path::new("/etc/run/screens/lobby"));
    // A screen that was paired isn't in the file.
    let for_all = "[player.camera]\nsource = \"rtsp://192.0.2.7/1\"";
    Config::parse(Path::new("office.toml"), &sharing("screen:paired", for_all)).expect("good");

    let table = |more: &str| with(&format!("{screen}camera = {{ {more} }}"));
    for (text, field, why) in [
        (table("source = \"\""), "screen.camera.source", "/dev/video0"),
        (
            table("source = \"http://u:secret@192.0.2.7\""),
            "screen.camera.source",
            "rtsp://",
        ),
        (table("source = \"screen:lobby\""), "screen.camera.source", "a film"),
        (
            table("source = \"a\", width = 4000"),
            "screen.camera.width",
            "64 to 1920",
        ),
        (
            table("source = \"a\", height = 20"),
            "screen.camera.height",
            "36 to 1080",
        ),
        (
            table("source = \"a\", frames_per_second = 60.0"),
            "screen.camera.frames_per_second",
            "0.1 to 30",
        ),
        (table("source = \"a\", speed = 1"), "screen.camera", "unknown field"),
        (with("[player.camera]\nwidth = 640"), "player.camera", "source"),
    ] {
        let said = error(&text);
        assert!(said.contains(field) && said.contains(why), "{field}, {why}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    for (source, why) in [
        ("screen:lobby", "[screen.camera]"),
        ("screen:hall", "no [[screen]]"),
        ("screen:Lobby 1", "Lobby 1"),
    ] {
        let said = fault(&sharing(source, screen));
        assert!(said.contains("camera.source") && said.contains(why), "{why}: {said}");
    }
}

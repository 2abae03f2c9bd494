//! Each widget's picture against a stored one, by a [`judge`]; and contact sheets ([`sheets`]) of each widget in each language,
//! in a wide and an upright zone, with letters of 100 and 200 %.
//! `UPDATE_GOLDEN=1 cargo test -p signage-player --test golden` draws them anew.
#![allow(clippy::expect_used)]

mod common;
#[path = "golden/judge.rs"]
mod judge;
#[path = "golden/missed.rs"]
mod missed;
#[path = "golden/screens.rs"]
mod screens;
#[path = "golden/sheets.rs"]
mod sheets;

use std::path::PathBuf;
use std::time::Duration;

use common::{WALL, area, data, moment, scene};
use protocol::congestion::{AreaState, Level, Trend};
use protocol::screen::{BoardArea, Language, Layout, LotState, Notice, QueueState, Remote, Text, Urgency};
use protocol::time::UnixMillis;
use signage_player::control::png;
use signage_player::event::Snapshot;
use signage_player::scene::data::{Data, Moment};
use signage_player::scene::{Kit, Scene};
use signage_player::stage::canvas::{Canvas, Region};
use signage_player::touch::Phase;

fn check(name: &str, size: (u32, u32), widget: &str, data: &Data, at: &[u64]) {
    check_on(Screen::default(), name, size, widget, data, at);
}

/// The screen in which a widget hangs: sizes of letters follow its shorter side.
#[derive(Clone, Copy)]
struct Screen {
    size: (u32, u32),
    language: &'static str,
    text_percent: u32,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            size: (1280, 720),
            language: "ja",
            text_percent: 100,
        }
    }
}

fn speaking(language: &'static str) -> Screen {
    Screen {
        language,
        ..Screen::default()
    }
}

const LARGE: Screen = Screen {
    size: (1280, 720),
    language: "ja",
    text_percent: 200,
};

const UPRIGHT: Screen = Screen {
    size: (720, 1280),
    language: "ja",
    text_percent: 100,
};

fn check_on(screen: Screen, name: &str, size: (u32, u32), widget: &str, data: &Data, at: &[u64]) {
    let (width, height) = size;
    let Screen {
        size: (whole_width, whole_height),
        language,
        text_percent,
    } = screen;
    let layout = format!(
        r##"{{"version":2,"name":"golden","width":{whole_width},"height":{whole_height},"languages":["{language}"],
        "text_percent":{text_percent},"pages":[{{"name":"home","background":"#f4f6fb",
        "zones":[{{"name":"it","rect":{{"x":0,"y":0,"width":{width},"height":{height}}},{widget}}}]}}]}}"##
    );
    let mut scene = scene(&layout);
    let mut canvas = Canvas::new(whole_width, whole_height, [0, 0, 0]);
    for millis in at {
        scene.draw(
            &mut canvas,
            &moment(Duration::from_millis(*millis)),
            data,
            &mut Region::default(),
        );
    }
    compare(name, size, &canvas);
}

/// The picture's upper left corner against the stored one.
fn compare(name: &str, (width, height): (u32, u32), canvas: &Canvas) {
    let rows = canvas
        .bytes()
        .chunks_exact(canvas.width() as usize * 4)
        .take(height as usize);
    let pixels: Vec<u8> = rows.flat_map(|row| row[..width as usize * 4].to_vec()).collect();
    compare_pixels(name, (width, height), pixels);
}

/// A stored picture's file.
fn stored_at(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(format!("{name}.png"))
}

/// A stored picture as BGRx without gaps, and its size.
fn stored(name: &str) -> ((u32, u32), Vec<u8>) {
    let file = std::fs::File::open(stored_at(name)).expect("the golden picture; UPDATE_GOLDEN=1 draws it");
    let mut stored = cairo::ImageSurface::create_from_png(&mut std::io::BufReader::new(file)).expect("a PNG");
    let (width, height, stride) = (stored.width() as usize, stored.height(), stored.stride() as usize);
    let data = stored.data().expect("its pixels");
    let rows = data.chunks_exact(stride).flat_map(|row| row[..width * 4].to_vec());
    ((width as u32, height as u32), rows.collect())
}

/// A picture against the stored one of that name.
fn compare_pixels(name: &str, (width, height): (u32, u32), pixels: Vec<u8>) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        let bytes = png(Snapshot { width, height, pixels }).expect("png");
        std::fs::write(stored_at(name), bytes).expect("written");
        return;
    }
    let (size, stored) = stored(name);
    assert_eq!(size, (width, height), "{name}");
    let picture = |pixels| judge::Picture {
        pixels,
        width: width as usize,
    };
    let worst = judge::worst(picture(&stored), picture(&pixels));
    if !worst.is_the_same() {
        let seen = std::env::temp_dir().join(format!("{name}-differs.png"));
        std::fs::write(&seen, png(Snapshot { width, height, pixels }).expect("png")).expect("written");
        panic!("{name}: {worst:?}; drawn now: {}", seen.display());
    }
}

fn state(id: &str, level: Level, count: Option<u32>, seconds_ago: u64) -> AreaState {
    AreaState {
        area: area(id),
        count,
        capacity: 40,
        level,
        trend: Trend::Steady,
        observed_at: Some(UnixMillis(WALL.0 - seconds_ago * 1000)),
        changed_at: UnixMillis(0),
        version: 1,
    }
}

#[test]
fn clock_wide_and_tall() {
    check("clock-wide", (744, 100), r#""widget":{"type":"clock"}"#, &data(), &[0]);
    check("clock-tall", (376, 124), r#""widget":{"type":"clock"}"#, &data(), &[0]);
}

#[test]
fn label() {
    let widget = r##""widget":{"type":"label","text":{"ja":"南区役所"},"size":52,"color":"#0017c1"}"##;
    check("label", (480, 100), widget, &data(), &[0]);
}

#[test]
fn buttons_onward_and_back() {
    let onward =
        r#""widget":{"type":"button","text":{"ja":"ご案内・お問い合わせ"}},"on_touch":{"do":"go_to","page":"home"}"#;
    check("button-onward", (376, 112), onward, &data(), &[0]);
    let back = r#""widget":{"type":"button","text":{"ja":"最初の画面にもどる"}},"on_touch":{"do":"go_home"}"#;
    check("button-back", (376, 112), back, &data(), &[0]);
}

#[test]
fn board_with_one_area_at_every_level() {
    let widget = r#""widget":{"type":"congestion_board","title":{"ja":"いまの混みぐあい"},
        "areas":[{"area":"lobby-1f","label":{"ja":"1階ロビー"}}]}"#;
    let levels = [
        ("free", Level::Free, Some(3)),
        ("moderate", Level::Moderate, Some(7)),
        ("busy", Level::Busy, Some(21)),
        ("full", Level::Full, Some(40)),
    ];
    for (name, level, count) in levels {
        let mut data = data();
        // Heard a minute ago, and observed then.
        data.hear_areas(vec![state("lobby-1f", level, count, 75)], UnixMillis(WALL.0 - 75_000));
        check(&format!("board-{name}"), (376, 332), widget, &data, &[0]);
    }
    check("board-unknown", (376, 332), widget, &data(), &[0]);
}

#[test]
fn board_with_three_areas() {
    let widget = r#""widget":{"type":"congestion_board","title":{"ja":"いまの混みぐあい"},"areas":[
        {"area":"lobby-1f","label":{"ja":"1階ロビー"}},{"area":"kosodate","label":{"ja":"子育て"}},
        {"area":"parking","label":{"ja":"駐車場"}}]}"#;
    let mut data = data();
    let states = vec![
        state("lobby-1f", Level::Free, Some(3), 0),
        state("kosodate", Level::Moderate, Some(7), 0),
        state("parking", Level::Busy, Some(21), 0),
    ];
    data.hear_areas(states, WALL);
    check("board-three", (376, 332), widget, &data, &[0]);
}

#[test]
fn ticker_after_five_seconds() {
    let widget = r#""widget":{"type":"ticker","speed":120,"text":{"ja":"【窓口の時間】月曜日から金曜日まで、午前9時から午後5時30分までです。"}}"#;
    let ticks: Vec<u64> = (0..=50).map(|tick| tick * 100).collect();
    check("ticker", (640, 88), widget, &data(), &ticks);
}

const RICH: &str = r##""widget":{"type":"rich_text","size":30,"color":"#1a1a1a",DIRECTION"text":{
  "ja":"[子育|こそだ]ての*ご[相談|そうだん]*は、[2階|にかい]の[窓口|まどぐち]で[承|うけたまわ]ります。\n「[保育所|ほいくしょ]」への[申|もう]し[込|こ]みは、11月30日（月）までです。",
  "en":"For *child-rearing*, please come to the counter on the second floor. Apply for nursery schools by Monday, November 30.",
  "ko":"육아 상담은 *2층 창구*로 오십시오.","zh":"育儿咨询请到*二楼窗口*。","vi":"Tư vấn *nuôi dạy con* tại quầy tầng 2."}}"##;

#[test]
fn rich_text_lying_and_upright() {
    let lying = RICH.replace("DIRECTION", "");
    let upright = RICH.replace("DIRECTION", r#""direction":"vertical","#);
    check("rich-lying", (560, 400), &lying, &data(), &[0]);
    check("rich-upright", (480, 600), &upright, &data(), &[0]);
    let figures = r##""widget":{"type":"rich_text","size":30,"color":"#1a1a1a","direction":"vertical","text":{
        "ja":"2026年（令和8年）12月1日から、*窓口は10番*です。\n[受付|うけつけ]は午前9:30まで、365件。電話03-1234-5678、COVID-19"}}"##;
    check("rich-figures", (480, 480), figures, &data(), &[0]);
    check_on(LARGE, "rich-large", (1000, 600), &lying, &data(), &[0]);
    check_on(UPRIGHT, "rich-portrait", (640, 420), &lying, &data(), &[0]);
    for (name, language) in [
        ("rich-en", "en"),
        ("rich-ko", "ko"),
        ("rich-zh", "zh"),
        ("rich-vi", "vi"),
    ] {
        // What isn't written upright stays as it is read.
        check_on(speaking(language), name, (560, 260), &upright, &data(), &[0]);
    }
}

#[test]
fn any_text_is_set_and_cut_where_the_zone_ends() {
    let rich = |text: &str| {
        let text = serde_json::to_string(text).expect("json");
        format!(r##""widget":{{"type":"rich_text","size":28,"color":"#1a1a1a","text":{{"ja":{text}}}}}"##)
    };
    check(
        "rich-long",
        (480, 260),
        &rich(&"長い文章です。".repeat(7_000)),
        &data(),
        &[0],
    );
    let mixed = "絵文字👨‍👩‍👧‍👦🎌と\u{5e9}\u{5dc}\u{5d5}\u{5dd}、مرحبا بكم。\u{202e}abc\u{202c}";
    check("rich-mixed", (480, 200), &rich(mixed), &data(), &[0]);
}

#[test]
fn roll_after_ten_seconds() {
    let widget = r#""widget":{"type":"roll","size":30,"speed":40,"text":{"ja":"【窓口の時間】\n月曜日から金曜日まで、午前9時から午後5時30分までです。毎月第4日曜日の午前中も、住所変更と証明書の窓口を開けています。\n\n【証明書】\n住民票の写しは、コンビニエンスストアでもお取りいただけます。"}}"#;
    let ticks: Vec<u64> = (0..=100).map(|tick| tick * 100).collect();
    check("roll", (560, 360), widget, &data(), &ticks);
}

#[test]
fn clocks_in_all_languages() {
    for (name, language) in [
        ("clock-easy", "easy"),
        ("clock-en", "en"),
        ("clock-zh", "zh"),
        ("clock-ko", "ko"),
        ("clock-vi", "vi"),
    ] {
        check_on(
            speaking(language),
            name,
            (744, 100),
            r#""widget":{"type":"clock"}"#,
            &data(),
            &[0],
        );
    }
    check_on(
        LARGE,
        "clock-large",
        (1200, 140),
        r#""widget":{"type":"clock"}"#,
        &data(),
        &[0],
    );
    check_on(
        UPRIGHT,
        "clock-portrait",
        (640, 160),
        r#""widget":{"type":"clock"}"#,
        &data(),
        &[0],
    );
}

#[test]
fn boards_in_all_languages_and_large() {
    let widget = r#""widget":{"type":"congestion_board","title":{"ja":"いまの混みぐあい","easy":"いまの こみぐあい","en":"How busy we are","zh":"目前拥挤程度","ko":"현재 혼잡도","vi":"Mức độ đông"},"areas":[
        {"area":"lobby-1f","label":{"ja":"1階ロビー","easy":"1かい","en":"Lobby","zh":"一楼大厅","ko":"1층 로비","vi":"Sảnh tầng 1"}}]}"#;
    let mut data = data();
    data.hear_areas(vec![state("lobby-1f", Level::Moderate, Some(7), 0)], WALL);
    for (name, language) in [
        ("board-easy", "easy"),
        ("board-en", "en"),
        ("board-zh", "zh"),
        ("board-ko", "ko"),
        ("board-vi", "vi"),
    ] {
        check_on(speaking(language), name, (376, 332), widget, &data, &[0]);
    }
    check_on(LARGE, "board-large", (700, 600), widget, &data, &[0]);
    check_on(UPRIGHT, "board-portrait", (640, 332), widget, &data, &[0]);
}

fn queue(id: &str, called: u64, counter: &str, waiting: u32) -> QueueState {
    QueueState {
        queue: id.into(),
        called: Some(called.to_string()),
        counter: Some(Text {
            en: Some(
                counter
                    .replace("番窓口", "")
                    .replace('3', "Counter 3")
                    .replace('5', "Counter 5"),
            ),
            ..Text::japanese(counter)
        }),
        calls: called,
        waiting,
        at: WALL,
    }
}

#[test]
fn waiting_numbers_are_lit_when_they_are_called() {
    let widget = r#""widget":{"type":"waiting_board","title":{"ja":"お呼び出し","en":"Now serving"},"queues":[
        {"queue":"zei","label":{"ja":"税金","en":"Taxes"}},{"queue":"koseki","label":{"ja":"戸籍・住民票","en":"Registration"}},
        {"queue":"kaigo","label":{"ja":"介護","en":"Care"}}]}"#;
    let mut data = data();
    let at = |millis| moment(Duration::from_millis(millis));
    data.hear_queues(
        vec![queue("zei", 41, "3番窓口", 4), queue("koseki", 118, "5番窓口", 12)],
        &at(0),
    );
    check("waiting", (560, 480), widget, &data, &[20_000]);
    check_on(speaking("en"), "waiting-en", (560, 480), widget, &data, &[20_000]);
    data.hear_queues(vec![queue("zei", 42, "3番窓口", 3)], &at(30_000));
    check("waiting-called", (560, 480), widget, &data, &[30_100]);
    check(
        "waiting",
        (560, 480),
        &widget.replace("42", "41"),
        &{
            let mut before = self::data();
            before.hear_queues(
                vec![queue("zei", 41, "3番窓口", 4), queue("koseki", 118, "5番窓口", 12)],
                &at(0),
            );
            before
        },
        &[50_000],
    );
    check_on(UPRIGHT, "waiting-portrait", (640, 520), widget, &data, &[60_000]);
    check_on(LARGE, "waiting-large", (1240, 680), widget, &data, &[60_000]);
}

#[test]
fn car_parks_say_how_many_places_are_free() {
    let widget = r#""widget":{"type":"parking","title":{"ja":"駐車場","en":"Parking"},"lots":[{"lot":"east","label":{"ja":"東","en":"East"}},
        {"lot":"west","label":{"ja":"西","en":"West"}},{"lot":"roof","label":{"ja":"屋上","en":"Roof"}}]}"#;
    let mut data = data();
    let lot = |lot: &str, free| LotState {
        lot: lot.into(),
        free: Some(free),
        places: 40,
        at: WALL,
    };
    data.hear_lots(vec![lot("east", 12), lot("west", 0)], WALL);
    check("parking", (420, 360), widget, &data, &[0]);
    check_on(speaking("en"), "parking-en", (420, 360), widget, &data, &[0]);
    check_on(LARGE, "parking-large", (800, 680), widget, &data, &[0]);
}

fn notice(text: &str, urgency: Urgency) -> Notice {
    Notice {
        id: "n".into(),
        text: text.into(),
        urgency,
        until: None,
    }
}

#[test]
fn notices_stand_in_their_zone_or_over_everything() {
    let widget = r#""widget":{"type":"notices","title":{"ja":"お知らせ","en":"Notices"}}"#;
    check("notices-none", (480, 260), widget, &data(), &[0]);
    let mut two = data();
    let said = [
        "本日11月23日（月）は祝日のため、区役所はお休みです。",
        "3階の工事のため、エレベーターは1台のみ動いています。",
    ];
    two.hear_notices(said.map(|text| notice(text, Urgency::Normal)).to_vec(), WALL);
    check("notices-two", (480, 260), widget, &two, &[0]);
    check_on(LARGE, "notices-large", (1100, 560), widget, &two, &[0]);
    let mut urgent = data();
    urgent.hear_notices(
        vec![notice(
            "大雨警報が出ています。お帰りの際はお気をつけください。",
            Urgency::Urgent,
        )],
        WALL,
    );
    check("banner-urgent", (1280, 720), widget, &urgent, &[0]);
    let mut emergency = data();
    let text = "地震です。落ち着いて、柱や壁から離れ、係員の案内をお待ちください。エレベーターは使わないでください。";
    emergency.hear_notices(vec![notice(text, Urgency::Emergency)], WALL);
    check("banner-emergency", (1280, 720), widget, &emergency, &[0]);
    check_on(
        UPRIGHT,
        "banner-emergency-portrait",
        (720, 1280),
        widget,
        &emergency,
        &[0],
    );
}

#[test]
fn qr_code() {
    let widget = r#""widget":{"type":"qr_code","content":"https://minami.example.jp/book","caption":{"ja":"スマートフォンで予約"}}"#;
    check("qr", (320, 360), widget, &data(), &[0]);
    check_on(LARGE, "qr-large", (560, 640), widget, &data(), &[0]);
}

#[test]
fn floor_map_with_a_way() {
    let widget = r#""widget":{"type":"floor_map","route_to":"zei-door","plan":{"width":800,"height":480,"here":"screen",
      "rooms":[{"rect":{"x":20,"y":20,"width":230,"height":130},"label":{"ja":"戸籍・住民票","en":"Registration"}},
        {"rect":{"x":290,"y":20,"width":220,"height":130},"label":{"ja":"介護保険","en":"Care"}},
        {"rect":{"x":550,"y":20,"width":230,"height":130},"label":{"ja":"税務課","en":"Taxes"},"door":"zei-door"},
        {"rect":{"x":20,"y":340,"width":200,"height":120},"label":{"ja":"待合","en":"Seats"}}],
      "points":[{"name":"screen","x":400,"y":400},{"name":"hall","x":400,"y":250},{"name":"east","x":665,"y":250},{"name":"zei-door","x":665,"y":165}],
      "ways":[["screen","hall"],["hall","east"],["east","zei-door"]]}}"#;
    check("map", (800, 480), widget, &data(), &[0, 3_000]);
    check_on(speaking("en"), "map-en", (800, 480), widget, &data(), &[0, 3_000]);
    check_on(UPRIGHT, "map-portrait", (700, 420), widget, &data(), &[0, 3_000]);
}

#[test]
fn choosing_a_language() {
    let layout = r##"{"version":2,"name":"t","width":1280,"height":720,"languages":["ja","easy","en","zh","ko","vi"],"pages":[
      {"name":"home","background":"#f4f6fb","zones":[
        {"name":"choose","rect":{"x":0,"y":0,"width":900,"height":220},"widget":{"type":"language_chooser"}},
        {"name":"clock","rect":{"x":0,"y":240,"width":744,"height":100},"widget":{"type":"clock"}}]}]}"##;
    let mut scene = scene(layout);
    let mut canvas = Canvas::new(1280, 720, [0, 0, 0]);
    scene.draw(&mut canvas, &moment(Duration::ZERO), &data(), &mut Region::default());
    compare("language-chooser", (900, 340), &canvas);
    // The third key of the first row is English.
    assert!(scene.touch(850.0, 50.0, &moment(Duration::from_secs(1))));
    assert_eq!(scene.language(), Language::En);
    scene.draw(
        &mut canvas,
        &moment(Duration::from_secs(2)),
        &data(),
        &mut Region::default(),
    );
    compare("language-chosen", (900, 340), &canvas);
    // The next visitor begins in Japanese.
    scene.draw(
        &mut canvas,
        &moment(Duration::from_secs(62)),
        &data(),
        &mut Region::default(),
    );
    assert_eq!(scene.language(), Language::Ja);
    compare("language-chooser", (900, 340), &canvas);
}

#[test]
fn an_unset_clock_says_so() {
    let mut scene = scene(
        r##"{"version":2,"name":"t","width":1280,"height":720,"pages":[{"name":"home","background":"#f4f6fb","zones":[
        {"name":"clock","rect":{"x":0,"y":0,"width":744,"height":100},"widget":{"type":"clock"}}]}]}"##,
    );
    let mut canvas = Canvas::new(1280, 720, [0, 0, 0]);
    let unset = Moment {
        wall: UnixMillis(86_400_000),
        ..moment(Duration::ZERO)
    };
    scene.draw(&mut canvas, &unset, &data(), &mut Region::default());
    compare("clock-unset", (744, 100), &canvas);
}

fn with_remote(remote: Remote) -> Data {
    let mut data = data();
    data.hear_remote(remote, WALL);
    data
}

fn open() -> Remote {
    Remote::Open {
        address: "https://madoguchi.example.jp/r/lobby.5x0g7c2mqv9kt3hw8zjd4rbn1e".into(),
        until: UnixMillis(WALL.0 + 60_000),
    }
}

#[test]
fn the_remote_controls_code() {
    let widget = r#""widget":{"type":"qr_code","kind":"remote"}"#;
    check("remote-open", (300, 340), widget, &with_remote(open()), &[0]);
    check("remote-held", (300, 340), widget, &with_remote(Remote::Held), &[0]);
    check("remote-off", (300, 340), widget, &data(), &[0]);
}

/// A page with two buttons and a code, and one with the way back.
const DESK: &str = r##"{"version":2,"name":"t","width":1280,"height":720,"languages":["ja","vi"],"reset_after_ms":30000,"pages":[
  {"name":"home","background":"#f4f6fb","zones":[
    {"name":"clock","rect":{"x":512,"y":16,"width":744,"height":100},"widget":{"type":"clock"}},
    {"name":"zei","rect":{"x":40,"y":160,"width":560,"height":140},"widget":{"type":"button","text":{"ja":"税のこと","vi":"Thuế"}},
     "on_touch":{"do":"go_to","page":"zei"}},
    {"name":"kosodate","rect":{"x":40,"y":340,"width":560,"height":140},"widget":{"type":"button","text":{"ja":"子育てのこと"}},
     "on_touch":{"do":"go_to","page":"zei"}},
    {"name":"phone","rect":{"x":900,"y":160,"width":320,"height":360},"widget":{"type":"qr_code","kind":"remote"}}]},
  {"name":"zei","background":"#e8f1fe","zones":[
    {"name":"back","rect":{"x":40,"y":160,"width":560,"height":140},"widget":{"type":"button","text":{"ja":"最初の画面にもどる"}},
     "on_touch":{"do":"go_home"}}]}]}"##;

#[test]
fn what_lies_over_the_pages() {
    let mut scene = scene(DESK);
    let mut canvas = Canvas::new(1280, 720, [0, 0, 0]);
    let mut draw = |scene: &mut signage_player::scene::Scene, data: &Data, at: u64, name: &str| {
        let now = moment(Duration::from_millis(at));
        scene.draw(&mut canvas, &now, data, &mut Region::default());
        compare(name, (1280, 720), &canvas);
    };
    let (open, held) = (with_remote(open()), with_remote(Remote::Held));
    scene.contact(1, Phase::Down, (100.0, 200.0), &moment(Duration::from_millis(10)));
    draw(&mut scene, &open, 20, "over-pressed");
    scene.contact(1, Phase::Up, (100.0, 200.0), &moment(Duration::from_millis(100)));
    assert_eq!(scene.page(), "zei");
    draw(&mut scene, &held, 24_000, "over-held-and-hint");
}

/// 91 letters.
const FIRE: &str = "1階で火災が発生しました。係員の指示に従って、落ち着いて避難してください。エレベーターは使わず、階段を使ってください。\
    避難したあとは建物に戻らないでください。車いすの方は係員にお声がけください。";

#[test]
fn long_texts_end_in_dots_and_urgent_ones_are_whole() {
    let mut long = data();
    let said: String = FIRE.chars().cycle().take(200).collect();
    long.hear_notices(vec![notice(&said, Urgency::Normal)], WALL);
    let notices = r#""widget":{"type":"notices","title":{"ja":"お知らせ"}}"#;
    check("notices-long", (400, 260), notices, &long, &[0]);
    let text = "南区役所からのお知らせです。".repeat(9);
    let label = format!(r##""widget":{{"type":"label","text":{{"ja":"{text}"}},"size":40,"color":"#0017c1"}}"##);
    check("label-long", (480, 100), &label, &data(), &[0]);
    let rich = RICH.replace("DIRECTION", r#""direction":"vertical","#);
    check_on(LARGE, "rich-upright-long", (480, 300), &rich, &data(), &[0]);
    let mut urgent = data();
    urgent.hear_notices(vec![notice(FIRE, Urgency::Urgent)], WALL);
    check_on(LARGE, "banner-urgent-large", (1280, 720), notices, &urgent, &[0]);
    let large_upright = Screen {
        text_percent: 200,
        ..UPRIGHT
    };
    check_on(
        large_upright,
        "banner-urgent-large-portrait",
        (720, 1280),
        notices,
        &urgent,
        &[0],
    );
    let mut parts = data();
    parts.hear_notices(vec![notice(&FIRE.repeat(8), Urgency::Urgent)], WALL);
    check("banner-parts", (1280, 720), notices, &parts, &[0, 90_000]);
}

/// What stands in for playlists with nothing to play, in these zones of one page.
fn check_stand_in(name: &str, screen: Screen, zones: &[(u32, u32, u32, u32)], areas: usize) {
    let (width, height) = screen.size;
    let zone = |(index, (x, y, width, height)): (usize, &(u32, u32, u32, u32))| {
        format!(
            r#"{{"name":"zone-{index}","rect":{{"x":{x},"y":{y},"width":{width},"height":{height}}},
            "widget":{{"type":"playlist","items":[{{"type":"video","content":"none.mp4"}}]}}}}"#
        )
    };
    let zones: Vec<String> = zones.iter().enumerate().map(zone).collect();
    let layout = format!(
        r##"{{"version":2,"name":"golden","width":{width},"height":{height},"languages":["{}"],"text_percent":{},
        "pages":[{{"name":"home","background":"#f4f6fb","zones":[{}]}}]}}"##,
        screen.language,
        screen.text_percent,
        zones.join(",")
    );
    let layout: Layout = serde_json::from_str(&layout).expect("a layout");
    let labels = ["1階ロビー", "子育て", "駐車場"];
    let area = |(at, label): (usize, &str)| BoardArea {
        area: area(["lobby-1f", "kosodate", "parking"][at]),
        label: label.into(),
    };
    let kit = Kit {
        areas: labels.into_iter().enumerate().map(area).take(areas).collect(),
        ..common::kit()
    };
    let mut scene = Scene::build(std::sync::Arc::new(layout), &kit).expect("a scene");
    let mut data = data();
    data.hear_areas(
        vec![
            state("lobby-1f", Level::Moderate, Some(7), 0),
            state("kosodate", Level::Free, Some(2), 0),
        ],
        WALL,
    );
    let mut canvas = Canvas::new(width, height, [0, 0, 0]);
    for millis in [0, 1_900, 2_100] {
        scene.draw(
            &mut canvas,
            &moment(Duration::from_millis(millis)),
            &data,
            &mut Region::default(),
        );
    }
    compare(name, screen.size, &canvas);
}

#[test]
fn where_nothing_can_be_played_name_clock_and_board_stand_in() {
    let wide = Screen::default();
    check_stand_in("stand-in", wide, &[(24, 132, 832, 468)], 2);
    check_stand_in("stand-in-whole", wide, &[(0, 0, 1280, 720)], 3);
    check_stand_in("stand-in-low", wide, &[(24, 24, 500, 260)], 1);
    check_stand_in("stand-in-flat", wide, &[(24, 24, 1232, 84)], 2);
    check_stand_in("stand-in-large", LARGE, &[(24, 24, 900, 420)], 2);
    check_stand_in("stand-in-portrait", UPRIGHT, &[(0, 0, 720, 1280)], 3);
    check_stand_in("stand-in-vi", speaking("vi"), &[(24, 24, 500, 260)], 1);
    let two = [(24, 24, 832, 500), (880, 24, 376, 240), (880, 284, 376, 240)];
    check_stand_in("stand-in-three-zones", wide, &two, 1);
}

//! Contact sheets: one picture for each widget, with a row for each language (ja, easy, en, zh, ko, vi) and four cells in it: a
//! wide zone with letters of 100 and of 200 %, an upright one with both.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::congestion::Level;
use protocol::screen::{BoardArea, Layout, LotState, Notice, QueueState, Text, Urgency};
use signage_player::scene::data::Data;
use signage_player::scene::{Kit, Scene};
use signage_player::stage::canvas::{Canvas, Region};

use crate::common::{WALL, area, data, kit, moment};
use crate::{compare_pixels, open, state, with_remote};

const LANGUAGES: [&str; 6] = ["ja", "easy", "en", "zh", "ko", "vi"];

/// The screen's longer and shorter side: the smallest letters are 15 pixels high, at 200 % 30.
const LONG: u32 = 800;
const SHORT: u32 = 450;

/// Between the cells.
const GAP: u32 = 8;
/// The page.
const GROUND: [u8; 3] = [0xf4, 0xf6, 0xfb];

/// What stands in the cells.
struct Sheet<'a> {
    name: &'a str,
    /// A zone's JSON after its rectangle.
    widget: &'a str,
    /// The wide zone at 100 %, in pixels.
    wide: (u32, u32),
    /// The upright screen's zone.
    upright: (u32, u32),
    data: Arc<Data>,
    kit: Kit,
    /// The moments at which it is drawn, in milliseconds; the last one is seen.
    at: Vec<u64>,
    /// Draws the last moment again until the zone's middle isn't the page any more: it comes from another thread.
    waits: bool,
}

impl<'a> Sheet<'a> {
    fn new(name: &'a str, wide: (u32, u32), upright: (u32, u32), widget: &'a str) -> Self {
        Self {
            name,
            widget,
            wide,
            upright,
            data: Arc::new(data()),
            kit: kit(),
            at: vec![0],
            waits: false,
        }
    }

    fn with(self, data: impl Into<Arc<Data>>) -> Self {
        let data = data.into();
        Self { data, ..self }
    }

    /// Drawn ten times a second for so long.
    fn after(self, seconds: u64) -> Self {
        let at = (0..=seconds * 10).map(|tick| tick * 100).collect();
        Self { at, ..self }
    }

    /// Draws all cells and compares the sheet with the stored one.
    fn check(self) {
        let cells = [
            ((LONG, SHORT), self.wide, 100),
            ((LONG, SHORT), self.wide, 200),
            ((SHORT, LONG), self.upright, 100),
            ((SHORT, LONG), self.upright, 200),
        ];
        let cells = cells.map(|(screen, zone, percent)| {
            let side = |zone: u32, screen: u32| (zone * percent / 100).min(screen);
            (screen, (side(zone.0, screen.0), side(zone.1, screen.1)), percent)
        });
        let high = cells.iter().map(|(_, zone, _)| zone.1).max().unwrap_or(0) + GAP;
        let width = cells.iter().map(|(_, zone, _)| zone.0 + GAP).sum::<u32>() + GAP;
        let height = high * LANGUAGES.len() as u32 + GAP;
        let mut sheet = vec![0x80_u8; (width * height * 4) as usize];
        for (row, language) in (0..).zip(LANGUAGES) {
            let mut left = GAP;
            for (screen, zone, percent) in &cells {
                let cell = self.cell(*screen, *zone, *percent, language);
                let top = row * high + GAP;
                for y in 0..zone.1 {
                    let from = (y * cell.width() * 4) as usize;
                    let to = (((top + y) * width + left) * 4) as usize;
                    let length = zone.0 as usize * 4;
                    sheet[to..to + length].copy_from_slice(&cell.bytes()[from..from + length]);
                }
                left += zone.0 + GAP;
            }
        }
        compare_pixels(&format!("sheet-{}", self.name), (width, height), sheet);
    }

    fn cell(&self, screen: (u32, u32), zone: (u32, u32), percent: u32, language: &str) -> Canvas {
        let layout = format!(
            r##"{{"version":2,"name":"golden","width":{},"height":{},"languages":["{language}"],"text_percent":{percent},
            "pages":[{{"name":"home","background":"#f4f6fb","zones":[
            {{"name":"it","rect":{{"x":0,"y":0,"width":{},"height":{}}},{}}}]}}]}}"##,
            screen.0, screen.1, zone.0, zone.1, self.widget
        );
        let layout: Layout = serde_json::from_str(&layout).expect("a layout");
        let mut scene = Scene::build(Arc::new(layout), &self.kit).expect("a scene");
        let mut canvas = Canvas::new(screen.0, screen.1, GROUND);
        let mut draw = |millis: u64| {
            let now = moment(Duration::from_millis(millis));
            scene.draw(&mut canvas, &now, &self.data, &mut Region::default());
            canvas.color_at(zone.0 / 2, zone.1 / 3)
        };
        for millis in &self.at {
            draw(*millis);
        }
        let (last, end) = (
            *self.at.last().expect("a moment"),
            Instant::now() + Duration::from_secs(60),
        );
        while self.waits && draw(last) == Some(GROUND) {
            assert!(Instant::now() < end, "{} never came", self.name);
            std::thread::park_timeout(Duration::from_millis(5));
        }
        canvas
    }
}

/// A text in all six languages, as JSON.
fn said([ja, easy, en, zh, ko, vi]: [&str; 6]) -> String {
    let text = serde_json::json!({"ja": ja, "easy": easy, "en": en, "zh": zh, "ko": ko, "vi": vi});
    text.to_string()
}

fn text([ja, easy, en, zh, ko, vi]: [&str; 6]) -> Text {
    Text {
        easy: Some(easy.into()),
        en: Some(en.into()),
        zh: Some(zh.into()),
        ko: Some(ko.into()),
        vi: Some(vi.into()),
        ..Text::japanese(ja)
    }
}

const CROWD: [&str; 6] = [
    "いまの混みぐあい",
    "いまの こみぐあい",
    "How busy we are",
    "目前拥挤程度",
    "현재 혼잡도",
    "Mức độ đông",
];
const LOBBY: [&str; 6] = [
    "1階ロビー",
    "1かい ロビー",
    "Lobby, 1st floor",
    "一楼大厅",
    "1층 로비",
    "Sảnh tầng 1",
];
const CHILDREN: [&str; 6] = [
    "子育て支援",
    "こそだて",
    "Child care",
    "育儿支援",
    "육아 지원",
    "Nuôi dạy con",
];
const HOURS: [&str; 6] = [
    "【窓口の時間】月曜日から金曜日まで、午前9時から午後5時30分までです。",
    "まどぐちは、月ようびから 金ようびまで、午前9じから 午後5じ30ぷんまで あいています。",
    "Counters are open Monday to Friday, 9:00 to 17:30.",
    "窗口受理时间：星期一至星期五，上午9点至下午5点30分。",
    "창구 시간: 월요일~금요일, 오전 9시~오후 5시 30분",
    "Giờ làm việc: thứ Hai đến thứ Sáu, từ 9:00 đến 17:30.",
];

#[test]
fn sheet_of_waiting_numbers() {
    let counter = |number: &str| {
        let of = |before: &str, after: &str| format!("{before}{number}{after}");
        let words = [
            of("", "番窓口"),
            of("", "ばん まどぐち"),
            of("Counter ", ""),
            of("", "号窗口"),
            of("", "번 창구"),
            of("Quầy số ", ""),
        ];
        text(words.each_ref().map(String::as_str))
    };
    let queue = |queue: &str, called: &str, number: &str, waiting| QueueState {
        queue: queue.into(),
        called: Some(called.into()),
        counter: Some(counter(number)),
        calls: 1,
        waiting,
        at: WALL,
    };
    let title = said([
        "お呼び出し",
        "よびだし",
        "Now serving",
        "正在叫号",
        "호출 번호",
        "Đang gọi số",
    ]);
    let insurance = said([
        "国民健康保険",
        "けんこうほけん",
        "Health insurance",
        "国民健康保险",
        "국민건강보험",
        "Bảo hiểm y tế",
    ]);
    let taxes = said(["税金", "ぜいきん", "Taxes", "税金", "세금", "Thuế"]);
    let care = said(["介護", "かいご", "Care", "护理", "개호", "Chăm sóc"]);
    let widget = format!(
        r#""widget":{{"type":"waiting_board","title":{title},"queues":[{{"queue":"kokuho","label":{insurance}}},
        {{"queue":"zei","label":{taxes}}},{{"queue":"kaigo","label":{care}}}]}}"#
    );
    let mut data = data();
    let at = moment(Duration::ZERO);
    data.hear_queues(
        vec![queue("kokuho", "A-1234", "3", 12), queue("zei", "41", "10", 4)],
        &at,
    );
    let data = Arc::new(data);
    let board = |name, wide, upright| Sheet {
        at: vec![20_000],
        ..Sheet::new(name, wide, upright, &widget).with(data.clone())
    };
    board("waiting", (360, 300), (190, 340)).check();
    board("waiting-narrow", (190, 240), (225, 190)).check();
}

#[test]
fn sheet_of_running_text() {
    let hours = said(HOURS);
    let widget = format!(r#""widget":{{"type":"ticker","speed":90,"text":{hours}}}"#);
    Sheet::new("ticker", (390, 54), (225, 60), &widget).after(4).check();
    let paragraphs = HOURS.map(|text| format!("{text}\n\n{text}"));
    let paragraphs = said(paragraphs.each_ref().map(String::as_str));
    let widget = format!(r#""widget":{{"type":"roll","size":18,"speed":30,"text":{paragraphs}}}"#);
    Sheet::new("roll", (360, 150), (225, 200), &widget).after(5).check();
}

/// Arabic stands in the place of the languages that screens have no texts in: whoever writes news may write it.
#[test]
fn sheet_of_text_from_right_to_left() {
    let news = said([
        "アラビア語のご案内：مرحبا بكم في مكتب المنطقة الجنوبية（南区役所）。2階の窓口までどうぞ。",
        "مرحبا بكم في مكتب المنطقة الجنوبية (南区役所)، ننصحكم بحجز موعد قبل 30 نوفمبر.",
        "Welcome! مرحبا بكم في مكتب المنطقة الجنوبية، تفضلوا بالدخول. Second floor.",
        "ברוכים הבאים למשרד הרובע הדרומי (Minami Ward Office), דלפק 3.",
        "👋🏽 どうぞ 🇯🇵 絵文字👨‍👩‍👧‍👦も「ひとつ」のまま。",
        "مرحبا",
    ]);
    let widget = format!(r#""widget":{{"type":"ticker","speed":90,"text":{news}}}"#);
    Sheet::new("ticker-rtl", (390, 54), (225, 60), &widget).after(4).check();
    let widget = format!(r#""widget":{{"type":"roll","size":18,"speed":30,"text":{news}}}"#);
    Sheet::new("roll-rtl", (360, 150), (225, 200), &widget).after(5).check();
}

#[test]
fn sheet_of_avatars() {
    let greeting = said([
        "いらっしゃいませ。南区役所へようこそ。ご用件をお聞かせください。",
        "こんにちは。みなみく やくしょです。どうしましたか。",
        "Welcome to the Minami Ward Office. How may I help you?",
        "欢迎来到南区政府。请问您需要办理什么业务？",
        "어서 오십시오. 미나미 구청입니다. 무엇을 도와드릴까요?",
        "Chào mừng quý vị đến Văn phòng quận Minami. Tôi có thể giúp gì?",
    ]);
    let widget = format!(r#""widget":{{"type":"avatar","rig":"hibari","greeting":{greeting}}}"#);
    let mut sheet = Sheet::new("avatar", (300, 225), (225, 300), &widget);
    sheet.kit.rigs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/rigs");
    sheet.kit.speaker.espeak = None;
    Sheet {
        at: vec![1_000],
        waits: true,
        ..sheet
    }
    .check();
}

#[test]
fn sheet_of_congestion() {
    let (title, lobby, children) = (said(CROWD), said(LOBBY), said(CHILDREN));
    let mut data = data();
    let states = vec![
        state("lobby-1f", Level::Moderate, Some(7), 75),
        state("kosodate", Level::Free, Some(3), 75),
    ];
    data.hear_areas(states, WALL);
    let data = Arc::new(data);
    let one = format!(
        r#""widget":{{"type":"congestion_board","title":{title},"areas":[{{"area":"lobby-1f","label":{lobby}}}]}}"#
    );
    Sheet::new("board", (240, 200), (390, 180), &one)
        .with(data.clone())
        .check();
    let three = format!(
        r#""widget":{{"type":"congestion_board","title":{title},"areas":[{{"area":"lobby-1f","label":{lobby}}},
        {{"area":"kosodate","label":{children}}},{{"area":"parking","label":{lobby}}}]}}"#
    );
    Sheet::new("board-three", (330, 200), (225, 300), &three)
        .with(data)
        .check();
}

#[test]
fn sheet_of_car_parks() {
    let title = said(["駐車場", "ちゅうしゃじょう", "Parking", "停车场", "주차장", "Bãi đỗ xe"]);
    let east = said(["東", "ひがし", "East", "东", "동", "Đông"]);
    let roof = said(["屋上", "おくじょう", "Roof", "屋顶", "옥상", "Mái"]);
    let widget = format!(
        r#""widget":{{"type":"parking","title":{title},"lots":[{{"lot":"east","label":{east}}},{{"lot":"roof","label":{roof}}},
        {{"lot":"west","label":{east}}}]}}"#
    );
    let lot = |lot: &str, free| LotState {
        lot: lot.into(),
        free: Some(free),
        places: 40,
        at: WALL,
    };
    let mut data = data();
    data.hear_lots(vec![lot("east", 12), lot("roof", 0)], WALL);
    Sheet::new("parking", (300, 210), (225, 210), &widget)
        .with(data)
        .check();
}

#[test]
fn sheet_of_buttons() {
    let onward = said([
        "ご案内・お問い合わせ",
        "あんない・といあわせ",
        "Information desk",
        "咨询与指引",
        "안내·문의",
        "Hướng dẫn và hỏi đáp",
    ]);
    let widget = format!(r#""widget":{{"type":"button","text":{onward}}},"on_touch":{{"do":"go_to","page":"home"}}"#);
    Sheet::new("button", (260, 70), (225, 75), &widget).check();
    let back = said([
        "最初の画面にもどる",
        "はじめに もどる",
        "Back to the start",
        "返回首页",
        "처음으로",
        "Về trang đầu",
    ]);
    let widget = format!(r#""widget":{{"type":"button","text":{back}}},"on_touch":{{"do":"go_home"}}"#);
    Sheet::new("button-back", (260, 70), (225, 75), &widget).check();
}

#[test]
fn sheet_of_a_playlist_with_nothing_to_play() {
    let widget =
        r#""widget":{"type":"playlist","items":[{"type":"picture","content":"gone.png","duration_ms":10000}]}"#;
    let mut sheet = Sheet::new("fallback", (360, 300), (225, 360), widget);
    sheet.kit.office = text([
        "南区役所",
        "みなみく やくしょ",
        "Minami Ward Office",
        "南区政府",
        "미나미 구청",
        "Quận Minami",
    ]);
    sheet.kit.areas = vec![BoardArea {
        area: area("lobby-1f"),
        label: text(LOBBY),
    }];
    let mut data = data();
    data.hear_areas(vec![state("lobby-1f", Level::Busy, Some(21), 0)], WALL);
    Sheet {
        // It is shown a while after the last picture.
        at: (0..=80).map(|tick| tick * 100).collect(),
        ..sheet.with(data)
    }
    .check();
}

#[test]
fn sheet_of_clocks() {
    Sheet::new("clock", (390, 60), (225, 90), r#""widget":{"type":"clock"}"#).check();
}

#[test]
fn sheet_of_labels_and_paragraphs() {
    let office = said([
        "南区役所",
        "みなみく やくしょ",
        "Minami Ward Office",
        "南区政府",
        "미나미 구청",
        "Văn phòng quận Minami",
    ]);
    let widget = format!(r##""widget":{{"type":"label","text":{office},"size":28,"color":"#0017c1"}}"##);
    Sheet::new("label", (300, 60), (225, 75), &widget).check();
    let rich = said([
        "[子育|こそだ]ての*ご[相談|そうだん]*は、[2階|にかい]の[窓口|まどぐち]で[承|うけたまわ]ります。",
        "[子育|こそだ]ての *そうだん*は、[2階|にかい]の [窓口|まどぐち]へ きてください。",
        "For *child-rearing*, please come to the counter on the second floor.",
        "育儿咨询请到*二楼窗口*。",
        "육아 상담은 *2층 창구*로 오십시오.",
        "Tư vấn *nuôi dạy con* tại quầy tầng 2.",
    ]);
    let widget = format!(r##""widget":{{"type":"rich_text","size":18,"color":"#1a1a1a","text":{rich}}}"##);
    Sheet::new("rich", (300, 120), (225, 150), &widget).check();
}

#[test]
fn sheet_of_notices() {
    let title = said(["お知らせ", "おしらせ", "Notices", "通知", "공지", "Thông báo"]);
    let widget = format!(r#""widget":{{"type":"notices","title":{title}}}"#);
    let notice = Notice {
        id: "n".into(),
        text: text([
            "本日は祝日のため、区役所はお休みです。",
            "きょうは やすみです。",
            "The office is closed today.",
            "今天是节假日，区政府休息。",
            "오늘은 공휴일로 구청은 휴무입니다.",
            "Hôm nay là ngày lễ, văn phòng nghỉ.",
        ]),
        urgency: Urgency::Normal,
        until: None,
    };
    let mut data = data();
    data.hear_notices(vec![notice], WALL);
    Sheet::new("notices", (300, 150), (225, 190), &widget)
        .with(data)
        .check();
}

#[test]
fn sheet_of_codes() {
    let caption = said([
        "スマートフォンで予約",
        "スマホで よやく",
        "Book by phone",
        "用手机预约",
        "스마트폰으로 예약",
        "Đặt lịch bằng điện thoại",
    ]);
    let widget =
        format!(r#""widget":{{"type":"qr_code","content":"https://minami.example.jp/book","caption":{caption}}}"#);
    Sheet::new("qr", (200, 225), (225, 250), &widget).check();
    let widget = r#""widget":{"type":"qr_code","kind":"remote"}"#;
    Sheet::new("remote", (200, 225), (225, 250), widget)
        .with(with_remote(open()))
        .check();
}

#[test]
fn sheet_of_maps() {
    let label = said(["戸籍・住民票", "こせき", "Registration", "户籍", "호적", "Hộ tịch"]);
    let widget = format!(
        r#""widget":{{"type":"floor_map","route_to":"door","plan":{{"width":800,"height":480,"here":"screen",
      "rooms":[{{"rect":{{"x":20,"y":20,"width":330,"height":130}},"label":{label}}},
        {{"rect":{{"x":450,"y":20,"width":330,"height":130}},"label":{label},"door":"door"}}],
      "points":[{{"name":"screen","x":200,"y":400}},{{"name":"hall","x":200,"y":250}},{{"name":"east","x":615,"y":250}},{{"name":"door","x":615,"y":165}}],
      "ways":[["screen","hall"],["hall","east"],["east","door"]]}}}}"#
    );
    Sheet {
        at: vec![0, 3_000],
        ..Sheet::new("map", (400, 225), (225, 240), &widget)
    }
    .check();
}

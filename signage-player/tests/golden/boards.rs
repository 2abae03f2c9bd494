//! What is crowded, who is called, where a car finds a place.

use std::sync::Arc;
use std::time::Duration;

use protocol::congestion::{AreaState, Level, Trend};
use protocol::screen::{LotState, QueueState, Text};
use protocol::time::UnixMillis;

use crate::common::{WALL, area, data, moment};
use crate::picture::check;
use crate::sheet::{Sheet, said, text};

pub fn state(id: &str, level: Level, count: Option<u32>, seconds_ago: u64) -> AreaState {
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
fn crowded_areas_and_one_that_is_unknown() {
    let widget = r#""widget":{"type":"congestion_board","title":{"ja":"いまの混みぐあい"},
        "areas":[{"area":"lobby-1f","label":{"ja":"1階ロビー"}}]}"#;
    let levels = [("busy", Level::Busy, Some(21)), ("full", Level::Full, Some(40))];
    for (name, level, count) in levels {
        let mut data = data();
        // Heard a minute ago, and observed then.
        data.hear_areas(vec![state("lobby-1f", level, count, 75)], UnixMillis(WALL.0 - 75_000));
        check(&format!("board-{name}"), (376, 332), widget, &data, &[0]);
    }
    check("board-unknown", (376, 332), widget, &data(), &[0]);
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
}

const CROWD: [&str; 6] = [
    "いまの混みぐあい",
    "いまの こみぐあい",
    "How busy we are",
    "目前拥挤程度",
    "현재 혼잡도",
    "Mức độ đông",
];

pub const LOBBY: [&str; 6] = [
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
    board("waiting-low", (390, 90), (225, 70)).check();
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

//! What the office says now: in its zone, and over everything.

use protocol::screen::{Notice, Text, Urgency};
use signage_player::scene::data::Data;

use crate::common::{WALL, data};
use crate::picture::check;
use crate::sheet::{LONG, SHORT, Sheet, said, text};

fn notice(text: impl Into<Text>, urgency: Urgency) -> Notice {
    Notice {
        id: "n".into(),
        text: text.into(),
        urgency,
        until: None,
    }
}

fn saying(text: impl Into<Text>, urgency: Urgency) -> Data {
    let mut data = data();
    data.hear_notices(vec![notice(text, urgency)], WALL);
    data
}

#[test]
fn notices_stand_in_their_zone() {
    let widget = r#""widget":{"type":"notices","title":{"ja":"お知らせ"}}"#;
    check("notices-none", (480, 260), widget, &data(), &[0]);
    let mut two = data();
    let said = [
        "本日11月23日（月）は祝日のため、区役所はお休みです。",
        "3階の工事のため、エレベーターは1台のみ動いています。",
    ];
    two.hear_notices(said.map(|text| notice(text, Urgency::Normal)).to_vec(), WALL);
    check("notices-two", (480, 260), widget, &two, &[0]);
}

/// 91 letters.
const FIRE: &str = "1階で火災が発生しました。係員の指示に従って、落ち着いて避難してください。エレベーターは使わず、階段を使ってください。\
    避難したあとは建物に戻らないでください。車いすの方は係員にお声がけください。";

#[test]
fn a_long_notice_ends_in_dots_and_a_long_urgent_one_takes_turns() {
    let said: String = FIRE.chars().cycle().take(200).collect();
    let notices = r#""widget":{"type":"notices","title":{"ja":"お知らせ"}}"#;
    check(
        "notices-long",
        (400, 260),
        notices,
        &saying(said.as_str(), Urgency::Normal),
        &[0],
    );
    let parts = saying(FIRE.repeat(8).as_str(), Urgency::Urgent);
    check("banner-parts", (1280, 720), notices, &parts, &[0, 90_000]);
}

#[test]
fn sheet_of_notices() {
    let title = said(["お知らせ", "おしらせ", "Notices", "通知", "공지", "Thông báo"]);
    let widget = format!(r#""widget":{{"type":"notices","title":{title}}}"#);
    let said = text([
        "本日は祝日のため、区役所はお休みです。",
        "きょうは やすみです。",
        "The office is closed today.",
        "今天是节假日，区政府休息。",
        "오늘은 공휴일로 구청은 휴무입니다.",
        "Hôm nay là ngày lễ, văn phòng nghỉ.",
    ]);
    Sheet::new("notices", (300, 150), (225, 190), &widget)
        .with(saying(said, Urgency::Normal))
        .check();
}

#[test]
fn sheet_of_urgent_notices() {
    let said = text([
        "大雨警報が出ています。お帰りの際は、川や用水路に近づかず、お気をつけください。",
        "大雨の けいほうが でています。川に ちかづかないで、きをつけて かえって ください。",
        "A heavy rain warning is in force. Keep away from rivers and take care on your way home.",
        "大雨警报已发布。回家时请勿靠近河流和水渠，注意安全。",
        "호우 경보가 발령 중입니다. 귀가하실 때 하천과 용수로에 가까이 가지 마시고 주의하십시오.",
        "Đang có cảnh báo mưa lớn. Khi về nhà, xin không đến gần sông và kênh mương.",
    ]);
    over(
        "banner-urgent",
        (LONG, 300),
        (SHORT, 480),
        saying(said, Urgency::Urgent),
    );
}

#[test]
fn sheet_of_emergencies() {
    let said = text([
        "地震です。落ち着いて、柱や壁から離れ、係員の案内をお待ちください。エレベーターは使わないでください。",
        "じしんです。おちついて、かべから はなれて、かかりの人を まってください。エレベーターは つかわないでください。",
        "Earthquake. Stay calm, keep away from pillars and walls, and wait for our staff. Do not use the lifts.",
        "发生地震。请保持冷静，远离柱子和墙壁，等候工作人员的指引。请勿使用电梯。",
        "지진입니다. 침착하게 기둥과 벽에서 떨어져 직원의 안내를 기다려 주십시오. 엘리베이터는 이용하지 마십시오.",
        "Động đất. Xin bình tĩnh, tránh xa cột và tường, chờ nhân viên hướng dẫn. Không dùng thang máy.",
    ]);
    over(
        "banner-emergency",
        (LONG, SHORT),
        (SHORT, LONG),
        saying(said, Urgency::Emergency),
    );
}

/// A sheet of what lies over a page: the screens' upper parts.
fn over(name: &str, wide: (u32, u32), upright: (u32, u32), data: Data) {
    let widget = r#""widget":{"type":"clock"}"#;
    Sheet {
        grows: false,
        ..Sheet::new(name, wide, upright, widget).with(data)
    }
    .check();
}

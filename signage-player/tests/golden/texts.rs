//! Standing and running texts.

use crate::common::data;
use crate::picture::{LARGE, check, check_on};
use crate::sheet::{Sheet, said};

/// Two paragraphs, lying or upright.
const RICH: &str = r##""widget":{"type":"rich_text","size":30,"color":"#1a1a1a",DIRECTION"text":{
  "ja":"[子育|こそだ]ての*ご[相談|そうだん]*は、[2階|にかい]の[窓口|まどぐち]で[承|うけたまわ]ります。\n「[保育所|ほいくしょ]」への[申|もう]し[込|こ]みは、11月30日（月）までです。",
  "en":"For *child-rearing*, please come to the counter on the second floor. Apply for nursery schools by Monday, November 30.",
  "ko":"육아 상담은 *2층 창구*로 오십시오.","zh":"育儿咨询请到*二楼窗口*。","vi":"Tư vấn *nuôi dạy con* tại quầy tầng 2."}}"##;

#[test]
fn figures_in_upright_text() {
    let figures = r##""widget":{"type":"rich_text","size":30,"color":"#1a1a1a","direction":"vertical","text":{
        "ja":"2026年（令和8年）12月1日から、*窓口は10番*です。\n[受付|うけつけ]は午前9:30まで、365件。電話03-1234-5678、COVID-19"}}"##;
    check("rich-figures", (480, 480), figures, &data(), &[0]);
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
fn long_texts_end_in_dots() {
    let text = "南区役所からのお知らせです。".repeat(9);
    let label = format!(r##""widget":{{"type":"label","text":{{"ja":"{text}"}},"size":40,"color":"#0017c1"}}"##);
    check("label-long", (480, 100), &label, &data(), &[0]);
    let rich = RICH.replace("DIRECTION", r#""direction":"vertical","#);
    check_on(LARGE, "rich-upright-long", (480, 300), &rich, &data(), &[0]);
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

/// Other languages than Japanese and Chinese lie.
#[test]
fn sheet_of_upright_paragraphs() {
    let rich = said([
        "[子育|こそだ]ての*ご[相談|そうだん]*は、[2階|にかい]の[窓口|まどぐち]で[承|うけたまわ]ります。\n「[保育所|ほいくしょ]」への[申|もう]し[込|こ]みは、11月30日（月）までです。",
        "[子育|こそだ]ての *そうだん*は、[2階|にかい]の [窓口|まどぐち]へ きてください。\n「[保育所|ほいくしょ]」の もうしこみは、11月30日（月）までです。",
        "For *child-rearing*, please come to the counter on the second floor.\nApply for nursery schools by Monday, November 30.",
        "育儿咨询请到*二楼窗口*。\n“保育所”的申请截止到11月30日（星期一）。",
        "육아 상담은 *2층 창구*로 오십시오.\n어린이집 신청은 11월 30일(월)까지입니다.",
        "Tư vấn *nuôi dạy con* tại quầy tầng 2.\nHạn nộp đơn nhà trẻ: thứ Hai, ngày 30 tháng 11.",
    ]);
    let widget = format!(
        r##""widget":{{"type":"rich_text","size":18,"color":"#1a1a1a","direction":"vertical","text":{rich}}}"##
    );
    Sheet::new("rich-upright", (300, 210), (225, 340), &widget).check();
}

const HOURS: [&str; 6] = [
    "【窓口の時間】月曜日から金曜日まで、午前9時から午後5時30分までです。",
    "まどぐちは、月ようびから 金ようびまで、午前9じから 午後5じ30ぷんまで あいています。",
    "Counters are open Monday to Friday, 9:00 to 17:30.",
    "窗口受理时间：星期一至星期五，上午9点至下午5点30分。",
    "창구 시간: 월요일~금요일, 오전 9시~오후 5시 30분",
    "Giờ làm việc: thứ Hai đến thứ Sáu, từ 9:00 đến 17:30.",
];

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

//! What the screen itself says, in the languages of the screens.

use std::time::Duration;

use protocol::congestion::Level;
use protocol::screen::Language::{self, Easy, En, Ja, Ko, Vi, Zh};
use protocol::screen::Text;

/// A level in words.
#[must_use]
pub fn level(level: Level, language: Language) -> &'static str {
    let of = |words: [&'static str; 6]| pick(language, words);
    match level {
        Level::Free => of(["空いています", "すいています", "Not busy", "不拥挤", "한산함", "Vắng"]),
        Level::Moderate => of([
            "やや混雑",
            "すこし こんでいます",
            "A little busy",
            "稍拥挤",
            "조금 혼잡",
            "Hơi đông",
        ]),
        Level::Busy => of(["混雑", "こんでいます", "Busy", "拥挤", "혼잡", "Đông"]),
        Level::Full => of(["満員", "いっぱいです", "Full", "已满", "만원", "Hết chỗ"]),
        Level::Unknown => unknown(language),
    }
}

/// Nobody knows now.
#[must_use]
pub fn unknown(language: Language) -> &'static str {
    pick(
        language,
        [
            "確認中です",
            "しらべています",
            "Checking",
            "确认中",
            "확인 중",
            "Đang kiểm tra",
        ],
    )
}

/// How many people, where that is known.
#[must_use]
pub fn people(count: Option<u32>, language: Language) -> String {
    let Some(count) = count else { return String::new() };
    match language {
        Ja | Easy => format!("約{count}人"),
        En => format!("about {count}"),
        Zh => format!("约{count}人"),
        Ko => format!("약 {count}명"),
        Vi => format!("~{count} người"),
    }
}

/// How many people wait.
#[must_use]
pub fn waiting(count: u32, language: Language) -> String {
    match language {
        Ja => format!("{count}人待ち"),
        Easy => format!("{count}人 まっています"),
        En => format!("{count} waiting"),
        Zh => format!("{count}人等候"),
        Ko => format!("대기 {count}명"),
        Vi => format!("{count} người chờ"),
    }
}

/// Free places of a car park.
#[must_use]
pub fn free_places(free: Option<u32>, language: Language) -> String {
    match (free, language) {
        (None, _) => unknown(language).to_owned(),
        (Some(0), _) => pick(language, ["満車", "いっぱいです", "Full", "已满", "만차", "Hết chỗ"]).to_owned(),
        (Some(free), Ja) => format!("空き {free}台"),
        (Some(free), Easy) => format!("あと {free}台"),
        (Some(free), En) => format!("{free} free"),
        (Some(free), Zh) => format!("空位 {free}"),
        (Some(free), Ko) => format!("빈자리 {free}"),
        (Some(free), Vi) => format!("Còn {free} chỗ"),
    }
}

/// Where the screen stands.
#[must_use]
pub fn here(language: Language) -> &'static str {
    pick(
        language,
        [
            "現在地",
            "いま ここ",
            "You are here",
            "您在这里",
            "현재 위치",
            "Vị trí của bạn",
        ],
    )
}

/// There is no notice.
#[must_use]
pub fn no_notices(language: Language) -> &'static str {
    pick(
        language,
        [
            "現在、お知らせはありません。",
            "いま、おしらせは ありません。",
            "There are no notices now.",
            "目前没有通知。",
            "현재 알림이 없습니다.",
            "Hiện không có thông báo.",
        ],
    )
}

/// An emergency's heading.
#[must_use]
pub fn emergency(language: Language) -> &'static str {
    pick(
        language,
        [
            "緊急のお知らせ",
            "きんきゅうの おしらせ",
            "Emergency",
            "紧急通知",
            "긴급 알림",
            "Thông báo khẩn",
        ],
    )
}

/// The screen goes back to its start soon.
#[must_use]
pub fn going_back(language: Language) -> &'static str {
    pick(
        language,
        [
            "まもなく最初の画面に戻ります",
            "もうすぐ さいしょの がめんに もどります",
            "Going back to the start soon",
            "即将返回首页",
            "곧 처음 화면으로 돌아갑니다",
            "Sắp trở về màn hình đầu",
        ],
    )
}

/// What to do against it.
#[must_use]
pub fn touch_to_stay(language: Language) -> &'static str {
    pick(
        language,
        [
            "続けるときは、画面に触れてください",
            "つづける ときは、がめんを さわって ください",
            "To go on, touch the screen",
            "如需继续，请触摸屏幕",
            "계속하려면 화면을 만져 주세요",
            "Chạm vào màn hình để tiếp tục",
        ],
    )
}

/// A phone has the screen.
#[must_use]
pub fn phone_controls(language: Language) -> &'static str {
    pick(
        language,
        [
            "スマートフォンで操作中です",
            "スマートフォンで うごかして います",
            "Controlled by a phone",
            "正在用手机操作",
            "휴대전화로 조작 중입니다",
            "Đang điều khiển bằng điện thoại",
        ],
    )
}

/// What one gets by the remote control's QR code.
#[must_use]
pub fn control_by_phone(language: Language) -> &'static str {
    pick(
        language,
        [
            "スマートフォンで操作",
            "スマートフォンで うごかす",
            "Use your phone",
            "用手机操作",
            "휴대전화로 조작",
            "Dùng điện thoại",
        ],
    )
}

/// The remote control can't be had now.
#[must_use]
pub fn no_control(language: Language) -> &'static str {
    pick(
        language,
        [
            "スマートフォン操作は準備中です",
            "スマートフォンは いま つかえません",
            "Phone control isn't ready",
            "手机操作准备中",
            "휴대전화 조작 준비 중",
            "Chưa dùng được điện thoại",
        ],
    )
}

/// A choice that leads on and has no words of its own.
#[must_use]
pub fn go_on() -> Text {
    all([
        "次の画面へ",
        "つぎの がめんへ",
        "Next screen",
        "下一页",
        "다음 화면으로",
        "Màn hình tiếp theo",
    ])
}

/// A choice that leads back to the start and has no words of its own.
#[must_use]
pub fn go_home() -> Text {
    all([
        "最初の画面に戻る",
        "さいしょの がめんに もどる",
        "Back to the start",
        "返回首页",
        "처음 화면으로",
        "Về màn hình đầu",
    ])
}

fn all([ja, easy, en, zh, ko, vi]: [&str; 6]) -> Text {
    let some = |text: &str| Some(text.to_owned());
    Text {
        ja: ja.to_owned(),
        easy: some(easy),
        en: some(en),
        zh: some(zh),
        ko: some(ko),
        vi: some(vi),
    }
}

/// The clock isn't set: the time of day is not known.
#[must_use]
pub fn no_clock(language: Language) -> &'static str {
    pick(
        language,
        [
            "時刻を合わせています",
            "とけいを あわせています",
            "Setting the clock",
            "正在校时",
            "시각 맞추는 중",
            "Đang chỉnh giờ",
        ],
    )
}

/// How old news is: in steps of ten seconds under a minute, so that it is calm.
#[must_use]
pub fn age(age: Option<Duration>, language: Language) -> String {
    let Some(seconds) = age.map(|age| age.as_secs()) else {
        return pick(
            language,
            [
                "情報を待っています",
                "まっています",
                "Waiting for news",
                "等待信息",
                "정보 대기 중",
                "Đang chờ tin",
            ],
        )
        .to_owned();
    };
    let (number, unit) = match seconds {
        0..10 => {
            return pick(
                language,
                ["いまの情報", "いまの じょうほう", "Now", "最新", "현재", "Hiện tại"],
            )
            .to_owned();
        }
        10..60 => (
            seconds / 10 * 10,
            ["秒前の情報", "びょう まえ", " s ago", "秒前", "초 전", " giây trước"],
        ),
        60..3600 => (
            seconds / 60,
            ["分前の情報", "ふん まえ", " min ago", "分钟前", "분 전", " phút trước"],
        ),
        _ => (
            seconds / 3600,
            [
                "時間前の情報",
                "じかん まえ",
                " h ago",
                "小时前",
                "시간 전",
                " giờ trước",
            ],
        ),
    };
    format!("{number}{}", pick(language, unit))
}

fn pick(language: Language, words: [&'static str; 6]) -> &'static str {
    let [ja, easy, en, zh, ko, vi] = words;
    match language {
        Ja => ja,
        Easy => easy,
        En => en,
        Zh => zh,
        Ko => ko,
        Vi => vi,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_said_as_people_say_them() {
        let said = |seconds| age(Some(Duration::from_secs(seconds)), Ja);
        assert_eq!(said(0), "いまの情報");
        assert_eq!(said(29), "20秒前の情報");
        assert_eq!(said(60), "1分前の情報");
        assert_eq!(said(3599), "59分前の情報");
        assert_eq!(said(7200), "2時間前の情報");
        assert_eq!(age(None, Ja), "情報を待っています");
        assert_eq!(age(Some(Duration::from_secs(75)), En), "1 min ago");
        assert_eq!(people(Some(7), Ja), "約7人");
        assert_eq!(people(None, En), "");
        assert_eq!(free_places(Some(0), Ja), "満車");
        assert_eq!(free_places(Some(12), Ja), "空き 12台");
    }
}

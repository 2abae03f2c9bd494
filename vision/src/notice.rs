//! The poster that tells people of the cameras: who, why, where, what, how long, whom to ask. One page of A4 as HTML, to be
//! printed by a browser.
//!
//! What it must say follows from Japan's Act on the Protection of Personal Information and from the items of prior notice in
//! カメラ画像利活用ガイドブック ver3.0 (IoT推進コンソーシアム, 総務省, 経済産業省, 2022). What it claims is what this program does: see
//! `ARCHITECTURE.md`.

use protocol::config::{CameraRole, Config};

const PAGE: &str = include_str!("notice.html");

/// What the configuration doesn't say.
#[derive(Debug, Clone, Default)]
pub struct Wording {
    /// Whom to ask, such as 総務課 庁舎管理係; none: the office.
    pub contact: Option<String>,
    /// Since when cameras count, as it is to be read; none: that isn't said.
    pub since: Option<String>,
}

/// Why there is no poster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration has no [[camera]]: there is nothing to tell people of")]
pub struct NoCameras;

/// The page.
///
/// # Errors
/// [`NoCameras`].
pub fn notice(config: &Config, wording: &Wording) -> Result<String, NoCameras> {
    let place = |area: &protocol::config::Area| {
        let cameras = config.cameras.iter().filter(|camera| *camera.area.get_ref() == area.id);
        match cameras.count() {
            0 => None,
            count => Some(format!("<li>{}（カメラ{count}台）</li>", escaped(&area.name.ja))),
        }
    };
    let places: String = config.areas.iter().filter_map(place).collect();
    if places.is_empty() {
        return Err(NoCameras);
    }
    let has = |role| config.cameras.iter().any(|camera| camera.role == role);
    let more: String = [
        (CameraRole::Queue, "、待ち時間の目安"),
        (CameraRole::Entrance, "、出入りした数"),
        (CameraRole::Presence, "、画面の前に人がいるかどうか"),
        (CameraRole::Parking, "、駐車場の空きの数"),
    ]
    .into_iter()
    .filter_map(|(role, words)| has(role).then_some(words))
    .collect();
    let since = wording
        .since
        .as_ref()
        .map(|since| format!("{}から実施しています。", escaped(since)));
    let office = escaped(&config.office.name.ja);
    let contact = wording.contact.as_deref().map_or_else(|| office.clone(), escaped);
    Ok(PAGE
        .replace("{{office}}", &office)
        .replace("{{places}}", &places)
        .replace("{{more}}", &more)
        .replace("{{since}}", &since.unwrap_or_default())
        .replace("{{contact}}", &contact)
        .replace("{{telephone}}", &escaped(&config.office.telephone)))
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace("{{", "{")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn office(more: &str) -> Config {
        let text = include_str!("../../configs/office.toml").to_owned() + more;
        Config::parse(std::path::Path::new("office.toml"), &text).expect("sound")
    }

    #[test]
    fn the_poster_says_who_why_where_how_long_and_whom_to_ask() {
        let config = office("");
        let wording = Wording {
            contact: Some("総務課 <庁舎管理係>".to_owned()),
            since: Some("令和8年4月1日".to_owned()),
        };
        let page = notice(&config, &wording).expect("cameras");
        let office = config.office.name.ja.as_str();
        for words in [
            office,
            "1階ロビー（カメラ1台）",
            "目的",
            "2日ほど",
            "個人情報保護委員会",
            "令和8年4月1日から",
            "総務課 &lt;庁舎管理係&gt;",
            config.office.telephone.as_str(),
        ] {
            assert!(page.contains(words), "{words}");
        }
        assert!(!page.contains("{{"), "every blank is filled");
        assert!(!page.contains("待ち時間"), "only what is done is said");
    }

    #[test]
    fn without_cameras_there_is_nothing_to_tell() {
        let mut config = office("");
        config.cameras.clear();
        assert_eq!(notice(&config, &Wording::default()), Err(NoCameras));
    }
}

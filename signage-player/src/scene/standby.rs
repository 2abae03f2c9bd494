//! What a screen shows that has nothing to show yet: the office's name and the time. Never nothing.

use protocol::screen::schedule::usually_closed;
use protocol::screen::{LAYOUT_VERSION, Language, Layout, Page, Rect, Text, Widget, Zone};

/// A page with the office's name and a clock.
#[must_use]
pub fn layout(office: &Text) -> Layout {
    let zone = |name: &str, y: u32, height: u32, widget: Widget| Zone {
        name: name.to_owned(),
        rect: Rect {
            x: 96,
            y,
            width: 1088,
            height,
        },
        widget,
        on_touch: None,
    };
    let label = |text: Text, size: u32, color: &str| Widget::Label {
        text,
        size,
        color: color.to_owned(),
    };
    let please_wait = Text {
        en: Some("Getting ready. One moment, please.".to_owned()),
        ..Text::japanese("表示の準備をしています。しばらくお待ちください。")
    };
    Layout {
        version: LAYOUT_VERSION,
        name: "standby".to_owned(),
        width: 1280,
        height: 720,
        languages: vec![Language::Ja],
        text_percent: 100,
        on: Vec::new(),
        closed: usually_closed(),
        reset_after_ms: None,
        pages: vec![Page {
            name: "standby".to_owned(),
            background: "#f4f6fb".to_owned(),
            zones: vec![
                zone("office", 180, 120, label(office.clone(), 72, "#0017c1")),
                zone("clock", 320, 110, Widget::Clock),
                zone("wait", 470, 60, label(please_wait, 32, "#4d4d4d")),
            ],
            back_after_ms: None,
            on_touch: None,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standby_page_is_sound() {
        layout(&Text::japanese("南区役所")).check().expect("sound");
    }
}

//! Why a message, or a channel, isn't taken.

use protocol::data::{DataError, MAX_BODY};
use protocol::ids::ParticipantId;
use protocol::problem::Problem;

pub(super) fn not_granted() -> Problem {
    Problem::new(403, "not-granted", "データの送信は許可されていません")
        .with_detail("入室の許可に data の送信が含まれていません。")
        .with_field("data")
}

pub(super) fn too_many_channels(limit: usize) -> Problem {
    Problem::new(409, "too-many-channels", "データチャネルの数が多すぎます")
        .with_detail(format!("一つの接続で同時に開けるのは {limit} 本までです。"))
}

pub(super) fn not_a_message(error: DataError) -> Problem {
    Problem::new(400, "bad-message", "メッセージを読み取れませんでした").with_detail(error.to_string())
}

pub(super) fn text() -> Problem {
    Problem::new(400, "bad-message", "メッセージを読み取れませんでした")
        .with_detail("テキストではなく、バイナリで送ってください。")
}

pub(super) fn too_large(bytes: usize) -> Problem {
    Problem::new(413, "too-large", "メッセージが大きすぎます")
        .with_detail(format!(
            "本文が {bytes} バイトあります。{MAX_BODY} バイト以下にしてください。"
        ))
        .with_field("body")
}

pub(super) fn too_fast() -> Problem {
    Problem::new(429, "too-fast", "メッセージの送信が速すぎます")
        .with_detail("先に送ったメッセージの応答を待ってから送ってください。")
}

pub(super) fn no_receiver(participant: &ParticipantId) -> Problem {
    Problem::new(404, "no-receiver", "宛先の参加者に届けられません")
        .with_detail(format!(
            "参加者 {participant} は入室していないか、データの受信を許可されていません。"
        ))
        .with_field("to")
}

pub(super) fn not_to(participant: &ParticipantId) -> Problem {
    Problem::new(403, "not-granted", "この参加者への送信は許可されていません")
        .with_detail(format!(
            "参加者 {participant} は窓口の担当者ではありません。送信できるのは担当者あてだけです。"
        ))
        .with_field("to")
}

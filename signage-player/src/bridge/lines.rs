//! JSON lines of limited length.

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{MAX_LINE, WRITE_LIMIT};

/// The next message; `None` when the other side has closed. Not to be dropped half-way: a part would be lost.
///
/// # Errors
/// When a line is longer than [`MAX_LINE`], is no message, or breaks off.
pub async fn read<T: DeserializeOwned>(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Option<T>> {
    let mut line = Vec::new();
    let count = from.take(MAX_LINE + 1).read_until(b'\n', &mut line).await?;
    if count == 0 {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        if count as u64 > MAX_LINE {
            bail!("a message of more than {MAX_LINE} bytes");
        }
        bail!("a message that breaks off after {count} bytes");
    }
    serde_json::from_slice(&line).map(Some).context("not a message")
}

/// Sends a message.
///
/// # Errors
/// When the other side is gone or doesn't take it in time.
pub async fn write<T: Serialize>(to: &mut (impl AsyncWrite + Unpin), message: &T) -> Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    timeout(WRITE_LIMIT, to.write_all(&line))
        .await
        .context("the other side doesn't take what is sent")??;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::{FromPicture, ToPicture};

    #[tokio::test]
    async fn messages_follow_each_other_and_the_end_is_told_from_a_break() {
        let mut bytes = Vec::new();
        write(&mut bytes, &ToPicture::Look).await.expect("written");
        write(&mut bytes, &ToPicture::Noted { through: 4 })
            .await
            .expect("written");
        let mut whole = &bytes[..];
        assert_eq!(read(&mut whole).await.expect("read"), Some(ToPicture::Look));
        assert_eq!(
            read(&mut whole).await.expect("read"),
            Some(ToPicture::Noted { through: 4 })
        );
        assert_eq!(read::<ToPicture>(&mut whole).await.expect("the end"), None);
        let mut cut = &bytes[..bytes.len() - 3];
        read::<ToPicture>(&mut cut).await.expect("the first is whole");
        let said = read::<ToPicture>(&mut cut).await.expect_err("cut").to_string();
        assert!(said.contains("breaks off"), "{said}");
    }

    #[tokio::test]
    async fn nonsense_and_endless_lines_are_refused() {
        assert!(read::<FromPicture>(&mut &b"{\"type\":\"rm\"}\n"[..]).await.is_err());
        assert!(read::<FromPicture>(&mut &b"\xff\xff\n"[..]).await.is_err());
        let endless = vec![b'x'; usize::try_from(MAX_LINE).expect("small") + 10];
        let said = read::<FromPicture>(&mut &endless[..])
            .await
            .expect_err("too long")
            .to_string();
        assert!(said.contains("more than"), "{said}");
    }
}

//! The demo's content, made here and not downloaded.
use std::path::Path;
/// Makes it.
///
/// # Errors
/// When it can't be written.
pub fn make(_folder: &Path) -> anyhow::Result<()> { anyhow::bail!("later") }

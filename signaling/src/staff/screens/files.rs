//! The files that screens show: giving, looking at, deleting them.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Multipart, Path, Query};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::screens::Screen;
use store::screens::files::{self, Added, Upload};

use super::super::form::Sent;
use super::super::nav::{Nav, time_word};
use super::super::session::LoggedIn;
use super::playlist::kind_word;
use super::{Tabs, answered, bytes_word, check_admin, frame};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::signage::content;
use crate::signage::uploads::{self, Trouble};
use crate::visitor::Visitor;

/// The longest name of a file, in characters.
const LONGEST: usize = 100;
/// The longest field beside a file, in bytes.
const FIELD: usize = 256;

/// screen-files.html
#[derive(Template)]
#[template(path = "screen-files.html")]
struct FilesPage {
    page: Page,
    nav: Nav,
    tabs: Tabs,
    rows: Vec<Row>,
    size: String,
    done: Option<String>,
    error: Option<String>,
}

struct Row {
    sha256: String,
    name: String,
    kind: &'static str,
    is_picture: bool,
    size: String,
    by: String,
    at: String,
    /// The screens that show it, by name.
    used_by: String,
}

/// `?added=2`
#[derive(Deserialize)]
pub(super) struct Asked {
    added: Option<usize>,
    removed: Option<String>,
}

/// Whether a screen shows a file, or will.
fn uses(screen: &Screen, sha256: &str) -> bool {
    let of_shown = screen.shows.iter().flat_map(|shows| shows.manifest.contents.values());
    screen.draft.items.iter().any(|item| item.sha256 == sha256)
        || of_shown.into_iter().any(|content| content.sha256 == sha256)
}

async fn shown(
    visitor: &Visitor,
    staff: &LoggedIn,
    done: Option<String>,
    error: Option<String>,
) -> Result<Response, Refusal> {
    let (app, lang) = (&visitor.app, visitor.lang);
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let mut all: Vec<Upload> = files::all(ledger, office).await?.into_values().collect();
    all.sort_by_key(|file| std::cmp::Reverse(file.at));
    let screens = store::screens::all(ledger, office).await?;
    let users = |sha256: &str| {
        let names = screens.values().filter(|screen| uses(screen, sha256));
        names
            .map(|screen| screen.name.as_str())
            .collect::<Vec<_>>()
            .join(lang.comma())
    };
    let size = all.iter().map(|file| file.content.size).sum();
    let rows = all.into_iter().map(|file| Row {
        used_by: users(&file.content.sha256),
        kind: kind_word(lang, &file.content.media_type),
        is_picture: file.content.media_type.starts_with("image/"),
        size: bytes_word(file.content.size),
        by: file.by.to_string(),
        at: time_word(app, file.at),
        sha256: file.content.sha256,
        name: file.name,
    });
    let (page, nav) = frame(visitor, staff, uploads::PATH);
    let is_refused = error.is_some();
    let page = html(&FilesPage {
        page,
        nav,
        tabs: Tabs { here: "files" },
        rows: rows.collect(),
        size: bytes_word(size),
        done,
        error,
    })?;
    Ok(answered(page, is_refused))
}

/// GET /staff/screens/files
pub(super) async fn page(visitor: Visitor, staff: LoggedIn, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let texts = visitor.lang.catalogue();
    let done = match asked {
        Asked { added: Some(n), .. } => Some(texts.counted("screens.files.added", n)),
        Asked { removed: Some(_), .. } => Some(texts.text("screens.files.removed").to_owned()),
        _ => None,
    };
    shown(&visitor, &staff, done, None).await
}

/// GET /staff/screens/file/{sha256}
pub(super) async fn show(
    visitor: Visitor,
    staff: LoggedIn,
    Path(sha256): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    content::send(&visitor.app, &sha256, &headers).await
}

/// A file's name as it is kept: the last part of what the browser says, without what no name has.
fn name_of(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    match name.trim() {
        "" => "file".to_owned(),
        name => name.to_owned(),
    }
}

fn trouble_key(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::Empty => "screens.files.error.empty",
        Trouble::TooLarge => "screens.files.error.too_large",
        Trouble::WrongType => "screens.files.error.type",
        Trouble::TooManyPixels => "screens.files.error.pixels",
        Trouble::BrokenOff => "screens.files.error.broken_off",
        Trouble::Disk => "screens.files.error.disk",
    }
}

/// POST /staff/screens/files: the form's token first, then files.
pub(super) async fn take(
    visitor: Visitor,
    staff: LoggedIn,
    headers: HeaderMap,
    uri: Uri,
    mut form: Multipart,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let app = &visitor.app;
    let texts = visitor.lang.catalogue();
    let (mut is_checked, mut added) = (false, 0);
    let mut troubles: Vec<String> = Vec::new();
    loop {
        let mut field = match form.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => break,
            Err(_) => {
                troubles.push(texts.text(trouble_key(Trouble::BrokenOff)).to_owned());
                break;
            }
        };
        match field.name() {
            Some("csrf") => {
                let mut token = Vec::new();
                while let Ok(Some(piece)) = field.chunk().await {
                    token.extend_from_slice(&piece);
                    if token.len() > FIELD {
                        return Err(Fault::Csrf.into());
                    }
                }
                staff.check_form(app, &headers, &uri, &String::from_utf8_lossy(&token))?;
                is_checked = true;
            }
            // Nothing is written for who hasn't shown that the form is ours.
            Some("file") if !is_checked => return Err(Fault::Csrf.into()),
            Some("file") => {
                let name = name_of(field.file_name().unwrap_or_default());
                // A form without a file has one without a name and without bytes.
                let is_none = field.file_name().is_none_or(str::is_empty);
                match take_one(&visitor, &staff, field, &name).await? {
                    Ok(()) => added += 1,
                    Err(_) if is_none => {}
                    Err(key) => troubles.push(format!("{name}: {}", texts.text(key))),
                }
            }
            _ => {}
        }
    }
    if !is_checked {
        return Err(Fault::Csrf.into());
    }
    if added == 0 && troubles.is_empty() {
        troubles.push(texts.text("screens.files.error.none").to_owned());
    }
    if troubles.is_empty() {
        return Ok(Redirect::to(&format!("{}?added={added}", uploads::PATH)).into_response());
    }
    let done = (added > 0).then(|| texts.counted("screens.files.added", added));
    shown(&visitor, &staff, done, Some(troubles.join(" "))).await
}

async fn take_one(
    visitor: &Visitor,
    staff: &LoggedIn,
    field: axum::extract::multipart::Field<'_>,
    name: &str,
) -> Result<Result<(), &'static str>, Refusal> {
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let before: BTreeMap<String, Upload> = files::all(ledger, office).await?;
    if before.values().map(|file| file.content.size).sum::<u64>() >= uploads::ALL {
        return Ok(Err("screens.files.error.full"));
    }
    let content = match uploads::take(app.library.uploads(), field).await {
        Ok(content) => content,
        Err(trouble) => return Ok(Err(trouble_key(trouble))),
    };
    let file = Upload {
        content,
        name: name.to_owned(),
        by: staff.account.id.clone(),
        at: runtime::now(),
    };
    match files::add(ledger, office, &file).await? {
        Added::Done => {
            tell(app, staff, What::FileAdded, &file.content.sha256).await;
            Ok(Ok(()))
        }
        // The same bytes are there already, under the name that they have.
        Added::Known => Ok(Ok(())),
        Added::Full => Ok(Err("screens.files.error.full")),
    }
}

async fn tell(app: &App, staff: &LoggedIn, what: What, sha256: &str) {
    let who = Who::Staff(staff.account.id.clone());
    crate::audit::write(app, Event::new(who, what, &sha256[..16])).await;
}

/// POST /staff/screens/file/{sha256}/remove
pub(super) async fn remove(Path(sha256): Path<String>, Sent { visitor, staff, .. }: Sent) -> Result<Response, Refusal> {
    let app = &visitor.app;
    check_admin(&staff)?;
    if !protocol::screen::is_sha256(&sha256) {
        return Err(Fault::NotFound.into());
    }
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let screens = store::screens::all(ledger, office).await?;
    if screens.values().any(|screen| uses(screen, &sha256)) {
        let error = visitor.lang.catalogue().text("screens.files.error.used").to_owned();
        return shown(&visitor, &staff, None, Some(error)).await;
    }
    if files::remove(ledger, office, &sha256).await? {
        let path = app.library.uploads().join(&sha256);
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::warn!("{} can't be deleted: {error}", path.display());
        }
        tell(app, &staff, What::FileRemoved, &sha256).await;
    }
    Ok(Redirect::to(&format!("{}?removed=1", uploads::PATH)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_is_its_last_part_and_never_nothing() {
        assert_eq!(name_of("C:\\写真\\お知らせ.png"), "お知らせ.png");
        assert_eq!(name_of("a/b/c.mp4"), "c.mp4");
        assert_eq!(name_of("a\nb.pdf"), "ab.pdf");
        assert_eq!(name_of(" "), "file");
        assert_eq!(name_of(&"あ".repeat(300)).chars().count(), LONGEST);
    }
}

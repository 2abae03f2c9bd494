//! Bringing a file of accounts in: first what it would change, line by line; then all of it at once, if no account was
//! changed by anybody in between. And writing such a file.

use askama::Template;
use axum::extract::Multipart;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use store::audit::{Event, What, Who};
use store::staff::{Account, Accounts, Change, State};

use super::super::invited;
use super::super::nav::{Nav, role_word, section_names, state_word, time_word};
use super::super::rights::{Right, Thing};
use super::super::session::LoggedIn;
use super::file::{self, Effect, Mistake, Row};
use super::list::Invitation;
use super::rights_words;
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, Told, html};
use crate::security;
use crate::staff::form::Sent;
use crate::texts::Lang;
use crate::visitor::Visitor;

/// import.html
#[derive(Template)]
#[template(path = "import.html")]
struct ImportPage {
    page: Page,
    nav: Nav,
    columns: String,
    error: Option<&'static str>,
    mistakes: Vec<MistakeView>,
    plan: Option<Plan>,
    done: Option<String>,
    made: Vec<Invitation>,
}

/// What there is to be said on it.
#[derive(Default)]
struct Said {
    error: Option<&'static str>,
    mistakes: Vec<MistakeView>,
    plan: Option<Plan>,
    done: Option<String>,
    made: Vec<Invitation>,
}

struct MistakeView {
    line: u64,
    text: String,
}

/// What a file would change.
struct Plan {
    counts: String,
    rows: Vec<PlanRow>,
    is_nothing: bool,
    /// What the accounts were that this is about.
    before: String,
    /// The file itself, to come back with the yes.
    text: String,
}

struct PlanRow {
    line: u64,
    id: String,
    name: String,
    is_new: bool,
    changes: Vec<FieldChange>,
}

struct FieldChange {
    field: &'static str,
    from: String,
    to: String,
}

fn shown(visitor: &Visitor, staff: &LoggedIn, said: Said) -> Result<Response, Refusal> {
    let is_refused = said.error.is_some() || !said.mistakes.is_empty();
    let page = visitor.page_at("/staff/accounts/import");
    let Said {
        error,
        mistakes,
        plan,
        done,
        made,
    } = said;
    let template = ImportPage {
        page: page.with_csrf(&staff.session.csrf).for_staff(),
        nav: Nav::new(&visitor.app, staff, "accounts"),
        columns: file::header(),
        error,
        mistakes,
        plan,
        done,
        made,
    };
    let mut response = ([security::FORM_PAGE], html(&template)?).into_response();
    if is_refused {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.extensions_mut().insert(Told);
    }
    Ok(response)
}

/// GET /staff/accounts/import
pub(super) async fn page(visitor: Visitor, staff: LoggedIn) -> Result<Response, Refusal> {
    staff.check(Right::Accounts, Thing::OFFICE)?;
    shown(&visitor, &staff, Said::default())
}

/// POST /staff/accounts/import
pub(super) async fn preview(
    visitor: Visitor,
    staff: LoggedIn,
    headers: HeaderMap,
    uri: Uri,
    mut form: Multipart,
) -> Result<Response, Refusal> {
    let (mut csrf, mut bytes) = (String::new(), None);
    while let Some(field) = form.next_field().await.map_err(|_| Fault::BadRequest)? {
        match field.name() {
            Some("csrf") => csrf = field.text().await.map_err(|_| Fault::BadRequest)?,
            Some("file") => bytes = Some(field.bytes().await.map_err(|_| Fault::TooLarge)?),
            _ => {}
        }
    }
    staff.check_form(&visitor.app, &headers, &uri, &csrf)?;
    staff.check(Right::Accounts, Thing::OFFICE)?;
    let error = |key| Said {
        error: Some(visitor.lang.catalogue().text(key)),
        ..Said::default()
    };
    let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
        return shown(&visitor, &staff, error("import.error.no_file"));
    };
    if bytes.len() > super::FILE {
        return Err(Fault::TooLarge.into());
    }
    let Some(text) = file::decoded(&bytes) else {
        return shown(&visitor, &staff, error("import.error.encoding"));
    };
    let template = planned(&visitor, text, None).await?;
    shown(&visitor, &staff, template)
}

/// The page that says what a file would change.
async fn planned(visitor: &Visitor, text: String, error: Option<&'static str>) -> Result<Said, Refusal> {
    let app = &visitor.app;
    let rows = match file::read(&text, &app.config) {
        Ok(rows) => rows,
        Err(mistakes) => {
            return Ok(Said {
                mistakes: mistakes.iter().map(|one| mistake_view(visitor.lang, one)).collect(),
                ..Said::default()
            });
        }
    };
    let (accounts, _) = store::staff::all(&app.store.ledger, &app.config.office.id).await?;
    let before = file::fingerprint(&rows, &accounts);
    let effects: Vec<Effect> = rows.iter().map(|row| file::effect(row, &accounts)).collect();
    if !change_of(&effects, &[]).leaves_an_admin(&accounts) {
        let texts = visitor.lang.catalogue();
        return Ok(Said {
            error: Some(texts.text("accounts.error.last_admin")),
            ..Said::default()
        });
    }
    let plan = plan(app, visitor.lang, &rows, &effects, before, text);
    Ok(Said {
        error,
        plan: Some(plan),
        ..Said::default()
    })
}

fn mistake_view(lang: Lang, mistake: &Mistake) -> MistakeView {
    let found: String = mistake.found.chars().take(40).collect();
    MistakeView {
        line: mistake.line,
        text: lang.catalogue().text(mistake.key).replace("{n}", &found),
    }
}

fn plan(app: &App, lang: Lang, rows: &[Row], effects: &[Effect], before: String, text: String) -> Plan {
    let (mut added, mut changed, mut same) = (0, 0, 0);
    let mut shown = Vec::new();
    for (row, effect) in rows.iter().zip(effects) {
        let (is_new, changes) = match effect {
            Effect::New(account) => {
                added += 1;
                (true, differences(app, lang, None, account))
            }
            Effect::Changed { before, after } => {
                changed += 1;
                (false, differences(app, lang, Some(before.as_ref()), after))
            }
            Effect::Same => {
                same += 1;
                continue;
            }
        };
        shown.push(PlanRow {
            line: row.line,
            id: row.id.to_string(),
            name: row.name.clone(),
            is_new,
            changes,
        });
    }
    let counts = lang.catalogue().text("import.counts");
    let counts = counts
        .replace("{added}", &added.to_string())
        .replace("{changed}", &changed.to_string())
        .replace("{same}", &same.to_string());
    Plan {
        counts,
        is_nothing: shown.is_empty(),
        rows: shown,
        before,
        text,
    }
}

/// What a field says of an account.
type Word = fn(&App, Lang, &Account) -> String;

fn differences(app: &App, lang: Lang, before: Option<&Account>, after: &Account) -> Vec<FieldChange> {
    let texts = lang.catalogue();
    let fields: [(&'static str, Word); 4] = [
        (texts.text("import.field.name"), |_, _, it| it.name.clone()),
        (texts.text("import.field.role"), |_, lang, it| {
            role_word(lang, it.role).to_owned()
        }),
        (texts.text("import.field.sections"), |app, lang, it| {
            section_names(app, lang, &it.sections)
        }),
        (texts.text("import.field.state"), |_, lang, it| {
            state_word(lang, it.state).to_owned()
        }),
    ];
    fields
        .into_iter()
        .map(|(field, word)| FieldChange {
            field,
            from: before.map_or(String::new(), |before| word(app, lang, before)),
            to: word(app, lang, after),
        })
        .filter(|change| change.from != change.to)
        .collect()
}

fn change_of(effects: &[Effect], events: &[Event]) -> Change {
    let accounts = effects.iter().filter_map(|effect| match effect {
        Effect::New(account) => Some(account.as_ref().clone()),
        Effect::Changed { after, .. } => Some(after.as_ref().clone()),
        Effect::Same => None,
    });
    Change {
        accounts: accounts.collect(),
        events: events.to_vec(),
    }
}

/// The entries of what a file does: one for the file, and one for each account.
fn events_of(by: &Who, effects: &[Effect]) -> Vec<Event> {
    let mut events = Vec::new();
    for effect in effects {
        match effect {
            Effect::New(account) => {
                let event = Event::new(by.clone(), What::AccountInvited, &account.id);
                events.push(event.with(rights_words(account.role, &account.sections)));
            }
            Effect::Changed { before, after } => {
                let what = match (before.state, after.state) {
                    (State::Disabled, State::Disabled) => What::AccountChanged,
                    (_, State::Disabled) => What::AccountDisabled,
                    (State::Disabled, _) => What::AccountEnabled,
                    _ => What::AccountChanged,
                };
                let event = Event::new(by.clone(), what, &after.id);
                events.push(event.with(rights_words(after.role, &after.sections)));
            }
            Effect::Same => {}
        }
    }
    let count = format!("accounts={}", events.len());
    events.insert(0, Event::new(by.clone(), What::AccountsImported, "file").with(count));
    events
}

/// Why a file isn't brought in after all.
enum Stopped {
    Moved,
    LastAdmin,
}

/// POST /staff/accounts/import/apply
pub(super) async fn apply(
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    staff.check(Right::Accounts, Thing::OFFICE)?;
    let app = &visitor.app;
    let text = fields.get("text").to_owned();
    let Ok(rows) = file::read(&text, &app.config) else {
        // It was read before: then it isn't the one that was looked at.
        return Err(Fault::BadRequest.into());
    };
    let now = runtime::now();
    let until = now.plus(app.config.staff.invitation_lifetime);
    let by = Who::Staff(staff.account.id.clone());
    let mut made = Vec::new();
    let written = store::staff::change_all(&app.store.ledger, &app.config.office.id, now, |all, _| {
        if file::fingerprint(&rows, all) != fields.get("before") {
            return Err(Stopped::Moved);
        }
        let mut effects: Vec<Effect> = rows.iter().map(|row| file::effect(row, all)).collect();
        made = invited(app, &mut effects, until);
        let change = change_of(&effects, &events_of(&by, &effects));
        if change.leaves_an_admin(all) {
            Ok(change)
        } else {
            Err(Stopped::LastAdmin)
        }
    });
    let texts = visitor.lang.catalogue();
    match written.await? {
        Ok(change) => {
            let template = Said {
                done: Some(texts.counted("accounts.count", change.accounts.len())),
                made,
                ..Said::default()
            };
            shown(&visitor, &staff, template)
        }
        Err(Stopped::Moved) => {
            let template = planned(&visitor, text, Some(texts.text("import.moved"))).await?;
            shown(&visitor, &staff, template)
        }
        Err(Stopped::LastAdmin) => {
            let template = Said {
                error: Some(texts.text("accounts.error.last_admin")),
                ..Said::default()
            };
            shown(&visitor, &staff, template)
        }
    }
}

/// Invites who is new; gives the links.
fn invited(app: &App, effects: &mut [Effect], until: protocol::time::UnixMillis) -> Vec<Invitation> {
    let new = effects.iter_mut().filter_map(|effect| match effect {
        Effect::New(account) if account.state == State::Invited => Some(account),
        _ => None,
    });
    new.map(|account| {
        let secret = account.invite(until);
        Invitation {
            name: account.name.clone(),
            url: invited::url(&app.config.web.public_url, &account.id, &secret),
            until: time_word(app, until),
        }
    })
    .collect()
}

/// POST /staff/accounts/export
pub(super) async fn export(Sent { visitor, staff, .. }: Sent) -> Result<Response, Refusal> {
    staff.check(Right::Accounts, Thing::OFFICE)?;
    let app = &visitor.app;
    let (accounts, _): (Accounts, u64) = store::staff::all(&app.store.ledger, &app.config.office.id).await?;
    let who = Who::Staff(staff.account.id.clone());
    let event = Event::new(who, What::AccountsExported, "file").with(format!("accounts={}", accounts.len()));
    crate::audit::write(app, event).await;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"staff.csv\""),
    ];
    Ok((headers, file::written(&accounts, &app.config)).into_response())
}

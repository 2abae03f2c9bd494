//! /staff/accounts: who is on the staff, for admins. `list` finds and invites, `one` changes, `file` reads and writes CSV
//! (pure), `import` brings a file in.

mod file;
mod import;
mod list;
mod one;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use protocol::ids::{SectionId, StaffId};
use protocol::staff::Role;
use store::audit::{Event, Who};
use store::staff::{Account, Change};

use crate::app::App;
use crate::problem::Refusal;

/// The largest file, in bytes: 5,000 members of staff and then some.
const FILE: usize = 1024 * 1024;

pub(super) fn routes() -> Router<Arc<App>> {
    let import = Router::new()
        .route("/staff/accounts/import", get(import::page).post(import::preview))
        .route("/staff/accounts/import/apply", post(import::apply))
        // The second time it comes as a form's field, of which every byte may take three.
        .layer(DefaultBodyLimit::max(4 * FILE));
    Router::new()
        .route("/staff/accounts", get(list::page).post(list::invite))
        .route("/staff/accounts/export", post(import::export))
        .route("/staff/accounts/one/{id}", get(one::page).post(one::change))
        .route("/staff/accounts/one/{id}/{action}", post(one::act))
        .merge(import)
}

/// The longest name, in characters.
const LONGEST_NAME: usize = 80;

/// A name as it is kept: as it was written, but for blanks around it. `None`: it can't be one. Spreadsheets take what
/// begins with these signs for a formula.
fn name_of(text: &str) -> Option<String> {
    let name = text.trim();
    let is_name = (1..=LONGEST_NAME).contains(&name.chars().count())
        && !name.starts_with(['=', '+', '-', '@'])
        && !name.contains(char::is_control);
    is_name.then(|| name.to_owned())
}

/// A login. `None`: it can't be one; it begins with a letter or digit, so that no spreadsheet takes it for a formula.
fn id_of(text: &str) -> Option<StaffId> {
    let id = StaffId::new(text.trim()).ok()?;
    (!id.as_str().starts_with('-')).then_some(id)
}

/// Whether a role does without a section.
fn may_have_no_section(role: Role) -> bool {
    matches!(role, Role::Admin | Role::Interpreter)
}

/// Rights in the words of the audit log.
fn rights_words(role: Role, sections: &[SectionId]) -> String {
    let sections: Vec<&str> = sections.iter().map(SectionId::as_str).collect();
    format!("role={};sections={}", role.as_str(), sections.join("+"))
}

/// Why an account isn't changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Gone,
    Taken,
    LastAdmin,
}

impl Why {
    fn text_key(self) -> &'static str {
        match self {
            Self::Gone => "accounts.error.gone",
            Self::Taken => "accounts.error.taken",
            Self::LastAdmin => "accounts.error.last_admin",
        }
    }
}

/// Changes an account for an admin. `change` says what the audit log is told; `None`: it was so already. There is always
/// an admin left.
async fn change(
    app: &App,
    by: &StaffId,
    id: &StaffId,
    mut change: impl FnMut(&mut Account) -> Option<(store::audit::What, String)>,
) -> Result<Result<(), Why>, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let changed = store::staff::change_all(ledger, office, runtime::now(), |all, _| {
        let mut account = all.get(id).ok_or(Why::Gone)?.clone();
        let Some((what, detail)) = change(&mut account) else {
            return Ok(Change::default());
        };
        let event = Event::new(Who::Staff(by.clone()), what, id).with(detail);
        let change = Change::of(account, event);
        if change.leaves_an_admin(all) {
            Ok(change)
        } else {
            Err(Why::LastAdmin)
        }
    });
    Ok(changed.await?.map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_every_character_and_is_no_formula() {
        assert_eq!(name_of(" 葛\u{e0100}城　花子 ").as_deref(), Some("葛\u{e0100}城　花子"));
        for wrong in ["", "　", "=1+1", "+81", "-x", "@x", "a\nb", &"あ".repeat(81)] {
            assert_eq!(name_of(wrong), None, "{wrong:?}");
        }
        assert!(id_of("hanako-2").is_some() && id_of("-x").is_none() && id_of("花子").is_none());
    }
}

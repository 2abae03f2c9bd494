//! The list of accounts: finding somebody, inviting somebody.

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::ids::SectionId;
use protocol::staff::Role;
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::staff::{Account, Accounts, Change, State};

use super::super::invited;
use super::super::nav::{Nav, role_word, section_names, state_word, time_word};
use super::super::rights::{Right, Scope, Thing};
use super::super::session::LoggedIn;
use super::{Why, id_of, may_have_no_section, name_of, rights_words};
use crate::app::App;
use crate::page::{Page, in_language};
use crate::problem::{Refusal, Told, html};
use crate::security;
use crate::staff::form::Sent;
use crate::texts::Lang;
use crate::visitor::Visitor;

/// So many are shown at once.
const SHOWN: usize = 200;

/// accounts.html
#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    page: Page,
    nav: Nav,
    filter: Filter,
    rows: Vec<Row>,
    count: usize,
    roles: Vec<Choice>,
    states: Vec<Choice>,
    sections: Vec<Choice>,
    draft: Draft,
    error: Option<&'static str>,
    made: Option<Invitation>,
    columns: [&'static str; 4],
    rights: Vec<(&'static str, [&'static str; 4])>,
}

struct Row {
    id: String,
    name: String,
    role: &'static str,
    sections: String,
    state: &'static str,
    state_word: &'static str,
    has_totp: bool,
    last: String,
}

/// Something to choose.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) word: String,
    pub(super) is_chosen: bool,
}

/// A link that is shown once.
pub(super) struct Invitation {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) until: String,
}

/// Who is looked for.
#[derive(Deserialize, Default, Clone)]
pub(crate) struct Filter {
    #[serde(default)]
    q: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    section: String,
}

/// What was typed of somebody new.
#[derive(Default)]
struct Draft {
    id: String,
    name: String,
    role: String,
    sections: Vec<String>,
}

fn plain(text: &str) -> String {
    // Whoever types a name doesn't type its variation selectors, nor always the blank.
    text.chars()
        .filter(|c| !matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}') && !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

impl Filter {
    fn takes(&self, account: &Account) -> bool {
        let wanted = plain(&self.q);
        let is_word =
            wanted.is_empty() || account.id.as_str().contains(&wanted) || plain(&account.name).contains(&wanted);
        is_word
            && (self.role.is_empty() || self.role == account.role.as_str())
            && (self.state.is_empty() || self.state == state_value(account.state))
            && (self.section.is_empty() || account.sections.iter().any(|id| id.as_str() == self.section))
    }
}

fn state_value(state: State) -> &'static str {
    match state {
        State::Invited => "invited",
        State::Active => "active",
        State::Disabled => "disabled",
    }
}

pub(super) fn role_choices(lang: Lang, chosen: &str) -> Vec<Choice> {
    Role::ALL
        .into_iter()
        .rev()
        .map(|role| Choice {
            value: role.as_str().to_owned(),
            word: role_word(lang, role).to_owned(),
            is_chosen: role.as_str() == chosen,
        })
        .collect()
}

pub(super) fn section_choices(app: &App, lang: Lang, is_chosen: impl Fn(&SectionId) -> bool) -> Vec<Choice> {
    let sections = app.config.sections.iter();
    sections
        .map(|section| Choice {
            value: section.id.to_string(),
            word: in_language(&section.name, lang).to_owned(),
            is_chosen: is_chosen(&section.id),
        })
        .collect()
}

fn rights(lang: Lang) -> Vec<(&'static str, [&'static str; 4])> {
    let texts = lang.catalogue();
    let right = |right| match right {
        Right::SeeConsultations => texts.text("right.see_consultations"),
        Right::MakeLinks => texts.text("right.make_links"),
        Right::Admit => texts.text("right.admit"),
        Right::EndCalls => texts.text("right.end_calls"),
        Right::WithdrawLinks => texts.text("right.withdraw_links"),
        Right::SeeAppointments => texts.text("right.see_appointments"),
        Right::ChangeAppointments => texts.text("right.change_appointments"),
        Right::SeeBroadcasts => texts.text("right.see_broadcasts"),
        Right::MakeBroadcasts => texts.text("right.make_broadcasts"),
        Right::Report => texts.text("right.report"),
        Right::WriteNotices => texts.text("right.write_notices"),
        Right::SeeCounts => texts.text("right.see_counts"),
        Right::CorrectCounts => texts.text("right.correct_counts"),
        Right::Cameras => texts.text("right.cameras"),
        Right::Screens => texts.text("right.screens"),
        Right::EndBroadcasts => texts.text("right.end_broadcasts"),
        Right::Accounts => texts.text("right.accounts"),
        Right::Audit => texts.text("right.audit"),
    };
    let scope = |scope| match scope {
        Scope::No => texts.text("scope.no"),
        Scope::Theirs => texts.text("scope.theirs"),
        Scope::Own => texts.text("scope.own"),
        Scope::All => texts.text("scope.all"),
    };
    Right::ALL
        .into_iter()
        .map(|one| (right(one), Role::ALL.map(|role| scope(one.scope(role)))))
        .collect()
}

/// What a page of the list says beside the list.
#[derive(Default)]
struct Said {
    draft: Draft,
    error: Option<&'static str>,
    made: Option<Invitation>,
}

async fn shown(visitor: &Visitor, staff: &LoggedIn, filter: Filter, said: Said) -> Result<Response, Refusal> {
    let (app, lang) = (&visitor.app, visitor.lang);
    let (accounts, _) = store::staff::all(&app.store.ledger, &app.config.office.id).await?;
    let (rows, count) = rows(app, lang, &accounts, &filter);
    let texts = lang.catalogue();
    let states = [State::Invited, State::Active, State::Disabled].map(|state| Choice {
        value: state_value(state).to_owned(),
        word: state_word(lang, state).to_owned(),
        is_chosen: filter.state == state_value(state),
    });
    let page = html(&AccountsPage {
        page: visitor
            .page_at("/staff/accounts")
            .with_csrf(&staff.session.csrf)
            .for_staff(),
        nav: Nav::new(app, staff, "accounts"),
        roles: role_choices(lang, &filter.role),
        states: states.into(),
        sections: section_choices(app, lang, |id| id.as_str() == filter.section),
        filter,
        rows,
        count,
        error: said.error.map(|key| texts.text(key)),
        draft: said.draft,
        made: said.made,
        columns: Role::ALL.map(|role| role_word(lang, role)),
        rights: rights(lang),
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}

fn rows(app: &App, lang: Lang, accounts: &Accounts, filter: &Filter) -> (Vec<Row>, usize) {
    let found: Vec<&Account> = accounts.values().filter(|account| filter.takes(account)).collect();
    let count = found.len();
    let rows = found.into_iter().take(SHOWN).map(|account| Row {
        id: account.id.to_string(),
        name: account.name.clone(),
        role: role_word(lang, account.role),
        sections: section_names(app, lang, &account.sections),
        state: state_value(account.state),
        state_word: state_word(lang, account.state),
        has_totp: account.has_totp(),
        last: account.last_login.map_or_else(
            || lang.catalogue().text("accounts.never").to_owned(),
            |at| time_word(app, at),
        ),
    });
    (rows.collect(), count)
}

/// GET /staff/accounts
pub(super) async fn page(visitor: Visitor, staff: LoggedIn, Query(filter): Query<Filter>) -> Result<Response, Refusal> {
    staff.check(Right::Accounts, Thing::OFFICE)?;
    shown(&visitor, &staff, filter, Said::default()).await
}

/// POST /staff/accounts
pub(super) async fn invite(
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    staff.check(Right::Accounts, Thing::OFFICE)?;
    let draft = Draft {
        id: fields.get("id").to_owned(),
        name: fields.get("name").to_owned(),
        role: fields.get("role").to_owned(),
        sections: fields.all("section").map(str::to_owned).collect(),
    };
    let said = match of_draft(&visitor.app, &draft) {
        Ok(account) => match made(&visitor, &staff, account).await? {
            Ok(invitation) => Said {
                made: Some(invitation),
                ..Said::default()
            },
            Err(why) => Said {
                error: Some(why.text_key()),
                draft,
                ..Said::default()
            },
        },
        Err(error) => Said {
            error: Some(error),
            draft,
            ..Said::default()
        },
    };
    let is_refused = said.error.is_some();
    let mut response = shown(&visitor, &staff, Filter::default(), said).await?;
    if is_refused {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.extensions_mut().insert(Told);
    }
    Ok(response)
}

/// The account that was typed, or what is wrong with it.
fn of_draft(app: &App, draft: &Draft) -> Result<Account, &'static str> {
    let id = id_of(&draft.id).ok_or("accounts.error.id")?;
    let name = name_of(&draft.name).ok_or("accounts.error.name")?;
    let (role, sections) = rights_of(app, &draft.role, draft.sections.iter().map(String::as_str))?;
    Ok(Account::new(id, name, sections, role))
}

/// Role and sections as a form gives them, or what is wrong with them.
pub(super) fn rights_of<'a>(
    app: &App,
    role: &str,
    sections: impl Iterator<Item = &'a str>,
) -> Result<(Role, Vec<SectionId>), &'static str> {
    let role = Role::of(role).ok_or("accounts.error.role")?;
    let sections: Vec<SectionId> = sections
        .filter_map(|id| SectionId::new(id).ok())
        .filter(|id| app.config.section(id).is_some())
        .collect();
    if sections.is_empty() && !may_have_no_section(role) {
        return Err("accounts.error.section");
    }
    Ok((role, sections))
}

async fn made(visitor: &Visitor, staff: &LoggedIn, mut account: Account) -> Result<Result<Invitation, Why>, Refusal> {
    let app = &visitor.app;
    let now = runtime::now();
    let until = now.plus(app.config.staff.invitation_lifetime);
    let secret = account.invite(until);
    let event = Event::new(Who::Staff(staff.account.id.clone()), What::AccountInvited, &account.id)
        .with(rights_words(account.role, &account.sections));
    let written = store::staff::change_all(&app.store.ledger, &app.config.office.id, now, |all, _| {
        if all.contains_key(&account.id) {
            return Err(Why::Taken);
        }
        Ok(Change::of(account.clone(), event.clone()))
    });
    Ok(written.await?.map(|_| Invitation {
        url: invited::url(&app.config.web.public_url, &account.id, &secret),
        name: account.name,
        until: time_word(app, until),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::StaffId;

    #[test]
    fn somebody_is_found_by_what_people_type() {
        let section = SectionId::new("kosodate").expect("valid");
        let id = StaffId::new("k-hanako").expect("valid");
        let account = Account::new(id, "葛\u{e0100}城　花子".to_owned(), vec![section], Role::Lead);
        let found = |q: &str, role: &str, section: &str| {
            let filter = Filter {
                q: q.to_owned(),
                role: role.to_owned(),
                section: section.to_owned(),
                ..Filter::default()
            };
            filter.takes(&account)
        };
        for q in ["", "葛城", "葛城 花子", "HANAKO", "城花"] {
            assert!(found(q, "", ""), "{q}");
        }
        assert!(!found("太郎", "", ""));
        assert!(found("", "lead", "kosodate") && !found("", "staff", "") && !found("", "", "zei"));
    }
}

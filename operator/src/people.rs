//! `madoguchi staff` and `madoguchi audit`: accounts and the audit log from the office's own machine, for when nobody can
//! log in, and for who must not trust the office's pages.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use protocol::config::Config;
use protocol::ids::{OfficeId, SectionId, StaffId};
use protocol::staff::Role;
use store::audit::{self, Anchor, Event, Verifier, What, Who};
use store::staff::{Account, Change, State};
use store::{Db, Store};

/// Where the office is described.
#[derive(Args)]
pub struct Office {
    /// The office's configuration
    #[arg(long, default_value = "configs/demo.toml", global = true)]
    config: PathBuf,
}

/// What to do with accounts.
#[derive(Subcommand)]
pub enum Staff {
    /// Prints a link by which somebody chooses a password: a new account, or one that exists
    Invite {
        /// The login
        id: StaffId,
        /// Shown to colleagues (a new account's needs one)
        #[arg(long)]
        name: Option<String>,
        /// admin, lead, staff or interpreter
        #[arg(long, default_value = "staff", value_parser = role)]
        role: Role,
        /// A section; several times for several
        #[arg(long)]
        section: Vec<SectionId>,
    },
    /// Lists the accounts
    List,
    /// Ends somebody's sessions and lets them in no more
    Disable {
        /// The login
        id: StaffId,
    },
    /// Lets somebody in again
    Enable {
        /// The login
        id: StaffId,
    },
    /// Takes somebody's second factor away, and prints a link for a new password
    Reset {
        /// The login
        id: StaffId,
    },
    /// Lets somebody try again at once who has typed wrong passwords
    Unlock {
        /// The login
        id: StaffId,
    },
}

fn role(word: &str) -> Result<Role, String> {
    Role::of(word).ok_or_else(|| "expected admin, lead, staff or interpreter".to_owned())
}

/// What to do with the audit log.
#[derive(Subcommand)]
pub enum Audit {
    /// Says whether the log, or an exported file, is whole, and else where it breaks
    Verify {
        /// An exported file; none: the log itself
        file: Option<PathBuf>,
        /// A place that the log is known to have had, as `audit head` printed it
        #[arg(long, value_parser = anchor)]
        head: Vec<Anchor>,
    },
    /// Prints the log's end, to be kept elsewhere
    Head,
}

fn anchor(text: &str) -> Result<Anchor, String> {
    let (seq, hash) = text.split_once(':').ok_or("expected NUMBER:HASH")?;
    let seq = seq.parse().map_err(|_| "expected NUMBER:HASH")?;
    if hash.len() != 64 {
        return Err("the hash has 64 digits".to_owned());
    }
    Ok(Anchor {
        seq,
        at: protocol::time::UnixMillis(0),
        hash: hash.to_ascii_lowercase(),
    })
}

/// An office's ledger.
struct Ledger {
    config: Config,
    db: Db,
}

impl Ledger {
    async fn open(office: &Office) -> Result<Self> {
        let config = runtime::config_or_exit(&office.config);
        let db = Store::connect(&config).await?.ledger;
        db.ping()
            .await
            .context("the ledger is away: is the office open (./madoguchi up)?")?;
        Ok(Self { config, db })
    }

    fn office(&self) -> &OfficeId {
        &self.config.office.id
    }

    /// Changes an account that is there, and leaves an admin.
    async fn change(&self, id: &StaffId, what: What, mut change: impl FnMut(&mut Account)) -> Result<Account> {
        let changed = store::staff::change_all(&self.db, self.office(), runtime::now(), |all, _| {
            let mut account = all.get(id).ok_or(format!("there is no account {id}"))?.clone();
            change(&mut account);
            let change = Change::of(account, Event::new(Who::Operator, what, id));
            if change.leaves_an_admin(all) {
                Ok(change)
            } else {
                Err(format!("{id} is the last admin: invite another one first"))
            }
        });
        let change = changed.await?.map_err(|why| anyhow!(why))?;
        change.accounts.into_iter().next().context("nothing was changed")
    }

    fn url(&self, id: &StaffId, secret: &str) -> String {
        format!("{}/staff/invited/{id}/{secret}", self.config.web.public_url)
    }

    /// Gives an account an invitation; makes the account where `new` says how.
    async fn invite(&self, id: &StaffId, new: Option<&Account>, what: What) -> Result<String> {
        let now = runtime::now();
        let until = now.plus(self.config.staff.invitation_lifetime);
        let mut secret = String::new();
        let changed = store::staff::change_all(&self.db, self.office(), now, |all, _| {
            let mut account = match (all.get(id), new) {
                (Some(account), _) if account.state == State::Disabled => {
                    return Err(format!("{id} is disabled: ./madoguchi staff enable {id}"));
                }
                (Some(account), _) => account.clone(),
                (None, Some(new)) => new.clone(),
                (None, None) => return Err(format!("there is no account {id}")),
            };
            secret = account.invite(until);
            if what == What::SecondFactorReset {
                account.reset_totp();
            }
            let is_new = !all.contains_key(id);
            let what = if is_new { What::AccountInvited } else { what };
            let detail = format!("role={}", account.role.as_str());
            Ok(Change::of(account, Event::new(Who::Operator, what, id).with(detail)))
        });
        changed.await?.map_err(|why| anyhow!(why))?;
        Ok(self.url(id, &secret))
    }
}

/// `madoguchi staff …`
pub async fn staff(office: &Office, command: Staff) -> Result<ExitCode> {
    let ledger = Ledger::open(office).await?;
    match command {
        Staff::Invite {
            id,
            name,
            role,
            section,
        } => invite(&ledger, id, name, role, section).await?,
        Staff::List => list(&ledger).await?,
        Staff::Disable { id } => {
            ledger.change(&id, What::AccountDisabled, Account::disable).await?;
            println!("{id} can't log in any more");
        }
        Staff::Enable { id } => {
            let account = ledger.change(&id, What::AccountEnabled, Account::enable).await?;
            println!("{id} is {}", state_word(account.state));
        }
        Staff::Reset { id } => {
            let url = ledger.invite(&id, None, What::SecondFactorReset).await?;
            println!("{url}");
        }
        Staff::Unlock { id } => {
            store::staff::clear_tries(&ledger.db, ledger.office(), &id, None).await?;
            let event = Event::new(Who::Operator, What::AccountUnlocked, &id);
            audit::append(&ledger.db, ledger.office(), &event, runtime::now()).await?;
            println!("{id} may try again");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn invite(
    ledger: &Ledger,
    id: StaffId,
    name: Option<String>,
    role: Role,
    sections: Vec<SectionId>,
) -> Result<()> {
    for section in &sections {
        if ledger.config.section(section).is_none() {
            bail!("there is no [[section]] with id {:?}", section.as_str());
        }
    }
    if sections.is_empty() && matches!(role, Role::Lead | Role::Staff) {
        let exists = store::staff::get(&ledger.db, ledger.office(), &id).await?.is_some();
        if !exists {
            bail!("a new account of this role needs a --section");
        }
    }
    let new = name.map(|name| Account::new(id.clone(), name, sections, role));
    let url = ledger
        .invite(&id, new.as_ref(), What::AccountReinvited)
        .await
        .context("a new account needs --name, and --section")?;
    println!("{url}");
    Ok(())
}

fn state_word(state: State) -> &'static str {
    match state {
        State::Invited => "invited",
        State::Active => "active",
        State::Disabled => "disabled",
    }
}

async fn list(ledger: &Ledger) -> Result<()> {
    let (accounts, _) = store::staff::all(&ledger.db, ledger.office()).await?;
    for account in accounts.values() {
        let sections: Vec<&str> = account.sections.iter().map(SectionId::as_str).collect();
        let factor = if account.has_totp() { "totp" } else { "-" };
        println!(
            "{:<24} {:<11} {:<8} {factor:<4} {:<24} {}",
            account.id,
            account.role.as_str(),
            state_word(account.state),
            sections.join("+"),
            account.name
        );
    }
    Ok(())
}

/// `madoguchi audit …`
pub async fn audit(office: &Office, command: Audit) -> Result<ExitCode> {
    match command {
        Audit::Verify { file: Some(file), head } => {
            let config = runtime::config_or_exit(&office.config);
            let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
            Ok(told(verify_file(&config.office.id, &text, head)))
        }
        Audit::Verify { file: None, head } => {
            let ledger = Ledger::open(office).await?;
            let verified = audit::verify(&ledger.db, ledger.office(), head).await?;
            Ok(told(verified.map_err(|broken| broken.to_string())))
        }
        Audit::Head => {
            let ledger = Ledger::open(office).await?;
            println!("{}", audit::head(&ledger.db, ledger.office()).await?);
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Verifies an exported file: a whole one from the office's own beginning, a part from where it begins.
fn verify_file(office: &OfficeId, text: &str, kept: Vec<Anchor>) -> Result<Anchor, String> {
    let entries = audit::csv::entries(text).map_err(|error| error.to_string())?;
    let Some(first) = entries.first() else {
        return Err("there is no entry in it".to_owned());
    };
    let mut verifier = if first.seq == 1 {
        Verifier::new(Anchor::first(office), kept)
    } else {
        Verifier::of_part(first, kept)
    };
    for (index, entry) in entries.iter().enumerate() {
        let line = index + 2;
        verifier
            .take(entry)
            .map_err(|broken| format!("line {line}: {broken}"))?;
    }
    verifier.finish().map_err(|broken| broken.to_string())
}

fn told(verified: Result<Anchor, String>) -> ExitCode {
    match verified {
        Ok(head) => {
            println!("whole, up to entry {head}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("BROKEN: {why}");
            ExitCode::FAILURE
        }
    }
}

/// The link for the first admin, where nobody can look after accounts yet; `None`: somebody can. Made anew at each start
/// until it is used.
pub async fn first_admin(config: &Config) -> Result<Option<String>> {
    // The demo's accounts are made by signaling.
    if !config.demo_staff.is_empty() {
        return Ok(None);
    }
    let db = Store::connect(config).await?.ledger;
    let ledger = Ledger {
        config: config.clone(),
        db,
    };
    let (accounts, _) = store::staff::all(&ledger.db, ledger.office()).await?;
    let has_admin = accounts
        .values()
        .any(|account| account.role == Role::Admin && account.state == State::Active);
    // With OpenID Connect groups, an admin may come from there.
    let by_groups = config
        .oidc
        .as_ref()
        .is_some_and(|oidc| oidc.groups.iter().any(|group| group.role == Role::Admin));
    if has_admin || by_groups {
        return Ok(None);
    }
    let id = StaffId::new("admin").context("an id")?;
    let new = Account::new(id.clone(), "システム管理者".to_owned(), Vec::new(), Role::Admin);
    ledger.invite(&id, Some(&new), What::AccountReinvited).await.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;
    use protocol::time::UnixMillis;
    use store::audit::csv;

    fn office() -> OfficeId {
        OfficeId::new("minami").expect("valid")
    }

    /// An exported file from entry `from` on, and the log's end.
    fn exported(from: u64) -> (String, Anchor) {
        let mut head = Anchor::first(&office());
        let mut text = csv::header();
        for n in 1..=6 {
            let event = Event::new(Who::Operator, What::LoggedIn, n);
            let entry = audit::Entry::after(&head, &event, UnixMillis(1_800_000_000_000 + n));
            head = entry.anchor();
            if n >= from {
                text += &csv::line(&TimeZone::UTC, &entry);
            }
        }
        (text, head)
    }

    #[test]
    fn a_file_is_whole_or_told_where_it_breaks() {
        let (text, head) = exported(1);
        let verified = |text: &str, kept| verify_file(&office(), text, kept);
        assert_eq!(
            verified(&text, vec![head.clone()]).map(|it| it.hash),
            Ok(head.hash.clone())
        );
        let why = verified(&text.replace(",login,4,", ",logout,4,"), vec![]).expect_err("changed");
        assert!(why.starts_with("line 5: entry 4:"), "{why}");
        let cut = text.lines().take(5).collect::<Vec<_>>().join("\n");
        assert!(verified(&cut, vec![]).is_ok(), "a part of a chain is one");
        assert!(verified(&cut, vec![head.clone()]).is_err(), "but for who knows its end");
        let (part, _) = exported(4);
        assert!(verified(&part, vec![head]).is_ok(), "a day of it");
        assert!(verified("x", vec![]).is_err());
        let other = OfficeId::new("kita").expect("valid");
        assert!(verify_file(&other, &text, vec![]).is_err(), "another office's");
    }

    #[test]
    fn a_place_is_read_as_it_is_printed() {
        let (_, head) = exported(1);
        let read = anchor(&head.to_string()).expect("a place");
        assert_eq!((read.seq, read.hash), (head.seq, head.hash));
        for wrong in ["", "1", "1:ab", "x:y"] {
            assert!(anchor(wrong).is_err(), "{wrong}");
        }
    }
}

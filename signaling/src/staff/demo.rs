//! The demo's accounts, made at the first start with passwords made then. The passwords lie in
//! `paths.secrets/demo-logins.txt` for the operator, so that a wiped ledger gets the same ones again.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use protocol::config::DemoStaff;
use store::StoreError;
use store::audit::{Event, What, Who};
use store::staff::{Account, Change};

use crate::app::App;

const FILE: &str = "demo-logins.txt";
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Makes accounts that aren't there yet; tries again until the ledger answers.
pub(crate) async fn make_demo_accounts(app: Arc<App>) {
    if app.config.demo_staff.is_empty() {
        return;
    }
    let logins = match logins(&app) {
        Ok(logins) => logins,
        Err(error) => {
            tracing::error!(%error, "paths.secrets: {FILE} can't be kept: no demo accounts");
            return;
        }
    };
    for staff in &app.config.demo_staff {
        let Some(login) = logins.get(staff.id.as_str()) else {
            continue;
        };
        while let Err(error) = make(&app, staff, login).await {
            tracing::debug!(%error, "demo accounts wait for the ledger");
            tokio::select! {
                () = tokio::time::sleep(TRY_AGAIN_AFTER) => {}
                () = app.shutdown.started() => return,
            }
        }
    }
}

async fn make(app: &App, staff: &DemoStaff, login: &Login) -> Result<(), StoreError> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    // An account whose password nobody knows any more gets the new one.
    if !login.is_new && store::staff::get(ledger, office, &staff.id).await?.is_some() {
        return Ok(());
    }
    let Some(password) = app.passwords.hash(login.password.clone()).await else {
        return Ok(());
    };
    let sections = staff.section.get_ref().clone();
    let account = Account::new(staff.id.clone(), staff.name.clone(), sections, staff.role).with_password(password);
    let event = Event::new(Who::System, What::AccountJoined, &staff.id).with("by=demo");
    let written = store::staff::change_all(ledger, office, runtime::now(), |_, _| {
        Ok::<_, StoreError>(Change::of(account.clone(), event.clone()))
    });
    written.await??;
    tracing::info!(staff = %account.id, "made a demo account");
    Ok(())
}

struct Login {
    password: String,
    /// Made now, not read.
    is_new: bool,
}

/// The passwords by login: those in the file, and new ones for who has none, which the file has then.
fn logins(app: &App) -> std::io::Result<BTreeMap<String, Login>> {
    let path = app.secrets.dir().join(FILE);
    let mut logins = match fs::read_to_string(&path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
        Err(error) => return Err(error),
    };
    let before = logins.len();
    for staff in &app.config.demo_staff {
        logins.entry(staff.id.to_string()).or_insert_with(|| Login {
            password: password(),
            is_new: true,
        });
    }
    if logins.len() != before {
        let text: String = logins
            .iter()
            .map(|(id, login)| format!("{id} {}\n", login.password))
            .collect();
        runtime::write_file(&path, text.as_bytes(), true)?;
    }
    Ok(logins)
}

fn parse(text: &str) -> BTreeMap<String, Login> {
    text.lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(id, password)| {
            let login = Login {
                password: password.trim().to_owned(),
                is_new: false,
            };
            (id.to_owned(), login)
        })
        .collect()
}

/// Four groups such as `kasa-mori-zupe-buta`: 8 syllables of 70, 49 bits, easy to read out.
fn password() -> String {
    const CONSONANTS: &[u8] = b"kstnhmrgzdbpjy";
    const VOWELS: &[u8] = b"aiueo";
    let syllable = || {
        let consonant = CONSONANTS[rand::random_range(0..CONSONANTS.len())];
        let vowel = VOWELS[rand::random_range(0..VOWELS.len())];
        [char::from(consonant), char::from(vowel)]
    };
    let group = || (0..2).flat_map(|_| syllable()).collect::<String>();
    (0..4).map(|_| group()).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_readable_and_differ() {
        let (a, b) = (password(), password());
        assert_ne!(a, b);
        assert_eq!(a.len(), 4 * 4 + 3);
        assert!(
            a.split('-')
                .all(|group| group.len() == 4 && group.bytes().all(|c| c.is_ascii_lowercase()))
        );
    }

    #[test]
    fn the_file_is_read_as_it_is_written() {
        let logins = parse("hanako kasa-mori-zupe-buta\n\ntaro  pa\nbroken\n");
        assert_eq!(logins["hanako"].password, "kasa-mori-zupe-buta");
        assert_eq!(logins["taro"].password, "pa");
        assert_eq!(logins.len(), 2);
    }
}

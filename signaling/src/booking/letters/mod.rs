//! What residents are told of their appointments: `compose` the words, `mail`, `sms` and `line` the ways.
//!
//! Invariant: nothing of a letter is stored but that it is to go (`store::letters`). Its link is made of the letter's own
//! name and the office's key, so a letter that goes out twice has the same link twice.

mod compose;
mod line;
mod mail;
mod sms;

use std::sync::Arc;
use std::time::Duration;

use protocol::time::UnixMillis;
use store::StoreError;
use store::appointments::{Person, Record, State};
use store::letters::{Post, Subject, Taken, Trouble, Way};

pub(super) use self::line::Account;
use self::mail::Mailer;
use self::sms::Gateway;
use super::join::keyed;
use super::service::book_of;
use crate::app::App;

/// Who takes a letter has it for so long; a sender that takes longer than [`SENT_WITHIN`] stops by itself.
const LEASE: Duration = Duration::from_secs(180);
const SENT_WITHIN: Duration = Duration::from_secs(60);
/// So many are sent at once.
const AT_ONCE: usize = 8;
/// The first wait after a failure; doubles with each.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 60);
/// After so many failures, over a day, a letter is given up.
const TRIES: u32 = 60;

/// Why a letter didn't go.
#[derive(Debug)]
struct Failure {
    /// Trying again is of no use.
    is_final: bool,
    /// What the other side said, without addresses.
    why: String,
}

/// The ways that this office has.
pub(super) struct Ways {
    mail: Option<Mailer>,
    sms: Option<Gateway>,
    line: Option<Account>,
}

impl Ways {
    /// As the configuration says.
    ///
    /// # Errors
    /// When a secret is missing or an address can't be read.
    pub(super) fn open(app: &App) -> anyhow::Result<Self> {
        Ok(Self {
            mail: app
                .config
                .mail
                .as_ref()
                .map(|mail| Mailer::open(app, mail))
                .transpose()?,
            sms: app.config.sms.as_ref().map(|sms| Gateway::open(app, sms)).transpose()?,
            line: app
                .config
                .line
                .as_ref()
                .map(|line| Account::open(app, line))
                .transpose()?,
        })
    }
}

/// The queue of this office.
pub(super) fn post_of(app: &App) -> Post<'_> {
    Post {
        ledger: &app.store.ledger,
        office: &app.config.office.id,
    }
}

/// Sends what is due at `now`, a few at once, until nothing is. Returns how many went out.
///
/// # Errors
/// When the ledger is away: what was taken goes again when its lease is over.
pub(super) async fn send_due(app: &Arc<App>, ways: &Ways, now: UnixMillis) -> Result<usize, StoreError> {
    let mut sent = 0;
    loop {
        let letters = post_of(app).take(now, LEASE, AT_ONCE).await?;
        if letters.is_empty() || app.shutdown.is_started() {
            return Ok(sent);
        }
        let each = letters.iter().map(|letter| deliver(app, ways, letter, now));
        for outcome in futures_util::future::join_all(each).await {
            sent += usize::from(outcome?);
        }
    }
}

/// Sends a letter, and says so. Returns whether it went out.
async fn deliver(app: &Arc<App>, ways: &Ways, letter: &Taken, now: UnixMillis) -> Result<bool, StoreError> {
    let book = book_of(app);
    let (Some(record), Some(person)) = (
        book.get(&letter.appointment).await?,
        book.person(&letter.appointment).await?,
    ) else {
        post_of(app).done(letter).await?;
        return Ok(false);
    };
    if !is_true(letter.subject, &record) {
        post_of(app).done(letter).await?;
        return Ok(false);
    }
    let code = code_of(app, letter);
    book.add_link(&record.id, &code).await?;
    let sending = tokio::time::timeout(SENT_WITHIN, send(app, ways, letter, &record, &person, &code));
    let outcome = sending.await.unwrap_or_else(|_| {
        Err(Failure {
            is_final: false,
            why: "no answer in time".to_owned(),
        })
    });
    let Err(failure) = outcome else {
        tracing::info!(appointment = %record.id, subject = letter.subject.as_str(), "a letter went out");
        post_of(app).done(letter).await?;
        return Ok(true);
    };
    let tries = letter.tries + 1;
    let is_late = now >= record.slot.ends_at && letter.subject != Subject::Cancelled;
    let trouble = Trouble {
        tries,
        is_given_up: failure.is_final || is_late || tries >= TRIES,
        at: now,
        why: failure.why,
    };
    tracing::warn!(
        appointment = %record.id,
        subject = letter.subject.as_str(),
        tries,
        is_given_up = trouble.is_given_up,
        why = trouble.why,
        "a letter did not go out"
    );
    if trouble.is_given_up {
        post_of(app).give_up(letter, &trouble).await?;
    } else {
        post_of(app)
            .again(letter, now.plus(wait(tries, rand::random())), &trouble)
            .await?;
    }
    Ok(false)
}

/// Whether what a letter says is still so.
fn is_true(subject: Subject, record: &Record) -> bool {
    match subject {
        Subject::Cancelled => record.state == State::Cancelled,
        _ => record.state == State::Booked,
    }
}

async fn send(
    app: &Arc<App>,
    ways: &Ways,
    letter: &Taken,
    record: &Record,
    person: &Person,
    code: &str,
) -> Result<(), Failure> {
    let gone = |what: &str| Failure {
        is_final: true,
        why: format!("there is no {what}"),
    };
    let composed =
        compose::letter(app, record, person, letter.subject, letter.way, code).ok_or_else(|| gone("such service"))?;
    match letter.way {
        Way::Mail => {
            let mailer = ways.mail.as_ref().ok_or_else(|| gone("mail server"))?;
            let to = person.mail.as_deref().ok_or_else(|| gone("address"))?;
            mailer.send(to, &composed).await
        }
        Way::Sms => {
            let gateway = ways.sms.as_ref().ok_or_else(|| gone("gateway"))?;
            let to = person.telephone.as_deref().ok_or_else(|| gone("number"))?;
            gateway.send(to, &composed.short).await
        }
        Way::Line => {
            let account = ways.line.as_ref().ok_or_else(|| gone("account at LINE"))?;
            let to = person.line.as_deref().ok_or_else(|| gone("account"))?;
            // A letter of the same kind after another change is another letter.
            let key = retry_key(app, &format!("{}/{}", code, record.version));
            account.push(to, &composed.chat, &key).await
        }
    }
}

/// A letter's own link: the same whenever it is made.
fn code_of(app: &App, letter: &Taken) -> String {
    let name = format!(
        "letter/{}/{}/{:?}",
        letter.appointment,
        letter.subject.as_str(),
        letter.way
    );
    data_encoding::BASE32_NOPAD
        .encode(&keyed(app, &name)[..16])
        .to_ascii_lowercase()
}

/// What marks a message as the same one when it is sent again: a UUID made of its name (RFC 9562 §5.8).
fn retry_key(app: &App, name: &str) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&keyed(app, &format!("retry/{name}"))[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    parts.join("-")
}

/// How long after a failure it is tried again: doubling, by chance a fifth shorter or longer, so that letters that failed
/// together don't come back together.
fn wait(tries: u32, chance: u8) -> Duration {
    let whole = LONGEST_WAIT.min(FIRST_WAIT * 2_u32.saturating_pow(tries.saturating_sub(1).min(16)));
    whole * (205 + u32::from(chance) * 100 / 255) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_with_every_failure_and_are_never_all_the_same() {
        assert!(wait(1, 0) < FIRST_WAIT && wait(1, 255) > FIRST_WAIT);
        assert_ne!(wait(3, 10), wait(3, 200));
        for tries in 1..TRIES {
            assert!(wait(tries, 0) <= wait(tries + 1, 0) && wait(tries, 255) <= LONGEST_WAIT * 6 / 5);
        }
        assert!(wait(2, 128) > FIRST_WAIT * 3 / 2 && SENT_WITHIN * 2 < LEASE);
        let in_all: Duration = (1..TRIES).map(|tries| wait(tries, 0)).sum();
        assert!(
            in_all > Duration::from_secs(20 * 3600),
            "a night without mail loses nothing"
        );
    }
}

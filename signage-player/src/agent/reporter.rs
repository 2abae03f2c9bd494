//! Sends reports: health and faults as they are; what was shown, and what faults came and went, which is kept until the server
//! has it ([`protocol::screen::report`]).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use protocol::screen::InGroup;
use protocol::screen::report::{Change, FaultKind, MAX_CHANGES, MAX_FAULTS, MAX_PLAYS, Play, Report, VERSION};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use runtime::Shutdown;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::clock::ServerClock;
use super::faults::{Faults, Source};
use super::health::{Told, Versions, Watch};
use super::journal::Journal;
use super::known::Known;
use super::{Settings, short, tls, wait_before};
use crate::bridge::agent::ToNote;
use crate::cache::Cache;
use crate::event::Status;
use crate::schedule::NO_CLOCK;

/// How often faults are compared with those of before.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// After its start the picture, and what is fetched, may take so long until all is told that is wrong.
const SETTLES_IN: Duration = Duration::from_secs(60);
/// How often a report is sent.
const SEND_EVERY: Duration = Duration::from_secs(60);
/// A server that doesn't know reports is asked again after so long.
const UNKNOWN_FOR: Duration = Duration::from_secs(1800);
/// A server that doesn't answer for so long has not heard.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// A server may ask for this much patience at most.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// What keeps the journal and sends it.
pub struct Reporter {
    /// Where reports go.
    pub settings: Arc<Settings>,
    /// The disk that is looked at.
    pub cache: Cache,
    /// How the picture is doing.
    pub status: Status,
    /// What is wrong on the network's side.
    pub faults: Faults,
    /// What was shown, until somebody has it.
    pub journal: Journal<Play>,
    /// What faults came and went, until somebody has it.
    pub changes: Journal<Change>,
    /// What is wrong.
    pub known: Known,
    /// What was shown just now.
    pub plays: mpsc::Receiver<ToNote>,
    /// How this machine's clock stands to the server's.
    pub clock: ServerClock,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Kept,
    /// It is no report to the server: it isn't sent again.
    Refused(StatusCode),
    TooLarge,
    /// There is nobody for reports.
    Unknown,
    /// Later, and when that is said.
    Later(Option<Duration>),
}

impl Reporter {
    /// Runs until the shutdown.
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut look = interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (settled_at, versions) = (Instant::now() + SETTLES_IN, Versions::read());
        let mut watch = Watch::default();
        let mut sending: Option<JoinHandle<(Sent, Report)>> = None;
        let (mut send_at, mut most, mut attempt) = (Instant::now() + LOOK_EVERY * 2, MAX_PLAYS, 0);
        loop {
            tokio::select! {
                () = shutdown.started() => return,
                note = self.plays.recv() => match note {
                    Some(note) => {
                        self.journal.add(note.play.clone());
                        note.noted();
                    }
                    None => return,
                },
                _ = look.tick() => {
                    let changes = self.known.note(&self.told(), runtime::now(), Instant::now() >= settled_at);
                    changes.into_iter().for_each(|change| self.changes.add(change));
                }
                () = tokio::time::sleep_until(send_at), if sending.is_none() => {
                    let report = self.report(&versions, &mut watch, most);
                    sending = Some(tokio::spawn(send(Arc::clone(&self.settings), report)));
                }
                (sent, report) = ended(&mut sending) => {
                    sending = None;
                    let wait = match sent {
                        Sent::Kept => {
                            self.taken(report.as_ref());
                            (most, attempt) = (MAX_PLAYS, 0);
                            // What gathered while nobody was there goes at once.
                            let is_much = self.journal.count() >= MAX_PLAYS || self.changes.count() >= MAX_CHANGES;
                            if is_much { Duration::ZERO } else { SEND_EVERY }
                        }
                        Sent::Refused(status) => {
                            tracing::warn!("the server doesn't understand a report ({status}): it is not sent again");
                            self.taken(report.as_ref());
                            SEND_EVERY
                        }
                        Sent::TooLarge if most > 1 => {
                            most /= 2;
                            Duration::ZERO
                        }
                        Sent::TooLarge => {
                            // One that is too large alone would hold up all others.
                            self.taken(report.as_ref());
                            SEND_EVERY
                        }
                        Sent::Unknown => UNKNOWN_FOR,
                        Sent::Later(wait) => {
                            attempt += 1;
                            wait.unwrap_or_else(|| wait_before(attempt, rand::random())).clamp(LOOK_EVERY, LONGEST_WAIT)
                        }
                    };
                    send_at = Instant::now() + wait;
                }
            }
        }
    }

    fn report(&self, versions: &Versions, watch: &mut Watch, most: usize) -> Report {
        let picture = self.status.borrow().clone();
        let layout = self.cache.current().manifest;
        let told = Told {
            picture: &picture,
            layout: layout.map_or_else(|| "standby".to_owned(), |manifest| short(&manifest.layout.name)),
            clock_offset_ms: self.clock.offset_ms(),
            versions,
        };
        let mut faults = self.known.faults();
        faults.truncate(MAX_FAULTS);
        Report {
            version: VERSION,
            health: watch.look(&self.cache, told, runtime::now()),
            faults,
            changes: self.changes.oldest(most.min(MAX_CHANGES)),
            plays: self.journal.oldest(most),
        }
    }

    /// Somebody has what was in this report.
    fn taken(&mut self, report: Option<&Report>) {
        if let Some(report) = report {
            self.journal.taken(&report.plays);
            self.changes.taken(&report.changes);
        }
    }

    /// All that is told to be wrong now.
    fn told(&self) -> BTreeMap<String, FaultKind> {
        let items = self.status.borrow().faults.clone();
        let kind_of = |text: &String| match text.as_str() {
            NO_CLOCK => FaultKind::Clock,
            _ => FaultKind::Item,
        };
        let items = items.into_iter().map(|text| (kind_of(&text), text));
        let others = self.faults.watch().borrow().clone();
        let others = others.into_iter().flat_map(|(source, texts)| {
            let kind = match source {
                Source::Manifest => FaultKind::Layout,
                Source::Content => FaultKind::Fetch,
                Source::Disk => FaultKind::Storage,
                Source::Stick => FaultKind::Item,
                Source::Picture => FaultKind::Stage,
                Source::Camera => FaultKind::Camera,
            };
            texts.into_iter().map(move |text| (kind, text))
        });
        let group = self.status.borrow().group.as_ref().and_then(InGroup::fault);
        let others = others.chain(group.map(|text| (FaultKind::Group, text)));
        items.chain(others).map(|(kind, text)| (text, kind)).collect()
    }
}

/// What became of a report, and which it was; without one, none may be taken as kept.
async fn ended(sending: &mut Option<JoinHandle<(Sent, Report)>>) -> (Sent, Option<Report>) {
    match sending {
        Some(task) => match task.await {
            Ok((sent, report)) => (sent, Some(report)),
            Err(_) => (Sent::Later(None), None),
        },
        None => std::future::pending().await,
    }
}

async fn send(settings: Arc<Settings>, report: Report) -> (Sent, Report) {
    let sent = post(&settings, &report).await.unwrap_or_else(|error| {
        tracing::debug!("a report can't be sent: {error:#}");
        Sent::Later(None)
    });
    (sent, report)
}

async fn post(settings: &Settings, report: &Report) -> Result<Sent> {
    let client = tls::client(&settings.server, &settings.authority)?.timeout(ANSWER_LIMIT);
    let url = format!("{}/api/screens/{}/reports", settings.server, settings.own_id()?);
    let request = client.build()?.post(url).bearer_auth(settings.read_token()?);
    let response = request.json(report).send().await?;
    let asked = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|it| it.to_str().ok()?.parse().ok());
    Ok(sent(response.status(), asked.map(Duration::from_secs)))
}

fn sent(status: StatusCode, asked: Option<Duration>) -> Sent {
    match status {
        status if status.is_success() => Sent::Kept,
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Sent::Refused(status),
        StatusCode::PAYLOAD_TOO_LARGE => Sent::TooLarge,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Sent::Unknown,
        _ => Sent::Later(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_has_its_consequence() {
        let minute = Some(Duration::from_secs(60));
        for (status, expected) in [
            (204, Sent::Kept),
            (400, Sent::Refused(StatusCode::BAD_REQUEST)),
            (401, Sent::Later(minute)),
            (404, Sent::Unknown),
            (413, Sent::TooLarge),
            (503, Sent::Later(minute)),
        ] {
            assert_eq!(sent(StatusCode::from_u16(status).expect("known"), minute), expected);
        }
    }
}

//! A connected screen's side of its remote control: which code it shows, whether a phone has it, what was pressed.

use protocol::ids::ScreenId;
use protocol::screen::{Choices, Remote as Told, ToScreen};
use protocol::time::UnixMillis;
use store::StoreError;
use store::screens::remote::Remote;

use super::times;
use crate::app::App;

/// What the screen was told last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open { renew_at: UnixMillis },
    Held { until: UnixMillis },
}

/// The remote control of one connected screen. Nothing happens before the screen has said what can be pressed.
#[derive(Debug, Default)]
pub(in crate::signage) struct Offer {
    choices: Option<Choices>,
    state: Option<State>,
}

fn remote<'a>(app: &'a App, screen: &'a ScreenId) -> Remote<'a> {
    Remote {
        live: &app.store.live,
        office: &app.config.office.id,
        screen,
    }
}

impl Offer {
    /// The screen says what can be pressed now. Gives what to tell it.
    ///
    /// # Errors
    /// [`StoreError`]; the next try is a second later.
    pub(in crate::signage) async fn take(
        &mut self,
        choices: Option<Choices>,
        app: &App,
        screen: &ScreenId,
        now: UnixMillis,
    ) -> Result<Vec<ToScreen>, StoreError> {
        self.choices = choices;
        remote(app, screen).keep_choices(self.choices.as_ref(), true).await?;
        self.tend(app, screen, now).await
    }

    /// The screen is still there: what can be pressed holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::signage) async fn renew(&self, app: &App, screen: &ScreenId) -> Result<(), StoreError> {
        match &self.choices {
            Some(choices) => remote(app, screen).keep_choices(Some(choices), false).await,
            None => Ok(()),
        }
    }

    /// The screen has gone.
    pub(in crate::signage) async fn leave(&self, app: &App, screen: &ScreenId) {
        // Where that fails it fades.
        if self.choices.is_some() {
            let _ = remote(app, screen).keep_choices(None, true).await;
        }
    }

    /// Whether something is due that nobody tells: another code, or the end of a phone's time.
    pub(in crate::signage) fn is_due(&self, now: UnixMillis) -> bool {
        self.choices.is_some()
            && match self.state {
                None => true,
                Some(State::Open { renew_at }) => renew_at <= now,
                Some(State::Held { until }) => until <= now,
            }
    }

    /// Looks how it is. Gives what to tell the screen: presses, who has it, another code.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(in crate::signage) async fn tend(
        &mut self,
        app: &App,
        screen: &ScreenId,
        now: UnixMillis,
    ) -> Result<Vec<ToScreen>, StoreError> {
        let mut told = Vec::new();
        if self.choices.is_none() {
            self.state = None;
            return Ok(told);
        }
        let remote = remote(app, screen);
        let presses = remote.take_presses(now).await?;
        if let Some(until) = remote.held(None, now).await? {
            if !matches!(self.state, Some(State::Held { .. })) {
                told.push(ToScreen::Remote { remote: Told::Held });
            }
            self.state = Some(State::Held { until });
        } else if !matches!(self.state, Some(State::Open { renew_at }) if renew_at > now) {
            let times = times(&app.config);
            if let Some(code) = remote.offer(times, now).await? {
                let address = format!("{}/r/{screen}.{code}", app.config.web.public_url);
                self.state = Some(State::Open {
                    renew_at: now.plus(app.config.remote.code_shown),
                });
                let until = now.plus(times.code);
                told.push(ToScreen::Remote {
                    remote: Told::Open { address, until },
                });
            }
        }
        // A press is told after who has the screen: it was that phone's.
        told.extend(presses.into_iter().map(|press| ToScreen::Press { press }));
        Ok(told)
    }
}

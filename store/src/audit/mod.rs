//! The audit log: who did what to which, and when. Never names, links, addresses or contents.
//!
//! Invariant: entries are only ever added at the end, and each holds the hash of the one before: to change, drop or
//! reorder one without changing all that follow isn't possible. `chain` is pure; `log` is the same in Redis.

mod chain;
pub mod csv;
mod log;

use protocol::ids::{AppointmentId, ConsultationId, StaffId};

pub use chain::{Anchor, Broken, Entry, Verifier, Why};
pub(crate) use log::{Accounts, Committed, commit, yield_to_others};
pub use log::{append, base, between, head, len, read, trim, verify};

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// A member of staff.
    Staff(StaffId),
    /// The resident of a consultation.
    Resident(ConsultationId),
    /// The resident of an appointment.
    Applicant(AppointmentId),
    /// Somebody who was invited to a consultation by a link.
    Guest(ConsultationId),
    /// Whoever runs the office's machine, by the operator's command.
    Operator,
    /// The office by itself: a job, or a time that was up.
    System,
}

impl Who {
    fn word(&self) -> String {
        match self {
            Self::Staff(id) => format!("staff/{id}"),
            Self::Resident(id) => format!("resident/{id}"),
            Self::Applicant(id) => format!("applicant/{id}"),
            Self::Guest(id) => format!("guest/{id}"),
            Self::Operator => "operator".to_owned(),
            Self::System => "system".to_owned(),
        }
    }
}

macro_rules! what {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What was done. Its word is what is stored: a new one may be added, an old one keeps its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum What { $($(#[$doc])* $name,)* }

        impl What {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// As it is stored and exported.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

what! {
    /// Logged in; the detail says by what.
    LoggedIn = "login",
    /// A wrong password or code for an account that exists.
    LoginFailed = "login.failed",
    /// Logged out.
    LoggedOut = "logout",
    /// A new account, with an invitation.
    AccountInvited = "account.invited",
    /// A new invitation for an account that exists.
    AccountReinvited = "account.reinvited",
    /// The invited person has chosen a password.
    AccountJoined = "account.joined",
    /// Another role, other sections, another name (which isn't said).
    AccountChanged = "account.changed",
    /// Can't log in any more.
    AccountDisabled = "account.disabled",
    /// Can again.
    AccountEnabled = "account.enabled",
    /// May try again at once.
    AccountUnlocked = "account.unlocked",
    /// A new password.
    PasswordChanged = "account.password",
    /// A second factor was set up.
    SecondFactorSet = "account.totp",
    /// The second factor was taken away.
    SecondFactorReset = "account.totp.reset",
    /// New recovery codes.
    RecoveryRenewed = "account.recovery",
    /// A recovery code was used up.
    RecoveryUsed = "account.recovery.used",
    /// Sessions were ended by their owner.
    SessionsEnded = "account.sessions.ended",
    /// Accounts were changed by a file; the detail says how many.
    AccountsImported = "accounts.imported",
    /// All accounts were written to a file.
    AccountsExported = "accounts.exported",
    /// The audit log was written to a file.
    AuditExported = "audit.exported",
    /// The oldest entries were dropped: `which` is the last one's number, the detail its hash.
    AuditTrimmed = "audit.trimmed",
    /// A consultation's link was made.
    ConsultationCreated = "consultation.created",
    /// The resident waits.
    ConsultationReady = "consultation.ready",
    /// The resident was asked in.
    ConsultationAdmitted = "consultation.admitted",
    /// It ended, or its link was withdrawn.
    ConsultationEnded = "consultation.ended",
    /// Another section's from now on: the detail says which.
    ConsultationMoved = "consultation.moved",
    /// A colleague serves from now on: the detail says who.
    ConsultationHandedOver = "consultation.handed-over",
    /// The resident and guests wait with music.
    ConsultationHeld = "consultation.held",
    /// They are back.
    ConsultationResumed = "consultation.resumed",
    /// Nobody else comes in.
    ConsultationLocked = "consultation.locked",
    /// Somebody may again.
    ConsultationUnlocked = "consultation.unlocked",
    /// Somebody was invited to a consultation: the detail says to which seat, as what, and which colleague.
    SeatInvited = "seat.invited",
    /// They came in, or were let in.
    SeatEntered = "seat.entered",
    /// They went.
    SeatLeft = "seat.left",
    /// They were put out, or their link was withdrawn.
    SeatRemoved = "seat.removed",
    /// An appointment was booked.
    AppointmentBooked = "appointment.booked",
    /// It is at another time.
    AppointmentMoved = "appointment.moved",
    /// It was given back.
    AppointmentCancelled = "appointment.cancelled",
    /// Nobody came.
    AppointmentMissed = "appointment.missed",
    /// It was held.
    AppointmentDone = "appointment.done",
    /// A short code was made, which staff read out.
    ShortCodeMade = "appointment.code",
    /// Facts of consultations were written to a file.
    ReportExported = "report.exported",
    /// All but its bare facts was deleted.
    ConsultationForgotten = "consultation.forgotten",
    /// A broadcast was made.
    BroadcastCreated = "broadcast.created",
    /// It was ended.
    BroadcastEnded = "broadcast.ended",
    /// A player was accepted as a screen; the detail says whether the screen is new.
    ScreenPaired = "screen.paired",
    /// Its token was taken away.
    ScreenRevoked = "screen.revoked",
    /// It has another name, place or orientation.
    ScreenChanged = "screen.changed",
    /// It is no screen of the office's any more.
    ScreenRemoved = "screen.removed",
    /// It shows something else: the detail says which version.
    ScreenPublished = "screen.published",
    /// A picture of it was asked for.
    ScreenLookedAt = "screen.snapshot",
    /// What it shows was packed for a memory stick.
    BundlePacked = "screen.bundle.packed",
    /// What it has shown was written to a file.
    PlaysExported = "screen.plays.exported",
    /// A file was given to be shown: `which` begins its SHA-256.
    FileAdded = "screen-file.added",
    /// It was deleted.
    FileRemoved = "screen-file.removed",
    /// A notice was posted: the detail says how urgent.
    NoticePosted = "notice.posted",
    /// It was taken back.
    NoticeRemoved = "notice.removed",
    /// A blurred picture of what a camera sees was shown.
    CameraPictureShown = "camera.picture",
    /// It was shown live where a camera finds people: the detail says for how many seconds at most.
    CameraWatched = "camera.watched",
    /// Something else was drawn into a camera's picture: the detail says which version.
    CameraSetUp = "camera.setup",
    /// What the configuration says of a camera holds again.
    CameraReset = "camera.reset",
    /// A set-up was tried on a film.
    CameraTried = "camera.tried",
    /// A film was brought to try a camera's set-up on.
    CameraFilmBrought = "camera.film",
    /// It was deleted.
    CameraFilmDeleted = "camera.film.deleted",
    /// Staff said how many people are in an area: the detail says how many.
    AreaCorrected = "area.corrected",
}

/// What is to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who.
    pub who: Who,
    /// What.
    pub what: What,
    /// To which: an id.
    pub which: String,
    /// More of it, in words of `a-z0-9-.:;=+/`: never a name.
    pub detail: String,
}

impl Event {
    /// Without more.
    pub fn new(who: Who, what: What, which: impl std::fmt::Display) -> Self {
        Self {
            who,
            what,
            which: which.to_string(),
            detail: String::new(),
        }
    }

    /// The same with more of it.
    #[must_use]
    pub fn with(mut self, detail: impl std::fmt::Display) -> Self {
        self.detail = detail.to_string();
        self
    }
}

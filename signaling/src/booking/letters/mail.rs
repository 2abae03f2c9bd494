//! Letters by mail: SMTP (RFC 5321) over TLS, the appointment attached as iCalendar (RFC 6047).

use std::time::Duration;

use anyhow::Context as _;
use lettre::message::header::{ContentDisposition, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use protocol::config::{Mail, MailTls};

use super::Failure;
use super::compose::Composed;
use crate::app::App;

/// No command waits longer for its answer.
const COMMAND: Duration = Duration::from_secs(20);

/// The way to the mail server.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// No machine answers a machine (RFC 3834 §5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

impl Mailer {
    /// As the configuration says; connects only to send.
    ///
    /// # Errors
    /// When the password is missing, or TLS can't be had.
    pub(super) fn open(app: &App, mail: &Mail) -> anyhow::Result<Self> {
        let parameters = || {
            let mut builder = TlsParameters::builder(mail.host.clone());
            if let Some(path) = &mail.authority {
                let pem = std::fs::read(path).with_context(|| format!("mail.authority: {}", path.display()))?;
                let authority = Certificate::from_pem(&pem).context("mail.authority: expected a certificate (PEM)")?;
                builder = builder.add_root_certificate(authority);
            }
            builder
                .build()
                .context("mail.tls: the system's certificates can't be read")
        };
        let tls = match mail.tls {
            MailTls::Tls => Tls::Wrapper(parameters()?),
            MailTls::Starttls => Tls::Required(parameters()?),
            MailTls::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(mail.host.as_str())
            .port(mail.port())
            .tls(tls)
            .timeout(Some(COMMAND))
            .hello_name(ClientId::Domain(app.config.public_host().to_owned()));
        if let Some(user) = &mail.user {
            let password = app.secrets.written("mail.password").context("mail.user")?;
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        let address = mail.from.parse().context("mail.from")?;
        Ok(Self {
            transport: builder.build(),
            from: Mailbox::new(Some(app.config.office.name.ja.clone()), address),
        })
    }

    pub(super) async fn send(&self, to: &str, letter: &Composed) -> Result<(), Failure> {
        let message = self.message(to, letter).map_err(|error| Failure {
            is_final: true,
            why: format!("it can't be written: {error}"),
        })?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) => Err(failure(&error)),
        }
    }

    fn message(&self, to: &str, letter: &Composed) -> anyhow::Result<Message> {
        let builder = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.parse()?))
            .subject(letter.subject.clone())
            .message_id(Some(letter.id.clone()))
            .header(AutoSubmitted);
        let text = SinglePart::plain(letter.body.clone());
        let Some((method, calendar)) = &letter.calendar else {
            return Ok(builder.singlepart(text)?);
        };
        let kind = format!("text/calendar; charset=utf-8; method={}", method.as_str());
        let part = |kind: &str| -> anyhow::Result<_> { Ok(SinglePart::builder().header(ContentType::parse(kind)?)) };
        let invitation = part(&kind)?.body(calendar.clone());
        let file = part("application/ics; name=\"appointment.ics\"")?
            .header(ContentDisposition::attachment("appointment.ics"))
            .body(calendar.clone().into_bytes());
        let both = MultiPart::alternative().singlepart(text).singlepart(invitation);
        Ok(builder.multipart(MultiPart::mixed().multipart(both).singlepart(file))?)
    }
}

/// What went wrong, by its code only: servers put addresses into their words.
fn failure(error: &lettre::transport::smtp::Error) -> Failure {
    // That we may not log in is our own fault, which somebody will mend.
    let is_ours = |code: u16| matches!(code, 530 | 534 | 535 | 538);
    let code = error.status().map(u16::from);
    Failure {
        is_final: error.is_permanent() && !code.is_some_and(is_ours),
        why: match code {
            Some(code) => format!("the mail server says {code}"),
            None if error.is_timeout() => "the mail server doesn't answer in time".to_owned(),
            None if error.is_tls() => "no TLS with the mail server".to_owned(),
            None => "the mail server can't be reached".to_owned(),
        },
    }
}

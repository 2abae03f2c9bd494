//! Printing by IPP (RFC 8011): what staff send is printed beside the booth.
//!
//! Invariant: nothing of a document is kept or logged here; a job is either taken by the printer, with a number to ask after it by,
//! or refused with what to do about it.

use std::time::Duration;

use ipp::prelude::*;

use super::pdf;

/// How long a printer may take to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// How long a printer that is at another job is waited for, and how often it is asked. Less than a request may take.
const FREE_WITHIN: Duration = Duration::from_secs(6);
const ASK_EVERY: Duration = Duration::from_millis(300);

/// What stands on a printer's display and in its list of jobs: no name, no content.
const JOB_NAME: &str = "窓口 相談";
const USER: &str = "madoguchi";

const PDF: &str = "application/pdf";
const JPEG: &str = "image/jpeg";

/// Why nothing is printed, or not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trouble {
    /// It doesn't answer: off, or not on the network.
    Away,
    /// No paper.
    NoPaper,
    /// Paper is stuck.
    Jam,
    /// A cover is open.
    Open,
    /// No ink or toner.
    NoInk,
    /// It is at another job that doesn't end.
    Busy,
    /// It takes no jobs, or stopped for another reason.
    Stopped,
    /// It knows neither PDF nor JPEG.
    Unknown,
    /// What was to be printed isn't pages.
    NotPages,
}

/// How a job goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "state", content = "trouble", rename_all = "snake_case")]
pub(crate) enum Progress {
    /// In the printer's list, or on its way through it.
    Printing,
    /// On paper.
    Done,
    /// It waits for somebody to do something.
    Waits(Trouble),
    /// It won't be printed.
    Failed(Trouble),
}

/// A printer, by its address such as `ipp://192.0.2.7/ipp/print`.
#[derive(Debug, Clone)]
pub(crate) struct Printer {
    address: Uri,
}

/// A job that a printer has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Job {
    /// The printer's number of it.
    pub(crate) job: i32,
    /// How many of the pages are in it: all, or the first one where the printer takes pages one by one.
    pub(crate) pages: usize,
}

impl Printer {
    /// `None`: it isn't an address of a printer. The configuration is checked, so that this doesn't happen.
    pub(crate) fn new(address: &str) -> Option<Self> {
        let address: Uri = address.parse().ok()?;
        Some(Self { address })
    }

    /// Has pages (JPEG) printed: all in one document where the printer knows PDF, else the first one.
    ///
    /// # Errors
    /// [`Trouble`]: nothing was printed.
    pub(crate) async fn print(&self, pages: &[Vec<u8>]) -> Result<Job, Trouble> {
        let document = pdf::document(pages).map_err(|error| {
            tracing::info!(%error, "nothing is printed");
            Trouble::NotPages
        })?;
        let printer = self.ask_printer().await?;
        if let Some(trouble) = printer.trouble {
            return Err(trouble);
        }
        let takes = |format: &str| printer.formats.iter().any(|it| it == format);
        let (format, bytes, pages) = match (takes(PDF), takes(JPEG), pages.first()) {
            (true, _, _) => (PDF, document.as_slice(), pages.len()),
            (false, true, Some(first)) => (JPEG, first.as_slice(), 1),
            _ => return Err(Trouble::Unknown),
        };
        let job = self.send_in_time(format, bytes, printer.has_a4).await?;
        Ok(Job { job, pages })
    }

    /// How a job goes.
    pub(crate) async fn progress(&self, job: i32) -> Progress {
        match self.ask_job(job).await {
            Ok(Some(progress)) => progress,
            // Done long ago, and forgotten.
            Ok(None) => Progress::Done,
            Err(trouble) => Progress::Waits(trouble),
        }
    }

    /// Some printers take one job at a time, and refuse the next while they are at it.
    async fn send_in_time(&self, format: &str, bytes: &[u8], has_a4: bool) -> Result<i32, Trouble> {
        let until = tokio::time::Instant::now() + FREE_WITHIN;
        loop {
            match self.send(format, bytes.to_vec(), has_a4).await {
                Err(Trouble::Busy) if tokio::time::Instant::now() < until => tokio::time::sleep(ASK_EVERY).await,
                sent => return sent,
            }
        }
    }

    async fn send(&self, format: &str, bytes: Vec<u8>, has_a4: bool) -> Result<i32, Trouble> {
        let payload = IppPayload::new(std::io::Cursor::new(bytes));
        let mut job = IppOperationBuilder::print_job(self.address.clone(), payload)
            .user_name(USER)
            .job_title(JOB_NAME)
            .document_format(format)
            .attribute(keyword("print-scaling", "fit").ok_or(Trouble::Unknown)?);
        if has_a4 {
            job = job.attribute(keyword("media", A4).ok_or(Trouble::Unknown)?);
        }
        let answer = self.ask(job.build().map_err(|_| Trouble::Unknown)?).await?;
        let id = number(&answer, DelimiterTag::JobAttributes, "job-id");
        id.ok_or(Trouble::Stopped)
    }

    async fn ask_printer(&self) -> Result<State, Trouble> {
        let question = IppOperationBuilder::get_printer_attributes(self.address.clone())
            .attributes([
                "printer-state",
                "printer-state-reasons",
                "printer-is-accepting-jobs",
                "document-format-supported",
                "media-supported",
            ])
            .build()
            .map_err(|_| Trouble::Unknown)?;
        let answer = self.ask(question).await?;
        let group = DelimiterTag::PrinterAttributes;
        let accepts = words(&answer, group, "printer-is-accepting-jobs");
        let reasons = words(&answer, group, "printer-state-reasons");
        let is_stopped = number(&answer, group, "printer-state") == Some(STOPPED);
        let is_refusing = accepts.first().is_some_and(|it| it == "false");
        Ok(State {
            trouble: (is_stopped || is_refusing).then(|| trouble_of(&reasons)),
            formats: words(&answer, group, "document-format-supported"),
            has_a4: words(&answer, group, "media-supported").iter().any(|it| it == A4),
        })
    }

    /// `None`: the printer doesn't know the job any more.
    async fn ask_job(&self, job: i32) -> Result<Option<Progress>, Trouble> {
        let question = IppOperationBuilder::get_job_attributes(self.address.clone(), job)
            .user_name(USER)
            .build()
            .map_err(|_| Trouble::Unknown)?;
        let answer = match self.ask(question).await {
            Ok(answer) => answer,
            Err(Trouble::NotPages) => return Ok(None),
            Err(trouble) => return Err(trouble),
        };
        let group = DelimiterTag::JobAttributes;
        let reasons = words(&answer, group, "job-state-reasons");
        let progress = match number(&answer, group, "job-state") {
            // pending, processing
            Some(3 | 5) => match self.ask_printer().await?.trouble {
                Some(trouble) => Progress::Waits(trouble),
                None => Progress::Printing,
            },
            // held, stopped
            Some(4 | 6) => Progress::Waits(trouble_of(&reasons)),
            // canceled, aborted
            Some(7 | 8) => Progress::Failed(trouble_of(&reasons)),
            Some(9) => Progress::Done,
            _ => Progress::Failed(Trouble::Stopped),
        };
        Ok(Some(progress))
    }

    async fn ask(&self, question: impl Into<IppRequestResponse>) -> Result<IppRequestResponse, Trouble> {
        let client = AsyncIppClient::builder(self.address.clone())
            .request_timeout(ANSWERS_WITHIN)
            .build();
        let answer = client.send(question).await.map_err(|error| {
            tracing::warn!(%error, "a printer can't be asked");
            Trouble::Away
        })?;
        let status = answer.header().status_code();
        if status.is_success() {
            return Ok(answer);
        }
        tracing::warn!(?status, "a printer refuses");
        Err(match status {
            StatusCode::ClientErrorNotFound | StatusCode::ClientErrorGone => Trouble::NotPages,
            StatusCode::ServerErrorBusy | StatusCode::ServerErrorTemporaryError => Trouble::Busy,
            StatusCode::ClientErrorDocumentFormatNotSupported => Trouble::Unknown,
            _ => Trouble::Stopped,
        })
    }
}

/// A printer's state "stopped". (RFC 8011 §5.4.11)
const STOPPED: i32 = 5;
/// A4, as PWG 5101.1 names it.
const A4: &str = "iso_a4_210x297mm";

struct State {
    /// It doesn't print now, and why.
    trouble: Option<Trouble>,
    formats: Vec<String>,
    has_a4: bool,
}

/// What stands in the way, of the reasons that a printer gives. (RFC 8011 §5.4.12) They end in `-error`, `-warning` or
/// `-report`, or not.
fn trouble_of(reasons: &[String]) -> Trouble {
    let known = [
        ("media-jam", Trouble::Jam),
        ("media-empty", Trouble::NoPaper),
        ("media-needed", Trouble::NoPaper),
        ("input-tray-missing", Trouble::NoPaper),
        ("cover-open", Trouble::Open),
        ("door-open", Trouble::Open),
        ("interlock-open", Trouble::Open),
        ("marker-supply-empty", Trouble::NoInk),
        ("toner-empty", Trouble::NoInk),
        ("developer-empty", Trouble::NoInk),
        ("shutdown", Trouble::Away),
        ("timed-out", Trouble::Away),
        ("connecting-to-device", Trouble::Away),
        ("document-format-error", Trouble::Unknown),
        ("unsupported-document-format", Trouble::Unknown),
    ];
    let found = known
        .iter()
        .find(|(name, _)| reasons.iter().any(|it| it.starts_with(name)));
    found.map_or(Trouble::Stopped, |(_, trouble)| *trouble)
}

fn keyword(name: &str, value: &str) -> Option<IppAttribute> {
    let value = IppValue::Keyword(value.try_into().ok()?);
    IppAttribute::with_name(name, value).ok()
}

/// All values of an attribute as text.
fn words(answer: &IppRequestResponse, group: DelimiterTag, name: &str) -> Vec<String> {
    let groups = answer.attributes().groups_of(group);
    let found = groups.filter_map(|it| it.get(name)).next();
    found.map_or_else(Vec::new, |attribute| {
        attribute.value().into_iter().map(ToString::to_string).collect()
    })
}

fn number(answer: &IppRequestResponse, group: DelimiterTag, name: &str) -> Option<i32> {
    words(answer, group, name).first()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_printer_complains_of_is_said_in_our_words() {
        let of = |reasons: &[&str]| trouble_of(&reasons.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["media-empty-error"]), Trouble::NoPaper);
        assert_eq!(of(&["media-low-warning", "media-jam-error"]), Trouble::Jam);
        assert_eq!(of(&["cover-open-report"]), Trouble::Open);
        assert_eq!(of(&["marker-supply-empty-error"]), Trouble::NoInk);
        assert_eq!(of(&["none"]), Trouble::Stopped);
        assert_eq!(of(&[]), Trouble::Stopped);
    }
}

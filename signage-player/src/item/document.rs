//! A PDF: each page is drawn by `pdftocairo` (poppler-utils) in a process of its own while the page before
//! it stands.
//!
//! A process and not a library: a PDF is a program from somebody else, and a broken or hostile one may take all
//! memory, run for ever or crash. Here that ends a child with limits (`prlimit`), and the screen plays on.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::decoder::Decoder;
use super::picture::SHORTEST;
use super::{Fault, Frame, Item, PREPARE_LIMIT, Turn};
use crate::quarantine::Case;
use crate::sound::Sound;

/// Pages beyond this one are not shown.
const MAX_PAGES: u32 = 200;
/// What a child may take.
const MEMORY_BYTES: u64 = 1 << 30;
const CPU_SECONDS: u64 = 20;
/// How long a child may take, by the clock.
const LIMIT: Duration = Duration::from_secs(30);
/// pdfinfo says some hundred bytes.
const MAX_SAID: u64 = 64 << 10;
/// How `timeout` ends when the program isn't there, and when it, or what it started, was killed (timeout(1)).
const MISSING: i32 = 127;
const KILLED: i32 = 137;

/// A document that is open: its file, how many pages it has, and where they are drawn to.
pub struct Pages {
    file: PathBuf,
    count: u32,
    size: (u32, u32),
    case: Case,
    /// Gone with this.
    folder: tempfile::TempDir,
}

impl Pages {
    /// Asks how many pages there are. Takes some 10 ms.
    ///
    /// # Errors
    /// When it is no PDF, or poppler-utils is not installed.
    pub fn open(file: &Path, size: (u32, u32), case: Case) -> Result<Self, Fault> {
        let said = run(child("pdfinfo").arg(file))?;
        let count = said.lines().find_map(|line| line.strip_prefix("Pages:"));
        let count: u32 = count
            .and_then(|count| count.trim().parse().ok())
            .filter(|count| *count > 0)
            .ok_or("there is no page in it")?;
        let folder = tempfile::Builder::new()
            .prefix("madoguchi-pdf-")
            .tempdir()
            .map_err(|error| format!("no place to draw pages: {error}"))?;
        Ok(Self {
            file: file.to_owned(),
            count: count.min(MAX_PAGES),
            size,
            case,
            folder,
        })
    }

    /// The page (from 1) that is on at `position`, where each stands for so long.
    #[must_use]
    pub fn at(&self, position: Duration, stands: Duration) -> u32 {
        let passed = position.as_nanos() / stands.max(SHORTEST).as_nanos();
        u32::try_from(passed)
            .unwrap_or(u32::MAX)
            .saturating_add(1)
            .min(self.count)
    }

    /// Draws a page (from 1) as large as the zone allows. Takes some 100 ms.
    ///
    /// # Errors
    /// When the page can't be drawn.
    pub fn render(&self, page: u32) -> Result<Decoder, Fault> {
        draw(&self.file, page, self.size, self.folder.path(), &self.case)
    }
}

fn draw(file: &Path, page: u32, size: (u32, u32), folder: &Path, case: &Case) -> Result<Decoder, Fault> {
    let target = folder.join(format!("page-{page}"));
    // Into a square as large as the zone's longer side; the decoder then fits the page into the zone.
    let side = size.0.max(size.1).to_string();
    let page = page.to_string();
    let mut command = child("pdftocairo");
    command.args(["-png", "-singlefile", "-f", &page, "-l", &page, "-scale-to", &side]);
    run(command.arg(file).arg(&target))?;
    let picture = target.with_extension("png");
    let opened = Decoder::open(&picture, Some("image/png"), size, Sound::None, case.begin());
    // The decoder holds the open file: its name is no longer needed.
    let _ = std::fs::remove_file(&picture);
    opened
}

/// A child of poppler's, which ends by itself when it has had enough time or memory: `timeout` (coreutils) and `prlimit`
/// (util-linux) stand before it.
fn child(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--signal=KILL").arg(LIMIT.as_secs().to_string());
    command.arg("prlimit").arg(format!("--as={MEMORY_BYTES}"));
    command.arg(format!("--cpu={CPU_SECONDS}")).arg(program);
    command
}

/// Waits for a child's end, on this thread, and gives what it said.
fn run(command: &mut Command) -> Result<String, Fault> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("coreutils are missing: {error}"))?;
    let mut said = String::new();
    if let Some(output) = child.stdout.take() {
        use std::io::Read as _;
        // Until it closes its output or has said too much; then that is closed, and it can't wait for us.
        let _ = output.take(MAX_SAID).read_to_string(&mut said);
    }
    let status = child
        .wait()
        .map_err(|error| format!("its end can't be awaited: {error}"))?;
    match status.code() {
        Some(0) => Ok(said),
        Some(MISSING) => Err("poppler-utils or util-linux is missing".to_owned()),
        Some(KILLED) => Err(format!("a page takes more than {} s", LIMIT.as_secs())),
        _ if status.signal() == Some(nix::libc::SIGKILL) => {
            Err(format!("a page takes more than {} s", LIMIT.as_secs()))
        }
        _ => Err("it is no PDF that can be drawn".to_owned()),
    }
}

/// A page that is being drawn and decoded.
struct Coming {
    opening: mpsc::Receiver<Result<Decoder, Fault>>,
    decoder: Option<Decoder>,
}

impl Coming {
    fn frame(&mut self) -> Result<Option<Frame>, Fault> {
        if self.decoder.is_none() {
            match self.opening.try_recv() {
                Ok(decoder) => self.decoder = Some(decoder?),
                Err(mpsc::TryRecvError::Empty) => {}
                Err(mpsc::TryRecvError::Disconnected) => return Err("a page can't be drawn now".to_owned()),
            }
        }
        if let Some(decoder) = &self.decoder {
            if let Some(timed) = decoder.first_frame() {
                return Ok(Some(timed.frame));
            }
            if let Some(fault) = decoder.fault() {
                return Err(fault);
            }
        }
        Ok(None)
    }
}

/// A document.
pub struct Document {
    pages: Pages,
    /// The first page until it is there.
    opening: Option<Decoder>,
    first: Option<Frame>,
    /// The page on show, from 1.
    page: u32,
    page_ends: Duration,
    stands: Duration,
    next: Option<Coming>,
    paused: Option<Duration>,
}

impl Document {
    /// A document that begins with `page` (from 1), which is being decoded; each page stands for so long.
    #[must_use]
    pub fn new(pages: Pages, first: Decoder, page: u32, stands: Duration) -> Self {
        Self {
            pages,
            opening: Some(first),
            first: None,
            page,
            page_ends: Duration::ZERO,
            stands: stands.max(SHORTEST),
            next: None,
            paused: None,
        }
    }

    fn prepare_next(&mut self) {
        if self.next.is_some() || self.page >= self.pages.count {
            return;
        }
        let (sender, opening) = mpsc::sync_channel(1);
        let (file, size, case) = (self.pages.file.clone(), self.pages.size, self.pages.case.clone());
        let (folder, page) = (self.pages.folder.path().to_owned(), self.page + 1);
        let spawned = std::thread::Builder::new().name("draw-page".to_owned()).spawn(move || {
            let _ = sender.send(draw(&file, page, size, &folder, &case));
        });
        if let Err(error) = spawned {
            // The sender is gone with the thread; `frame` tells.
            tracing::warn!("no thread for a page: {error}");
        }
        self.next = Some(Coming { opening, decoder: None });
    }
}

impl Item for Document {
    fn is_ready(&mut self) -> Result<bool, Fault> {
        let Some(decoder) = &self.opening else { return Ok(true) };
        if let Some(timed) = decoder.first_frame() {
            self.first = Some(timed.frame);
            self.opening = None;
            return Ok(true);
        }
        decoder.fault().map_or(Ok(false), Err)
    }

    fn start(&mut self, now: Duration) -> Option<Frame> {
        self.page_ends = now + self.stands;
        self.first.take()
    }

    fn turn(&mut self, now: Duration) -> Turn {
        self.prepare_next();
        if now < self.page_ends {
            return Turn::Same;
        }
        let Some(next) = &mut self.next else {
            return Turn::Over(Ok(()));
        };
        match next.frame() {
            Ok(None) if now >= self.page_ends + PREPARE_LIMIT => {
                let late = PREPARE_LIMIT.as_secs();
                Turn::Over(Err(format!("page {}: it is {late} s late", self.page + 1)))
            }
            Ok(None) => Turn::Same,
            Ok(Some(frame)) => {
                self.next = None;
                self.page += 1;
                // A page that comes a little late doesn't hold up those after it.
                self.page_ends = (self.page_ends + self.stands).max(now + self.stands / 2);
                Turn::Frame(frame)
            }
            Err(fault) => Turn::Over(Err(format!("page {}: {fault}", self.page + 1))),
        }
    }

    fn remaining(&self, now: Duration) -> Option<Duration> {
        let later = self.stands * self.pages.count.saturating_sub(self.page);
        Some(later + self.page_ends.saturating_sub(now))
    }

    fn seat(&mut self, now: Duration, position: Duration) {
        // By whole pages it isn't moved: the next page comes when it is due.
        let end = self.stands * self.page;
        self.page_ends = now + end.saturating_sub(position);
    }

    fn pause(&mut self, now: Duration) {
        self.paused = Some(now);
    }

    fn resume(&mut self, now: Duration) {
        if let Some(paused) = self.paused.take() {
            self.page_ends += now.saturating_sub(paused);
        }
    }
}

//! One peer connection: str0m does its ICE and DTLS, the bench its media.
//!
//! Invariant: str0m sees no media and none of its RTCP goes out: every SRTP index is used by one of the two.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use crate::keys;
use crate::ledger::Ledger;
use crate::net::Net;
use crate::receiver::Receiver;
use crate::rtcp::{self, Message};
use crate::rtp::{Header, Sort};
use crate::sdp;
use crate::sender::{Batch, Sender, Way};
use crate::srtp::Session;

/// The most RTCP that goes out in one datagram, in bytes in clear.
const MAX_RTCP: usize = 1200;

/// Makes connections, all with one certificate.
#[derive(Debug)]
pub struct Maker {
    config: RtcConfig,
}

impl Default for Maker {
    fn default() -> Self {
        let provider = keys::provider();
        let certificate = provider.dtls_provider.generate_certificate();
        let mut config = Rtc::builder()
            .set_crypto_provider(Arc::new(provider))
            .set_rtp_mode(true)
            .set_stats_interval(None)
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true);
        if let Some(certificate) = certificate {
            config = config.set_dtls_cert(certificate);
        }
        Self { config }
    }
}

impl Maker {
    /// A connection at an address that nobody else has.
    ///
    /// # Errors
    /// When str0m refuses the address.
    pub fn link(&self, number: usize, address: SocketAddr, receiver: Receiver, now: Instant) -> anyhow::Result<Link> {
        let mut rtc = self.config.clone().build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp")?);
        Ok(Link {
            number,
            address,
            rtc,
            remote: None,
            pending: None,
            srtp: None,
            deadline: now,
            is_connected: false,
            is_closed: false,
            receiver,
            sender: None,
        })
    }
}

/// What a link needs of the world while it is at work.
#[derive(Debug)]
pub struct Tools<'a> {
    /// The sockets.
    pub net: &'a Net,
    /// Who sent what.
    pub ledger: &'a mut Ledger,
    /// Packets on their way out; empty between two calls.
    pub batch: &'a mut Batch,
    /// Room for RTCP; its content between two calls is nothing.
    pub scratch: &'a mut Vec<u8>,
}

/// One peer connection.
#[derive(Debug)]
pub struct Link {
    number: usize,
    address: SocketAddr,
    rtc: Rtc,
    remote: Option<SocketAddr>,
    pending: Option<(SdpPendingOffer, String)>,
    srtp: Option<Session>,
    deadline: Instant,
    is_connected: bool,
    is_closed: bool,
    /// What comes.
    pub receiver: Receiver,
    /// What goes, where something does.
    pub sender: Option<Sender>,
}

impl Link {
    /// Whether ICE and DTLS are done on this end, and media can flow.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.is_connected && self.srtp.is_some()
    }

    /// Whether it broke, or the server closed it.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// How packets are protected.
    #[must_use]
    pub fn profile(&self) -> Option<&'static str> {
        self.srtp.as_ref().map(|it| it.profile.name())
    }

    /// Offers a camera and a microphone, as the sender has.
    ///
    /// # Errors
    /// When there is nothing to offer.
    pub fn offer(&mut self, has_audio: bool, now: Instant, tools: &mut Tools<'_>) -> anyhow::Result<String> {
        let mut changes = self.rtc.sdp_api();
        let stream = Some("camera".to_owned());
        if has_audio {
            changes.add_media(MediaKind::Audio, Direction::SendOnly, stream.clone(), None, None);
        }
        changes.add_media(MediaKind::Video, Direction::SendOnly, stream, None, None);
        let (offer, pending) = changes.apply().context("nothing to offer")?;
        let sdp = offer.to_sdp_string();
        self.pending = Some((pending, sdp.clone()));
        self.drive(now, tools);
        Ok(sdp)
    }

    /// The server's answer to [`Link::offer`].
    ///
    /// # Errors
    /// When it can't be read or doesn't fit.
    pub fn take_answer(&mut self, sdp: &str, now: Instant, tools: &mut Tools<'_>) -> anyhow::Result<()> {
        let Some((pending, offer)) = self.pending.take() else {
            bail!("an answer to no offer");
        };
        let answer = SdpAnswer::from_sdp_string(sdp).context("an answer that can't be read")?;
        self.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .context("an answer that doesn't fit")?;
        if let Some(sender) = &mut self.sender {
            sender.learn(&sdp::sections(&offer), &sdp::sections(sdp));
        }
        self.drive(now, tools);
        Ok(())
    }

    /// The server's offer. Gives the answer.
    ///
    /// # Errors
    /// When it can't be read or doesn't fit.
    pub fn answer(&mut self, sdp: &str, now: Instant, tools: &mut Tools<'_>) -> anyhow::Result<String> {
        let offer = SdpOffer::from_sdp_string(sdp).context("an offer that can't be read")?;
        let answer = self
            .rtc
            .sdp_api()
            .accept_offer(offer)
            .context("an offer that doesn't fit")?;
        let answer = answer.to_sdp_string();
        // What the answer names is agreed on.
        self.receiver.learn(&sdp::sections(&answer));
        self.drive(now, tools);
        Ok(answer)
    }

    /// A datagram for this connection.
    pub fn take(&mut self, from: SocketAddr, bytes: &mut [u8], now: Instant, tools: &mut Tools<'_>) {
        match Sort::of(bytes) {
            Sort::Rtp => self.take_rtp(bytes, now, tools.ledger),
            Sort::Rtcp => self.take_rtcp(bytes, now, tools),
            Sort::Other => {
                let Ok(contents) = (&*bytes).try_into() else {
                    return;
                };
                let receive = Receive {
                    proto: Protocol::Udp,
                    source: from,
                    destination: self.address,
                    contents,
                };
                // What breaks the connection shows in that it isn't alive.
                let _ = self.rtc.handle_input(Input::Receive(now, receive));
                self.drive(now, tools);
            }
        }
    }

    fn take_rtp(&mut self, bytes: &mut [u8], now: Instant, ledger: &mut Ledger) {
        let header = Header::read(bytes, self.receiver.transport_id());
        let opened = header.zip(self.srtp.as_mut()).and_then(|(header, srtp)| {
            let opened = srtp.inbound.open_rtp(bytes, header.len, header.ssrc, header.seq);
            opened.map(|(payload, index)| (header, &*payload, index))
        });
        match opened {
            Some((header, payload, index)) => self.receiver.take(&header, index, payload, now, ledger),
            None => ledger.tally.unauthentic += 1,
        }
    }

    fn take_rtcp(&mut self, bytes: &mut [u8], now: Instant, tools: &mut Tools<'_>) {
        let Some(srtp) = &mut self.srtp else { return };
        let Some(len) = srtp.inbound.open_rtcp(bytes) else {
            tools.ledger.tally.unauthentic += 1;
            return;
        };
        let (sender, receiver, outbound) = (&mut self.sender, &mut self.receiver, &srtp.outbound);
        let way = self.remote.map(|to| Way {
            net: tools.net,
            number: self.number,
            to,
        });
        rtcp::read(&bytes[..len], |message| match message {
            Message::PictureLoss { ssrc } => {
                tools.ledger.tally.key_frames_asked += 1;
                if let Some(sender) = sender {
                    sender.picture_loss(ssrc);
                }
            }
            Message::Nack { ssrc, missing } => {
                if let (Some(sender), Some(way)) = (&mut *sender, way) {
                    sender.resend(ssrc, &missing, outbound, way, tools.ledger, tools.batch);
                }
            }
            Message::SenderReport { ssrc, middle } => receiver.sender_report(ssrc, middle, now),
            Message::TransportFeedback { .. } => tools.ledger.tally.feedback_received += 1,
        });
    }

    /// Sends the media that is due.
    pub fn send(&mut self, now: Instant, tools: &mut Tools<'_>) {
        if let (Some(sender), Some(srtp), Some(to)) = (&mut self.sender, &self.srtp, self.remote) {
            let way = Way {
                net: tools.net,
                number: self.number,
                to,
            };
            sender.send(&srtp.outbound, way, now, tools.ledger, tools.batch);
        }
    }

    /// Does what time asks for: str0m's timeouts, reports, feedback. Called every few milliseconds.
    pub fn tick(&mut self, now: Instant, tools: &mut Tools<'_>) {
        if now >= self.deadline {
            let _ = self.rtc.handle_input(Input::Timeout(now));
            self.drive(now, tools);
        }
        if self.srtp.is_none() || !self.is_connected {
            return;
        }
        tools.scratch.clear();
        self.receiver.due(now, &mut tools.ledger.tally, tools.scratch);
        if let Some(sender) = &mut self.sender {
            sender.report(now, tools.ledger, tools.scratch);
        }
        while self.receiver.feedback(now, tools.scratch) {
            tools.ledger.tally.feedback_sent += 1;
            if tools.scratch.len() > MAX_RTCP / 2 {
                self.send_rtcp(tools);
            }
        }
        self.send_rtcp(tools);
    }

    fn send_rtcp(&mut self, tools: &mut Tools<'_>) {
        if let (false, Some(srtp), Some(to)) = (tools.scratch.is_empty(), &mut self.srtp, self.remote)
            && srtp.outbound.seal_rtcp(tools.scratch).is_ok()
        {
            // A report that the kernel doesn't take is lost as one on the way.
            let _ = tools.net.send(self.number, to, tools.scratch, tools.scratch.len());
        }
        tools.scratch.clear();
    }

    /// Closes the connection as a page that is left does: without a word to the server's port.
    pub fn close(&mut self) {
        self.is_closed = true;
        self.rtc.disconnect();
    }

    /// Takes all that str0m has to say.
    fn drive(&mut self, now: Instant, tools: &mut Tools<'_>) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.deadline = at.max(now + Duration::from_millis(1));
                    break;
                }
                Ok(Output::Transmit(transmit)) => {
                    // Its RTCP would use the bench's indices.
                    if Sort::of(&transmit.contents) == Sort::Other {
                        self.remote = Some(transmit.destination);
                        let contents: &[u8] = &transmit.contents;
                        let _ = tools
                            .net
                            .send(self.number, transmit.destination, contents, contents.len());
                    }
                }
                Ok(Output::Event(Event::Connected)) => self.is_connected = true,
                Ok(Output::Event(_)) => {}
                Err(_) => {
                    self.is_closed = true;
                    break;
                }
            }
        }
        if !self.rtc.is_alive() {
            self.is_closed = true;
            self.deadline = now + Duration::from_secs(3600);
        }
        if let Some(agreed) = keys::take() {
            self.srtp = Session::new(agreed.profile, &agreed.material, agreed.is_client).ok();
        }
    }
}

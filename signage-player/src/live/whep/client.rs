//! What is said by HTTP: an offer, and the end of what came of it.

use std::error::Error as _;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use reqwest::{Client, Response, StatusCode, Url, redirect};

use super::{Network, Viewer};
use crate::agent::tls;
use crate::item::Fault;

const SDP: &str = "application/sdp";
/// How long a connection may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long an exchange may take.
const LIMIT: Duration = Duration::from_secs(6);
/// An offer is sent on to another server so often at most. (draft-ietf-wish-whep, "Load balancing and redirections")
const REDIRECTS: usize = 3;
/// The largest answer that is taken, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// A session at a server. Dropping it ends it there; nobody waits for that.
#[derive(Debug)]
pub(crate) struct Session {
    network: Arc<Network>,
    client: Client,
    /// `None`: the server named none.
    resource: Option<Url>,
}

/// Posts an offer. Gives the session and the answer. Blocks.
///
/// # Errors
/// When the server can't be reached, refuses, or answers something else.
pub(super) fn begin(viewer: &Viewer, url: &str, offer: String) -> Result<(Session, String), Fault> {
    let network = viewer.0.as_ref().ok_or("this player has no network")?;
    let url = Url::parse(url).map_err(|error| format!("its address is none: {error}"))?;
    // Holds the one thing that comes of it; where nobody waits any more, the session is dropped, and so ended.
    let (sender, begun) = mpsc::sync_channel(1);
    let posting = Arc::clone(network);
    network.runtime.spawn(async move {
        let _ = sender.send(post(&posting, url, offer).await);
    });
    begun.recv().map_err(|_| "the player is ending".to_owned())?
}

async fn post(network: &Arc<Network>, url: Url, offer: String) -> Result<(Session, String), Fault> {
    let office = &network.office;
    let client = tls::client(url.as_str(), &office.authority).map_err(|error| format!("{error:#}"))?;
    let client = client
        .https_only(true)
        .connect_timeout(CONNECT_LIMIT)
        .timeout(LIMIT)
        .redirect(redirect::Policy::limited(REDIRECTS))
        .build()
        .map_err(told)?;
    let mut request = client.post(url.clone()).header(CONTENT_TYPE, SDP).header(ACCEPT, SDP);
    if let Some(token) = network.token_for(&url) {
        // The client takes it off where another server is named instead.
        request = request.bearer_auth(token);
    }
    let response = request.body(offer).send().await.map_err(told)?;
    if response.status() != StatusCode::CREATED {
        return Err(refusal(response.status()));
    }
    let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let resource = location.and_then(|it| response.url().join(it).ok());
    // From here on there is something to be ended.
    let session = Session {
        network: Arc::clone(network),
        client,
        resource,
    };
    let kind = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let essence = kind.and_then(|it| it.split(';').next()).unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(SDP) {
        return Err(format!("the server's answer is no {SDP}"));
    }
    let answer = text(response).await?;
    Ok((session, answer))
}

async fn text(mut response: Response) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    while let Some(part) = response.chunk().await.map_err(told)? {
        if bytes.len() + part.len() > MAX_ANSWER {
            return Err(format!("the server's answer is longer than {MAX_ANSWER} bytes"));
        }
        bytes.extend_from_slice(&part);
    }
    String::from_utf8(bytes).map_err(|_| "the server's answer is no text".to_owned())
}

impl Network {
    /// The screen's own token, for the office's own server and nobody else.
    fn token_for(&self, url: &Url) -> Option<String> {
        let own = Url::parse(&self.office.server).ok()?;
        if own.origin() != url.origin() {
            return None;
        }
        let token = std::fs::read_to_string(&self.office.token).ok()?;
        Some(token.trim().to_owned())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let Some(resource) = self.resource.take() else { return };
        let (client, network) = (self.client.clone(), Arc::clone(&self.network));
        let ending = async move {
            let mut request = client.delete(resource.clone());
            if let Some(token) = network.token_for(&resource) {
                request = request.bearer_auth(token);
            }
            match request.send().await {
                Ok(response) => tracing::debug!(status = %response.status(), "a live picture's session is ended"),
                // The server ends by itself what it hears nothing of.
                Err(error) => tracing::debug!("a live picture's session couldn't be ended: {}", told(error)),
            }
        };
        let _entered = self.network.runtime.enter();
        self.network.tasks.spawn(ending);
    }
}

/// Why a server doesn't let us in.
fn refusal(status: StatusCode) -> Fault {
    let why = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ": this screen may not watch it",
        StatusCode::NOT_FOUND | StatusCode::GONE => ": there is no such broadcast, or it is over",
        StatusCode::CONFLICT => ": nobody sends anything there now",
        StatusCode::NOT_ACCEPTABLE => ": it comes in a format that this player can't decode",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => ": it is busy",
        _ => "",
    };
    format!("the server answers {status}{why}")
}

/// What went wrong, without the address: that may hold a secret.
fn told(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        let more = deeper.to_string();
        if !words.ends_with(&more) {
            words = format!("{words}: {more}");
        }
        cause = deeper.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use runtime::Shutdown;

    use crate::live::Office;

    #[test]
    fn the_screens_token_is_shown_to_the_offices_own_server_only() {
        let dir = tempfile::tempdir().expect("temp");
        let token = dir.path().join("token");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let network = Network {
            runtime: runtime.handle().clone(),
            tasks: Shutdown::new(),
            office: Office {
                server: "https://office.example".into(),
                token: token.clone(),
                authority: dir.path().join("ca.pem"),
            },
        };
        let of = |url: &str| network.token_for(&Url::parse(url).expect("an address"));
        assert_eq!(of("https://office.example/whep/a"), None, "there is none yet");
        std::fs::write(&token, "s3cret\n").expect("written");
        assert_eq!(of("https://office.example:443/whep/a").as_deref(), Some("s3cret"));
        for other in [
            "https://office.example:8443/whep/a",
            "https://office.example.evil.example/whep/a",
            "https://evil.example/?https://office.example/",
            "http://office.example/whep/a",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn without_a_network_it_says_so() {
        let fault = begin(&Viewer::default(), "https://a.example", String::new()).expect_err("a fault");
        assert!(fault.contains("no network"), "{fault}");
    }
}

//! A machine that others post JSON to: it keeps what comes, and answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use tokio::task::JoinHandle;

use super::until;

/// What was posted.
#[derive(Debug, Clone)]
pub struct Posted {
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Posted {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Memory {
    posted: Vec<Posted>,
    answers: VecDeque<u16>,
}

/// The machine; ends with the value.
pub struct Endpoint {
    pub address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
    serving: JoinHandle<()>,
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Endpoint {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let memory = Arc::new(Mutex::new(Memory::default()));
        let router = Router::new().fallback(take).with_state(Arc::clone(&memory));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            address,
            memory,
            serving,
        }
    }

    /// Answers so to the next that comes; without a word 200.
    pub fn answer(&self, status: u16) {
        self.memory.lock().unwrap().answers.push_back(status);
    }

    /// What has come.
    pub fn all(&self) -> Vec<Posted> {
        self.memory.lock().unwrap().posted.clone()
    }

    /// What has come, once that is so much.
    pub async fn posted(&self, count: usize) -> Vec<Posted> {
        until("what is posted", || async {
            let posted = self.all();
            (posted.len() >= count).then_some(posted)
        })
        .await
    }
}

async fn take(State(memory): State<Arc<Mutex<Memory>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut memory = memory.lock().unwrap();
    memory.posted.push(Posted {
        path: uri.path().to_owned(),
        headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let answer = memory.answers.pop_front().unwrap_or(200);
    StatusCode::from_u16(answer).unwrap()
}

//! The listener: TLS, HTTP/1.1 and HTTP/2, and a graceful end.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use protocol::config::Config;
use runtime::Shutdown;

use crate::app::App;

/// How long a client may take to send a request's head.
const HEAD_ARRIVES: Duration = Duration::from_secs(10);
/// How long requests and sockets may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// A server that has its address and its certificate, and serves when it is run.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    address: SocketAddr,
    tls: RustlsConfig,
}

impl Server {
    /// Takes the address, reads (or makes) keys and certificate. Redis needn't be there yet.
    ///
    /// # Errors
    /// When the address is taken, a file can't be read or made, or a Redis address makes no sense.
    pub async fn bind(config: Config, shutdown: Shutdown) -> Result<Self> {
        // A second server in one process (tests) finds the provider there.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listen = config.web.listen;
        let listener = TcpListener::bind(listen).with_context(|| format!("web.listen: {listen} can't be had"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let app = App::open(config, shutdown).await?;
        let files = runtime::certificate::of(&app.config, &app.secrets, address.ip())?;
        let tls = RustlsConfig::from_pem_file(&files.chain, &files.key)
            .await
            .with_context(|| {
                format!(
                    "web.certificate: {} with {} can't be used",
                    files.chain.display(),
                    files.key.display()
                )
            })?;
        Ok(Self {
            app,
            listener,
            address,
            tls,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the shutdown starts, then lets what is going on end.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn run(self) -> Result<()> {
        let shutdown = self.app.shutdown.clone();
        self.app.start_tasks();
        let handle = Handle::new();
        let stop = handle.clone();
        let told = shutdown.clone();
        tokio::spawn(async move {
            told.started().await;
            stop.graceful_shutdown(Some(GRACE));
        });
        let service = self.app.router().into_make_service_with_connect_info::<SocketAddr>();
        let mut server = axum_server::from_tcp_rustls(self.listener, self.tls)?
            .handle(handle)
            .first_request_timeout(HEAD_ARRIVES);
        server.http_builder().http1().header_read_timeout(HEAD_ARRIVES);
        server
            .http_builder()
            .http2()
            // A page's WebSocket goes over the connection that it has already: no second handshake.
            .enable_connect_protocol()
            .max_concurrent_streams(64)
            .keep_alive_interval(Duration::from_secs(20))
            .keep_alive_timeout(Duration::from_secs(20));
        tracing::info!(address = %self.address, url = %self.app.config.web.public_url, "the office is open");
        server.serve(service).await?;
        shutdown.start();
        if !shutdown.finished(GRACE).await {
            tracing::warn!("some tasks did not end in time");
        }
        tracing::info!("the office is closed");
        Ok(())
    }
}

//! Listening on the loopback interface, until an engine is stopped.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::TcpListener;
use tokio::sync::watch;

/// The ports from this one on; 0 is not a port.
pub(crate) fn ports(first: u16) -> impl Iterator<Item = u16> {
    let known = (first != 0).then_some(first..=u16::MAX);
    known.into_iter().flatten()
}

/// Listens on this port of the loopback interface, or on a free one where it is taken.
pub(crate) fn bind(port: Option<u16>) -> io::Result<std::net::TcpListener> {
    let listen = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = listen(port.unwrap_or(0)).or_else(|_| listen(0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A listener, and its URL.
pub(crate) fn listen(port: Option<u16>) -> io::Result<(TcpListener, String)> {
    let listener = TcpListener::from_std(bind(port)?)?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Serves until an engine is stopped.
pub(crate) async fn until_the_end(engine: &str, serve: impl Future<Output = io::Result<()>>) {
    if let Err(error) = serve.await {
        tracing::error!(engine, %error, "an embedded engine stopped listening");
    }
}

pub(crate) async fn ended(mut stopped: watch::Receiver<bool>) {
    // An error means that its stopper is gone: stop.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

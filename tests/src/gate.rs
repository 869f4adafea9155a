//! A way to a server that can be closed and opened, so that it is out of reach, or does not answer, when a test says
//! so.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to a server, closed at first.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    open: watch::Sender<bool>,
    arrivals: watch::Receiver<usize>,
}

/// The lot of a connection that comes while the gate is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    Ends,
    Waits,
}

impl Gate {
    /// A gate before the server at this URL. While it is closed, no connection comes through.
    pub async fn before(url: &str) -> Gate {
        Gate::new(url, Closed::Ends).await
    }

    /// A gate before the server at this URL. While it is closed, requests wait.
    pub async fn holding(url: &str) -> Gate {
        Gate::new(url, Closed::Waits).await
    }

    async fn new(url: &str, closed: Closed) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (open, is_open) = watch::channel(false);
        let (arrived, arrivals) = watch::channel(0);
        let server = url.trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                arrived.send_modify(|count| *count += 1);
                tokio::spawn(pass(client, server.clone(), closed, is_open.clone()));
            }
        });
        Gate {
            address,
            open,
            arrivals,
        }
    }

    /// Returns once a connection has come, whether it may pass or not.
    pub async fn someone_came(&self) {
        let mut arrivals = self.arrivals.clone();
        let came = arrivals.wait_for(|count| *count > 0).await;
        came.expect("the gate is there");
    }

    /// The server's URL, through the gate.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets requests through.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Ends all connections, and takes no more.
    pub fn close(&self) {
        self.open.send_replace(false);
    }
}

/// Passes bytes on in both directions, for as long as the gate is open.
async fn pass(
    mut client: TcpStream,
    server: String,
    closed: Closed,
    mut is_open: watch::Receiver<bool>,
) {
    if closed == Closed::Ends && !*is_open.borrow() {
        return;
    }
    if is_open.wait_for(|open| *open).await.is_err() {
        return;
    }
    let mut server = TcpStream::connect(server)
        .await
        .expect("the server listens");
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = is_open.wait_for(|open| !open) => {}
    }
}

//! A way to a server that can be closed and opened, so that it is out of reach when a test says so.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to a server, closed at first.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    open: watch::Sender<bool>,
}

impl Gate {
    /// A gate before the server at this URL.
    pub async fn before(url: &str) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (open, is_open) = watch::channel(false);
        let server = url.trim_start_matches("http://").to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, server.clone(), is_open.clone()));
            }
        });
        Gate { address, open }
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
async fn pass(mut client: TcpStream, server: String, mut is_open: watch::Receiver<bool>) {
    if !*is_open.borrow() {
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

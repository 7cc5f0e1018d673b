//! A road to the API server that can be closed: whoever is behind it loses its connections and finds
//! nobody, while everybody else goes on.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::Cluster;

/// Dropped it is closed for good.
pub struct Gate {
    address: SocketAddr,
    is_open: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Cluster {
    /// A road to the API server, open.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[must_use]
    pub fn gate(&self) -> Gate {
        let server = self.port.address();
        let listener = self.block_on(TcpListener::bind(("127.0.0.1", 0)));
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (is_open, watched) = watch::channel(true);
        let task = self.worker.runtime().spawn(run(listener, server, watched));
        Gate {
            address,
            is_open,
            task,
        }
    }
}

// === impl Gate ===

impl Gate {
    /// Ends every connection and lets none begin.
    pub fn close(&self) {
        self.is_open.send_replace(false);
    }

    /// Lets connections begin again.
    pub fn open(&self) {
        self.is_open.send_replace(true);
    }

    pub(super) const fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(listener: TcpListener, server: SocketAddr, mut is_open: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((client, _)) = accepted else { continue };
                if *is_open.borrow() {
                    connections.spawn(carry(client, server));
                }
            }
            Ok(()) = is_open.changed() => {
                if !*is_open.borrow_and_update() {
                    connections.shutdown().await;
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(server).await {
        // Either may end it at any time.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

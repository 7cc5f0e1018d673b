//! Asking runtimes until they answer as they should.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tests::client::{Connection, Response};

use crate::client::get;

/// Often enough to be exact, seldom enough to leave the cores to those who are measured.
const PAUSE: Duration = Duration::from_millis(1);
/// Longer than anything takes that is not hung.
const PATIENCE: Duration = Duration::from_secs(300);

/// A connection to a runtime, which is kept.
pub struct Asker {
    address: SocketAddr,
    connection: Option<Connection>,
}

impl Asker {
    /// Connects when it is asked.
    pub const fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    /// One request; nothing when nobody answers.
    pub fn ask(&mut self, path: &str) -> Option<Response> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::try_open(self.address)?,
        };
        connection.try_send(get(path)).ok()?;
        let answer = connection.try_response()?;
        self.connection = Some(connection);
        Some(answer)
    }

    /// Asks until the answer is as it should be.
    pub fn until(&mut self, path: &str, is_so: impl Fn(&Response) -> bool) -> anyhow::Result<()> {
        wait(path, || self.ask(path).is_some_and(|answer| is_so(&answer)))
    }
}

/// Looks again and again until something is so.
pub fn wait(what: &str, mut is_so: impl FnMut() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !is_so() {
        ensure!(begun.elapsed() < PATIENCE, "{what}: not after {PATIENCE:?}");
        thread::sleep(PAUSE);
    }
    Ok(())
}

//! A blob's bytes on their way into a sink.
//!
//! They are hashed on another thread while the next ones come: hashing takes as long as receiving, and one
//! after the other would halve the speed. What waits is bounded by pieces of the connection's read buffer.

use bytes::Bytes;
use crds::digest::Digest;
use sha2::{Digest as _, Sha256};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Resolved, Sink};
use crate::error::Problem;
use crate::transport::Answer;

/// Pieces that wait to be hashed. hyper's read buffer grows to 400 KiB: 3 MiB at most.
const PIECES: usize = 8;

/// A sink, and whether something is in it.
pub(super) struct Restartable<'a> {
    sink: &'a mut (dyn Sink + Send),
    is_empty: bool,
}

/// Hashes on a thread of its own.
struct Hasher {
    pieces: mpsc::Sender<Bytes>,
    digest: JoinHandle<Digest>,
}

/// Receives a blob, checks its size as it comes and its digest at the end.
pub(super) async fn receive(
    mut answer: Answer,
    resolved: &Resolved,
    sink: &mut Restartable<'_>,
) -> Result<(), Problem> {
    let expected = resolved.size;
    let wrong_size = |host: &str, actual| Problem::Size {
        host: host.to_owned(),
        expected,
        actual,
    };
    if let Some(length) = answer.content_length().filter(|&length| length != expected) {
        return Err(wrong_size(&answer.host, length));
    }
    let hasher = Hasher::start();
    let mut received = 0;
    while let Some(piece) = answer.chunk().await? {
        received += piece.len() as u64;
        if received > expected {
            return Err(wrong_size(&answer.host, received));
        }
        hasher.add(piece.clone()).await;
        sink.write(&piece).map_err(Problem::Sink)?;
    }
    if received < expected {
        return Err(wrong_size(&answer.host, received));
    }
    let actual = hasher.finish().await;
    if actual != resolved.module {
        return Err(Problem::Digest {
            host: answer.host,
            expected: resolved.module,
            actual,
        });
    }
    Ok(())
}

// === impl Restartable ===

impl<'a> Restartable<'a> {
    pub(super) fn new(sink: &'a mut (dyn Sink + Send)) -> Self {
        Self {
            sink,
            is_empty: true,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.is_empty = false;
        // A disk may take its time, which the threads that serve do not have. Where there is one thread only,
        // nobody is served by it.
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => tokio::task::block_in_place(|| self.sink.write(bytes)),
            _ => self.sink.write(bytes),
        }
    }

    /// Makes ready for another try; gives the problem back when that cannot be, or helps nobody.
    pub(super) fn restart(&mut self, problem: Problem) -> Result<Problem, Problem> {
        if matches!(problem, Problem::Sink(_)) {
            return Err(problem);
        }
        if !self.is_empty {
            if self.sink.restart().is_err() {
                return Err(problem);
            }
            self.is_empty = true;
        }
        Ok(problem)
    }
}

// === impl Hasher ===

impl Hasher {
    fn start() -> Self {
        let (pieces, mut waiting) = mpsc::channel::<Bytes>(PIECES);
        // Ends when the sender is dropped, so with the pull, however that ends.
        let digest = tokio::task::spawn_blocking(move || {
            let mut hash = Sha256::new();
            while let Some(piece) = waiting.blocking_recv() {
                hash.update(&piece);
            }
            Digest::from_bytes(hash.finalize().into())
        });
        Self { pieces, digest }
    }

    async fn add(&self, piece: Bytes) {
        let is_taken = self.pieces.send(piece).await.is_ok();
        debug_assert!(is_taken, "the thread ends after its sender");
    }

    async fn finish(self) -> Digest {
        drop(self.pieces);
        self.digest.await.expect("hashing must not panic")
    }
}

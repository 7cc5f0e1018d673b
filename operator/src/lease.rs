//! One operator writes at a time: the Lease `wagi-operator`.
//!
//! Whoever holds it renews it every third of its time; others watch it, and take it when it is
//! given up or was not renewed for its time. [`Claim`] is what writers ask; it ends by itself while
//! nothing can be renewed. Writes are safe without it, too (uid and resourceVersion): it keeps two
//! operators from disturbing each other. It does not know what is written.

mod claim;
mod keep;
mod machine;
mod record;

use std::time::Duration;

use k8s_openapi::api::coordination::v1;
use kube::{Api, Client};
use tokio_util::sync::CancellationToken;

pub use self::claim::{Claim, Holder, claim};

use self::keep::Keeper;
use self::record::Term;

/// How long a Lease counts after it was renewed, as client-go's default.
const DURATION: Duration = Duration::from_secs(15);
/// Of one call to the API server: two of them fit into the time of a claim.
pub const CALL: Duration = Duration::from_secs(5);
/// Of a connection on which nothing comes: longer than from one renewal to the next, which would else
/// be sent into a connection that is just being closed.
pub const READ: Duration = Duration::from_secs(15);

/// Whose Lease, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The namespace that it is in.
    pub namespace: String,
    /// Who we are: no two processes at a time have the same name.
    pub holder: String,
}

/// What it speaks to the API server with.
#[derive(Clone)]
pub struct Clients {
    /// For watches: with a timeout on reads longer than a watch.
    pub watch: Client,
    /// For calls: with [`READ`] on reads, and without retries of its own.
    pub calls: Client,
}

/// The task that gets and renews the Lease; dropped, it stops, and the claim ends by its deadline.
#[derive(Debug)]
pub struct Lease {
    task: tokio::task::JoinHandle<()>,
    stop: CancellationToken,
    ended: CancellationToken,
}

// === impl Lease ===

impl Lease {
    /// Gets the Lease as soon as it is free, and renews it; `read` is called once it was read.
    #[must_use]
    pub fn start(
        config: Config,
        clients: Clients,
        read: impl FnOnce() + Send + 'static,
    ) -> (Self, Claim) {
        let term = Term {
            namespace: config.namespace,
            name: crds::names::OPERATOR,
            holder: config.holder,
            duration: DURATION,
        };
        let namespace = term.namespace.clone();
        let api = |client| Api::<v1::Lease>::namespaced(client, &namespace);
        let (holder, claim) = claim();
        let stop = CancellationToken::new();
        let keeper = Keeper::new(term, api(clients.calls), holder, Box::new(read));
        let keeping = keeper.run(api(clients.watch), stop.clone());
        let ended = CancellationToken::new();
        // However it ends: a panic drops the guard, too.
        let guard = ended.clone().drop_guard();
        let task = tokio::spawn(async move {
            let _guard = guard;
            keeping.await;
        });
        (Self { task, stop, ended }, claim)
    }

    /// Waits until the task has ended, which it does not by itself.
    ///
    /// # Cancellation
    ///
    /// Safe: it goes on.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Gives the Lease up if it is ours, so that somebody else can take it at once.
    ///
    /// # Cancellation
    ///
    /// The Lease may not have been given up: it runs out then.
    pub async fn release(&self) {
        self.stop.cancel();
        self.ended().await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}

//! What surrounds the operator's work: the order in which its parts begin and end.
//!
//! The admin server begins first, so that probes see it start, and ends last; the lease is got while
//! everything is being listed, so that whoever has it can begin at once. It knows no routes.

use std::convert::Infallible;
use std::pin::pin;

use prometheus::Registry;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::admin::Health;
use crate::config::Run;
use crate::kubernetes::{self, Clients};
use crate::lease::{self, Claim, Lease};
use crate::shutdown::{self, Broken, Ended};
use crate::{admin, metrics};

/// What the work is given.
pub struct Given {
    /// What the operator was told.
    pub config: Run,
    /// Clients of the API server.
    pub clients: Clients,
    /// Whether it may write.
    pub claim: Claim,
    /// Where it registers what it counts.
    pub registry: Registry,
}

/// What the operator is there for.
pub trait Work: Send + Sync + 'static {
    /// Why it ended.
    type Error: Into<Box<dyn std::error::Error + Send + Sync>>;

    /// Waits until all that it watches was listed once.
    fn is_warm(&self) -> impl Future<Output = ()> + Send;

    /// Works whenever the claim holds, until it is told to stop.
    fn run(&self, stop: CancellationToken) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// It cannot begin, or has broken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No clients.
    #[error(transparent)]
    Kubernetes(#[from] kubernetes::Error),
    /// No probes.
    #[error(transparent)]
    Admin(#[from] admin::Error),
    /// Two rooms count under one name.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
    /// No signals.
    #[error("signals cannot be caught")]
    Signals(#[source] std::io::Error),
    /// The work cannot begin.
    #[error(transparent)]
    Work(Box<dyn std::error::Error + Send + Sync>),
    /// A part of it has ended.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// Runs the operator until it is told to end.
///
/// # Errors
///
/// When it cannot begin, or a part of it ends by itself.
pub async fn run<W: Work>(
    config: Run,
    work: impl FnOnce(Given) -> Result<W, Box<dyn std::error::Error + Send + Sync>>,
) -> Result<Ended, Error> {
    let orders = shutdown::signals().map_err(Error::Signals)?;
    let stop = CancellationToken::new();
    let (health, registry) = (Health::new(stop.clone()), metrics::registry()?);
    let threads = Handle::current();
    let _admin = admin::start(
        config.admin_listen,
        health.clone(),
        registry.clone(),
        threads,
    )?;
    let clients = kubernetes::clients(config.kubeconfig.as_deref()).await?;
    let (lease, claim) = lease(&config, &clients, &health);
    metrics::watch_claim(&registry, claim.clone())?;
    let given = Given {
        config,
        clients,
        claim,
        registry,
    };
    let work = work(given).map_err(Error::Work)?;
    let working = pin!(async {
        tokio::select! {
            ended = work.run(stop.clone()) => ended,
            never = warm(&work, &health) => match never {},
        }
    });
    let broken = async {
        lease.ended().await;
        Broken("the task that renews the lease".into())
    };
    let ended = shutdown::run(orders, &stop, working, broken, || lease.release());
    Ok(ended.await?)
}

async fn warm(work: &impl Work, health: &Health) -> Infallible {
    work.is_warm().await;
    health.listed();
    tracing::info!("all that is watched was listed");
    std::future::pending().await
}

fn lease(config: &Run, clients: &Clients, health: &Health) -> (Lease, Claim) {
    let health = health.clone();
    Lease::start(
        lease::Config {
            namespace: config.system_namespace.clone(),
            holder: config.pod_name.clone(),
        },
        clients.lease.clone(),
        move || health.lease_read(),
    )
}

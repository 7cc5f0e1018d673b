//! `wagi-operator run`: the operator.

use std::process::ExitCode;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use process_shell::effective::Effective;
use tokio_util::sync::CancellationToken;

use super::{Error, FAILED, RunArgs};
use crate::app::{self, Operator};
use crate::config::Run;
use crate::leading::LeaderGate;
use crate::lease::Claim;
use crate::process::{self, Given, Work};
use crate::reconcile::Metrics;
use crate::shutdown::Ended;

/// Stories at the same time. The API server's own default lets one client have about as many calls.
const CONCURRENCY: usize = 32;

pub(super) fn run(args: RunArgs, effective: &Effective) -> Result<ExitCode, Error> {
    let config = Run::try_from(args)?;
    effective.log();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Error::failed)?;
    let ended = runtime.block_on(process::run(config, work));
    // What still runs has had its time.
    runtime.shutdown_background();
    match ended.map_err(Error::failed)? {
        Ended::InOrder => Ok(ExitCode::SUCCESS),
        Ended::AtOnce => Ok(ExitCode::from(FAILED)),
    }
}

fn work(given: Given) -> Result<Operator, Box<dyn std::error::Error + Send + Sync>> {
    let Given {
        config,
        clients,
        claim,
        registry,
    } = given;
    let abort_after = config.abort_after;
    Ok(Operator::new(app::Config {
        clients: app::Clients {
            watch: clients.watch,
            calls: clients.calls,
        },
        system_namespace: config.system_namespace,
        documents_namespace: config.documents_namespace,
        pool: config.pool,
        registry: ::registry::Client::new(config.registry.settings)?,
        credentials: config.registry.credentials,
        concurrency: CONCURRENCY,
        leader: Arc::new(claim),
        instance: Some(config.pod_name),
        metrics: Metrics::register(&registry)?,
        after: Arc::new(move |step| {
            if abort_after == Some(step) {
                std::process::abort();
            }
        }),
    }))
}

impl LeaderGate for Claim {
    fn is_held(&self) -> bool {
        self.is_held()
    }

    fn held(&self) -> BoxFuture<'_, ()> {
        self.held().boxed()
    }
}

impl Work for Operator {
    type Error = app::Error;

    async fn is_warm(&self) {
        self.is_warm().await;
    }

    async fn run(&self, stop: CancellationToken) -> Result<(), app::Error> {
        self.run(stop).await
    }
}

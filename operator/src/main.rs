//! `wagi-operator`.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Parser;
use crds::names;
use kube::CustomResourceExt as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use operator::app::{Clients, Config, Operator};
use operator::leading::LeaderGate;
use operator::reconcile::Metrics;
use tokio_util::sync::CancellationToken;

/// Publishes routes to the runtimes of a pool.
#[derive(Parser)]
struct Args {
    /// Kubeconfig to use; in-cluster without it.
    #[arg(long)]
    kubeconfig: Option<PathBuf>,
    /// Print the custom resources.
    #[arg(long)]
    crds: bool,
}

struct Always;

impl LeaderGate for Always {
    fn is_held(&self) -> bool {
        true
    }

    fn held(&self) -> BoxFuture<'_, ()> {
        std::future::ready(()).boxed()
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::DEBUG).with_env_filter(std::env::var("WAGI_LOG").unwrap_or("operator=debug".into())).init();
    let args = Args::parse();
    if args.crds {
        use std::io::Write as _;
        for crd in [crds::wagi_route::WagiRoute::crd(), crds::wagi_node::WagiNode::crd()] {
            writeln!(std::io::stdout(), "---\n{}", serde_json::to_string(&crd)?)?;
        }
        return Ok(());
    }
    let config = match args.kubeconfig {
        Some(path) => {
            let kubeconfig = kube::config::Kubeconfig::read_from(path)?;
            kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?
        }
        None => kube::Config::incluster()?,
    };
    let registry = prometheus::Registry::new();
    let operator = Operator::new(Config {
        clients: Clients::new(&config)?,
        system_namespace: names::SYSTEM_NAMESPACE.to_owned(),
        documents_namespace: names::DOCUMENTS_NAMESPACE.to_owned(),
        pool: names::DEFAULT_POOL.to_owned(),
        registry: registry::Client::new(registry::Settings::default())?,
        credentials: registry::Credentials::Anonymous,
        concurrency: 32,
        leader: Arc::new(Always),
        instance: None,
        metrics: Metrics::register(&registry)?,
        after: |_| {},
    });
    let stop = CancellationToken::new();
    let token = stop.clone();
    let warm = operator.clone();
    let start = std::time::Instant::now();
    let ready = tokio::spawn(async move {
        warm.is_warm().await;
        eprintln!("warm after {:?}", start.elapsed());
    });
    let signal = tokio::spawn(async move {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("signals");
        tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = term.recv() => {} }
        token.cancel();
    });
    let ended = operator.run(stop).await.context("the operator ended");
    signal.abort();
    ready.abort();
    use prometheus::Encoder as _;
    let mut text = Vec::new();
    prometheus::TextEncoder::new().encode(&registry.gather(), &mut text)?;
    eprintln!("{}", String::from_utf8_lossy(&text));
    ended
}

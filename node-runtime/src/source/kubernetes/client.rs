//! A client of the API server.
//!
//! Nothing in it tries again by itself: whoever calls decides how long and how often. A connection
//! that is dead is found out by the kernel, also while nothing is said on it.

use std::path::PathBuf;
use std::time::Duration;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{ClientBuilder, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tower::BoxError;
use tower::util::MapErrLayer;
use tower_http::decompression::DecompressionLayer;

/// A connection on which nothing was said for so long is asked whether it lives.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How often it is asked in vain, so many seconds apart.
const KEEPALIVE_PROBES: (u32, Duration) = (3, Duration::from_secs(5));

/// There can be no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no such file, or it is none.
    #[error("--kubeconfig {}: {reason}", file.display())]
    Kubeconfig {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// This is no pod.
    #[error("{0}; outside a cluster write --kubeconfig FILE")]
    InCluster(#[source] kube::config::InClusterError),
    /// Its certificates are none.
    #[error("the client of the API server cannot be made")]
    Client(#[source] Box<kube::Error>),
}

/// A client as a file says, or as a pod has it.
///
/// # Errors
/// When the file is none, or this is no pod.
pub async fn connect(kubeconfig: Option<PathBuf>) -> Result<Client, ConnectError> {
    let mut config = match kubeconfig {
        Some(file) => {
            let wrong = |error: kube::config::KubeconfigError| ConnectError::Kubeconfig {
                file: file.clone(),
                reason: error.to_string(),
            };
            let kubeconfig = Kubeconfig::read_from(&file).map_err(wrong)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
                .await
                .map_err(wrong)?
        }
        None => Config::incluster().map_err(ConnectError::InCluster)?,
    };
    config.default_retry = false;
    let client = if config.proxy_url.is_some() {
        // Its connections end at the proxy.
        Client::try_from(config)
    } else {
        direct(&config)
    };
    client.map_err(|error| ConnectError::Client(Box::new(error)))
}

/// What kube makes of a configuration, with connections that are kept alive, and without its own
/// log of each failure: whoever asked says it.
fn direct(config: &Config) -> kube::Result<Client> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(config.connect_timeout);
    tcp.set_keepalive(Some(KEEPALIVE));
    tcp.set_keepalive_retries(Some(KEEPALIVE_PROBES.0));
    tcp.set_keepalive_interval(Some(KEEPALIVE_PROBES.1));
    let tls = config.rustls_https_connector_with_connector(tcp)?;
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(tls);
    let gzip = DecompressionLayer::new().gzip(!config.disable_compression);
    let builder = ClientBuilder::new(http, config.default_namespace.clone())
        .with_layer(&MapErrLayer::new(BoxError::from))
        .with_layer(&config.extra_headers_layer()?);
    match config.auth_layer()? {
        Some(auth) => Ok(builder
            .with_layer(&auth)
            .with_layer(&gzip)
            .with_layer(&config.base_uri_layer())
            .build()),
        None => Ok(builder
            .with_layer(&gzip)
            .with_layer(&config.base_uri_layer())
            .build()),
    }
}

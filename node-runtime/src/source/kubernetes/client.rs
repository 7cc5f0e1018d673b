//! A client of the API server.
//!
//! Nothing in it waits for ever or tries again by itself: whoever calls decides how long and how
//! often.

use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

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
    Client::try_from(config).map_err(|error| ConnectError::Client(Box::new(error)))
}

//! Clients of the API server: the one place that makes them.
//!
//! kube's own timeout is of a connection, so that one that ends a call that nobody answers soon would
//! end an idle watch, too: watches and calls have a client each. kube would also repeat calls that
//! were refused for minutes without a word; who calls decides that here. It contacts nobody: an API
//! server that is away is no mistake of whoever started us.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kube::config::{InClusterError, KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

use crate::lease;

/// Of one call: the API server itself ends a call after a minute, and nearly all take milliseconds.
const CALL: Duration = Duration::from_secs(15);
/// Longer than the longest watch that we ask for: it ends a list or a watch that nothing can come
/// from any more.
const WATCH: Duration = Duration::from_secs(90);
/// Of getting a connection at all.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for each way of waiting.
#[derive(Clone)]
pub struct Clients {
    /// For watches, which are silent while nothing happens.
    pub watch: Client,
    /// For single calls.
    pub calls: Client,
    /// For the lease, whose calls are worth nothing after a few seconds.
    pub lease: lease::Clients,
}

/// No client can be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This is no pod, and there is no file.
    #[error(
        "--kubeconfig is not set, and this is not a pod with a service account ({0}); \
         write --kubeconfig FILE, as in ~/.kube/config"
    )]
    NotInCluster(InClusterError),
    /// The file cannot be used.
    #[error(
        "--kubeconfig {}: {source}; write a file with which kubectl --kubeconfig FILE get nodes works",
        .path.display()
    )]
    Kubeconfig {
        /// Its name.
        path: PathBuf,
        /// What is wrong with it; it says its own cause.
        #[source]
        source: Said<KubeconfigError>,
    },
    /// What it says cannot be used.
    #[error(
        "no client for the API server {url} can be made: {error}; without certificate-authority in \
         the kubeconfig the system's certificate authorities are needed"
    )]
    Client {
        /// Where it is.
        url: String,
        /// Why.
        error: Box<kube::Error>,
    },
}

/// An error that says its own cause, and so has none to be said beside it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Said<E: std::error::Error>(E);

/// Clients as `kubeconfig` says, or as a pod is told.
///
/// # Errors
///
/// When the file, or what the pod was told, cannot be used.
pub async fn clients(kubeconfig: Option<&Path>) -> Result<Clients, Error> {
    let config = match kubeconfig {
        None => Config::incluster().map_err(Error::NotInCluster)?,
        Some(path) => from_file(path).await?,
    };
    tracing::info!(url = %config.cluster_url, "the API server's address");
    let watch = client(&config, WATCH)?;
    Ok(Clients {
        calls: client(&config, CALL)?,
        lease: lease::Clients {
            watch: watch.clone(),
            calls: client(&config, lease::READ)?,
        },
        watch,
    })
}

async fn from_file(path: &Path) -> Result<Config, Error> {
    let unusable = |source| Error::Kubeconfig {
        path: path.to_owned(),
        source: Said(source),
    };
    let file = Kubeconfig::read_from(path).map_err(unusable)?;
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(file, &options)
        .await
        .map_err(unusable)
}

fn client(config: &Config, read_timeout: Duration) -> Result<Client, Error> {
    let mut config = config.clone();
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(read_timeout);
    config.default_retry = false;
    let url = config.cluster_url.to_string();
    Client::try_from(config).map_err(|error| Error::Client {
        url,
        error: Box::new(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(path: &Path) -> String {
        let error = clients(Some(path)).await.err().expect("no clients");
        error.to_string()
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_used_is_named_with_what_to_do() {
        let missing = Path::new("/does/not/exist/config");
        let text = refusal(missing).await;
        assert!(
            text.starts_with("--kubeconfig /does/not/exist/config: "),
            "{text}"
        );
        assert!(
            text.contains("No such file") && text.contains("kubectl --kubeconfig"),
            "{text}"
        );

        // The name of a file that every machine has, and that is no kubeconfig.
        let text = refusal(Path::new("/proc/self/status")).await;
        assert!(
            text.starts_with("--kubeconfig /proc/self/status: "),
            "{text}"
        );
    }
}

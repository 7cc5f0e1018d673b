//! What a runtime in a cluster is told.

use std::path::PathBuf;

use clap::{Arg, Args};

use super::serve::ServeArgs;

/// What `wagi node` is told.
#[derive(Debug, Args)]
// What both servers have, with the defaults of a pod.
#[command(
    mut_arg("listen", |arg| arg.default_value("[::]:8080")),
    mut_arg("admin_listen", |arg| arg.default_value("[::]:9090").help(
        "Address and port of /livez, /readyz, /metrics and /routes; port 0 takes a free one, which \
         the log names"
    )),
    mut_arg("store", |arg| arg.default_value("/var/lib/wagi").help(
        "Folder where modules, compiled code and documents as they were seen last are kept, in \
         folders of its own"
    )),
    mut_arg("pre_stop_wait", |arg| arg.default_value("5s")),
    mut_arg("registry_config", no_credentials)
)]
pub struct NodeArgs {
    /// Where the cluster is.
    #[command(flatten)]
    pub cluster: ClusterArgs,

    /// How requests are served.
    #[command(flatten)]
    pub serve: ServeArgs,

    /// Folder in memory (tmpfs) where Secrets are kept for a container that restarts, and shown to
    /// programs as files [default: none; routes with volumes of Secrets are not served].
    #[arg(long, env = "WAGI_SECRETS", value_name = "FOLDER")]
    pub secrets: Option<PathBuf>,
}

/// Where the cluster is, and who we are in it.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// File that says where the API server is and who we are to it [default: as pods are told].
    #[arg(long, env = "WAGI_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Namespace of this pod and of its report.
    #[arg(
        long,
        env = "WAGI_SYSTEM_NAMESPACE",
        default_value = crds::names::SYSTEM_NAMESPACE,
        value_name = "NAMESPACE"
    )]
    pub system_namespace: String,

    /// Namespace in which routes are published to the runtimes of this pool.
    #[arg(
        long,
        env = "WAGI_DOCUMENTS_NAMESPACE",
        default_value = crds::names::DOCUMENTS_NAMESPACE,
        value_name = "NAMESPACE"
    )]
    pub documents_namespace: String,

    /// Name of this pod (downward API: metadata.name).
    #[arg(long, env = "WAGI_POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,

    /// Uid of this pod (downward API: metadata.uid).
    #[arg(long, env = "WAGI_POD_UID", value_name = "UID")]
    pub pod_uid: Option<String>,

    /// Name of the node that this pod runs on (downward API: spec.nodeName).
    #[arg(long, env = "WAGI_NODE_NAME", value_name = "NAME")]
    pub node_name: Option<String>,

    /// Pool of this runtime.
    #[arg(
        long,
        env = "WAGI_POOL",
        default_value = crds::names::DEFAULT_POOL,
        value_name = "NAME"
    )]
    pub pool: String,

    /// After the API server was away, runtimes list documents anew each at a random time within
    /// this.
    #[arg(
        long,
        env = "WAGI_RELIST_SPREAD",
        default_value = "30s",
        value_name = "DURATION"
    )]
    pub relist_spread: String,

    /// How long routes are still served when a list lacks most of them; one that is deleted goes at
    /// once.
    #[arg(
        long,
        env = "WAGI_SHRINK_GRACE",
        default_value = "5m",
        value_name = "DURATION"
    )]
    pub shrink_grace: String,
}

fn no_credentials(arg: Arg) -> Arg {
    arg.help("Docker configuration with credentials for registries [default: none]")
}

//! Where the cluster is, and who this runtime is in it.

use std::path::PathBuf;

use crds::duration::Duration;

use super::registry::Credentials;
use super::store::Folder;
use super::{ConfigError, Mistakes, Serve, parse};
use crate::cli::args::node::NodeArgs;

/// What `wagi node` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where the API server is; nothing where it is as pods are told.
    pub kubeconfig: Option<PathBuf>,
    /// The namespace of this pod.
    pub system_namespace: String,
    /// The namespace of documents.
    pub documents_namespace: String,
    /// This pod's name.
    pub pod_name: String,
    /// This pod's uid.
    pub pod_uid: String,
    /// The node that it runs on.
    pub node_name: String,
    /// Its pool.
    pub pool: String,
    /// Lists after an outage are spread over this time.
    pub relist_spread: Duration,
    /// How long routes stay that a list lacks, when it lacks most.
    pub shrink_grace: Duration,
    /// Where documents are kept.
    pub documents: PathBuf,
    /// Where files of ConfigMaps are made.
    pub volumes: PathBuf,
    /// Where Secrets are kept, in memory; nothing where they are not.
    pub secrets: Option<PathBuf>,
    /// How requests are served; modules are kept beside the documents.
    pub serve: Serve,
}

// === impl Node ===

impl TryFrom<NodeArgs> for Node {
    type Error = ConfigError;

    fn try_from(args: NodeArgs) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let cluster = args.cluster;
        let system_namespace = mistakes.flag(
            "--system-namespace",
            &cluster.system_namespace,
            parse::label,
        );
        let documents_namespace = mistakes.flag(
            "--documents-namespace",
            &cluster.documents_namespace,
            parse::label,
        );
        let pool = mistakes.flag("--pool", &cluster.pool, parse::label);
        let pod_name = needed(
            &mut mistakes,
            "--pod-name",
            cluster.pod_name,
            "metadata.name",
        );
        let pod_uid = needed(&mut mistakes, "--pod-uid", cluster.pod_uid, "metadata.uid");
        let node_name = needed(
            &mut mistakes,
            "--node-name",
            cluster.node_name,
            "spec.nodeName",
        );
        let relist_spread =
            mistakes.flag("--relist-spread", &cluster.relist_spread, Duration::parse);
        let shrink_grace = mistakes.flag("--shrink-grace", &cluster.shrink_grace, Duration::parse);
        let serve = Serve::parse(&mut mistakes, &args.serve, Credentials::Named);
        // An empty variable is one that was not set.
        let kubeconfig = cluster
            .kubeconfig
            .filter(|file| !file.as_os_str().is_empty());
        mistakes.finish(move || {
            let mut serve = serve?;
            // A volume of a pod is everybody's; only folders of our own below it are closed.
            let folder = serve.store.folder.path()?.clone();
            serve.store.folder = Folder::Named(folder.join("modules"));
            Some(Self {
                kubeconfig,
                system_namespace: system_namespace?,
                documents_namespace: documents_namespace?,
                pod_name: pod_name?,
                pod_uid: pod_uid?,
                node_name: node_name?,
                pool: pool?,
                relist_spread: relist_spread?,
                shrink_grace: shrink_grace?,
                documents: folder.join("documents"),
                volumes: folder.join("volumes"),
                secrets: args.secrets.filter(|folder| !folder.as_os_str().is_empty()),
                serve,
            })
        })
    }
}

/// What only the pod's own definition knows.
fn needed(
    mistakes: &mut Mistakes,
    flag: &str,
    text: Option<String>,
    field: &str,
) -> Option<String> {
    mistakes.flag(flag, &text.unwrap_or_default(), |text| {
        if text.is_empty() {
            return Err(format!(
                "the pod has to say it: set {} from {field} (downward API)",
                flag.replacen("--", "WAGI_", 1)
                    .replace('-', "_")
                    .to_uppercase()
            ));
        }
        Ok(text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    const POD: [&str; 3] = ["--pod-name=p", "--pod-uid=u", "--node-name=n"];

    fn node(flags: &[&str]) -> Result<Node, ConfigError> {
        let arguments = ["wagi", "node"].iter().chain(flags);
        match Cli::try_parse_from(arguments)
            .expect("a command line")
            .command
        {
            Command::Node(args) => Node::try_from(*args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_have_the_documented_defaults() {
        let node = node(&POD).expect("a configuration");
        assert_eq!(node.kubeconfig, None);
        assert_eq!(node.secrets, None);
        assert_eq!(node.system_namespace, "wagi-system");
        assert_eq!(node.documents_namespace, "wagi-documents");
        assert_eq!(node.pool, "default");
        assert_eq!(node.relist_spread, Duration::from_secs(30));
        assert_eq!(node.shrink_grace, Duration::from_secs(300));
        assert_eq!(node.documents, PathBuf::from("/var/lib/wagi/documents"));
        let serve = node.serve;
        assert_eq!(serve.listen.to_string(), "[::]:8080");
        let admin = serve.admin.server.expect("an admin server");
        assert_eq!(admin.listen.to_string(), "[::]:9090");
        let modules = Folder::Named(PathBuf::from("/var/lib/wagi/modules"));
        assert_eq!(serve.store.folder, modules);
        assert_eq!(serve.lifecycle.pre_stop_wait, Duration::from_secs(5));
        assert_eq!(serve.lifecycle.drain_deadline, Duration::from_secs(30));
        assert_eq!(serve.max_requests.get(), 1_000);
        assert_eq!(
            serve.registry.credentials,
            ::registry::Credentials::Anonymous
        );
    }

    #[test]
    fn flags_are_read() {
        let node = node(&[
            "--pod-name=wagi-node-x",
            "--pod-uid=u-1",
            "--node-name=a.example",
            "--store=/s",
            "--listen=127.0.0.1:0",
            "--relist-spread=0s",
            "--shrink-grace=1h",
            "--kubeconfig=/k",
            "--secrets=/m",
            "--pre-stop-wait=0s",
        ])
        .expect("a configuration");
        assert_eq!(node.pod_name, "wagi-node-x");
        assert_eq!(node.node_name, "a.example");
        assert_eq!(node.kubeconfig, Some(PathBuf::from("/k")));
        assert_eq!(node.serve.lifecycle.pre_stop_wait, Duration::from_secs(0));
        assert_eq!(node.documents, PathBuf::from("/s/documents"));
        assert_eq!(node.volumes, PathBuf::from("/s/volumes"));
        assert_eq!(node.secrets, Some(PathBuf::from("/m")));
    }

    #[test]
    fn all_mistakes_are_said_together() {
        let error = node(&[
            "--pool=A B",
            "--documents-namespace=",
            "--shrink-grace=5",
            "--listen=:1",
        ])
        .expect_err("mistakes")
        .to_string();
        for part in [
            "--pool",
            "--documents-namespace",
            "--shrink-grace",
            "--listen",
            "WAGI_POD_NAME from metadata.name",
            "WAGI_POD_UID from metadata.uid",
            "WAGI_NODE_NAME from spec.nodeName",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(error.lines().count(), 7, "{error}");
    }
}

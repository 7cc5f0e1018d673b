//! What there is, in the order in which it needs each other.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use tests::docker_registry::DockerRegistry;
use tests::kubernetes::{Cluster, Options, Workload};
use tests::wagi::repository;

/// Where the runtimes answer, unless somebody else has these ports.
const PORTS: [u16; 2] = [8081, 8082];

/// All of it; dropped is gone.
pub struct Pieces {
    // The programs end before what they talk to.
    nodes: Vec<Workload>,
    operator: Workload,
    registry: DockerRegistry,
    cluster: Cluster,
    route: PathBuf,
}

// === impl Pieces ===

impl Pieces {
    /// Starts everything and waits until it is ready.
    ///
    /// # Errors
    /// When a file cannot be written.
    ///
    /// # Panics
    ///
    /// When a program does not become ready; with what it logged last.
    pub fn start(say: impl Fn(&str)) -> anyhow::Result<Self> {
        say("Starting etcd, the API server and Kubernetes' controllers");
        let cluster = Cluster::start(Options {
            installed: true,
            controllers: true,
        });
        say("Starting a registry");
        let registry = DockerRegistry::start();
        say("Starting the operator");
        let mut operator = cluster.start_operator("wagi-operator", &[]);
        operator.wait_until_ready();
        say("Starting two runtimes");
        let named = PORTS.iter().zip(["wagi-node-1", "wagi-node-2"]);
        let start = |(port, name): (&u16, &str)| cluster.start_node_near(name, *port, &[]);
        let mut nodes: Vec<Workload> = named.map(start).collect();
        nodes.iter_mut().for_each(Workload::wait_until_ready);
        let route = cluster.folder().join("hello.yaml");
        let manifest = manifest(&registry.reference("hello:1"));
        std::fs::write(&route, manifest).context("writing an example")?;
        Ok(Self {
            nodes,
            operator,
            registry,
            cluster,
            route,
        })
    }

    /// Where the example is pushed to.
    #[must_use]
    pub fn image(&self) -> String {
        self.registry.reference("hello:1")
    }

    /// Its manifest.
    #[must_use]
    pub const fn route(&self) -> &PathBuf {
        &self.route
    }

    /// The control plane.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Where the example is answered.
    pub fn urls(&self) -> impl Iterator<Item = String> {
        let addresses = self.nodes.iter().map(Workload::address);
        addresses.map(|address| format!("http://{address}/hello"))
    }

    /// What a person does next.
    #[must_use]
    pub fn next_steps(&self) -> String {
        let programs = std::env::current_exe().unwrap_or_default();
        let programs = programs.parent().unwrap_or(&programs).display();
        let kubectl = self.cluster.programs().display();
        let urls: Vec<_> = self.urls().collect();
        format!(
            "
Ready. In another terminal:

  export KUBECONFIG={} PATH={programs}:{kubectl}:$PATH
  wagi push {} {}
  kubectl apply -f {}
  curl {}        # and {}

Logs are in {}; Ctrl-C ends it all.",
            self.cluster.kubeconfig_admin().display(),
            module(),
            self.image(),
            self.route.display(),
            urls[0],
            urls[1],
            self.cluster.folder().display(),
        )
    }

    /// Whether all of it still runs.
    ///
    /// # Errors
    /// When something ended: what, how, and what it said last.
    pub fn check(&mut self) -> anyhow::Result<()> {
        if let Some(failure) = self.cluster.failure() {
            bail!("a program of the control plane ended with {failure}");
        }
        if let Some(status) = self.registry.ended() {
            bail!("the registry ended with {status}");
        }
        for workload in self.nodes.iter_mut().chain([&mut self.operator]) {
            let pod = workload.pod().to_owned();
            let child = workload.child().context("nobody killed it")?;
            if let Some(status) = child.ended() {
                bail!("{pod} ended with {status}, {}", child.log_tail());
            }
        }
        Ok(())
    }
}

/// The example's module.
#[must_use]
pub fn module() -> String {
    repository("examples/hello/hello.wat")
}

fn manifest(image: &str) -> String {
    format!(
        "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: hello, namespace: default}}\n\
         spec:\n  path: /hello\n  module:\n    image: {image}\n"
    )
}

//! Our programs as a cluster runs them: each in a pod, under its account, with somebody who looks
//! whether it is ready.

mod kubelet;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crds::names::{DEFAULT_POOL, NODE, OPERATOR, POOL_LABEL, SYSTEM_NAMESPACE};

use super::ports::Port;
use super::{Cluster, Gate, lock};
use crate::child::Child;
use crate::wagi;

use kubelet::Kubelet;

/// One of our programs in a pod; dropped is killed, and its pod stays as when its node is gone.
pub struct Workload {
    child: Option<Child>,
    kubelet: Kubelet,
    command: Command,
    log: std::path::PathBuf,
    pod: String,
    uid: String,
    traffic: Port,
    admin: Port,
}

impl Cluster {
    /// `wagi node` in a pod of this name, with a node, ports and a store of its own; not waited for.
    ///
    /// # Panics
    ///
    /// When the pod is refused or the program does not run.
    #[must_use]
    pub fn start_node(&self, pod: &str, arguments: &[&str]) -> Workload {
        self.start_node_on(pod, Port::claim(), None, arguments)
    }

    /// The same on a certain port, or on any when that is taken.
    ///
    /// # Panics
    ///
    /// When the pod is refused or the program does not run.
    #[must_use]
    pub fn start_node_near(&self, pod: &str, port: u16, arguments: &[&str]) -> Workload {
        self.start_node_on(pod, Port::prefer(port), None, arguments)
    }

    /// `wagi-operator run` in a pod of this name; not waited for.
    ///
    /// # Panics
    ///
    /// When the pod is refused or the program does not run.
    #[must_use]
    pub fn start_operator(&self, pod: &str, arguments: &[&str]) -> Workload {
        let command = wagi::command_of("wagi-operator", &["run"]);
        self.start_workload(pod, OPERATOR, Port::claim(), None, command, arguments)
    }

    /// [`Self::start_node`], which reaches the API server through a gate.
    ///
    /// # Panics
    ///
    /// When the pod is refused or the program does not run.
    #[must_use]
    pub fn start_node_behind(&self, gate: &Gate, pod: &str, arguments: &[&str]) -> Workload {
        self.start_node_on(pod, Port::claim(), Some(gate), arguments)
    }

    /// [`Self::start_operator`], which reaches the API server through a gate.
    ///
    /// # Panics
    ///
    /// When the pod is refused or the program does not run.
    #[must_use]
    pub fn start_operator_behind(&self, gate: &Gate, pod: &str) -> Workload {
        let command = wagi::command_of("wagi-operator", &["run"]);
        self.start_workload(pod, OPERATOR, Port::claim(), Some(gate), command, &[])
    }

    fn start_node_on(
        &self,
        pod: &str,
        traffic: Port,
        gate: Option<&Gate>,
        arguments: &[&str],
    ) -> Workload {
        let store = self.folder().join(format!("store-{pod}"));
        let mut command = wagi::command(&["node"]);
        command.arg(format!("--listen={}", traffic.address()));
        command.arg(format!("--node-name={}", node_of(pod)));
        command.arg(format!("--store={}", store.display()));
        let secrets = self.memory().join(pod);
        command.arg(format!("--secrets={}", secrets.display()));
        self.start_workload(pod, NODE, traffic, gate, command, arguments)
    }

    fn start_workload(
        &self,
        pod: &str,
        account: &str,
        traffic: Port,
        gate: Option<&Gate>,
        mut command: Command,
        arguments: &[&str],
    ) -> Workload {
        let labels = [
            ("app.kubernetes.io/name", account),
            (POOL_LABEL, DEFAULT_POOL),
        ];
        let uid = self.make_pod(SYSTEM_NAMESPACE, pod, &labels, &node_of(pod));
        let road = gate.map_or(self.port.number(), Gate::port);
        let kubeconfig = self.kubeconfig_at(road, SYSTEM_NAMESPACE, account, Some((pod, &uid)));
        let admin = Port::claim();
        command.arg(format!("--kubeconfig={}", kubeconfig.display()));
        command.arg(format!("--admin-listen={}", admin.address()));
        command.arg(format!("--pod-name={pod}"));
        if account == NODE {
            command.arg(format!("--pod-uid={uid}"));
        }
        // Whoever runs this may be logged in to registries, and have a proxy.
        command.env("DOCKER_CONFIG", self.folder());
        command.env("NO_PROXY", "127.0.0.1");
        command.args(arguments);
        let log = self.folder().join(format!("{pod}.log"));
        let pods = self.pods(SYSTEM_NAMESPACE);
        Workload {
            child: Some(Child::start(&command, &log)),
            kubelet: Kubelet::follow(self.worker.runtime(), pods, pod, admin.address()),
            command,
            log,
            pod: pod.to_owned(),
            uid,
            traffic,
            admin,
        }
    }

    /// How one of the cluster's own programs ended and what it said last, if one did.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let programs = [&self.etcd, &self.api_server, &self.controllers];
        programs.iter().find_map(|program| {
            let mut program = lock(program);
            let program = program.as_mut()?;
            let status = program.ended()?;
            Some(format!("{status}, {}", program.log_tail()))
        })
    }
}

/// Each pod has a node of its own.
fn node_of(pod: &str) -> String {
    format!("node-of-{pod}")
}

// === impl Workload ===

impl Workload {
    /// Its pod, which is in the namespace of the programs.
    #[must_use]
    pub fn pod(&self) -> &str {
        &self.pod
    }

    /// Its pod's uid.
    #[must_use]
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// Where a runtime answers requests.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.traffic.address()
    }

    /// Where it answers probes.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Waits until it says that it is ready and its pod says so too.
    ///
    /// # Panics
    ///
    /// When it ends instead, or does not become ready; with what it logged last.
    pub fn wait_until_ready(&mut self) {
        let child = self.child.as_mut().expect("it was not killed");
        let is_ready = self.kubelet.wait_until_ready(|| child.ended().is_some());
        assert!(is_ready, "{} is not ready, {}", self.pod, child.log_tail());
    }

    /// Its process, while it was not killed.
    pub fn child(&mut self) -> Option<&mut Child> {
        self.child.as_mut()
    }

    /// Where it logs.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Sets a variable of its environment for its next starts, or takes it away.
    pub fn set_variable(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.command.env(name, value),
            None => self.command.env_remove(name),
        };
    }

    /// Kills it, as a crash would; its pod stays and is soon not ready.
    pub fn kill(&mut self) {
        self.child.take();
    }

    /// Starts it where it was, in the same pod, with what it had on disk.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn start_again(&mut self) {
        self.kill();
        self.child = Some(Child::start(&self.command, &self.log));
    }
}

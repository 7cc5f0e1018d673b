//! All of it at once: a control plane, a registry, the operator and some runtimes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crds::fleet::Fleet;
use crds::names::{DOCUMENTS_NAMESPACE, FLEET, FLEET_KEY, SYSTEM_NAMESPACE};
use crds::wagi_node::{WagiNode, WagiNodeSpec};
use crds::wagi_route::WagiRoute;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use serde_json::{Value, json};
use tests::artifact::Artifact;
use tests::client::{Connection, Response};
use tests::guests::{self, Guest};
use tests::kubernetes::{Cluster, Gate, Options, Workload};
use tests::node::get;
use tests::process::wait_until;
use tests::registry::Registry;

/// The programs in the order in which they end: nobody loses what it talks to.
pub struct Installation {
    pub nodes: Vec<Workload>,
    pub operator: Workload,
    pub registry: Registry,
    pub cluster: Cluster,
}

/// Requests one after the other until it is told to stop.
pub struct Traffic {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Vec<String>)>,
}

impl Installation {
    /// So many runtimes, all ready; the registry has `shop/hello:1`.
    pub fn start(runtimes: usize) -> Self {
        Self::start_with(Registry::start(), runtimes)
    }

    /// The same with a registry that asks who one is.
    pub fn start_with(registry: Registry, runtimes: usize) -> Self {
        Self::assemble(registry, |cluster| {
            let operator = cluster.start_operator("wagi-operator-0", &[]);
            let start = |number| cluster.start_node(&format!("wagi-node-{number}"), &[]);
            (operator, (0..runtimes).map(start).collect())
        })
    }

    /// An operator and one runtime, each behind a gate of its own, in this order.
    pub fn start_behind_gates(arguments: &[&str]) -> (Self, [Gate; 2]) {
        let mut gates = None;
        let all = Self::assemble(Registry::start(), |cluster| {
            let [of_operator, of_node] = gates.insert([cluster.gate(), cluster.gate()]);
            let operator = cluster.start_operator_behind(of_operator, "wagi-operator-0");
            let node = cluster.start_node_behind(of_node, "wagi-node-0", arguments);
            (operator, vec![node])
        });
        (all, gates.expect("they were made"))
    }

    fn assemble(
        registry: Registry,
        programs: impl FnOnce(&Cluster) -> (Workload, Vec<Workload>),
    ) -> Self {
        let cluster = Cluster::start(Options {
            installed: true,
            controllers: true,
        });
        registry.tag("shop/hello", "1", &artifact(guests::hello));
        let (mut operator, mut nodes) = programs(&cluster);
        operator.wait_until_ready();
        nodes.iter_mut().for_each(Workload::wait_until_ready);
        Self {
            nodes,
            operator,
            registry,
            cluster,
        }
    }

    /// A route of namespace `default` at `/NAME`, with more of a spec.
    pub fn route(&self, name: &str, image: &str, more: &Value) -> Value {
        let mut spec = json!({
            "path": format!("/{name}"),
            "module": { "image": self.registry.reference(image) },
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        json!({
            "apiVersion": "wagi.dev/v1alpha1",
            "kind": "WagiRoute",
            "metadata": { "name": name, "namespace": "default" },
            "spec": spec,
        })
    }

    /// `kubectl apply` of many routes at once.
    pub fn apply_all(&self, routes: &[Value]) {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": routes });
        self.cluster.apply(&list.to_string());
    }

    /// Waits until the runtimes are told that so many of them are ready.
    pub fn wait_for_fleet(&self, ready: u32) {
        let maps: Api<ConfigMap> = Api::namespaced(self.cluster.admin(), DOCUMENTS_NAMESPACE);
        wait_until(&format!("{ready} are ready"), || {
            let fleet = self.cluster.block_on(maps.get_opt(FLEET));
            let data = fleet.expect("an answer").and_then(|fleet| fleet.data);
            let text = data.and_then(|mut data| data.remove(FLEET_KEY));
            text.is_some_and(|text| Fleet::decode(&text).expect("a fleet").ready == ready)
        });
    }

    /// `kubectl apply`, and `kubectl wait` until it is ready in that version.
    pub fn serve(&self, route: &Value) {
        self.cluster.apply(&route.to_string());
        self.wait_for(route, "Ready");
    }

    /// `kubectl wait` for a condition of the route's newest generation.
    pub fn wait_for(&self, route: &Value, condition: &str) {
        let (namespace, name) = names(route);
        wait_until(&format!("{namespace}/{name} is {condition}"), || {
            let seen = self.get(namespace, name);
            let (generation, status) = (seen.metadata.generation, seen.status.unwrap_or_default());
            let of_now = |known: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
                known.type_ == condition && known.observed_generation == generation
            };
            let known = status.conditions.iter().find(of_now);
            known.is_some_and(|known| known.status == "True")
        });
        // The same for whoever has only kubectl.
        let condition = format!("--for=condition={condition}");
        let route = format!("wagiroute/{name}");
        let arguments = ["wait", &condition, &route, "-n", namespace, "--timeout=60s"];
        self.cluster.kubectl_ok(&arguments);
    }

    /// Waits until the route says this reason for this condition; what it says.
    pub fn wait_for_reason(&self, route: &Value, condition: &str, reason: &str) -> String {
        let (namespace, name) = names(route);
        let said = || {
            let status = self.get(namespace, name).status.unwrap_or_default();
            let known = status
                .conditions
                .into_iter()
                .find(|known| known.type_ == condition);
            known
                .filter(|known| known.reason == reason)
                .map(|known| known.message)
        };
        wait_until(
            &format!("{namespace}/{name} is {condition} {reason}"),
            || said().is_some(),
        );
        said().expect("it was said a moment ago")
    }

    pub fn get(&self, namespace: &str, name: &str) -> WagiRoute {
        let api: Api<WagiRoute> = Api::namespaced(self.cluster.admin(), namespace);
        self.cluster.block_on(api.get(name)).expect("a route")
    }

    /// The names of the documents that are published.
    pub fn documents(&self) -> Vec<String> {
        let selector = "wagi.dev/kind=route";
        let arguments = [
            "get",
            "configmaps",
            "-n",
            "wagi-documents",
            "-o",
            "name",
            "-l",
            selector,
        ];
        let listed = self.cluster.kubectl_ok(&arguments);
        listed.lines().map(str::to_owned).collect()
    }

    /// One of the operator's metrics.
    pub fn operator_metric(&self, name: &str) -> f64 {
        let metrics = request(self.operator.admin(), "/metrics").expect("an answer");
        let metrics = metrics.text();
        let line = metrics.lines().find(|line| {
            let value = line.strip_prefix(name);
            value.is_some_and(|value| value.starts_with([' ', '{']))
        });
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or_else(|| panic!("{name} is not there: {metrics}"))
    }

    /// What a runtime reported last.
    pub fn report(&self, node: &Workload) -> WagiNodeSpec {
        let api: Api<WagiNode> = Api::namespaced(self.cluster.admin(), SYSTEM_NAMESPACE);
        self.cluster
            .block_on(api.get(node.pod()))
            .expect("a report")
            .spec
    }

    /// Waits until one of the programs said this.
    pub fn wait_for_log(&self, program: &Workload, what: &str) {
        wait_until(what, || {
            let log = std::fs::read_to_string(program.log()).expect("a log");
            log.contains(what)
        });
    }

    /// Waits until a runtime has a route's document on its disk.
    pub fn wait_for_disk(&self, node: usize, route: &Value) {
        let (namespace, name) = names(route);
        let uid = self
            .get(namespace, name)
            .metadata
            .uid
            .expect("it is stored");
        let store = format!("store-{}", self.nodes[node].pod());
        let folder = self.cluster.folder().join(store).join("documents");
        wait_until("its document is on the disk", || {
            let files = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            let mut texts = files.filter_map(|file| std::fs::read_to_string(file.path()).ok());
            texts.any(|text| text.contains(&uid))
        });
    }

    /// What every runtime answers.
    pub fn ask(&self, path: &str) -> Vec<Response> {
        let ask = |node: &Workload| request(node.address(), path).expect("an answer");
        self.nodes.iter().map(ask).collect()
    }

    /// Waits until every runtime answers with this status.
    pub fn wait_for_answers(&self, path: &str, status: u16) {
        wait_until(&format!("{path} answers {status}"), || {
            self.ask(path)
                .iter()
                .all(|answer| answer.head.status == status)
        });
    }

    /// Asks one runtime for a path without a pause.
    pub fn traffic(&self, node: usize, path: &str) -> Traffic {
        let (address, path) = (self.nodes[node].address(), path.to_owned());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut answered, mut failures) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                match request(address, &path) {
                    Some(answer) if answer.head.status == 200 => answered += 1,
                    Some(answer) => {
                        failures.push(format!("{} {}", answer.head.status, answer.text()))
                    }
                    None => failures.push("no answer".to_owned()),
                }
                // Others need the two cores too.
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            (answered, failures)
        });
        Traffic { stop, thread }
    }
}

impl Traffic {
    /// Stops, and checks that every request was answered.
    #[track_caller]
    pub fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (answered, failures) = self.thread.join().expect("traffic does not panic");
        assert_eq!(failures, [""; 0], "of {answered} answered requests");
        assert!(answered > 0, "nothing was asked");
    }
}

/// A guest as registries have it.
pub fn artifact(guest: Guest) -> Artifact {
    Artifact::cncf(&wat::parse_str(guest.wat).expect("a guest is text of a module"))
}

/// Namespace and name of a route.
pub fn names(route: &Value) -> (&str, &str) {
    let metadata = &route["metadata"];
    let text = |field: &str| metadata[field].as_str().expect("routes here have both");
    (text("namespace"), text("name"))
}

/// One request on a connection of its own.
pub fn request(address: SocketAddr, path: &str) -> Option<Response> {
    let mut connection = Connection::try_open(address)?;
    connection.try_send(get(path)).ok()?;
    connection.try_response()
}

//! Pods without a kubelet: objects that tests make, call ready and delete.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;

use super::Cluster;

/// Label that says which program a pod runs; its account has the same name.
pub(super) const PROGRAM_LABEL: &str = "app.kubernetes.io/name";

impl Cluster {
    /// A pod on a node, not ready; its uid. Its account is the one named like the label
    /// `app.kubernetes.io/name`, as in the chart, and `default` without that label.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[must_use]
    pub fn make_pod(
        &self,
        namespace: &str,
        name: &str,
        labels: &[(&str, &str)],
        node: &str,
    ) -> String {
        let made = self.block_on(make(&self.pods(namespace), name, labels, node));
        made.unwrap_or_else(|error| panic!("{namespace}/{name}: {error}"))
    }

    /// Says whether a pod is ready, as its kubelet would.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn set_pod_ready(&self, namespace: &str, name: &str, is_ready: bool) {
        let said = self.block_on(say_ready(&self.pods(namespace), name, is_ready));
        said.unwrap_or_else(|error| panic!("{namespace}/{name}: {error}"));
    }

    /// Deletes a pod at once, as when its kubelet has ended it.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn delete_pod(&self, namespace: &str, name: &str) {
        self.delete_pod_within(namespace, name, 0);
    }

    /// Asks for the end of a pod, which then stays until [`Self::delete_pod`], as while its kubelet
    /// ends it.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn terminate_pod(&self, namespace: &str, name: &str) {
        self.delete_pod_within(namespace, name, 30);
    }

    fn delete_pod_within(&self, namespace: &str, name: &str, seconds: u32) {
        let deleted = self.block_on(delete(&self.pods(namespace), name, seconds));
        deleted.unwrap_or_else(|error| panic!("{namespace}/{name}: {error}"));
    }

    pub(super) fn pods(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// Makes a pod; its uid. See [`Cluster::make_pod`].
pub(super) async fn make(
    pods: &Api<Pod>,
    name: &str,
    labels: &[(&str, &str)],
    node: &str,
) -> Result<String, kube::Error> {
    let program = labels.iter().find(|(label, _)| *label == PROGRAM_LABEL);
    let account = program.map_or("default", |(_, program)| program);
    let labels: serde_json::Map<_, _> = labels
        .iter()
        .map(|(label, value)| ((*label).to_owned(), json!(value)))
        .collect();
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "labels": labels },
        "spec": {
            "nodeName": node,
            "serviceAccountName": account,
            "containers": [{ "name": "program", "image": "none" }],
        },
    });
    let pod: Pod = serde_json::from_value(pod).expect("a pod");
    let made = pods.create(&PostParams::default(), &pod).await?;
    Ok(made.metadata.uid.expect("what is stored has a uid"))
}

/// Deletes a pod, which has so long to end; at once when that is nothing.
pub(super) async fn delete(pods: &Api<Pod>, name: &str, seconds: u32) -> Result<(), kube::Error> {
    let parameters = DeleteParams::default().grace_period(seconds);
    pods.delete(name, &parameters).await?;
    Ok(())
}

/// Says whether a pod is ready.
pub(super) async fn say_ready(
    pods: &Api<Pod>,
    name: &str,
    is_ready: bool,
) -> Result<(), kube::Error> {
    let ready = json!({
        "type": "Ready",
        "status": if is_ready { "True" } else { "False" },
        "lastTransitionTime": k8s_openapi::jiff::Timestamp::now().to_string(),
    });
    let patch = Patch::Merge(json!({
        "status": { "phase": "Running", "conditions": [ready] },
    }));
    let parameters = PatchParams::default();
    pods.patch_status(name, &parameters, &patch).await?;
    Ok(())
}

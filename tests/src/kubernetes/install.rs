//! What an administrator installs before the programs: custom resources, namespaces, roles, policies.

use std::path::Path;

use crds::names::SYSTEM_NAMESPACE;
use crds::wagi_node::{WagiNode, WagiNodeSpec};
use kube::Api;
use kube::api::PostParams;

use crate::wagi::repository;

use super::Cluster;

const RBAC: &str = "charts/kube-wagi/rbac";
const RESOURCES: &str = "crds/generated";

impl Cluster {
    /// Installs what the repository has for it, and waits until all of it is in force.
    ///
    /// # Panics
    ///
    /// When some of it is refused.
    pub fn install(&self) {
        self.kubectl_ok(&["apply", "--server-side", "-f", &repository(RESOURCES)]);
        // Namespaces before what is in them: kubectl takes files by their names.
        let namespaces = Path::new(RBAC).join("namespaces.yaml");
        let namespaces = namespaces.display().to_string();
        self.kubectl_ok(&["apply", "-f", &repository(&namespaces)]);
        self.kubectl_ok(&["apply", "-f", &repository(RBAC)]);
        self.kubectl_ok(&[
            "wait",
            "--for=condition=Established",
            "--timeout=60s",
            "crd/wagiroutes.wagi.dev",
            "crd/waginodes.wagi.dev",
        ]);
        self.until("what is installed", [], || self.refuses_reports_of_nobody());
    }

    /// Whether the last of the policies is in force, which is some time after it was stored; the API
    /// server takes them up in order.
    async fn refuses_reports_of_nobody(&self) -> bool {
        let reports: Api<WagiNode> = Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE);
        let spec = WagiNodeSpec {
            node: "nowhere".to_owned(),
            ..WagiNodeSpec::default()
        };
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let report = WagiNode::new("nobody", spec);
        let refused = reports.create(&dry_run, &report).await;
        matches!(refused, Err(kube::Error::Api(status)) if status.is_invalid())
    }
}

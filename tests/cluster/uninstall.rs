//! `wagi-operator uninstall`, as an administrator runs it.

use std::path::Path;
use std::process::Output;

use serde_json::json;
use tests::wagi::command_of;

use crate::installation::Installation;

fn uninstall(all: &Installation) -> Output {
    uninstall_as(&all.cluster.kubeconfig_admin())
}

fn uninstall_as(kubeconfig: &Path) -> Output {
    let kubeconfig = format!("--kubeconfig={}", kubeconfig.display());
    let mut command = command_of("wagi-operator", &["uninstall", &kubeconfig]);
    command.output().expect("it runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_the_operator_made_goes_and_what_people_made_stays() {
    let mut all = Installation::start(1);
    all.serve(&all.route("hello", "shop/hello:1", &json!({})));
    let namespace = ["-n", "wagi-documents"];
    let kubectl =
        |all: &Installation, rest: &[&str]| all.cluster.kubectl_ok(&[rest, &namespace].concat());
    kubectl(&all, &["create", "configmap", "of-somebody-else"]);

    let refused = uninstall(&all);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(
        said.contains("wagi-operator-0 holds the Lease wagi-system/wagi-operator")
            && said.contains("kubectl scale deployment wagi-operator --replicas=0 -n wagi-system"),
        "{said}"
    );
    assert_eq!(all.documents().len(), 1);
    assert_eq!(all.ask("/hello")[0].head.status, 200);

    all.operator.kill();
    // The operator's own account may not do it, which is said once and with what was asked for.
    let pod = (all.operator.pod(), all.operator.uid());
    let own = all
        .cluster
        .kubeconfig_for("wagi-system", "wagi-operator", Some(pod));
    let forbidden = uninstall_as(&own);
    let said = text(&forbidden.stderr);
    assert_eq!(forbidden.status.code(), Some(1), "{said}");
    assert_eq!(said.matches("is forbidden").count(), 1, "{said}");
    assert!(
        said.contains("deleting documents (ConfigMaps of wagi-documents)"),
        "{said}"
    );
    assert_eq!(all.documents().len(), 1);

    let done = uninstall(&all);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let said = text(&done.stdout);
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "removed: 1 documents (ConfigMaps of wagi-documents)",
            "removed: 1 lists of runtimes (ConfigMaps of wagi-documents)",
            "removed: 0 copies of ConfigMaps (ConfigMaps of wagi-documents)",
            "removed: 0 copies of Secrets (Secrets of wagi-documents)",
            "removed: 0 ReferenceGrants (of wagi-system)",
            "removed: 1 Leases (wagi-system/wagi-operator)",
        ]
    );
    assert!(lines[6].starts_with("kept: WagiRoutes,"), "{said}");
    all.wait_for_answers("/hello", 404);
    assert_eq!(all.documents(), [""; 0]);
    let left = kubectl(&all, &["get", "configmaps", "-o", "name"]);
    assert!(left.contains("configmap/of-somebody-else"), "{left}");
    all.get("default", "hello");

    // Whoever comes back has everything again.
    all.operator.start_again();
    all.wait_for_answers("/hello", 200);
}

//! Every rule with the sentence it answers.

use super::*;
use crate::manifest::Metadata;
use crate::wagi_route::{EnvVar, IntOrString, LimitsSpec, Module, TimeoutsSpec, Volume};

fn hello() -> Manifest {
    Manifest {
        api_version: Some(API_VERSION.into()),
        kind: Some(KIND.into()),
        metadata: Metadata {
            name: Some("hello".into()),
            ..Default::default()
        },
        spec: Some(WagiRouteSpec {
            path: Some("/hello/...".into()),
            module: Some(Module {
                image: Some("file:hello.wasm".into()),
                ..Default::default()
            }),
            ..Default::default()
        }),
    }
}

fn with(change: impl FnOnce(&mut WagiRouteSpec)) -> Manifest {
    let mut route = hello();
    change(route.spec.as_mut().unwrap());
    route
}

#[track_caller]
fn check(route: &Manifest, sentences: &[&str]) {
    let found: Vec<String> = match validate(route, Place::Local) {
        Ok(_) => Vec::new(),
        Err(violations) => violations.iter().map(Violation::to_string).collect(),
    };
    assert_eq!(found, sentences);
}

fn texts(list: &[&str]) -> Option<Vec<String>> {
    Some(list.iter().map(|&text| text.to_owned()).collect())
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar {
        name: Some(name.into()),
        value: Some(value.into()),
        ..Default::default()
    }
}

fn volume(mount_path: &str) -> Volume {
    Volume {
        mount_path: Some(mount_path.into()),
        host_path: Some("site".into()),
        ..Default::default()
    }
}

#[test]
fn what_is_left_out_has_its_default() {
    let route = validate(&hello(), Place::Local).unwrap();
    assert_eq!(route.name.to_string(), "default/hello");
    assert_eq!(route.hosts, []);
    assert_eq!(route.entrypoint, "_start");
    assert_eq!(route.argv, ["${SCRIPT_NAME}"]);
    assert_eq!(route.limits, Limits::default());
    assert_eq!(route.on_disconnect, OnDisconnect::Cancel);
}

#[test]
fn everything_wrong_is_said_at_once() {
    let mut route = with(|spec| {
        spec.path = Some("hello".into());
        spec.module = None;
        spec.entrypoint = Some(String::new());
        spec.on_disconnect = Some("cancel".into());
        spec.limits = Some(LimitsSpec {
            memory: Some(IntOrString("64m".into())),
            ..Default::default()
        });
    });
    route.api_version = Some("wagi.dev/v1".into());
    route.metadata.name = Some("Hello".into());
    let violations = validate(&route, Place::Local).unwrap_err();
    let fields: Vec<&str> = violations
        .iter()
        .map(|violation| violation.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "apiVersion",
            "metadata.name",
            "spec.path",
            "spec.module.image",
            "spec.entrypoint",
            "spec.limits.memory",
            "spec.onDisconnect",
        ]
    );
}

#[test]
fn what_it_is_and_its_name_are_checked() {
    check(
        &Manifest::default(),
        &[
            "apiVersion: missing; write wagi.dev/v1alpha1",
            "kind: missing; write WagiRoute",
            "metadata.name: missing; write at most 63 characters a-z, 0-9 and -, the first and last no -",
            "spec: missing; write what the route asks for, at least path and module",
        ],
    );
    for name in ["a".repeat(64).as_str(), "-a", "a-", "a.b", "A", "a_b", "é"] {
        let mut route = hello();
        route.metadata.name = Some(name.to_owned());
        let violations = validate(&route, Place::Local).unwrap_err();
        assert_eq!(violations.len(), 1, "{name}");
        assert_eq!(violations[0].field, "metadata.name");
    }
    let mut route = hello();
    route.metadata.name = Some("a".repeat(63));
    route.metadata.namespace = Some("shop".into());
    assert_eq!(
        validate(&route, Place::Local).unwrap().name.namespace,
        "shop"
    );
}

#[test]
fn hosts_are_bounded_and_named_once() {
    let hosts: Vec<String> = (0..17).map(|n| format!("h{n}.example")).collect();
    check(
        &with(|spec| spec.hosts = Some(hosts)),
        &["spec.hosts: 17 items: write at most 16"],
    );
    check(
        &with(|spec| spec.hosts = texts(&["a.example", "b.example", "A.example"])),
        &["spec.hosts[2]: \"A.example\": the same as spec.hosts[0]; remove one"],
    );
    let violations = validate(
        &with(|spec| spec.hosts = texts(&["a/b", &"a".repeat(254)])),
        Place::Local,
    )
    .unwrap_err();
    assert_eq!(violations.len(), 2);
    assert_eq!(violations[1].field, "spec.hosts[1]");
}

#[test]
fn arguments_are_bounded() {
    let long = "a".repeat(1025);
    let shown = format!("\"{}…\"", "a".repeat(80));
    check(
        &with(|spec| spec.argv = texts(&["ok", &long, "a\0b"])),
        &[
            &format!("spec.argv[1]: {shown}: 1025 bytes are too many; write at most 1024"),
            "spec.argv[2]: \"a\\0b\": holds a NUL character; write it without",
        ],
    );
    check(
        &with(|spec| spec.argv = Some(vec![String::new(); 65])),
        &["spec.argv: 65 items: write at most 64"],
    );
    check(
        &with(|spec| spec.argv = texts(&["a", "${ARGS}", "x${ARGS}"])),
        &[
            "spec.argv[2]: \"x${ARGS}\": ${ARGS} stands for any number of arguments; write it as one of its own",
        ],
    );
    check(
        &with(|spec| spec.argv = Some(Vec::new())),
        &["spec.argv: \"\": write at least the program's name, or leave argv out"],
    );
}

#[test]
fn variables_are_bounded_and_named_once() {
    let route = with(|spec| {
        spec.env = Some(vec![
            variable("A", "1"),
            variable("A", "2"),
            variable("B=", ""),
            variable("", ""),
            variable("C\n", ""),
            variable("D", "x\0"),
        ]);
    });
    check(
        &route,
        &[
            "spec.env[1]: \"A\": the same as spec.env[0]; remove one",
            "spec.env[2].name: \"B=\": write printable ASCII characters without =",
            "spec.env[3].name: missing; write the variable's name, as in GREETING",
            "spec.env[4].name: \"C\\n\": write printable ASCII characters without =",
            "spec.env[5].value: \"x\\0\": holds a NUL character; write it without",
        ],
    );
    let bounds = with(|spec| {
        let mut env: Vec<EnvVar> = (0..129).map(|n| variable(&format!("V{n}"), "")).collect();
        env[0] = variable(&"N".repeat(129), &"v".repeat(32_769));
        spec.env = Some(env);
    });
    let fields: Vec<String> = validate(&bounds, Place::Local)
        .unwrap_err()
        .into_iter()
        .map(|violation| violation.field)
        .collect();
    assert_eq!(
        fields,
        ["spec.env", "spec.env[0].value", "spec.env[0].name"]
    );
    let largest = with(|spec| {
        spec.env = Some(vec![variable(&"N".repeat(128), &"v".repeat(32_768))]);
    });
    check(&largest, &[]);
}

#[test]
fn mount_paths_may_not_overlap() {
    let mounts = |paths: &[&str]| {
        with(|spec| spec.volumes = Some(paths.iter().map(|path| volume(path)).collect()))
    };
    check(&mounts(&["/site", "/sites", "/data/a"]), &[]);
    check(
        &mounts(&["/site", "/site", "/site/img"]),
        &[
            "spec.volumes[1].mountPath: \"/site\": the same as spec.volumes[0].mountPath; write another path",
            "spec.volumes[2].mountPath: \"/site/img\": inside spec.volumes[0].mountPath; write another path",
        ],
    );
    check(
        &mounts(&["/a/b", "/"]),
        &["spec.volumes[1].mountPath: \"/\": around spec.volumes[0].mountPath; write another path"],
    );
    for path in ["site", "/a/../b", "/a//b", "/a/", "/./a", "/a\0"] {
        assert_eq!(
            validate(&mounts(&[path]), Place::Local).unwrap_err().len(),
            1,
            "{path}"
        );
    }
    check(
        &with(|spec| spec.volumes = Some(vec![Volume::default()])),
        &[
            "spec.volumes[0]: missing; write one of configMap, secret and hostPath",
            "spec.volumes[0].mountPath: missing; write an absolute path, as in /site",
        ],
    );
    assert!(validate(&mounts(&["/a"; 17]), Place::Local).is_err());
    assert!(validate(&mounts(&[&format!("/{}", "a".repeat(255))]), Place::Local).is_ok());
    assert!(validate(&mounts(&[&format!("/{}", "a".repeat(256))]), Place::Local).is_err());
}

#[test]
fn limits_have_bounds() {
    let limits = |memory: &str, cpu_time: &str, concurrency: i64| {
        with(|spec| {
            spec.limits = Some(LimitsSpec {
                memory: Some(IntOrString(memory.into())),
                cpu_time: Some(cpu_time.into()),
                concurrency: Some(concurrency),
                ..Default::default()
            });
        })
    };
    check(&limits("1Mi", "1ms", 1), &[]);
    check(&limits("4Gi", "24h", 100_000), &[]);
    check(
        &limits("64Ki", "10", 0),
        &[
            "spec.limits.memory: \"64Ki\": out of bounds; write 1Mi to 4Gi",
            "spec.limits.cpuTime: \"10\": has no unit; write 10s for seconds, or one of ms, m, h",
            "spec.limits.concurrency: \"0\": out of bounds; write 1 to 100000",
        ],
    );
    check(
        &limits("5Gi", "1d", -3),
        &[
            "spec.limits.memory: \"5Gi\": out of bounds; write 1Mi to 4Gi",
            "spec.limits.cpuTime: \"1d\": \"d\" is no unit; write one of ms, s, m, h, as in 1m30s",
            "spec.limits.concurrency: \"-3\": out of bounds; write 1 to 100000",
        ],
    );
}

#[test]
fn no_timeout_is_longer_than_the_total() {
    let timeouts = |head: Option<&str>, total: &str| {
        with(|spec| {
            spec.limits = Some(LimitsSpec {
                timeouts: Some(TimeoutsSpec {
                    head: head.map(str::to_owned),
                    total: Some(total.into()),
                    ..Default::default()
                }),
                ..Default::default()
            });
        })
    };
    check(
        &timeouts(Some("2m"), "1m"),
        &["spec.limits.timeouts.head: \"2m\": longer than total; write at most 1m"],
    );
    // Defaults give way instead.
    let route = validate(&timeouts(None, "20s"), Place::Local).unwrap();
    assert_eq!(route.limits.timeouts.head.to_string(), "20s");
    assert_eq!(route.limits.timeouts.idle.to_string(), "20s");
    assert_eq!(route.limits.timeouts.queue.to_string(), "1s");
    check(
        &timeouts(None, "721h"),
        &["spec.limits.timeouts.total: \"721h\": out of bounds; write 1ms to 720h0m0s"],
    );
}

#[test]
fn a_cluster_has_no_files_and_no_folders() {
    let route = with(|spec| spec.volumes = Some(vec![volume("/site")]));
    let said = validate(&route, Place::Cluster).unwrap_err();
    let said: Vec<String> = said.iter().map(Violation::to_string).collect();
    assert_eq!(
        said,
        [
            "spec.module.image: \"file:hello.wasm\": a cluster has no such file; push it: wagi push \
             hello.wasm REF",
            "spec.volumes[0].hostPath: \"site\": a cluster has no folders of this machine; write configMap \
             or secret, or leave it out",
        ]
    );
    let spec = with(|spec| {
        let image = Some("r.example/hello:1".into());
        spec.module = Some(Module {
            image,
            ..Default::default()
        });
        spec.suspend = Some(true);
    });
    let route = validate_object("shop", "hello", spec.spec.as_ref().unwrap()).unwrap();
    assert_eq!(route.name.to_string(), "shop/hello");
    assert!(route.suspend);
}

#[test]
fn a_cluster_takes_hosts_in_one_spelling() {
    let route = with(|spec| {
        spec.module = Some(Module {
            image: Some("hello.wasm".into()),
            ..Default::default()
        });
        spec.hosts = texts(&["Shop.example", "2001:DB8::7", "a.example", "a.example"]);
    });
    let said = validate(&route, Place::Cluster).unwrap_err();
    let said: Vec<String> = said.iter().map(Violation::to_string).collect();
    assert_eq!(
        said,
        [
            "spec.module.image: \"hello.wasm\": looks like a file; push it: wagi push hello.wasm REF",
            "spec.hosts[0]: \"Shop.example\": write it as \"shop.example\"",
            "spec.hosts[1]: \"2001:DB8::7\": write it as \"[2001:db8::7]\"",
            "spec.hosts[3]: \"a.example\": the same as spec.hosts[2]; remove one",
        ]
    );
}

#[test]
fn a_number_is_no_longer_than_a_schema_lets_it_be() {
    let long = format!("{}1Mi", "0".repeat(62));
    let limits = |memory: &str| {
        with(|spec| {
            spec.limits = Some(LimitsSpec {
                memory: Some(IntOrString(memory.into())),
                ..Default::default()
            });
        })
    };
    check(&limits(&long[1..]), &[]);
    let shown = format!("\"{long}\"");
    check(
        &limits(&long),
        &[&format!(
            "spec.limits.memory: {shown}: 65 bytes are too many; write at most 64"
        )],
    );
}

fn written(spec: serde_json::Value) -> WagiRouteSpec {
    let mut whole = serde_json::json!({"path": "/a", "module": {"image": "r.example/a:1"}});
    for (field, value) in spec.as_object().unwrap() {
        whole[field] = value.clone();
    }
    serde_json::from_value(whole).unwrap()
}

#[track_caller]
fn refused(spec: serde_json::Value, sentences: &[&str]) {
    let found = validate_object("shop", "a", &written(spec)).unwrap_err();
    let found: Vec<String> = found.iter().map(Violation::to_string).collect();
    assert_eq!(found, sentences);
}

#[test]
fn a_reference_names_just_one_object_and_what_of_it() {
    let key = serde_json::json!({"name": "a", "key": "b"});
    refused(
        serde_json::json!({"env": [
            {"name": "A", "value": "", "valueFrom": {"secretKeyRef": key}},
            {"name": "B", "valueFrom": {}},
            {"name": "C", "valueFrom": {"secretKeyRef": key, "configMapKeyRef": key}},
            {"name": "D", "valueFrom": {"secretKeyRef": {"name": "A_b"}}},
            {"name": "E", "valueFrom": {"configMapKeyRef": {"key": "a/b"}}},
        ]}),
        &[
            "spec.env[0]: both: write one of value and valueFrom",
            "spec.env[1].valueFrom: missing; write one of configMapKeyRef and secretKeyRef",
            "spec.env[2].valueFrom: both: write one of configMapKeyRef and secretKeyRef",
            "spec.env[3].valueFrom.secretKeyRef.name: \"A_b\": write at most 253 characters a-z, 0-9, - and ., \
             the first and last a letter or digit",
            "spec.env[3].valueFrom.secretKeyRef.key: missing; write a key of the object, as in greeting",
            "spec.env[4].valueFrom.configMapKeyRef.name: missing; write the name of an object, as in settings",
            "spec.env[4].valueFrom.configMapKeyRef.key: \"a/b\": write at most 253 letters, digits, -, _ and .",
        ],
    );
    refused(
        serde_json::json!({
            "envFrom": [{"prefix": "A="}, {"secretRef": {"name": "a"}, "configMapRef": {"name": "a"}}],
            "volumes": [{"mountPath": "/a"}],
            "module": {"image": "r.example/a:1", "pullSecrets": [{"name": "a"}, {"name": "a"}, {}]},
        }),
        &[
            "spec.module.pullSecrets[1]: \"a\": the same as spec.module.pullSecrets[0]; remove one",
            "spec.module.pullSecrets[2].name: missing; write the name of an object, as in settings",
            "spec.envFrom[0].prefix: \"A=\": write printable ASCII characters without =",
            "spec.envFrom[0]: missing; write one of configMapRef and secretRef",
            "spec.envFrom[1]: both: write one of configMapRef and secretRef",
            "spec.volumes[0]: missing; write one of configMap and secret",
        ],
    );
}

#[test]
fn references_become_what_they_say() {
    let route = validate_object(
        "shop",
        "a",
        &written(serde_json::json!({
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "api", "key": "a.b_C-1", "optional": true}}}],
            "envFrom": [{"prefix": "P_", "configMapRef": {"name": "settings.v1"}}],
            "volumes": [{"mountPath": "/site", "secret": {"name": "keys"}}],
            "module": {"image": "r.example/a:1", "pullSecrets": [{"name": "registry"}]},
        })),
    )
    .unwrap();
    let VariableValue::Key(key) = &route.env[0].value else {
        panic!("{route:?}")
    };
    assert_eq!((&*key.key, key.is_optional), ("a.b_C-1", true));
    assert_eq!(key.object, Object::secret("api"));
    assert_eq!(route.env_from[0].prefix, "P_");
    assert_eq!(
        route.env_from[0].object.object,
        Object::config_map("settings.v1")
    );
    assert!(
        matches!(&route.volumes[0].content, VolumeContent::Object(object) if object.object.name == "keys")
    );
    assert_eq!(route.pull_secrets, ["registry"]);
}

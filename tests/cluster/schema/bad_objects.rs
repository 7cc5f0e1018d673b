//! Objects with one mistake each, and some with none.

mod addresses;
mod limits;

use serde_json::{Value, json};

/// An object with one mistake.
pub(super) struct Bad {
    /// The field that must be named.
    pub(super) field: &'static str,
    pub(super) object: Value,
    pub(super) words: Words,
}

/// Part of the sentence that must be said.
pub(super) enum Words {
    /// By the API server and by `wagi check` alike.
    Both(&'static str),
    /// By the API server, in its own words or in ours where it cannot say as much.
    Server(&'static str),
}

use Words::{Both, Server};

/// A good route with some of it changed.
pub(super) fn route(name: &str, change: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "wagi.dev/v1alpha1",
        "kind": "WagiRoute",
        "metadata": { "name": name },
        "spec": { "path": format!("/{name}"), "module": { "image": "registry.example/shop/hello:1.2" } },
    });
    merge(&mut object, change);
    object
}

fn merge(object: &mut Value, change: &Value) {
    match (object, change) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                merge(fields.entry(name).or_insert(Value::Null), change);
            }
        }
        (object, change) => *object = change.clone(),
    }
}

fn at(field: &'static str, change: Value, words: Words) -> Bad {
    Bad {
        field,
        object: change,
        words,
    }
}

fn image(text: impl Into<String>, words: Words) -> Bad {
    at(
        "spec.module.image",
        json!({"module": {"image": text.into()}}),
        words,
    )
}

pub(super) fn bad_objects() -> Vec<Bad> {
    let mut all = addresses::hosts();
    all.extend(addresses::paths());
    all.extend(images());
    all.extend(texts());
    all.extend(references());
    all.extend(volumes());
    all.extend(limits::limits());
    for (number, bad) in all.iter_mut().enumerate() {
        bad.object = route(&format!("bad-{number}"), &json!({ "spec": bad.object }));
    }
    all.extend(names());
    all
}

fn names() -> Vec<Bad> {
    let advice = "write at most 63 characters a-z, 0-9 and -, the first and last no -";
    let named = |name: &str, words| {
        at(
            "metadata.name",
            route("named", &json!({"metadata": {"name": name}})),
            words,
        )
    };
    vec![
        named(&"a".repeat(64), Both(advice)),
        named("a.b", Both(advice)),
        named("Hello", Server("lower case")),
        named("a_b", Server("lower case")),
    ]
}

fn images() -> Vec<Bad> {
    let invalid = "is not valid; write an image as in registry.example/shop/hello:1.2";
    vec![
        image(
            "file:hello.wasm",
            Both("a cluster has no such file; push it: wagi push hello.wasm REF"),
        ),
        image(
            "file:",
            Both("a cluster has no such file; push it: wagi push FILE REF"),
        ),
        image(
            "hello.wasm",
            Both("looks like a file; push it: wagi push hello.wasm REF"),
        ),
        image(
            "./hello",
            Both("looks like a file; push it: wagi push ./hello REF"),
        ),
        image(
            "oci://registry.example/hello:1",
            Both("write it without oci://"),
        ),
        image(
            "",
            Both("missing; write where the module is, as in registry.example/shop/hello:1.2"),
        ),
        image(
            "registry.example/hello@sha256:12",
            Both("the digest \"sha256:12\" is not valid"),
        ),
        image("registry.example/hello:", Both("the tag \"\" is not valid")),
        image(
            "registry.example/hello:a b",
            Both("the tag \"a b\" is not valid"),
        ),
        image(
            "registry.example:70000/hello",
            Both("the registry \"registry.example:70000\" is not valid"),
        ),
        image("-registry.example/hello", Both(invalid)),
        image(
            "registry.example/Hello",
            Both("the repository \"Hello\" is not valid"),
        ),
        image(
            "registry.example/a..b",
            Both("the repository \"a..b\" is not valid"),
        ),
        image(
            "Hello",
            Both("the repository \"library/Hello\" is not valid"),
        ),
        image("a".repeat(513), Server("Too long")),
        at(
            "spec.module.image",
            json!({"module": {"image": null}}),
            Server("Required value"),
        ),
    ]
}

fn texts() -> Vec<Bad> {
    let nul = "holds a NUL character; write it without";
    let wide = |count: usize| "\u{e9}".repeat(count);
    let env = |field, variables: Value, words| at(field, json!({ "env": variables }), words);
    let argv = |field, arguments: Value, words| at(field, json!({ "argv": arguments }), words);
    let entry = |text: String, words| at("spec.entrypoint", json!({ "entrypoint": text }), words);
    let many: Vec<Value> = (0..129).map(|n| json!({"name": format!("V{n}")})).collect();
    vec![
        entry(
            String::new(),
            Both("write the name of an exported function, or leave it out for _start"),
        ),
        entry("a\0b".to_owned(), Both(nul)),
        entry(wide(100), Server("write at most 128 bytes")),
        entry("a".repeat(129), Server("Too long")),
        argv(
            "spec.argv",
            json!([]),
            Both("write at least the program's name, or leave argv out"),
        ),
        argv(
            "spec.argv[1]",
            json!(["a", "x${ARGS}"]),
            Both("${ARGS} stands for any number of arguments; write it as one of its own"),
        ),
        argv("spec.argv[0]", json!(["a\0b"]), Both(nul)),
        argv(
            "spec.argv[0]",
            json!([wide(600)]),
            Server("write at most 1024 bytes"),
        ),
        argv(
            "spec.argv[0]",
            json!(["a".repeat(1025)]),
            Server("Too long"),
        ),
        argv(
            "spec.argv",
            json!(vec!["a"; 65]),
            Server("Too many: 65: must have at most 64 items"),
        ),
        env(
            "spec.env[0].name",
            json!([{"name": ""}]),
            Both("missing; write the variable's name, as in GREETING"),
        ),
        env(
            "spec.env[0].name",
            json!([{"name": "A="}]),
            Both("\"A=\": write printable ASCII characters without ="),
        ),
        env(
            "spec.env[0].name",
            json!([{"name": "A\n"}]),
            Both("write printable ASCII characters without ="),
        ),
        env(
            "spec.env[0].name",
            json!([{"name": "A".repeat(129)}]),
            Server("Too long"),
        ),
        env(
            "spec.env[0].name",
            json!([{"value": "x"}]),
            Server("Required value"),
        ),
        env(
            "spec.env[1]",
            json!([{"name": "A"}, {"name": "A", "value": "x"}]),
            Server("Duplicate value"),
        ),
        env(
            "spec.env[0].value",
            json!([{"name": "A", "value": "a\0b"}]),
            Both(nul),
        ),
        env(
            "spec.env[0].value",
            json!([{"name": "A", "value": wide(20_000)}]),
            Server("write at most 32768 bytes"),
        ),
        env(
            "spec.env[0].value",
            json!([{"name": "A", "value": 1}]),
            Server("must be of type string"),
        ),
        env(
            "spec.env[0].vlaue",
            json!([{"name": "A", "vlaue": "x"}]),
            Server("unknown field"),
        ),
        env(
            "spec.env",
            json!(many),
            Server("Too many: 129: must have at most 128 items"),
        ),
        at(
            "spec.onDisconnect",
            json!({"onDisconnect": "cancel"}),
            Both("\"cancel\": write Cancel or Finish"),
        ),
        at(
            "spec.suspend",
            json!({"suspend": "yes"}),
            Server("must be of type boolean"),
        ),
        at("spec.extra", json!({"extra": 1}), Server("unknown field")),
    ]
}

fn references() -> Vec<Bad> {
    let env = |field, from: Value, words| {
        let variables = json!([{"name": "A", "valueFrom": from}]);
        at(field, json!({ "env": variables }), words)
    };
    let name = Both(
        "\"A_b\": write at most 253 characters a-z, 0-9, - and ., the first and last a letter or digit",
    );
    let no_name = || Both("missing; write the name of an object, as in settings");
    let key = || Both("\"a/b\": write at most 253 letters, digits, -, _ and .");
    let good = json!({"name": "a", "key": "b"});
    let sources = |field, from: Value, words| at(field, json!({ "envFrom": from }), words);
    let secrets = |field, secrets: Value, words| {
        let module = json!({"image": "registry.example/a:1", "pullSecrets": secrets});
        at(field, json!({ "module": module }), words)
    };
    let many: Vec<Value> = (0..17)
        .map(|n| json!({"secretRef": {"name": format!("a{n}")}}))
        .collect();
    let many_secrets: Vec<Value> = (0..9).map(|n| json!({"name": format!("a{n}")})).collect();
    vec![
        at(
            "spec.env[0]",
            json!({"env": [{"name": "A", "value": "", "valueFrom": {"secretKeyRef": good}}]}),
            Both("both: write one of value and valueFrom"),
        ),
        env(
            "spec.env[0].valueFrom",
            json!({}),
            Both("missing; write one of configMapKeyRef and secretKeyRef"),
        ),
        env(
            "spec.env[0].valueFrom",
            json!({"secretKeyRef": good, "configMapKeyRef": good}),
            Both("both: write one of configMapKeyRef and secretKeyRef"),
        ),
        env(
            "spec.env[0].valueFrom.secretKeyRef.name",
            json!({"secretKeyRef": {"name": "A_b", "key": "b"}}),
            name,
        ),
        env(
            "spec.env[0].valueFrom.configMapKeyRef.name",
            json!({"configMapKeyRef": {"name": "", "key": "b"}}),
            no_name(),
        ),
        env(
            "spec.env[0].valueFrom.configMapKeyRef.key",
            json!({"configMapKeyRef": {"name": "a", "key": "a/b"}}),
            key(),
        ),
        env(
            "spec.env[0].valueFrom.secretKeyRef.key",
            json!({"secretKeyRef": {"name": "a", "key": "a/b"}}),
            key(),
        ),
        env(
            "spec.env[0].valueFrom.secretKeyRef.key",
            json!({"secretKeyRef": {"name": "a"}}),
            Server("Required value"),
        ),
        sources(
            "spec.envFrom[0]",
            json!([{"prefix": "A_"}]),
            Both("missing; write one of configMapRef and secretRef"),
        ),
        sources(
            "spec.envFrom[0].prefix",
            json!([{"prefix": "A=", "secretRef": {"name": "a"}}]),
            Both("\"A=\": write printable ASCII characters without ="),
        ),
        sources(
            "spec.envFrom[0].configMapRef.name",
            json!([{"configMapRef": {"name": ""}}]),
            no_name(),
        ),
        sources(
            "spec.envFrom[0].secretRef.name",
            json!([{"secretRef": {"name": "-a"}}]),
            Both("\"-a\": write at most 253 characters"),
        ),
        sources(
            "spec.envFrom",
            json!(many),
            Server("Too many: 17: must have at most 16 items"),
        ),
        secrets(
            "spec.module.pullSecrets[0].name",
            json!([{"name": "a..b"}]),
            Both("\"a..b\": write at most 253 characters"),
        ),
        secrets(
            "spec.module.pullSecrets[1]",
            json!([{"name": "a"}, {"name": "a"}]),
            Server("Duplicate value"),
        ),
        secrets(
            "spec.module.pullSecrets",
            json!(many_secrets),
            Server("Too many: 9: must have at most 8 items"),
        ),
    ]
}

fn volumes() -> Vec<Bad> {
    let volume = |path: &str| json!({"mountPath": path, "configMap": {"name": "site"}});
    let volumes = |field, volumes: Value, words| at(field, json!({ "volumes": volumes }), words);
    let path =
        |path: &str, words| volumes("spec.volumes[0].mountPath", json!([volume(path)]), words);
    let plain = || Both("write it without ., .., doubled slashes and a slash at the end");
    let many: Vec<Value> = (0..17).map(|n| volume(&format!("/a{n}"))).collect();
    vec![
        volumes(
            "spec.volumes[0].hostPath",
            json!([{"mountPath": "/site", "hostPath": "site"}]),
            Server("unknown field"),
        ),
        volumes(
            "spec.volumes[0]",
            json!([{"mountPath": "/site"}]),
            Both("missing; write one of configMap and secret"),
        ),
        volumes(
            "spec.volumes[0].configMap.name",
            json!([{"mountPath": "/site", "configMap": {"name": "Site"}}]),
            Both("\"Site\": write at most 253 characters"),
        ),
        volumes(
            "spec.volumes[0].secret.name",
            json!([{"mountPath": "/site", "secret": {"name": ""}}]),
            Both("missing; write the name of an object, as in settings"),
        ),
        path("", Both("missing; write an absolute path, as in /site")),
        path(
            "site",
            Both("\"site\": write an absolute path, as in /site"),
        ),
        path("/a/../b", plain()),
        path("/a//b", plain()),
        path("/a/", plain()),
        path("/./a", plain()),
        path("/a\0", plain()),
        path(
            &format!("/{}", "\u{e9}".repeat(200)),
            Server("write at most 256 bytes"),
        ),
        volumes(
            "spec.volumes",
            json!([volume("/site"), volume("/site/img")]),
            Server("one mountPath is inside another; write paths that stand beside each other"),
        ),
        volumes(
            "spec.volumes",
            json!([volume("/a/b"), volume("/")]),
            Server("one mountPath is inside another"),
        ),
        volumes(
            "spec.volumes[1]",
            json!([volume("/site"), volume("/site")]),
            Server("Duplicate value"),
        ),
        volumes(
            "spec.volumes",
            json!(many),
            Server("Too many: 17: must have at most 16 items"),
        ),
    ]
}

/// Objects at the bounds, and some that look wrong.
pub(super) fn good_objects() -> Vec<Value> {
    let label = "a".repeat(63);
    let long = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    let hosts: Vec<String> = (0..15)
        .map(|n| format!("h{n}.example"))
        .chain([long])
        .collect();
    let env: Vec<Value> = (0..128)
        .map(|n| json!({"name": format!("V {n}!"), "value": "x"}))
        .collect();
    let digest = format!(
        "registry.example:5000/a-b/c__d:v1@sha256:{}",
        "a".repeat(64)
    );
    let specs = [
        json!({}),
        json!({"hosts": hosts, "env": env, "argv": vec!["${ARGS}"; 64]}),
        json!({"hosts": ["*.shop.example", "192.0.2.7", "[2001:db8::7]", "localhost", "xn--bcher-kva.de"]}),
        json!({"path": "/..."}),
        json!({"path": "/a/..."}),
        json!({"path": "/caf\u{e9}/%C3%A9/a%20b"}),
        json!({"path": format!("/{}", "a".repeat(1023))}),
        json!({"path": "//a//..b/.c/d../"}),
        json!({"module": {"image": digest}}),
        json!({"module": {"image": "hello"}}),
        json!({"module": {"image": "shop/hello:1"}}),
        json!({"module": {"image": "localhost/hello"}}),
        json!({"env": [{"name": "A".repeat(128), "value": "v".repeat(32_768)}]}),
        json!({"limits": {"memory": 1_048_576, "requestBody": 0, "responseHead": "1Mi", "concurrency": 100_000}}),
        json!({"limits": {"memory": "1.5Gi", "requestBody": "1e6", "cpuTime": "1m0.5s"}}),
        json!({"limits": {"timeouts": {"total": "20s"}}}),
        json!({"limits": {"timeouts": {"queue": "0", "head": "720h", "total": "720h"}}}),
        json!({
            "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a.b-c", "key": "A.b_c-1", "optional": true}}}],
            "envFrom": [{"configMapRef": {"name": "a"}}, {"prefix": "P ", "secretRef": {"name": "a", "optional": false}}],
            "volumes": [
                {"mountPath": "/site", "configMap": {"name": "site"}},
                {"mountPath": "/sites", "secret": {"name": "b", "optional": true}},
                {"mountPath": "/.a/..b", "configMap": {"name": "a".repeat(253)}},
            ],
            "module": {"image": "hello", "pullSecrets": [{"name": "a"}, {"name": "b"}]},
        }),
        json!({"volumes": [{"mountPath": "/", "configMap": {"name": "site"}}]}),
        json!({"onDisconnect": "Finish", "suspend": true, "entrypoint": "serve"}),
    ];
    let number = |(number, spec): (usize, &Value)| {
        route(&format!("good-{number}"), &json!({ "spec": spec }))
    };
    specs.iter().enumerate().map(number).collect()
}

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
        at(
            "spec.volumes",
            json!({"volumes": [{"mountPath": "/site", "hostPath": "site"}]}),
            Server("unknown field"),
        ),
        at("spec.extra", json!({"extra": 1}), Server("unknown field")),
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
        json!({"onDisconnect": "Finish", "suspend": true, "entrypoint": "serve"}),
    ];
    let number = |(number, spec): (usize, &Value)| {
        route(&format!("good-{number}"), &json!({ "spec": spec }))
    };
    specs.iter().enumerate().map(number).collect()
}

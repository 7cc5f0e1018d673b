//! Routes whose modules come from registries: served, and served on, whatever becomes of those.

use std::path::{Path, PathBuf};

use node_runtime::modules::Images;
use node_runtime::store::Store;
use registry::{Client, Credentials, DockerConfig, Settings};
use tempfile::TempDir;
use tests::PATIENCE;
use tests::artifact::{Artifact, digest};
use tests::client::Response;
use tests::guests::{self, Guest};
use tests::node::Node;
use tests::registry::{Auth, Fault, PASSWORD, Registry, USER, base64};

/// A guest as registries have it.
fn binary(guest: Guest) -> Vec<u8> {
    wat::parse_str(guest.wat).expect("a guest is text of a module")
}

/// A registry with this guest.
fn with_guest(guest: Guest) -> Registry {
    let registry = Registry::start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&binary(guest)));
    registry
}

fn route(name: &str, image: &str) -> String {
    format!(
        "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {name}}}\n\
         spec:\n  path: /{name}/...\n  module:\n    image: {image}\n"
    )
}

/// A node to be with these routes, that keeps what it pulls in a folder, or nowhere.
struct Plan {
    store: Option<PathBuf>,
    credentials: Credentials,
    routes: Vec<(String, String)>,
}

impl Plan {
    fn new(store: &TempDir) -> Self {
        Self {
            store: Some(store.path().join("store")),
            ..Self::without_store()
        }
    }

    const fn without_store() -> Self {
        Self {
            store: None,
            credentials: Credentials::Anonymous,
            routes: Vec::new(),
        }
    }

    fn route(mut self, name: &str, image: &str) -> Self {
        self.routes.push((name.to_owned(), image.to_owned()));
        self
    }

    fn start(&self) -> Node {
        tests::install_crypto();
        let store = self.store.as_deref().map(open);
        let client = Client::new(Settings::default()).expect("a client");
        let images = Images::new(client, self.credentials.clone(), store.clone());
        let builder = Node::builder().config(|config| {
            config.modules.images = Some(images);
            config.modules.store = store;
        });
        let builder = self.routes.iter().fold(builder, |builder, (name, image)| {
            builder.file(&format!("{name}.yaml"), &route(name, image))
        });
        builder.start()
    }
}

/// Opens a store, once whoever held it before is gone: work that blocks outlives its node a little.
fn open(folder: &Path) -> Store {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        match Store::open(folder, 1 << 30) {
            Ok(store) => return store,
            Err(error) if std::time::Instant::now() > deadline => panic!("{error}"),
            Err(_) => std::thread::yield_now(),
        }
    }
}

#[track_caller]
fn is_hello(response: &Response) {
    assert_eq!(response.head.status, 200, "{}", response.text());
    assert_eq!(response.text(), "hello\n");
}

/// The files below a folder of the store.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn a_route_from_a_registry_is_served_with_and_without_a_store() {
    let registry = with_guest(guests::hello);
    let image = registry.reference("shop/hello:1");
    let folder = TempDir::new().expect("a temporary folder");
    for plan in [Plan::new(&folder), Plan::without_store()] {
        let node = plan.route("hello", &image).start();
        is_hello(&node.get("/hello"));
    }
}

#[test]
fn it_is_served_on_when_the_registry_is_gone_and_after_a_restart() {
    let registry = with_guest(guests::hello);
    let folder = TempDir::new().expect("a temporary folder");
    let by_digest = digest(&Artifact::cncf(&binary(guests::hello)).manifest);
    let plan = Plan::new(&folder)
        .route("hello", &registry.reference("shop/hello:1"))
        .route(
            "by-digest",
            &registry.reference(&format!("shop/hello@{by_digest}")),
        );
    let node = plan.start();
    is_hello(&node.get("/hello"));
    drop(registry);
    is_hello(&node.get("/hello"));
    drop(node);
    let again = plan.start();
    is_hello(&again.get("/hello"));
    is_hello(&again.get("/by-digest"));
}

#[test]
fn a_restart_pulls_nothing_that_is_kept() {
    let registry = with_guest(guests::hello);
    let folder = TempDir::new().expect("a temporary folder");
    let plan = Plan::new(&folder).route("hello", &registry.reference("shop/hello:1"));
    for _ in 0..2 {
        is_hello(&plan.start().get("/hello"));
    }
    assert_eq!(registry.count("/blobs/"), 1, "{:?}", registry.lines());
}

#[test]
fn what_is_damaged_in_the_store_is_made_again() {
    let registry = with_guest(guests::hello);
    let folder = TempDir::new().expect("a temporary folder");
    let plan = Plan::new(&folder).route("hello", &registry.reference("shop/hello:1"));
    drop(plan.start());
    for kind in ["blobs", "compiled"] {
        let kept = files(&folder.path().join("store").join(kind));
        assert_eq!(kept.len(), 1, "{kind}: {kept:?}");
        let mut bytes = std::fs::read(&kept[0]).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        // As a disk does it: in place, without asking for a mode.
        let mut permissions = std::fs::metadata(&kept[0]).expect("a file").permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
        std::fs::set_permissions(&kept[0], permissions).expect("a mode");
        std::fs::write(&kept[0], bytes).expect("a file");
    }
    is_hello(&plan.start().get("/hello"));
    assert_eq!(registry.count("/blobs/"), 2, "{:?}", registry.lines());
    is_hello(&plan.start().get("/hello"));
    assert_eq!(registry.count("/blobs/"), 2, "made again once");
}

#[test]
fn a_wrong_digest_is_a_reason_and_disturbs_no_other_route() {
    let good = with_guest(guests::hello);
    let bad = with_guest(guests::hello);
    bad.fail(Fault::WrongDigest);
    let folder = TempDir::new().expect("a temporary folder");
    // The same digest: what one registry gets wrong, another may have right.
    let node = Plan::new(&folder)
        .route("bad", &bad.reference("shop/hello:1"))
        .start();
    let said = node.wait_for_change("not loaded: default/bad");
    assert!(said.contains("sent a module with digest sha256:"), "{said}");
    assert!(said.contains(&bad.host()), "{said}");
    let answer = node.get("/bad");
    assert_eq!(answer.head.status, 503, "{}", answer.text());
    let kept = files(&folder.path().join("store/blobs"));
    assert_eq!(kept, [""; 0].map(PathBuf::from));
    let added = route("good", &good.reference("shop/hello:1"));
    std::fs::write(node.folder().join("good.yaml"), added).expect("a file");
    let _ = node.wait_for_change("added: default/good");
    is_hello(&node.get("/good"));
    assert_eq!(node.get("/bad").head.status, 503);
}

#[test]
fn a_new_version_that_cannot_be_had_leaves_the_old_one() {
    let registry = with_guest(guests::hello);
    let cookies = Artifact::cncf(&binary(guests::set_cookies));
    registry.tag("shop/hello", "3", &cookies);
    let folder = TempDir::new().expect("a temporary folder");
    let node = Plan::new(&folder)
        .route("hello", &registry.reference("shop/hello:1"))
        .start();
    let write = |image: &str| {
        let text = route("hello", &registry.reference(image));
        std::fs::write(node.folder().join("hello.yaml"), text).expect("a file");
    };
    write("shop/hello:2");
    let said = node.wait_for_change("kept: default/hello");
    assert!(said.contains("(404)"), "{said}");
    is_hello(&node.get("/hello"));
    write("shop/hello:3");
    let _ = node.wait_for_change("changed: default/hello");
    assert_eq!(node.get("/hello").head.all("set-cookie").count(), 3);
}

#[test]
fn the_old_one_serves_while_the_new_one_comes() {
    let registry = with_guest(guests::hello);
    let new = Artifact::cncf(&binary(guests::set_cookies));
    registry.tag("shop/hello", "2", &new);
    let folder = TempDir::new().expect("a temporary folder");
    let node = Plan::new(&folder)
        .route("hello", &registry.reference("shop/hello:1"))
        .start();
    registry.fail_times(Fault::StallInMidBlob, 1);
    let text = route("hello", &registry.reference("shop/hello:2"));
    std::fs::write(node.folder().join("hello.yaml"), text).expect("a file");
    registry.wait_for("/blobs/", 2);
    // Half of it is here, and the rest comes when we say so.
    is_hello(&node.get("/hello"));
    registry.heal();
    let _ = node.wait_for_change("changed: default/hello");
    assert_eq!(node.get("/hello").head.all("set-cookie").count(), 3);
}

#[test]
fn a_hundred_routes_on_one_digest_are_one_pull_and_one_compile() {
    let registry = with_guest(guests::hello);
    let artifact = Artifact::cncf(&binary(guests::hello));
    let folder = TempDir::new().expect("a temporary folder");
    let mut plan = Plan::new(&folder);
    for number in 0..100 {
        // Half of them by one reference, half by one each.
        let tag = if number % 2 == 0 {
            "1".to_owned()
        } else {
            format!("r{number}")
        };
        registry.tag("shop/hello", &tag, &artifact);
        let image = registry.reference(&format!("shop/hello:{tag}"));
        plan = plan.route(&format!("r{number}"), &image);
    }
    let node = plan.start();
    for number in [0, 1, 98, 99] {
        is_hello(&node.get(&format!("/r{number}")));
    }
    assert_eq!(registry.count("/blobs/"), 1);
    assert_eq!(registry.count("/manifests/"), 51);
    assert_eq!(files(&folder.path().join("store/compiled")).len(), 1);
}

#[test]
fn a_private_image_is_served_to_whoever_may_read_it() {
    let registry = Registry::builder().auth(Auth::Token).start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&binary(guests::hello)));
    let image = registry.reference("shop/hello:1");
    let folder = TempDir::new().expect("a temporary folder");
    let nobody = Plan::new(&folder).route("hello", &image).start();
    let said = nobody.wait_for_change("not loaded: default/hello");
    assert!(said.contains("(401)"), "{said}");
    drop(nobody);
    let auth = base64(format!("{USER}:{PASSWORD}").as_bytes());
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#,
        registry.host()
    );
    let config = DockerConfig::from_text(config).expect("a configuration");
    let plan = Plan {
        credentials: Credentials::DockerConfig(config),
        ..Plan::new(&folder).route("hello", &image)
    };
    is_hello(&plan.start().get("/hello"));
}

#[test]
fn a_registry_that_comes_back_is_asked_again() {
    let registry = with_guest(guests::hello);
    // Longer than one pull tries by itself.
    registry.fail_times(Fault::ServerError500, 5);
    let folder = TempDir::new().expect("a temporary folder");
    let node = Plan::new(&folder)
        .route("hello", &registry.reference("shop/hello:1"))
        .start();
    let said = node.wait_for_change("not loaded: default/hello");
    assert!(said.contains("(500)"), "{said}");
    let _ = node.wait_for_change("added: default/hello");
    is_hello(&node.get("/hello"));
}

#[test]
fn a_module_of_thirty_megabytes_is_served() {
    let mut module = binary(guests::hello);
    // A custom section, whose name is empty: one byte of id, the size in LEB128, the name's length.
    let size: usize = 30 << 20;
    module.push(0);
    let mut left = size;
    while left >= 128 {
        module.push(u8::try_from(left & 127).expect("seven bits") | 128);
        left >>= 7;
    }
    module.push(u8::try_from(left).expect("seven bits"));
    module.extend(std::iter::repeat_n(0, size));
    let registry = Registry::start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&module));
    let folder = TempDir::new().expect("a temporary folder");
    let node = Plan::new(&folder)
        .route("hello", &registry.reference("shop/hello:1"))
        .start();
    is_hello(&node.get("/hello"));
}

#[test]
fn what_is_no_module_is_a_reason_that_says_what_it_is() {
    let registry = Registry::start();
    registry.tag("shop/image", "1", &Artifact::image());
    registry.tag("shop/noise", "1", &Artifact::cncf(b"not a module"));
    let component = binary(guests::component);
    registry.tag("shop/component", "1", &Artifact::cncf(&component));
    let folder = TempDir::new().expect("a temporary folder");
    let node = Plan::new(&folder)
        .route("image", &registry.reference("shop/image:1"))
        .route("noise", &registry.reference("shop/noise:1"))
        .route("component", &registry.reference("shop/component:1"))
        .start();
    for (name, part) in [
        ("image", "it is no WebAssembly module"),
        ("noise", "module"),
        ("component", "component"),
    ] {
        let said = node.wait_for_change(&format!("not loaded: default/{name}"));
        assert!(said.contains(part), "{said}");
        assert_eq!(node.get(&format!("/{name}")).head.status, 503);
    }
}

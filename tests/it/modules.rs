//! Modules as the program serves them: from registries, into a store, on a disk that is full, and
//! what it shows of them.

mod full_disk;
mod killed;
mod shown;
mod suspended;

use std::path::Path;

use tempfile::TempDir;
use tests::artifact::Artifact;
use tests::client::Response;
use tests::guests::{self, Guest};
use tests::registry::{Fault, Registry};
use tests::wagi::{Wagi, command, run};

/// A guest as registries have it.
fn binary(guest: Guest) -> Vec<u8> {
    wat::parse_str(guest.wat).expect("a guest is text of a module")
}

/// A module with some bytes that mean nothing: as it was, under another digest.
fn with_custom_section(mut module: Vec<u8>, content: &[u8]) -> Vec<u8> {
    // Its id, its size in LEB128, and the length of its name, which is empty.
    module.push(0);
    let mut left = content.len() + 1;
    while left >= 128 {
        module.push(u8::try_from(left & 127).expect("seven bits") | 128);
        left >>= 7;
    }
    module.push(u8::try_from(left).expect("seven bits"));
    module.push(0);
    module.extend(content);
    module
}

/// A folder of routes, and one for the store.
struct Place {
    routes: TempDir,
    cache: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = || TempDir::new().expect("a temporary folder");
        Self {
            routes: folder(),
            cache: folder(),
        }
    }

    /// Writes a file of the routes' folder, at once and whole.
    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let draft = self.routes.path().join(".draft");
        std::fs::write(&draft, bytes).expect("a file in a temporary folder");
        std::fs::rename(draft, self.routes.path().join(name)).expect("a rename");
    }

    /// A route below its own name; `image` as a manifest has it.
    fn route(&self, name: &str, image: &str) {
        let text = format!(
            "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {name}}}\n\
             spec:\n  path: /{name}/...\n  module:\n    image: {image}\n"
        );
        self.write(&format!("{name}.yaml"), text);
    }

    /// The same, told to answer nothing.
    fn suspended_route(&self, name: &str, image: &str) {
        let text = format!(
            "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {name}}}\n\
             spec:\n  path: /{name}/...\n  module:\n    image: {image}\n  suspend: true\n"
        );
        self.write(&format!("{name}.yaml"), text);
    }

    /// A route with a module in a file of its own.
    fn file_route(&self, name: &str, module: &[u8]) {
        self.write(&format!("{name}.wasm"), module);
        self.route(name, &format!("file:{name}.wasm"));
    }

    fn routes(&self) -> String {
        self.routes.path().display().to_string()
    }

    fn store(&self) -> String {
        self.cache.path().join("wagi").display().to_string()
    }
}

#[track_caller]
fn is_hello(response: &Response) {
    assert_eq!(response.head.status, 200, "{}", response.text());
    assert_eq!(response.text(), "hello\n");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// How many files there are right in a folder, which may not be there yet.
fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn an_image_in_place_of_a_path_is_served_on_every_path_and_after_its_registry_is_gone() {
    let registry = Registry::start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&binary(guests::hello)));
    let image = registry.reference("shop/hello:1");
    let place = Place::new();
    let up = || Wagi::up(&[&image, "--store", &place.store()]);
    let is_served = |wagi: &Wagi| {
        for path in ["/", "/hello", "/a/b?c=d"] {
            is_hello(&wagi.get(path));
        }
    };
    let wagi = up();
    is_served(&wagi);
    drop(registry);
    is_served(&wagi);
    let (status, _) = wagi.stop("TERM");
    assert!(status.success(), "{status}");
    is_served(&up());
}

#[test]
fn as_many_modules_are_pulled_at_a_time_as_was_asked_for() {
    // More than without the flag.
    const PULLS: usize = 6;
    let registry = Registry::start();
    let place = Place::new();
    for number in 0..PULLS {
        let name = format!("r{number}");
        let module = with_custom_section(binary(guests::hello), name.as_bytes());
        registry.tag(&name, "1", &Artifact::cncf(&module));
        place.route(&name, &registry.reference(&format!("{name}:1")));
    }
    registry.fail(Fault::StallInMidBlob);
    // The first of them is over when all of them were asked for.
    let healer = std::thread::spawn(move || {
        registry.wait_for("/blobs/", PULLS);
        registry.heal();
        registry
    });
    let pulls = format!("--parallel-pulls={PULLS}");
    let wagi = Wagi::up(&[&place.routes(), "--store", &place.store(), &pulls]);
    let _registry = healer.join().expect("all were asked for");
    is_hello(&wagi.get("/r0"));
}

#[test]
fn a_manifest_with_an_image_can_be_called() {
    let registry = Registry::start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&binary(guests::hello)));
    let place = Place::new();
    place.route("hello", &registry.reference("shop/hello:1"));
    let called = run(&["call", &place.routes(), "/hello"]);
    assert_eq!(called.status.code(), Some(0), "{called:?}");
    assert!(text(&called.stdout).ends_with("hello\n"), "{called:?}");
    place.route("hello", &registry.reference("shop/hello:2"));
    let called = run(&["call", &place.routes(), "/hello"]);
    assert_eq!(called.status.code(), Some(1), "{called:?}");
    assert!(text(&called.stderr).contains("(404)"), "{called:?}");
}

#[test]
fn the_second_on_a_named_store_ends_and_says_who_holds_it() {
    let place = Place::new();
    place.file_route("hello", &binary(guests::hello));
    let wagi = Wagi::up(&[&place.routes(), "--store", &place.store()]);
    let listen = "--listen=127.0.0.1:0";
    let second = run(&["up", listen, &place.routes(), "--store", &place.store()]);
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    let said = text(&second.stderr);
    let holder = format!("process {}", wagi.pid());
    for part in [&*place.store(), "is in use by", &holder, "--store"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert_eq!(text(&second.stdout), "");
    is_hello(&wagi.get("/hello"));
}

#[test]
fn the_second_on_the_default_store_serves_without_and_says_so() {
    let place = Place::new();
    place.file_route("hello", &binary(guests::hello));
    let up = || {
        let mut up = command(&["up", "--listen=127.0.0.1:0", &place.routes()]);
        up.env("XDG_CACHE_HOME", place.cache.path());
        Wagi::start(up)
    };
    let first = up();
    let second = up();
    let said = second.stderr_until("modules are not kept");
    let said = said.last().expect("a line");
    let holder = format!("process {}", first.pid());
    for part in [&*place.store(), &holder, "--store"] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    for wagi in [&first, &second] {
        is_hello(&wagi.get("/hello"));
    }
    assert_eq!(files(&place.cache.path().join("wagi/compiled")), 1);
}

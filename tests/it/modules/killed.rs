//! The program killed amid pulls and compiles, again and again, on one store.

use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Stdio};

use tests::artifact::Artifact;
use tests::guests;
use tests::process::{children, compilers, wait_until};
use tests::registry::{Fault, Registry};
use tests::wagi::{Wagi, command, run};

use super::shown::Admin;
use super::{Place, binary, files, is_hello, text, with_custom_section};

const SMALL: [&str; 3] = ["small-1", "small-2", "small-3"];

/// `hello`, and some thousand functions that it never calls.
fn laborious() -> Vec<u8> {
    let text = guests::hello.wat.trim_end();
    let mut text = text
        .strip_suffix(')')
        .expect("a module ends with a bracket")
        .to_owned();
    for number in 0..12_000 {
        let _ = writeln!(text, "(func (param i32) (result i32) (local i32) (loop");
        for step in 1..20 {
            let _ = writeln!(
                text,
                "(local.set 1 (i32.xor (i32.mul (local.get 1) (i32.const {number})) \
                 (i32.load offset={step} (local.get 0))))"
            );
        }
        text.push_str("(br_if 0 (local.get 1))) (local.get 1))\n");
    }
    text.push(')');
    wat::parse_str(text).expect("a module")
}

/// What the program is doing when it is killed.
#[derive(Clone, Copy, Debug)]
enum Amid {
    /// Half of the image is in a temporary file, and the rest does not come.
    Pull,
    /// The compiler has the laborious module.
    Compile,
    /// Small modules are compiled and published, one after the other.
    Publishing,
    /// Children of it run, whatever they have.
    Start,
}

/// A `wagi up` that need not become ready.
struct Server(Child);

impl Server {
    fn start(place: &Place) -> Self {
        let (routes, store) = (place.routes(), place.store());
        let mut up = command(&["up", "--listen=127.0.0.1:0", &routes, "--store", &store]);
        // Nobody reads what it says before it is killed.
        up.stdout(Stdio::null()).stderr(Stdio::null());
        Self(up.spawn().expect("wagi runs"))
    }

    fn wait_for(&self, amid: Amid, place: &Place, laborious: u64, kept: usize) {
        let store = Path::new(&place.store()).to_owned();
        let pid = self.0.id();
        let has = |child: &rustix::process::Pid, module: u64| {
            let stdin = format!("/proc/{}/fd/0", child.as_raw_nonzero());
            std::fs::metadata(stdin).is_ok_and(|stdin| stdin.size() == module)
        };
        wait_until(&format!("{amid:?}"), || match amid {
            Amid::Pull => {
                let files = std::fs::read_dir(store.join("tmp")).into_iter().flatten();
                files
                    .filter_map(|entry| entry.ok()?.metadata().ok())
                    .any(|file| file.len() > 0)
            }
            Amid::Compile => compilers(pid).iter().any(|child| has(child, laborious)),
            Amid::Publishing => files(&store.join("compiled")) > kept,
            Amid::Start => !children(pid).is_empty(),
        });
    }

    /// Without a word to anybody.
    fn kill(mut self) -> u32 {
        self.0.kill().expect("it runs");
        let status = self.0.wait().expect("it was started");
        assert_eq!(status.code(), None, "it had not ended by itself");
        self.0.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Over already when it was killed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_program_that_is_killed_amid_pulls_and_compiles_serves_after_a_clean_start() {
    let registry = Registry::start();
    let image = with_custom_section(binary(guests::hello), &[7; 100_000]);
    registry.tag("shop/hello", "1", &Artifact::cncf(&image));
    registry.fail(Fault::StallInMidBlob);
    let place = Place::new();
    place.route("image", &registry.reference("shop/hello:1"));
    let laborious = laborious();
    let compiled = Path::new(&place.store()).join("compiled");
    let temporary = Path::new(&place.store()).join("tmp");
    let ways = [Amid::Pull, Amid::Compile, Amid::Publishing, Amid::Start];
    let mut killed = Vec::new();
    for (round, amid) in (0_u8..8).zip(ways.into_iter().cycle()) {
        // New ones each time: what an earlier round has kept is not compiled again.
        let module = with_custom_section(laborious.clone(), &[round; 16]);
        place.file_route("laborious", &module);
        for (number, name) in (0_u8..).zip(SMALL) {
            let module = with_custom_section(binary(guests::hello), &[round, number]);
            place.file_route(name, &module);
        }
        let (pulled, kept) = (registry.count("/blobs/"), files(&compiled));
        let server = Server::start(&place);
        if matches!(amid, Amid::Pull) {
            registry.wait_for("/blobs/", pulled + 1);
        }
        server.wait_for(amid, &place, module.len() as u64, kept);
        killed.push(server.kill());
        if matches!(amid, Amid::Pull) {
            assert!(files(&temporary) > 0, "what it had of the image is there");
        }
    }
    // They go with the one that started them.
    for pid in killed {
        wait_until("the end of its compilers", || compilers(pid).is_empty());
    }

    registry.heal();
    let (routes, store) = (place.routes(), place.store());
    let wagi = Wagi::up(&[&routes, "--store", &store, "--admin-listen=127.0.0.1:0"]);
    Admin::of(&wagi).wait_for_routes(2 + SMALL.len());
    for name in SMALL.iter().chain(&["image", "laborious"]) {
        is_hello(&wagi.get(&format!("/{name}")));
    }
    assert_eq!(files(&temporary), 0, "nothing half written stays");
    assert_eq!(children(wagi.pid()), []);
    let pid = wagi.pid();
    let (status, _) = wagi.stop("TERM");
    assert!(status.success(), "{status}");
    assert_eq!(compilers(pid), []);
    let verified = run(&["store", "verify", "--store", &store]);
    assert_eq!(
        verified.status.code(),
        Some(0),
        "{}",
        text(&verified.stderr)
    );
}

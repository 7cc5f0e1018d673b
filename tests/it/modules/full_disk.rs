//! A store that has no room for what is served.
//!
//! The real thing is a file system of 1 MiB, mounted in a mount name space of the program's own:
//! nobody else sees it, and it goes with the process. Where that is not allowed, and everywhere in a
//! test of its own, a store that may not hold more stands in for it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::artifact::Artifact;
use tests::guests;
use tests::registry::Registry;
use tests::wagi::{Wagi, command};

use super::shown::Admin;
use super::{Place, binary, files, is_hello};

/// `hello` with so many bytes of memory that are neither zero nor alike.
fn heavy(bytes: usize, seed: u32) -> Vec<u8> {
    let mut data = String::from("(data (i32.const 65536) \"");
    let mut state = seed;
    for _ in 0..bytes {
        // Numerical Recipes, "An Even Quicker Generator"; its high bits are the good ones.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let _ = write!(data, "\\{:02x}", state >> 24);
    }
    data.push_str("\")\n");
    let text = guests::hello.wat;
    let text = text.replace("(export \"memory\") 1)", "(export \"memory\") 64)");
    assert_ne!(text, guests::hello.wat, "its memory has a page");
    let at = text.find("(data").expect("it has data");
    let module = format!("{}{data}{}", &text[..at], &text[at..]);
    wat::parse_str(module).expect("a module")
}

/// How this process may mount, if it may.
fn way_to_mount(place: &Path) -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-U", "-r", "-m"]];
    ways.into_iter().find(|way| {
        let tried = Command::new(way[0])
            .args(&way[1..])
            .args(["sh", "-c", "mount -t tmpfs -o size=1m none \"$1\"", "sh"])
            .arg(place)
            .stdin(Stdio::null())
            .output();
        tried.is_ok_and(|output| output.status.success())
    })
}

/// A command whose process has a file system of 1 MiB in a place.
fn in_small_place(way: &[&str], place: &Path, inner: &Command) -> Command {
    let script = "mount -t tmpfs -o size=1m,mode=700 none \"$0\" && exec \"$@\"";
    let mut outer = Command::new(way[0]);
    outer
        .args(&way[1..])
        .args(["sh", "-c", script])
        .arg(place)
        .arg(inner.get_program())
        .args(inner.get_args())
        .stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// Serves an image and a file that are larger than the store, and a file that is not; `run` makes
/// the command that is run of ours. The log must say `why` of the image and of the code.
fn serve(flags: &[&str], run: impl Fn(&Place, Command) -> Command, why: &str) {
    let registry = Registry::start();
    let image = heavy(2 << 20, 1);
    registry.tag("shop/heavy", "1", &Artifact::cncf(&image));
    let place = Place::new();
    place.route("image", &registry.reference("shop/heavy:1"));
    place.file_route("file", &heavy(3 << 19, 2));
    place.file_route("hello", &binary(guests::hello));
    let (routes, store) = (place.routes(), place.store());
    let mut arguments = vec![
        "up",
        "--listen=127.0.0.1:0",
        &routes,
        "--store",
        &store,
        "--admin-listen=127.0.0.1:0",
    ];
    arguments.extend(flags);
    let wagi = Wagi::start(run(&place, command(&arguments)));
    Admin::of(&wagi).wait_for_routes(3);
    for path in ["/image", "/file", "/hello"] {
        is_hello(&wagi.get(path));
    }
    drop(registry);
    // It is served, not looked for.
    for path in ["/image", "/file", "/hello"] {
        is_hello(&wagi.get(path));
    }
    // As the process sees it: small things are kept, and nothing half written stays.
    let seen = format!("/proc/{}/root{store}", wagi.pid());
    let seen = Path::new(&seen);
    assert_eq!(files(&seen.join("blobs/sha256")), 0);
    assert_eq!(files(&seen.join("compiled")), 1, "that of hello");
    assert_eq!(files(&seen.join("tmp")), 0);
    wagi.signal("TERM");
    let ended = wagi.wait();
    assert!(ended.status.success(), "{:?}", ended.status);
    let said = ended.stderr;
    for parts in [
        ["does not take ", "shop/heavy:1", why, "served from memory"],
        ["does not take ", "compiled code", why, "kept in memory"],
    ] {
        let says = |line: &String| parts.iter().all(|part| line.contains(part));
        assert!(said.iter().any(says), "{parts:?} in {said:?}");
    }
}

fn serve_beyond_the_size() {
    let why = "more than the whole store may have";
    serve(&["--store-size=1Mi"], |_, command| command, why);
}

#[test]
fn what_fits_no_disk_is_served_from_memory_and_said() {
    let place = Place::new();
    let Some(way) = way_to_mount(place.cache.path()) else {
        return serve_beyond_the_size();
    };
    let run = |place: &Place, command: Command| in_small_place(way, place.cache.path(), &command);
    serve(&[], run, "No space left on device");
}

#[test]
fn what_no_store_may_hold_is_served_from_memory_and_said() {
    serve_beyond_the_size();
}

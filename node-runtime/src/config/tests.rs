//! Command lines as a user types them.

use super::*;
use crate::cli::{Cli, Command};
use clap::Parser;
use crds::duration::Duration;

fn up(flags: &[&str]) -> Result<Serve, ConfigError> {
    let arguments = ["wagi", "up", "routes"].iter().chain(flags);
    match Cli::try_parse_from(arguments)
        .expect("a command line")
        .command
    {
        Command::Up(args) => Up::try_from(*args).map(|up| up.serve),
        other => panic!("{other:?}"),
    }
}

fn call(arguments: &[&str]) -> Result<Call, ConfigError> {
    let arguments = ["wagi", "call"].iter().chain(arguments);
    match Cli::try_parse_from(arguments)
        .expect("a command line")
        .command
    {
        Command::Call(args) => Call::try_from(args),
        other => panic!("{other:?}"),
    }
}

#[test]
fn flags_have_the_documented_defaults() {
    let up = up(&[]).expect("a configuration");
    assert_eq!(up.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(up.max_requests.get(), 1_000);
    assert_eq!(up.max_connections.get(), 10_000);
    assert_eq!(up.guest_memory, GuestMemory::Percent(60));
    assert_eq!(up.keep_alive, Duration::from_secs(600));
    assert_eq!(up.stderr_rate.get(), 100);
    assert_eq!(up.admin.server, None);
    assert!(up.admin.access_log);
    assert!(!up.compile.wasm_exceptions);
    assert_eq!(up.compile.timeout, Duration::from_secs(120));
    assert_eq!(up.compile.memory_bytes(1 << 30), 256 << 20);
    assert_eq!(up.compile.memory_bytes(64 << 30), 2 << 30);
    assert_eq!(up.compile.memory_bytes(1 << 20), 64 << 20);
}

#[test]
fn flags_are_read() {
    let up = up(&[
        "--listen=localhost:0",
        "--guest-memory=2Gi",
        "--keep-alive=1m30s",
        "--wasm-exceptions",
        "--compile-timeout=2m",
        "--compile-memory=1Gi",
    ])
    .expect("a configuration");
    assert_eq!(up.listen.to_string(), "127.0.0.1:0");
    assert_eq!(up.guest_memory.bytes(1), 2 << 30);
    assert_eq!(up.keep_alive, Duration::from_secs(90));
    assert!(up.compile.wasm_exceptions);
    assert_eq!(up.compile.timeout, Duration::from_secs(120));
    assert_eq!(up.compile.memory_bytes(0), 1 << 30);
    assert_eq!(GuestMemory::Percent(60).bytes(1_000), 600);
}

#[test]
fn all_mistakes_are_said_together() {
    let error = up(&[
        "--listen=:3000",
        "--max-requests=0",
        "--max-connections=many",
        "--guest-memory=101%",
        "--keep-alive=10",
        "--stderr-rate=-1",
        "--wasm-exceptions=perhaps",
        "--compile-timeout=0s",
        "--compile-memory=1Mi",
    ])
    .expect_err("mistakes");
    assert_eq!(
        error.0,
        [
            "--listen \":3000\": write an address and a port, as in 127.0.0.1:3000 or [::]:8080",
            "--max-requests \"0\": write a whole number, at least 1",
            "--max-connections \"many\": write a whole number, at least 1",
            "--guest-memory \"101%\": write 1% to 100%, or bytes as in 2Gi",
            "--keep-alive \"10\": has no unit; write 10s for seconds, or one of ms, m, h",
            "--stderr-rate \"-1\": write a whole number, at least 1",
            "--wasm-exceptions \"perhaps\": write true or false",
            "--compile-timeout \"0s\": write at least 1ms",
            "--compile-memory \"1Mi\": no module compiles in that; write at least 64Mi",
        ]
    );
}

#[test]
fn a_call_is_a_request() {
    let get = call(&[
        "hello.wat",
        "/a?b=c",
        "-H",
        "Host: shop.example",
        "-H",
        "X-A:1",
    ]);
    let get = get.expect("a request");
    assert_eq!((get.method, get.body), (Method::GET, CallBody::Empty));
    assert_eq!(get.uri.query(), Some("b=c"));
    assert_eq!(get.headers.len(), 2);
    let post = call(&["hello.wat", "/", "-d", "@body"]).expect("a request");
    assert_eq!(
        (post.method, post.body),
        (Method::POST, CallBody::File("body".into()))
    );
    let put = call(&["hello.wat", "/", "-d", "@-", "-X", "PUT"]).expect("a request");
    assert_eq!((put.method, put.body), (Method::PUT, CallBody::Stdin));
    let error = call(&["hello.wat", "a b", "-H", "no colon", "-X", "a b"]).expect_err("mistakes");
    assert_eq!(error.0.len(), 3);
}

#[test]
fn the_admin_server_is_off_unless_it_is_asked_for() {
    let on = up(&[
        "--admin-listen=[::1]:0",
        "--admin-token-file=/a/token",
        "--access-log=off",
    ]);
    let on = on.expect("a configuration").admin;
    let server = on.server.expect("a server");
    assert_eq!(server.listen.to_string(), "[::1]:0");
    assert_eq!(server.token_file, Some("/a/token".into()));
    assert!(!on.access_log);
    let error = up(&["--admin-token-file=/a/token", "--access-log=perhaps"]);
    let error = error
        .expect_err("nobody would ask for the token")
        .to_string();
    assert_eq!(
        error,
        "--admin-token-file \"/a/token\": there is no admin server; write --admin-listen, too\n\
         --access-log \"perhaps\": write true or false"
    );
}

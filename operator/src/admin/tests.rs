use std::io::{Read, Write};
use std::net::TcpStream;

use tokio_util::sync::CancellationToken;

use super::*;

fn ask(address: SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = format!("{line} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// A server whose other threads are those of `runtime`.
fn admin(runtime: &tokio::runtime::Runtime, health: &Health) -> Admin {
    let registry = crate::metrics::registry().expect("names differ");
    let address = "127.0.0.1:0".parse().expect("an address");
    start(address, health.clone(), registry, runtime.handle().clone()).expect("a server")
}

fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(1).build().expect("a runtime")
}

#[test]
fn probes_and_metrics_are_answered_and_unready_says_why() {
    let (runtime, health) = (runtime(), Health::new(CancellationToken::new()));
    let admin = admin(&runtime, &health);
    let address = admin.address();
    assert!(ask(address, "GET /livez").starts_with("HTTP/1.1 200 "));
    let unready = ask(address, "GET /readyz?verbose");
    assert!(unready.starts_with("HTTP/1.1 503 "), "{unready}");
    assert!(
        unready.contains("the lease was not read yet\n"),
        "{unready}"
    );
    assert!(ask(address, "GET /readyz").ends_with("\r\n\r\nnot ready\n"));
    health.lease_read();
    health.listed();
    assert!(ask(address, "GET /readyz").ends_with("\r\n\r\nok\n"));
    let metrics = ask(address, "GET /metrics");
    assert!(
        metrics.contains("\nprocess_resident_memory_bytes "),
        "{metrics}"
    );
    assert!(metrics.contains("wagi_operator_build_info{"), "{metrics}");
    assert!(ask(address, "POST /livez").starts_with("HTTP/1.1 405 "));
    assert!(ask(address, "GET /").contains("/readyz "));
}

#[test]
fn a_dropped_server_gives_its_address_back_and_a_taken_one_is_named() {
    let (runtime, health) = (runtime(), Health::new(CancellationToken::new()));
    let first = admin(&runtime, &health);
    let address = first.address();
    let again = |address| {
        let registry = Registry::new();
        start(
            address,
            Health::new(CancellationToken::new()),
            registry,
            runtime.handle().clone(),
        )
    };
    let error = again(address).err().expect("it is taken").to_string();
    let named = format!("--admin-listen {address}: ");
    assert!(error.starts_with(&named), "{error}");
    drop(first);
    assert!(again(address).is_ok());
}

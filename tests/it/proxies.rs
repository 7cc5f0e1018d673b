//! Requests through proxies, over real connections. (What each field says has tables of its own
//! beside the code.)

use tempfile::TempDir;
use tests::client::Connection;
use tests::guests;
use tests::node::{Node, manifest};
use tests::wagi::Wagi;

use node_runtime::http::TrustedProxies;

const FORWARDED: &str = "X-Forwarded-For: 6.6.6.6, 203.0.113.7, 127.0.0.9\r\n\
     X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\n";

/// Two routes: one of shop.example, one of any host.
fn node(trusted: &[&str]) -> Node {
    let networks: Vec<_> = trusted
        .iter()
        .map(|text| text.parse().expect("a network"))
        .collect();
    Node::builder()
        .route("any", guests::env_dump, "path: /...")
        .route(
            "shop",
            guests::env_dump,
            "path: /...\nhosts: [shop.example]\nenv:\n- {name: SHOP, value: 'yes'}",
        )
        .config(|config| config.http.trusted_proxies = TrustedProxies::new(&networks))
        .start()
}

fn ask(mut connection: Connection, fields: &str) -> String {
    connection.send(format!(
        "GET /a?b HTTP/1.1\r\nHost: seen.example:81\r\n{fields}\r\n"
    ));
    connection.response().text()
}

#[track_caller]
fn check(given: &str, expected: &[&str]) {
    for line in expected {
        assert!(
            given.lines().any(|other| other == *line),
            "{line} in {given}"
        );
    }
}

#[test]
fn a_trusted_proxy_says_client_scheme_host_and_port_and_the_host_decides_the_route() {
    let node = node(&["127.0.0.0/8"]);
    let given = ask(node.connect(), FORWARDED);
    check(
        &given,
        &[
            "SHOP=yes",
            "REMOTE_ADDR=203.0.113.7",
            "REMOTE_HOST=203.0.113.7",
            "REQUEST_SCHEME=https",
            "HTTPS=on",
            "SERVER_NAME=shop.example",
            "SERVER_PORT=443",
            "X_FULL_URL=https://shop.example:443/a?b",
            "HTTP_HOST=seen.example:81",
            "HTTP_X_FORWARDED_HOST=shop.example",
        ],
    );
    let given = ask(node.connect(), "Forwarded: for=203.0.113.7;proto=https\r\n");
    check(
        &given,
        &[
            "REMOTE_ADDR=203.0.113.7",
            "X_FULL_URL=https://seen.example:81/a?b",
        ],
    );
    assert!(!given.contains("SHOP="), "{given}");
}

#[test]
fn whoever_is_not_trusted_changes_nothing_and_its_fields_reach_the_guest() {
    for trusted in [&[][..], &["192.0.2.0/24"]] {
        let node = node(trusted);
        let given = ask(node.connect(), FORWARDED);
        check(
            &given,
            &[
                "REMOTE_ADDR=127.0.0.1",
                "REQUEST_SCHEME=http",
                "SERVER_NAME=seen.example",
                "SERVER_PORT=81",
                "X_FULL_URL=http://seen.example:81/a?b",
                "HTTP_X_FORWARDED_FOR=6.6.6.6, 203.0.113.7, 127.0.0.9",
                "HTTP_X_FORWARDED_PROTO=https",
            ],
        );
        assert!(
            !given.contains("SHOP=") && !given.contains("HTTPS=on"),
            "{given}"
        );
    }
}

#[test]
fn trusted_proxies_are_named_by_flag() {
    let folder = TempDir::new().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file in a temporary folder");
    };
    write("env_dump.wat", guests::env_dump.wat);
    write("a.yaml", &manifest("a", guests::env_dump, "path: /..."));
    let path = folder.path().display().to_string();
    let wagi = Wagi::up(&["--trusted-proxies=10.0.0.0/8,127.0.0.1", &path]);
    let given = ask(
        Connection::open(wagi.address()),
        "X-Forwarded-For: 203.0.113.7\r\n",
    );
    check(&given, &["REMOTE_ADDR=203.0.113.7"]);
}

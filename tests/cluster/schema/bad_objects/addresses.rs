//! Hosts and paths with a mistake.

use serde_json::json;

use super::Words::{Both, Server};
use super::{Bad, Words, at};

fn host(text: impl Into<String>, words: Words) -> Bad {
    at(
        "spec.hosts[1]",
        json!({"hosts": ["a.example", text.into()]}),
        words,
    )
}

fn path(text: impl Into<String>, words: Words) -> Bad {
    at("spec.path", json!({"path": text.into()}), words)
}

pub(super) fn hosts() -> Vec<Bad> {
    let label = "of the host is not a name: letters, digits and, inside, hyphens";
    let long = "a".repeat(64) + ".example";
    let many: Vec<String> = (0..17).map(|n| format!("h{n}.example")).collect();
    vec![
        host(
            "",
            Both("\"\": a host cannot be empty: leave it out to answer for any host"),
        ),
        host(
            "http://Shop.example/",
            Both("has no scheme and no path: write \"shop.example\""),
        ),
        host(
            "shop.example/hello",
            Both("has no scheme and no path: write \"shop.example\""),
        ),
        host(
            "shop.example:8080",
            Both("\"shop.example:8080\": a host has no port: write \"shop.example\""),
        ),
        host(
            "[2001:db8::7]:80",
            Both("a host has no port: write \"[2001:db8::7]\""),
        ),
        host(
            "[2001:db8::7",
            Both("is not an IPv6 address: write it like \"[2001:db8::7]\""),
        ),
        host(
            "[192.0.2.7]",
            Both("is not an IPv6 address: write it like \"[2001:db8::7]\""),
        ),
        host(
            "[::ffff:192.0.2.7]",
            Both("is not an IPv6 address: write it like \"[2001:db8::7]\""),
        ),
        host(
            "[fe80::1%eth0]",
            Both("is not an IPv6 address: write it like \"[2001:db8::7]\""),
        ),
        host("2001:db8::7", Both("write it as \"[2001:db8::7]\"")),
        host(
            "[2001:DB8:0::7]",
            Server("write the address in lower case and as short as it can be, in brackets"),
        ),
        host(
            "*",
            Both("\"*\" is not a host: leave hosts out to answer for any host"),
        ),
        host(
            "shop.*.example",
            Both("\"*\" stands only for whole labels at the start: write \"*.shop.example\""),
        ),
        host(
            "*shop.example",
            Both("\"*\" stands only for whole labels at the start: write \"*.shop.example\""),
        ),
        host("shop..example", Both("a host has no empty labels")),
        host("shop.example.", Both("a host has no empty labels")),
        host("my_shop.example", Both(label)),
        host(
            "-shop.example",
            Both("the part \"-shop\" of the host is not a name"),
        ),
        host("b\u{fc}cher.example", Both(label)),
        host(long, Both("of the host is longer than 63 bytes")),
        host(
            "*.192.0.2.7",
            Both("a wildcard stands before a name, not before the address \"192.0.2.7\""),
        ),
        host(
            "Shop.Example",
            Both("\"Shop.Example\": write it as \"shop.example\""),
        ),
        host("a.example", Server("Duplicate value")),
        host("a".repeat(254), Server("Too long")),
        at(
            "spec.hosts",
            json!({"hosts": many}),
            Server("Too many: 17: must have at most 16 items"),
        ),
        at(
            "spec.hosts",
            json!({"hosts": "a.example"}),
            Server("must be of type array"),
        ),
    ]
}

pub(super) fn paths() -> Vec<Bad> {
    let ends = "\"...\" stands only at the end of a path, after a slash";
    let dots = "a path cannot hold the segments \".\" and \"..\", also not encoded";
    let triplet =
        "must be followed by two hexadecimal digits: write \"%25\" for a percent sign itself";
    vec![
        path(
            "hello",
            Both("\"hello\": a path begins with \"/\": write \"/hello\""),
        ),
        path(
            "",
            Both("missing; write the path to answer, as in /hello or /hello/..."),
        ),
        path(
            "/hello?x=1",
            Both("has no query and no fragment: leave out everything from '?' on"),
        ),
        path(
            "/hello#top",
            Both("has no query and no fragment: leave out everything from '#' on"),
        ),
        path(
            "/a b",
            Both("a path cannot hold the character ' ': write it percent-encoded"),
        ),
        path(
            "/a\nb",
            Both("a path cannot hold the character '\\n': write it percent-encoded"),
        ),
        path("/100%", Both(triplet)),
        path("/%zz", Both(triplet)),
        path("/a%00b", Both("a path cannot hold a NUL byte (%00)")),
        path("/a\0b", Both("a path cannot hold a NUL byte (%00)")),
        path("/a/../b", Both(dots)),
        path("/a/%2e/b", Both(dots)),
        path("/a%2F../...", Both(dots)),
        path("/.../a", Both(ends)),
        path("/a...", Both(ends)),
        path("/%2e%2E.", Both(ends)),
        path(
            format!("/{}", "\u{e9}".repeat(600)),
            Server("a path has at most 1024 bytes"),
        ),
        path(
            format!("/{}", "\u{e9}".repeat(200)),
            Server("a path has at most 1024 bytes"),
        ),
        path("/".repeat(1025), Server("Too long")),
        at("spec.path", json!({"path": null}), Server("Required value")),
        at(
            "spec.path",
            json!({"path": 7}),
            Server("must be of type string"),
        ),
    ]
}

//! Tables: who is connected, which fields come, and what the request then is.

use http::HeaderValue;
use proptest::prelude::*;

use super::fuzz::fuzz_forwarded;
use super::*;

/// A request through 10.0.0.1, for `seen.example` on our port 8080.
#[track_caller]
fn check(fields: &[(&str, &str)], expected: &str) {
    check_from("10.0.0.1", "seen.example", fields, expected);
}

/// `expected` is scheme, host and port as a URL, and the client behind a blank.
#[track_caller]
fn check_from(peer: &str, host: &str, fields: &[(&str, &str)], expected: &str) {
    let networks = ["10.0.0.0/8", "fd00::/8", "::ffff:0:0/128"];
    let networks = networks.map(|text| text.parse().expect("a network"));
    let trusted = TrustedProxies::new(&networks);
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().expect("a name");
        headers.append(
            name,
            HeaderValue::from_bytes(value.as_bytes()).expect("a value"),
        );
    }
    let (name, port) = host::parse_named(host).expect("a host");
    let authority = Authority {
        name,
        port: port.unwrap_or(8080),
        names_port: port.is_some(),
    };
    let peer = SocketAddr::new(peer.parse().expect("an address"), 1234);
    let origin = trusted.correct(&headers, Origin::seen(peer, authority));
    let Authority { name, port, .. } = &origin.authority;
    let found = format!(
        "{}://{name}:{port} {}",
        origin.scheme.as_str(),
        origin.client
    );
    assert_eq!(found, expected, "{fields:?} from {peer}");
}

const FOR: &str = "x-forwarded-for";
const PROTO: &str = "x-forwarded-proto";
const HOST: &str = "x-forwarded-host";
const PORT: &str = "x-forwarded-port";
const FWD: &str = "forwarded";

#[test]
fn whoever_is_not_trusted_changes_nothing() {
    let all = [
        (FOR, "203.0.113.7"),
        (PROTO, "https"),
        (HOST, "shop.example"),
        (PORT, "443"),
    ];
    let seen = "http://seen.example:8080 198.51.100.1";
    check_from("198.51.100.1", "seen.example", &all, seen);
    let forwarded = [(FWD, "for=203.0.113.7;proto=https;host=shop.example")];
    check_from("198.51.100.1", "seen.example", &forwarded, seen);
}

#[test]
fn without_fields_a_trusted_peer_is_a_client() {
    check(&[], "http://seen.example:8080 10.0.0.1");
}

#[test]
fn x_forwarded_says_client_scheme_host_and_port() {
    let address = (FOR, "203.0.113.7");
    check(&[address], "http://seen.example:8080 203.0.113.7");
    check(
        &[address, (PROTO, "https")],
        "https://seen.example:443 203.0.113.7",
    );
    check(
        &[address, (PROTO, "HTTP")],
        "http://seen.example:80 203.0.113.7",
    );
    check(&[(PROTO, "wss")], "https://seen.example:443 10.0.0.1");
    check(
        &[(HOST, "Shop.Example.")],
        "http://shop.example:80 10.0.0.1",
    );
    check(
        &[(HOST, "shop.example:81")],
        "http://shop.example:81 10.0.0.1",
    );
    check(&[(PORT, "8443")], "http://seen.example:8443 10.0.0.1");
    check(
        &[(HOST, "shop.example:81"), (PORT, "444"), (PROTO, "https")],
        "https://shop.example:444 10.0.0.1",
    );
}

#[test]
fn a_port_in_the_hosts_own_field_is_kept() {
    let https = [(PROTO, "https")];
    check_from(
        "10.0.0.1",
        "seen.example:8443",
        &https,
        "https://seen.example:8443 10.0.0.1",
    );
}

#[test]
fn the_walk_ends_at_the_first_address_from_the_right_that_is_not_trusted() {
    let for_ = |value, expected: &str| {
        check(
            &[(FOR, value)],
            &format!("http://seen.example:8080 {expected}"),
        );
    };
    for_("6.6.6.6, 203.0.113.7", "203.0.113.7");
    for_("6.6.6.6, 203.0.113.7, 10.9.9.9", "203.0.113.7");
    for_("6.6.6.6,203.0.113.7,fd00::9,10.9.9.9", "203.0.113.7");
    for_("10.7.7.7, 10.8.8.8", "10.7.7.7");
    for_("203.0.113.7, ", "203.0.113.7");
}

#[test]
fn several_fields_are_one_list() {
    check(
        &[(FOR, "6.6.6.6"), (FOR, "203.0.113.7"), (FOR, "10.9.9.9")],
        "http://seen.example:8080 203.0.113.7",
    );
    check(
        &[
            (FWD, "for=6.6.6.6"),
            (FWD, "for=203.0.113.7;proto=https"),
            (FWD, "for=10.9.9.9"),
        ],
        "https://seen.example:443 203.0.113.7",
    );
}

#[test]
fn lists_of_schemes_and_hosts_are_walked_as_far_as_the_addresses() {
    let through_two = (FOR, "6.6.6.6, 203.0.113.7, 10.9.9.9");
    let check_proto = |value, scheme: &str, port| {
        let expected = format!("{scheme}://seen.example:{port} 203.0.113.7");
        check(&[through_two, (PROTO, value)], &expected);
    };
    check_proto("http, https, http", "https", 443);
    check_proto("https, http", "https", 443);
    check_proto("https", "https", 443);
    check(
        &[
            through_two,
            (HOST, "evil.example, shop.example, inner.example"),
        ],
        "http://shop.example:80 203.0.113.7",
    );
    check(
        &[(HOST, "evil.example, shop.example")],
        "http://shop.example:80 10.0.0.1",
    );
}

#[test]
fn addresses_come_in_these_forms() {
    for (text, address) in [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:4711", "203.0.113.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("[2001:db8::7]", "2001:db8::7"),
        ("[2001:db8::7]:4711", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ] {
        let expected = format!("http://seen.example:8080 {address}");
        check(&[(FOR, text)], &expected);
        check(&[(FWD, &format!("for=\"{text}\""))], &expected);
    }
}

#[test]
fn what_is_malformed_says_nothing() {
    let seen = "http://seen.example:8080 10.0.0.1";
    for value in [
        "unknown",
        "_hidden",
        "203.0.113",
        "a b",
        "203.0.113.7 6.6.6.6",
        "\u{fc}",
    ] {
        check(&[(FOR, value)], seen);
        check(&[(FOR, &format!("203.0.113.7, {value}"))], seen);
    }
    for value in ["ftp", "", "https://", "https http"] {
        check(&[(PROTO, value)], seen);
    }
    for value in ["a/b", "a b", "user@a", ":80", "a:x", "[::1", "\u{fc}"] {
        check(&[(HOST, value)], seen);
    }
    for value in ["0", "65536", "-1", "+80", "x", ""] {
        check(&[(PORT, value)], seen);
    }
    for value in [
        "for",
        "for=",
        "=203.0.113.7",
        "for=203.0.113.7;for=203.0.113.7",
        "for=203.0.113.7 proto=https",
        "for=\"203.0.113.7",
        "for=\"203.0.113.7\"x",
        "for=\"203.0.113.7\\",
        "for=203.0.113.7, host=\"x",
    ] {
        check(&[(FWD, value)], seen);
    }
}

#[test]
fn hostile_lengths_are_bounded() {
    let seen = "http://seen.example:8080 10.0.0.1";
    let many = |value: &str| vec![value; 20_000].join(", ");
    // A chain of trusted proxies is walked for 32 of them.
    check(
        &[(FOR, &format!("203.0.113.7, {}", many("10.1.1.1")))],
        "http://seen.example:8080 10.1.1.1",
    );
    check(&[(FWD, &many("for=10.1.1.1"))], seen);
    check(&[(FWD, &vec!["a=b"; 20_000].join(";"))], seen);
    let parameters: Vec<_> = (0..20_000).map(|number| format!("a{number}=b")).collect();
    check(&[(FWD, &parameters.join(";"))], seen);
    check(&[(HOST, &"a".repeat(60_000))], seen);
    check(&[(FOR, &"1".repeat(60_000))], seen);
}

#[test]
fn forwarded_says_client_scheme_and_host() {
    check(
        &[(FWD, "for=203.0.113.7")],
        "http://seen.example:8080 203.0.113.7",
    );
    check(
        &[(
            FWD,
            "For=203.0.113.7;Proto=HTTPS;host=shop.example;by=10.0.0.1",
        )],
        "https://shop.example:443 203.0.113.7",
    );
    check(
        &[(
            FWD,
            "for=\"[2001:db8::7]:4711\"; proto=http; host=\"shop.example:81\"",
        )],
        "http://shop.example:81 2001:db8::7",
    );
    check(
        &[(FWD, ", ,for=203.0.113.7;;proto=https,")],
        "https://seen.example:443 203.0.113.7",
    );
    check(
        &[(FWD, r#"for="203.0.11\3.7""#)],
        "http://seen.example:8080 203.0.113.7",
    );
    check(
        &[(FWD, r#"host="shop\.example""#)],
        "http://shop.example:80 10.0.0.1",
    );
}

#[test]
fn forwarded_is_walked_hop_by_hop() {
    check(
        &[(
            FWD,
            "for=6.6.6.6;host=evil.example;proto=http, for=203.0.113.7;host=shop.example;proto=https, for=10.9.9.9",
        )],
        "https://shop.example:443 203.0.113.7",
    );
    // The outer proxy says nothing of the host, so the inner one's word counts.
    check(
        &[(
            FWD,
            "for=203.0.113.7;proto=https, for=10.9.9.9;host=shop.example;proto=http",
        )],
        "https://shop.example:443 203.0.113.7",
    );
    // A proxy that hides whom it heard is still believed about the rest.
    check(
        &[(
            FWD,
            "for=6.6.6.6;host=evil.example, for=_hidden;proto=https",
        )],
        "https://seen.example:443 10.0.0.1",
    );
}

#[test]
fn x_forwarded_wins_over_forwarded() {
    check(
        &[(FWD, "for=6.6.6.6;host=evil.example"), (FOR, "203.0.113.7")],
        "http://seen.example:8080 203.0.113.7",
    );
    check(
        &[(FWD, "for=6.6.6.6"), (PROTO, "https")],
        "https://seen.example:443 10.0.0.1",
    );
}

#[test]
fn a_peer_of_either_family_is_trusted_by_its_address() {
    let fields = [(FOR, "203.0.113.7")];
    for peer in ["fd00::1", "::ffff:10.0.0.1"] {
        check_from(
            peer,
            "seen.example",
            &fields,
            "http://seen.example:8080 203.0.113.7",
        );
    }
}

/// Lines as [`fuzz_forwarded`] reads them, much like real ones.
fn lines() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("for="),
        Just("host="),
        Just("proto="),
        Just("https"),
        Just("10.0.0.2"),
        Just("203.0.113.9"),
        Just("\""),
        Just("\\"),
        Just(","),
        Just(";"),
        Just(" "),
        Just("[::1]"),
        Just("\n0"),
        Just("\n1"),
        Just("\n2"),
        Just("\n3"),
        Just("\n4"),
        Just("shop.example"),
        Just(":80"),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn nothing_that_a_client_sends_changes_what_a_trusted_proxy_says(lines in lines()) {
        fuzz_forwarded(lines.as_bytes());
    }

    #[test]
    fn no_bytes_break_a_promise(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_forwarded(&bytes);
    }
}

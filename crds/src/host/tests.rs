use proptest::prelude::*;

use super::*;

#[track_caller]
fn pattern(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn hosts_are_kept_in_the_form_in_which_they_are_looked_up() {
    #[rustfmt::skip]
    let table = [
        ("shop.example",     "shop.example"),
        ("Shop.EXAMPLE",     "shop.example"),
        ("*.Shop.example",   "*.shop.example"),
        ("localhost",        "localhost"),
        ("xn--bcher-kva.de", "xn--bcher-kva.de"),
        ("192.0.2.7",        "192.0.2.7"),
        ("[2001:DB8:0::7]",  "[2001:db8::7]"),
        ("::1",              "[::1]"),
        ("[::]",             "[::]"),
    ];
    for (text, expected) in table {
        assert_eq!(pattern(text).as_str(), expected, "{text}");
        assert_eq!(pattern(text).to_string(), expected, "{text}");
    }
}

#[test]
fn a_host_that_cannot_mean_what_it_says_is_refused_with_a_sentence() {
    #[rustfmt::skip]
    let table = [
        ("",                    "a host cannot be empty: leave it out to answer for any host"),
        ("*",                   "\"*\" is not a host: leave hosts out to answer for any host"),
        ("a.*.example",         "\"*\" stands only for whole labels at the start: write \"*.shop.example\""),
        ("*shop.example",       "\"*\" stands only for whole labels at the start: write \"*.shop.example\""),
        ("*.*.example",         "\"*\" stands only for whole labels at the start: write \"*.shop.example\""),
        ("*.192.0.2.7",         "a wildcard stands before a name, not before the address \"192.0.2.7\""),
        ("shop.example:8080",   "a host has no port: write \"shop.example\""),
        ("[::1]:80",            "a host has no port: write \"[::1]\""),
        ("http://Shop.example", "a host has no scheme and no path: write \"shop.example\""),
        ("shop.example/hello",  "a host has no scheme and no path: write \"shop.example\""),
        ("shop.example.",       "a host has no empty labels: leave out the dot at its start or end, or one of two"),
        (".shop.example",       "a host has no empty labels: leave out the dot at its start or end, or one of two"),
        ("*.",                  "a host has no empty labels: leave out the dot at its start or end, or one of two"),
        ("my_shop.example",     "the part \"my_shop\" of the host is not a name: letters, digits and, inside, hyphens (other letters as in \"xn--bcher-kva\")"),
        ("-shop.example",       "the part \"-shop\" of the host is not a name: letters, digits and, inside, hyphens (other letters as in \"xn--bcher-kva\")"),
        ("b\u{fc}cher.example", "the part \"b\u{fc}cher\" of the host is not a name: letters, digits and, inside, hyphens (other letters as in \"xn--bcher-kva\")"),
        ("[::1",                "\"[::1\" is not an IPv6 address: write it like \"[2001:db8::7]\""),
        ("[fe80::1%eth0]",      "\"[fe80::1%eth0]\" is not an IPv6 address: write it like \"[2001:db8::7]\""),
        ("[::ffff:192.0.2.7]",  "\"[::ffff:192.0.2.7]\" is not an IPv6 address: write it like \"[2001:db8::7]\""),
        ("[127.0.0.1]",         "\"[127.0.0.1]\" is not an IPv6 address: write it like \"[2001:db8::7]\""),
    ];
    for (text, sentence) in table {
        match HostPattern::parse(text) {
            Ok(pattern) => panic!("{text:?} was taken as {pattern}"),
            Err(error) => assert_eq!(error.to_string(), sentence, "{text:?}"),
        }
    }
}

#[test]
fn a_host_has_at_most_253_bytes_and_a_label_63() {
    let label = "a".repeat(63);
    let host = format!("{label}.{label}.{label}.{}", "a".repeat(61));
    assert_eq!(pattern(&host).as_str().len(), 253);
    assert_eq!(
        HostPattern::parse(&format!("{host}a")),
        Err(HostError::TooLong(254))
    );
    assert_eq!(
        HostPattern::parse(&format!("a{label}.example")),
        Err(HostError::LongLabel(format!("a{label}")))
    );
}

#[test]
fn patterns_match_exactly_or_below() {
    #[rustfmt::skip]
    let table: &[(&str, &[&str], &[&str])] = &[
        ("shop.example",   &["shop.example"],                     &["a.shop.example", "example", "shop.example.org"]),
        ("*.shop.example", &["a.shop.example", "a.b.shop.example"], &["shop.example", ".shop.example", "ashop.example"]),
        ("[::1]",          &["[::1]"],                            &["[::2]", "::1"]),
    ];
    for (text, yes, no) in table {
        let pattern = pattern(text);
        for host in *yes {
            assert!(pattern.matches(host), "{text} should match {host}");
        }
        for host in *no {
            assert!(!pattern.matches(host), "{text} should not match {host}");
        }
    }
}

#[test]
fn a_requests_host_is_looked_up_in_one_form() {
    #[rustfmt::skip]
    let table = [
        ("shop.example",  "shop.example"), ("shop.example.", "shop.example"),
        ("[::1]",         "[::1]"),        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("::1",           "[::1]"),        ("[::1",          "[::1"),
        ("192.0.2.7",     "192.0.2.7"),    ("",              ""),
    ];
    for (host, expected) in table {
        assert_eq!(canonical(host), expected);
    }
}

#[test]
fn the_more_specific_host_is_the_greater() {
    let mut hosts = ["a.b.example", "*.example", "*.b.example", "b.example"].map(pattern);
    hosts.sort();
    assert_eq!(
        hosts.each_ref().map(HostPattern::as_str),
        ["*.example", "*.b.example", "b.example", "a.b.example"]
    );
}

proptest! {
    #[test]
    fn host_patterns_keep_their_promises_for_any_text(
        input in "(\\*\\.)?([aZ0.\\-:*/]|\\[|\\]|é){0,16}\n([a0.:*]|\\[|\\]){0,16}"
    ) {
        fuzz::fuzz_host_pattern(input.as_bytes());
    }

    #[test]
    fn wildcards_match_below_whatever_they_are(
        suffix in "[a-z]{1,3}(\\.[a-z]{1,3}){0,3}", labels in "[a-z]{1,3}(\\.[a-z]{1,3}){0,3}"
    ) {
        fuzz::fuzz_host_pattern(format!("*.{suffix}\n{labels}.{suffix}").as_bytes());
    }

    #[test]
    fn no_bytes_break_the_parser(data: Vec<u8>) {
        fuzz::fuzz_host_pattern(&data);
    }
}

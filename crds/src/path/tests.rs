use proptest::prelude::*;

use super::*;

#[track_caller]
fn normal(raw: &str, expected: &str) {
    assert_eq!(normalize(raw).as_deref(), Ok(expected), "{raw:?}");
}

#[track_caller]
fn refused(raw: &str, expected: PathError) {
    assert_eq!(normalize(raw), Err(expected), "{raw:?}");
}

#[test]
fn a_path_in_normal_form_is_borrowed() {
    for path in [
        "/",
        "/hello",
        "/a//b/",
        "/a%2Fb",
        "/...",
        "/a=1;b=2,@:!$&'()*+-._~",
    ] {
        assert!(
            matches!(normalize(path), Ok(Cow::Borrowed(same)) if same == path),
            "{path:?}"
        );
    }
}

#[test]
fn unreserved_characters_are_decoded_and_nothing_else() {
    normal("/%68ello", "/hello");
    normal("/%7Euser/%2D%5F%2e%2Ex", "/~user/-_..x");
    normal("/%41%5a%30", "/AZ0");
    normal("/%2541", "/%2541");
    normal("/%26%3b%3D", "/%26%3B%3D");
}

#[test]
fn an_encoded_slash_separates_nothing() {
    normal("/a%2fb", "/a%2Fb");
    normal("/a%2Fb/c", "/a%2Fb/c");
}

#[test]
fn slashes_are_not_merged() {
    normal("//a///b//", "//a///b//");
}

#[test]
fn what_a_path_cannot_hold_unencoded_is_encoded() {
    normal("/café", "/caf%C3%A9");
    normal("/caf%c3%a9", "/caf%C3%A9");
    normal("/{a}|b\"\\^`", "/%7Ba%7D%7Cb%22%5C%5E%60");
    normal("/a b", "/a%20b");
}

#[test]
fn dot_segments_are_refused_however_they_are_written() {
    for path in [
        "/.",
        "/..",
        "/./",
        "/../",
        "/a/.",
        "/a/..",
        "/a/./b",
        "/a/../b",
        "/%2e",
        "/%2E%2e",
        "/.%2E/a",
        "/a/%2e./b",
        "/..%2fa",
        "/a%2F..",
        "/a%2f.%2Fb",
        "/a%2f%2e%2e%2fb",
    ] {
        refused(path, PathError::DotSegment);
    }
    for path in [
        "/...",
        "/.a",
        "/a.",
        "/..a",
        "/a..",
        "/.well-known/x",
        "/a..b",
        "/....",
        "/%252e",
    ] {
        assert!(normalize(path).is_ok(), "{path:?}");
    }
}

#[test]
fn nul_is_refused_however_it_is_written() {
    refused("/a%00b", PathError::Nul);
    refused("/\0", PathError::Nul);
    normal("/%01", "/%01");
}

#[test]
fn malformed_triplets_are_refused() {
    for path in ["/%", "/%4", "/%zz", "/%4g", "/a%%41", "/%é0", "/%+1"] {
        refused(path, PathError::Triplet);
    }
}

#[test]
fn a_path_begins_with_a_slash() {
    for path in ["", "a", "*", "%2F", ".."] {
        refused(path, PathError::NotAbsolute);
    }
}

#[track_caller]
fn pattern(text: &str) -> PathPattern {
    PathPattern::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[test]
fn patterns_match_as_in_wagi() {
    #[rustfmt::skip]
    let table: &[(&str, &[&str], &[&str])] = &[
        // pattern       matches                                  does not match
        ("/foo",         &["/foo"],                               &["/foo/", "/foobar", "/Foo", "/", "/foo/x"]),
        ("/foo/",        &["/foo/"],                              &["/foo", "/foo//", "/foo/x"]),
        ("/foo/...",     &["/foo", "/foo/", "/foo/x", "/foo//x"], &["/foobar", "/", "/fo", "/x/foo"]),
        ("/foo//...",    &["/foo/", "/foo//", "/foo//x"],         &["/foo", "/foo/x"]),
        ("/...",         &["/", "/foo", "//", "/foo/bar"],        &[]),
        ("/",            &["/"],                                  &["/foo", "//"]),
        ("/a%2fb/...",   &["/a%2Fb", "/a%2Fb/c"],                 &["/a/b", "/a/b/c"]),
        ("/caf\u{e9}",   &["/caf%C3%A9"],                         &["/caf", "/cafe"]),
        ("/%68i",        &["/hi"],                                &["/%68i"]),
    ];
    for (text, yes, no) in table {
        let pattern = pattern(text);
        for path in *yes {
            assert!(pattern.matches(path), "{text} should match {path}");
        }
        for path in *no {
            assert!(!pattern.matches(path), "{text} should not match {path}");
        }
    }
}

#[test]
fn script_name_is_the_base_and_a_slash_for_everything() {
    for (text, script_name, is_prefix) in [
        ("/hello", "/hello", false),
        ("/hello/...", "/hello", true),
        ("/...", "/", true),
        ("/", "/", false),
        ("/a/", "/a/", false),
    ] {
        let pattern = pattern(text);
        assert_eq!(pattern.script_name(), script_name, "{text}");
        assert_eq!(pattern.is_prefix(), is_prefix, "{text}");
        assert_eq!(pattern.to_string(), text);
    }
}

#[test]
fn a_pattern_that_cannot_mean_what_it_says_is_refused_with_a_sentence() {
    #[rustfmt::skip]
    let table = [
        ("",            "a path cannot be empty: write \"/...\" for every path"),
        ("hello",       "a path begins with \"/\": write \"/hello\""),
        ("...",         "a path begins with \"/\": write \"/...\""),
        ("/a?b=c",      "a path has no query and no fragment: leave out everything from '?' on"),
        ("/a#b",        "a path has no query and no fragment: leave out everything from '#' on"),
        ("/a b",        "a path cannot hold the character ' ': write it percent-encoded"),
        ("/a\n",        "a path cannot hold the character '\\n': write it percent-encoded"),
        ("/a\0",        "a path cannot hold a NUL byte (%00)"),
        ("/a/%00",      "a path cannot hold a NUL byte (%00)"),
        ("/a/../b",     "a path cannot hold the segments \".\" and \"..\", also not encoded"),
        ("/a/%2e/...",  "a path cannot hold the segments \".\" and \"..\", also not encoded"),
        ("/100%",       "\"%\" must be followed by two hexadecimal digits: write \"%25\" for a percent sign itself"),
    ];
    for (text, sentence) in table {
        match PathPattern::parse(text) {
            Ok(pattern) => panic!("{text:?} was taken as {pattern}"),
            Err(error) => assert_eq!(error.to_string(), sentence, "{text:?}"),
        }
    }
}

#[test]
fn three_dots_stand_at_the_end_only() {
    for text in [
        "/a...",
        "/.../b",
        "/a/.../b",
        "/a/.../...",
        "/a....",
        "/....",
        "/%2e%2e%2e",
        "/a/..%2E/...",
    ] {
        assert_eq!(
            PathPattern::parse(text),
            Err(PatternError::Ellipsis),
            "{text}"
        );
    }
}

#[test]
fn a_pattern_has_at_most_1024_bytes_written_and_normalised() {
    let path = |bytes: usize| format!("/{}", "a".repeat(bytes - 1));
    assert!(PathPattern::parse(&path(1024)).is_ok());
    assert_eq!(
        PathPattern::parse(&path(1025)),
        Err(PatternError::TooLong { bytes: 1025 })
    );
    assert_eq!(
        PathPattern::parse(&format!("/{}", "é".repeat(200))),
        Err(PatternError::TooLong { bytes: 1201 })
    );
}

#[test]
fn the_more_specific_pattern_is_the_greater() {
    let mut patterns = ["/a/...", "/...", "/", "/a/b/...", "/a/b", "/a"].map(pattern);
    patterns.sort();
    assert_eq!(
        patterns.each_ref().map(PathPattern::as_str),
        ["/...", "/a/...", "/a/b/...", "/", "/a", "/a/b"]
    );
}

#[test]
fn a_pattern_contains_what_it_matches_all_of() {
    #[rustfmt::skip]
    let table = [
        ("/a/...", "/a",       true),  ("/a/...", "/a/...",   true), ("/a/...", "/a/b/...", true),
        ("/a/...", "/ab",      false), ("/a/...", "/...",     false), ("/a",    "/a/...",   false),
        ("/a",     "/a",       true),  ("/...",   "/...",     true), ("/...",   "/",        true),
    ];
    for (outer, inner, expected) in table {
        assert_eq!(
            pattern(outer).contains(&pattern(inner)),
            expected,
            "{outer} {inner}"
        );
    }
}

#[test]
fn patterns_join_with_one_slash() {
    for (parent, below, joined) in [
        ("/foo/...", "/bar", "/foo/bar"),
        ("/foo/...", "bar", "/foo/bar"),
        ("/foo/...", "/bar/...", "/foo/bar/..."),
        ("/foo/...", "/...", "/foo/..."),
        ("/foo/...", "/", "/foo/"),
        ("/...", "/bar", "/bar"),
        ("/...", "/", "/"),
        ("/foo//...", "/bar", "/foo/bar"),
        ("/foo", "/bar", "/foo/bar"),
        ("/", "/bar", "/bar"),
    ] {
        assert_eq!(
            pattern(parent).join(below).map(|joined| joined.to_string()),
            Ok(joined.to_owned()),
            "{parent} {below}"
        );
    }
}

proptest! {
    #[test]
    fn normalising_keeps_its_promises_for_any_path(raw in "/([./%a-f0-9éA-F2]|%2[eEfF]|%00|\\PC){0,24}") {
        fuzz::fuzz_normalize(raw.as_bytes());
    }

    #[test]
    fn patterns_keep_their_promises_for_any_text(
        raw in "/([/.a%]|%2[eEfF]|%41|é|\\.\\.\\.){0,12}(/\\.\\.\\.)?\n(/([/.a%]|%2e|é){0,12})?(/\\.\\.\\.)?"
    ) {
        fuzz::fuzz_path_pattern(raw.as_bytes());
    }

    #[test]
    fn no_bytes_break_the_parsers(data: Vec<u8>) {
        fuzz::fuzz_normalize(&data);
        fuzz::fuzz_path_pattern(&data);
    }
}

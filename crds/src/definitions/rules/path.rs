//! `spec.path`: what [`crate::path::PathPattern`] refuses.

use super::Rule;
use super::cel::{bytes, find, matches, quoted, shown};

const PLACE: &str = "spec.path";

/// The path without the `/...` of a prefix.
const BASE: &str = "(self.endsWith('/...') ? self.substring(0, self.size() - 4) : self)";

pub(super) fn rules() -> Vec<Rule> {
    // A path without its slash is one mistake, whatever else it holds.
    let absolute = |rule: String| format!("!self.startsWith('/') || {rule}");
    let mut not_absolute = Rule::new(
        PLACE,
        "self.startsWith('/')".to_owned(),
        "",
        "a path begins with \"/\"",
    );
    not_absolute.says = format!(
        "self == '' ? 'missing; write the path to answer, as in /hello or /hello/...' : {} + ': a path begins \
         with \"/\": write ' + {}",
        shown("self"),
        shown("('/' + self)"),
    );
    // What is not of a path's characters takes three bytes once it is encoded.
    let encoded =
        "(isURL('http://host' + self) ? url('http://host' + self).getEscapedPath().size() : 0)";
    vec![
        not_absolute,
        Rule::plain(
            PLACE,
            absolute(format!("({} <= 1024 && {encoded} <= 1024)", bytes("self"))),
            "a path has at most 1024 bytes, also when it is percent-encoded",
        ),
        Rule::new(
            PLACE,
            absolute(format!("!{}", matches("self", "[?#]"))),
            &format!(
                "'a path has no query and no fragment: leave out everything from \\'' + {} + '\\' on'",
                find("self", "[?#]"),
            ),
            "a path has no query and no fragment",
        ),
        Rule::new(
            PLACE,
            absolute(format!("!{}", matches("self", UNSEEN))),
            &format!(
                "'a path cannot hold the character \\'' + {}.replace('\"', '') + '\\': write it percent-encoded'",
                quoted(&find("self", UNSEEN)),
            ),
            "a path cannot hold white space and control characters: write them percent-encoded",
        ),
        Rule::plain(
            PLACE,
            absolute(format!("!{}", matches("self", TRIPLET))),
            "\"%\" must be followed by two hexadecimal digits: write \"%25\" for a percent sign itself",
        ),
        Rule::plain(
            PLACE,
            absolute(format!("!{}", matches("self", r"%00|\x00"))),
            "a path cannot hold a NUL byte (%00)",
        ),
        Rule::plain(
            PLACE,
            absolute(format!("!{}", matches(BASE, DOT_SEGMENT))),
            "a path cannot hold the segments \".\" and \"..\", also not encoded",
        ),
        Rule::plain(
            PLACE,
            absolute(format!("!{}", matches(BASE, r"(\.|%2[Ee]){3}"))),
            "\"...\" stands only at the end of a path, after a slash: write \"/static/...\" for \"/static\" and \
             everything below it",
        ),
    ]
}

/// White space and control characters, but NUL, which has a sentence of its own.
const UNSEEN: &str = r"[\pZ\x01-\x1f\x7f-\x{9f}]";
/// A percent sign that begins no triplet (RFC 3986, 2.1).
const TRIPLET: &str = "%([^0-9A-Fa-f]|[0-9A-Fa-f][^0-9A-Fa-f]|[0-9A-Fa-f]?$)";
const DOT_SEGMENT: &str = r"(/|%2[Ff])(\.|%2[Ee]){1,2}(/|%2[Ff]|$)";

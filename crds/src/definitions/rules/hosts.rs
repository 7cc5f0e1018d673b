//! `spec.hosts`: what [`crate::host::HostPattern`] refuses, and what is not in its form. That no host
//! comes twice is the list's own rule.

use super::Rule;
use super::cel::{find, literal, matches, quoted};

const PLACE: &str = "spec.hosts[]";

/// The name without the `*.` of a wildcard.
const NAME: &str = "(self.startsWith('*.') ? self.substring(2) : self)";
const LABEL: &str = "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?";
/// A label that is none, with the dots beside it; empty ones are not meant.
const NO_LABEL: &str = "[^.]*[^A-Za-z0-9.-][^.]*|(^|[.])-[^.]*|[^.]*-([.]|$)";
const PORT: &str = r"^([^:]+|(?s:.*)\]):[0-9]*$";
const SHORTEST: &str = "write the address in lower case and as short as it can be, in brackets";
/// What is between the brackets, or all of it.
const BARE: &str =
    "(self.startsWith('[') && self.endsWith(']') ? self.substring(1, self.size() - 1) : self)";

pub(super) fn rules() -> Vec<Rule> {
    let is_url = "self.contains('/')";
    let has_port = matches("self", PORT);
    let is_address = format!(
        "!{is_url} && !{has_port} && {}",
        matches("self", r"[:\[\]]")
    );
    let is_name = format!(
        "self != '' && self != '*' && !{}",
        matches("self", r"[/:\[\]]")
    );
    let is_starless = format!("({is_name} && !{NAME}.contains('*'))");
    let has_labels = matches(NAME, &format!("^{LABEL}([.]{LABEL})*$"));
    let is_ip = format!("isIP({BARE}) && ip({BARE}).family() == 6");
    vec![
        Rule::plain(
            PLACE,
            "self != ''".to_owned(),
            "a host cannot be empty: leave it out to answer for any host",
        ),
        Rule::new(
            PLACE,
            format!("!{is_url}"),
            &format!(
                "'a host has no scheme and no path: write ' + {}",
                quoted(&find(
                    "self.lowerAscii().substring(self.contains('://') ? self.indexOf('://') + 3 : 0)",
                    "^[^/]*",
                )),
            ),
            "a host has no scheme and no path",
        ),
        Rule::new(
            PLACE,
            format!("{is_url} || !{has_port}"),
            &format!(
                "'a host has no port: write ' + {}",
                quoted("self.lowerAscii().substring(0, self.lastIndexOf(':'))"),
            ),
            "a host has no port",
        ),
        Rule::new(
            PLACE,
            format!("!({is_address}) || {is_ip}"),
            &format!(
                "{} + ' is not an IPv6 address: write it like \"[2001:db8::7]\"'",
                quoted("self"),
            ),
            "not an IPv6 address: write it like \"[2001:db8::7]\"",
        ),
        Rule::new(
            PLACE,
            format!("!({is_address}) || !({is_ip}) || (self != {BARE} && ip.isCanonical({BARE}))"),
            // (An address made text has no bound that the API server knows.)
            &format!(
                "(ip.isCanonical({BARE}) ? 'write it as ' + {} : {})",
                quoted(&format!("'[' + {BARE} + ']'")),
                literal(SHORTEST),
            ),
            SHORTEST,
        ),
        Rule::plain(
            PLACE,
            "self != '*'".to_owned(),
            "\"*\" is not a host: leave hosts out to answer for any host",
        ),
        Rule::plain(
            PLACE,
            format!("!({is_name}) || !{NAME}.contains('*')"),
            "\"*\" stands only for whole labels at the start: write \"*.shop.example\"",
        ),
        Rule::plain(
            PLACE,
            format!("!{is_starless} || !{}", matches(NAME, r"(^|\.)(\.|$)")),
            "a host has no empty labels: leave out the dot at its start or end, or one of two",
        ),
        Rule::new(
            PLACE,
            format!("!{is_starless} || !{}", matches(NAME, NO_LABEL)),
            &format!(
                "'the part ' + {} + {}",
                quoted(&format!(
                    "{}.replace('.', '')",
                    find(&format!("{NAME}.lowerAscii()"), NO_LABEL),
                )),
                literal(
                    " of the host is not a name: letters, digits and, inside, hyphens (other letters as in \
                     \"xn--bcher-kva\")"
                ),
            ),
            "a part of the host is not a name: letters, digits and, inside, hyphens",
        ),
        Rule::new(
            PLACE,
            format!(
                "!{is_starless} || !{has_labels} || !{}",
                matches("self", "[^.]{64}")
            ),
            &format!(
                "'the part ' + {} + ' of the host is longer than 63 bytes'",
                quoted(&find("self.lowerAscii()", "[^.]{64,}")),
            ),
            "a part of the host is longer than 63 bytes",
        ),
        Rule::new(
            PLACE,
            format!(
                "!self.startsWith('*.') || !{is_starless} || !{has_labels} || !{}",
                matches("self", r"\.[0-9]+$"),
            ),
            &format!(
                "'a wildcard stands before a name, not before the address ' + {}",
                quoted(NAME),
            ),
            "a wildcard stands before a name, not before an address",
        ),
        Rule::new(
            PLACE,
            format!("!{is_starless} || !{has_labels} || self == self.lowerAscii()"),
            &format!("'write it as ' + {}", quoted("self.lowerAscii()")),
            "write it in lower case",
        ),
    ]
}

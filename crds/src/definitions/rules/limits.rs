//! `spec.limits`: quantities and durations that can be read, within their bounds, and no timeout
//! longer than the total.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::Rule;
use super::cel::{find, literal, matches, quoted, shown};
use crate::limits::{CPU_TIME, MEMORY, QUEUE, REQUEST_BODY, RESPONSE_HEAD, TIMEOUT, Timeouts};
use crate::quantity::Quantity;

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for (name, bounds) in [
        ("memory", MEMORY),
        ("requestBody", REQUEST_BODY),
        ("responseHead", RESPONSE_HEAD),
    ] {
        rules.extend(quantity(&format!("spec.limits.{name}"), &bounds));
    }
    for (name, bounds) in [
        ("cpuTime", CPU_TIME),
        ("timeouts.queue", QUEUE),
        ("timeouts.head", TIMEOUT),
        ("timeouts.idle", TIMEOUT),
        ("timeouts.client", TIMEOUT),
        ("timeouts.total", TIMEOUT),
    ] {
        rules.extend(duration(&format!("spec.limits.{name}"), &bounds));
    }
    rules.extend([
        part_of_total("queue", ".queue", &QUEUE),
        part_of_total("head", ".head", &TIMEOUT),
        part_of_total("idle", ".idle", &TIMEOUT),
        part_of_total("client", ".client", &TIMEOUT),
    ]);
    rules
}

fn out_of<T: Display>(bounds: &RangeInclusive<T>) -> String {
    format!(
        "out of bounds; write {} to {}",
        bounds.start(),
        bounds.end()
    )
}

/// What is written may be a number or a text.
const WRITTEN: &str = "string(self)";
const QUANTITY: &str = r"^[+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([KMGTPE]i|[kMGTPE]|[eE][+-]?[0-9]+)?$";
const PARTS_OF_A_BYTE: &str = "^[+]?[0-9.]+[mun]$";

fn quantity(place: &str, bounds: &RangeInclusive<Quantity>) -> [Rule; 2] {
    let says = |advice: &str| format!("{} + ': ' + {advice}", shown(WRITTEN));
    let is_quantity = format!("{} && isQuantity({WRITTEN})", matches(WRITTEN, QUANTITY));
    let mut syntax = Rule::new(
        place,
        is_quantity.clone(),
        "",
        "write a number of bytes, as in 64Mi",
    );
    syntax.says = says(&format!(
        "({WRITTEN} == '' ? {} : {WRITTEN}.startsWith('-') ? {} : {} ? {WRITTEN}.substring({WRITTEN}.size() - 1) + \
         ' counts in parts of a byte; write ' + {} + 'Mi for mebibytes' : {})",
        literal("write a number of bytes, as in 64Mi"),
        literal("cannot be negative; write a number of bytes, as in 64Mi"),
        matches(WRITTEN, PARTS_OF_A_BYTE),
        find(WRITTEN, "[0-9.]+"),
        literal("not a number of bytes; write digits and one of Ki, Mi, Gi, k, M, G, as in 64Mi"),
    ));
    let within = format!(
        "quantity({WRITTEN}).compareTo(quantity('{}')) >= 0 && quantity({WRITTEN}).compareTo(quantity('{}')) <= 0",
        bounds.start(),
        bounds.end(),
    );
    let mut range = Rule::new(
        place,
        format!("!({is_quantity}) || ({within})"),
        "",
        "out of bounds",
    );
    range.says = says(&literal(&out_of(bounds)));
    [syntax, range]
}

/// One number with its unit, as Go has them.
const PART: &str = "([0-9]+[.]?[0-9]*|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h)";
/// So many digits of a unit that Go's own reader would overflow.
const OVERFLOWS: &str = "(^|[^0-9.])([0-9]{7,}([.][0-9]*)?h|[0-9]{8,}([.][0-9]*)?m([0-9.]|$)|\
                         [0-9]{10,}([.][0-9]*)?s|[0-9]{13,}([.][0-9]*)?ms|[0-9]{16,}([.][0-9]*)?[uµμ]s|\
                         [0-9]{19,}([.][0-9]*)?ns)";

fn is_duration(text: &str) -> String {
    matches(text, &format!("^[+]?(0|({PART})+)$"))
}

fn is_within<T: Display>(text: &str, bounds: &RangeInclusive<T>) -> String {
    format!(
        "(!{} && duration({text}) >= duration('{}') && duration({text}) <= duration('{}'))",
        matches(text, OVERFLOWS),
        bounds.start(),
        bounds.end(),
    )
}

fn duration<T: Display>(place: &str, bounds: &RangeInclusive<T>) -> [Rule; 2] {
    let no_unit = format!("^[+]?({PART})*([0-9]+[.]?[0-9]*|[.][0-9]+)$");
    let unknown_unit = format!("^[+]?({PART})*([0-9]+[.]?[0-9]*|[.][0-9]+)[^0-9.]+$");
    let advice = format!(
        "(self == '' ? {} : self.startsWith('-') ? {} : {} ? 'has no unit; write ' + {} + 's for seconds, or one of \
         ms, m, h' : {} ? {} + ' is no unit; write one of ms, s, m, h, as in 1m30s' : {})",
        literal("write a number and a unit, as in 30s"),
        literal("cannot be negative; write a number and a unit, as in 30s"),
        matches("self", &no_unit),
        find("self", "[0-9.]+$"),
        matches("self", &unknown_unit),
        quoted(&find("self", "[^0-9.]+$")),
        literal("not a length of time; write a number and a unit, as in 1m30s"),
    );
    let is_duration = is_duration("self");
    [
        Rule::new(
            place,
            is_duration.clone(),
            &advice,
            "write a number and a unit, as in 30s",
        ),
        Rule::new(
            place,
            format!("!{is_duration} || {}", is_within("self", bounds)),
            &literal(&out_of(bounds)),
            "out of bounds",
        ),
    ]
}

/// A total that is wrong itself has its own sentence, and the default is what is compared with.
fn part_of_total<T: Display>(name: &str, field: &'static str, bounds: &RangeInclusive<T>) -> Rule {
    let part = format!("self.{name}");
    let default = Timeouts::default().total;
    let is_total = format!(
        "(has(self.total) && {} && {})",
        is_duration("self.total"),
        is_within("self.total", &TIMEOUT),
    );
    Rule {
        place: "spec.limits.timeouts".to_owned(),
        field: Some(field),
        rule: format!(
            "!has({part}) || !{} || !{} || duration({part}) <= ({is_total} ? duration(self.total) : \
             duration('{default}'))",
            is_duration(&part),
            is_within(&part, bounds),
        ),
        says: format!(
            "{} + ': longer than total; write at most ' + ({is_total} ? self.total : '{default}')",
            shown(&part),
        ),
        message: "longer than total",
    }
}

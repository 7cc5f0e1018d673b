//! The limits of a route: within their bounds, and no timeout longer than the total.

use std::fmt;
use std::ops::RangeInclusive;

use super::collect::Collector;
use crate::duration::Duration;
use crate::limits::{
    CONCURRENCY, CPU_TIME, Limits, MEMORY, QUEUE, REQUEST_BODY, RESPONSE_HEAD, TIMEOUT, Timeouts,
};
use crate::quantity::Quantity;
use crate::wagi_route::{IntOrString, LONGEST_NUMBER, LimitsSpec, TimeoutsSpec};

pub(super) fn limits(collector: &mut Collector, written: Option<&LimitsSpec>) -> Limits {
    let defaults = Limits::default();
    let Some(spec) = written else { return defaults };
    let mut quantity = |field: &str, written: &Option<IntOrString>, bounds, default| {
        let text = written.as_ref().map(|written| written.0.as_str());
        within(
            collector,
            &format!("spec.limits.{field}"),
            text,
            bounds,
            Quantity::parse,
        )
        .unwrap_or(default)
    };
    let memory = quantity("memory", &spec.memory, MEMORY, defaults.memory);
    let request_body = quantity(
        "requestBody",
        &spec.request_body,
        REQUEST_BODY,
        defaults.request_body,
    );
    let response_head = quantity(
        "responseHead",
        &spec.response_head,
        RESPONSE_HEAD,
        defaults.response_head,
    );
    let cpu_time = spec.cpu_time.as_deref();
    let cpu_time = within(
        collector,
        "spec.limits.cpuTime",
        cpu_time,
        CPU_TIME,
        Duration::parse,
    )
    .unwrap_or(defaults.cpu_time);
    let concurrency = spec.concurrency.map(|number| number.to_string());
    let concurrency = within(
        collector,
        "spec.limits.concurrency",
        concurrency.as_deref(),
        CONCURRENCY,
        // A number that is out of bounds is written as such, so it must not fail to parse.
        |text| Ok::<_, std::convert::Infallible>(text.parse::<u32>().unwrap_or(0)),
    )
    .unwrap_or(defaults.concurrency);
    let timeouts = timeouts(collector, spec.timeouts.as_ref());
    Limits {
        memory,
        cpu_time,
        concurrency,
        request_body,
        response_head,
        timeouts,
    }
}

fn timeouts(collector: &mut Collector, written: Option<&TimeoutsSpec>) -> Timeouts {
    let defaults = Timeouts::default();
    let Some(spec) = written else { return defaults };
    let written_total = spec.total.as_deref();
    let total = within(
        collector,
        "spec.limits.timeouts.total",
        written_total,
        TIMEOUT,
        Duration::parse,
    );
    let most = written_total.filter(|_| total.is_some());
    let most = most.map_or_else(|| defaults.total.to_string(), str::to_owned);
    let total = total.unwrap_or(defaults.total);
    let mut part = |name: &str, written: &Option<String>, bounds, default: Duration| {
        let field = format!("spec.limits.timeouts.{name}");
        let text = written.as_deref();
        match within(collector, &field, text, bounds, Duration::parse) {
            // A short total is no reason to make its author write all the others.
            None => default.min(total),
            Some(duration) if duration > total => {
                let advice = format!("longer than total; write at most {most}");
                collector.violation(field, text.unwrap_or_default(), advice);
                total
            }
            Some(duration) => duration,
        }
    };
    Timeouts {
        queue: part("queue", &spec.queue, QUEUE, defaults.queue),
        head: part("head", &spec.head, TIMEOUT, defaults.head),
        idle: part("idle", &spec.idle, TIMEOUT, defaults.idle),
        client: part("client", &spec.client, TIMEOUT, defaults.client),
        total,
    }
}

/// The value of a field when it was written, is well formed and within its bounds.
fn within<T: PartialOrd + fmt::Display, E: fmt::Display>(
    collector: &mut Collector,
    field: &str,
    text: Option<&str>,
    bounds: RangeInclusive<T>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    let text = text?;
    if text.len() > LONGEST_NUMBER {
        collector.longest(field, text, LONGEST_NUMBER);
        return None;
    }
    let value = collector.parsed(field, text, parse)?;
    if bounds.contains(&value) {
        return Some(value);
    }
    let advice = format!(
        "out of bounds; write {} to {}",
        bounds.start(),
        bounds.end()
    );
    collector.violation(field, text, advice);
    None
}

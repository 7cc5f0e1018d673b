//! Limits with a mistake.

use serde_json::{Value, json};

use super::Words::{Both, Server};
use super::{Bad, Words, at};

fn limit(field: &'static str, value: impl Into<Value>, words: Words) -> Bad {
    let name = field.trim_start_matches("spec.limits.");
    let change = match name.strip_prefix("timeouts.") {
        Some(name) => json!({"timeouts": {name: value.into()}}),
        None => json!({name: value.into()}),
    };
    at(field, json!({"limits": change}), words)
}

pub(super) fn limits() -> Vec<Bad> {
    let number = "not a number of bytes; write digits and one of Ki, Mi, Gi, k, M, G, as in 64Mi";
    let length = "not a length of time; write a number and a unit, as in 1m30s";
    let mut all = vec![
        limit(
            "spec.limits.memory",
            "64m",
            Both("\"64m\": m counts in parts of a byte; write 64Mi for mebibytes"),
        ),
        limit("spec.limits.memory", "64MB", Both(number)),
        limit(
            "spec.limits.memory",
            "",
            Both("write a number of bytes, as in 64Mi"),
        ),
        limit(
            "spec.limits.memory",
            -1,
            Both("cannot be negative; write a number of bytes, as in 64Mi"),
        ),
        limit(
            "spec.limits.memory",
            "512Ki",
            Both("\"512Ki\": out of bounds; write 1Mi to 4Gi"),
        ),
        limit(
            "spec.limits.memory",
            1024,
            Both("\"1024\": out of bounds; write 1Mi to 4Gi"),
        ),
        limit(
            "spec.limits.memory",
            "8Gi",
            Both("out of bounds; write 1Mi to 4Gi"),
        ),
        limit("spec.limits.memory", 1.5, Server("must be of type integer")),
        limit("spec.limits.memory", "0".repeat(65), Server("Too long")),
        limit("spec.limits.requestBody", "big", Both(number)),
        limit(
            "spec.limits.requestBody",
            "2Ti",
            Both("out of bounds; write 0 to 1Ti"),
        ),
        limit("spec.limits.responseHead", "64Kb", Both(number)),
        limit(
            "spec.limits.responseHead",
            255,
            Both("out of bounds; write 256 to 1Mi"),
        ),
        limit(
            "spec.limits.cpuTime",
            "10",
            Both("\"10\": has no unit; write 10s for seconds, or one of ms, m, h"),
        ),
        limit(
            "spec.limits.cpuTime",
            "1d",
            Both("\"d\" is no unit; write one of ms, s, m, h, as in 1m30s"),
        ),
        limit("spec.limits.cpuTime", "soon", Both(length)),
        limit(
            "spec.limits.cpuTime",
            "",
            Both("write a number and a unit, as in 30s"),
        ),
        limit(
            "spec.limits.cpuTime",
            "-1s",
            Both("cannot be negative; write a number and a unit, as in 30s"),
        ),
        limit(
            "spec.limits.cpuTime",
            "25h",
            Both("out of bounds; write 1ms to 24h0m0s"),
        ),
        limit(
            "spec.limits.cpuTime",
            "1us",
            Both("out of bounds; write 1ms to 24h0m0s"),
        ),
        limit(
            "spec.limits.cpuTime",
            "99999999h",
            Server("out of bounds; write 1ms to 24h0m0s"),
        ),
        limit("spec.limits.cpuTime", 10, Server("must be of type string")),
        limit(
            "spec.limits.concurrency",
            0,
            Server("should be greater than or equal to 1"),
        ),
        limit(
            "spec.limits.concurrency",
            100_001,
            Server("should be less than or equal to 100000"),
        ),
        limit(
            "spec.limits.concurrency",
            "10",
            Server("must be of type integer"),
        ),
        limit(
            "spec.limits.timeouts.queue",
            "2h",
            Both("out of bounds; write 0s to 1h0m0s"),
        ),
        limit(
            "spec.limits.timeouts.head",
            "2h",
            Both("\"2h\": longer than total; write at most 1h0m0s"),
        ),
    ];
    for field in [
        "spec.limits.timeouts.queue",
        "spec.limits.timeouts.head",
        "spec.limits.timeouts.idle",
        "spec.limits.timeouts.client",
        "spec.limits.timeouts.total",
    ] {
        all.push(limit(
            field,
            "10x",
            Both("\"x\" is no unit; write one of ms, s, m, h, as in 1m30s"),
        ));
        let name = field.trim_start_matches("spec.limits.timeouts.");
        if name != "queue" {
            all.push(limit(
                field,
                "721h",
                Both("out of bounds; write 1ms to 720h0m0s"),
            ));
        }
        if name != "total" {
            let timeouts = json!({name: "2m", "total": "1m"});
            let longer = Both("\"2m\": longer than total; write at most 1m");
            all.push(at(field, json!({"limits": {"timeouts": timeouts}}), longer));
        }
    }
    all
}

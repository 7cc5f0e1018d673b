//! From an apply to the answer of every runtime.

use std::time::Instant;

use anyhow::ensure;
use serde_json::json;
use tests::artifact::Artifact;
use tests::guests;

use super::ask::Asker;
use super::count::Counts;
use super::place::{Place, route};
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::{Spread, p50_p99};

const RUNTIMES: usize = 3;
const APPLIES: usize = 200;
const EDITS: usize = 100;
const TAGS: usize = 9;
/// A module of about 2 MB, which compiles for seconds.
const FUNCTIONS: u32 = 2_000;

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let place = Place::start(RUNTIMES);
    let mut askers: Vec<Asker> = place
        .nodes
        .iter()
        .map(|it| Asker::new(it.address()))
        .collect();
    let applies = applies(&place, &mut askers, plan.count(APPLIES))?;
    let count = applies.len();
    let (p50, p99) = p50_p99(applies.iter().map(|it| it.answered).collect());
    let ready = Spread::of(applies.iter().map(|it| it.ready));
    let what = |rest: &str| format!("apply → 200 on each of {RUNTIMES} runtimes, {rest}");
    let mut say = |name: &str, target: f64, measured: f64| {
        let measured = Spread::of([measured]);
        report.figure(name, Target::AtMost(target), "ms", measured, Spread::of([]));
    };
    say(&what(&format!("digest known, p50 of {count}")), 40.0, p50);
    say(&what(&format!("digest known, p99 of {count}")), 150.0, p99);
    report.figure(
        "apply → Ready in the route's status",
        Target::Stated,
        "ms",
        ready,
        Spread::of([]),
    );
    let (edits, _) = p50_p99(edits(&place, &mut askers, plan.count(EDITS))?);
    let measured = Spread::of([edits]);
    report.figure(
        "edit of an env value → served by each of 3 runtimes, p50",
        Target::AtMost(40.0),
        "ms",
        measured,
        Spread::of([]),
    );
    let tags = tags(&place, &mut askers, plan.rounds.min(TAGS))?;
    let beyond = Spread::of(tags.iter().map(|tag| tag.total - tag.work));
    report.figure(
        &what("new tag of a module not seen before, beyond pull and compile"),
        Target::AtMost(100.0),
        "ms",
        beyond,
        Spread::of([]),
    );
    report.section(
        "From an apply to an answer",
        &format!(
            "etcd, an API server, the operator and {RUNTIMES} runtimes share this machine's cores. A \
             route is applied as `kubectl apply --server-side` does it, and each runtime is asked every \
             millisecond until it answers 200; then the status is waited for. A new tag is of a module of \
             {FUNCTIONS} functions that was just pushed: in all {} ms, of which the slowest runtime \
             pulled and compiled for {} ms, by its own metrics; all compile at the same time.",
            Text(Spread::of(tags.iter().map(|tag| tag.total))),
            Text(Spread::of(tags.iter().map(|tag| tag.work))),
        ),
    );
    Ok(())
}

/// One apply, in milliseconds.
#[derive(Clone, Copy)]
struct Apply {
    /// Until each runtime answered.
    answered: f64,
    /// Until the status said so, at the earliest after that.
    ready: f64,
}

fn applies(place: &Place, askers: &mut [Asker], count: usize) -> anyhow::Result<Vec<Apply>> {
    let (_, image) = place.push("known", 1, 0);
    // The module is there before the first that counts.
    place.apply(&route("default", "first", &image))?;
    all_answer(askers, "/first")?;
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let name = format!("apply-{number}");
        let route = route("default", &name, &image);
        let begun = Instant::now();
        place.apply(&route)?;
        all_answer(askers, &format!("/{name}"))?;
        let answered = begun.elapsed().as_secs_f64() * 1e3;
        place.wait_until_one_is_ready(&route)?;
        let ready = begun.elapsed().as_secs_f64() * 1e3;
        times.push(Apply { answered, ready });
    }
    Ok(times)
}

fn all_answer(askers: &mut [Asker], path: &str) -> anyhow::Result<()> {
    askers
        .iter_mut()
        .try_for_each(|asker| asker.until(path, |answer| answer.head.status == 200))
}

fn edits(place: &Place, askers: &mut [Asker], count: usize) -> anyhow::Result<Vec<f64>> {
    let guest = Artifact::cncf(&wat::parse_str(guests::env_dump.wat)?);
    place.registry.tag("bench/env", "1", &guest);
    let image = place.registry.reference("bench/env:1");
    let mut edited = route("default", "edited", &image);
    place.apply(&edited)?;
    all_answer(askers, "/edited")?;
    let mut times = Vec::with_capacity(count);
    for number in 0..count {
        let value = format!("greeting-{number}.");
        edited["spec"]["env"] = json!([{ "name": "GREETING", "value": value }]);
        let begun = Instant::now();
        place.apply(&edited)?;
        for asker in &mut *askers {
            asker.until("/edited", |answer| answer.text().contains(&value))?;
        }
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        place.wait_until_one_is_ready(&edited)?;
    }
    Ok(times)
}

/// One new tag, in milliseconds.
#[derive(Clone, Copy)]
struct Tag {
    total: f64,
    /// What the slowest runtime spent on pull and compile.
    work: f64,
}

fn tags(place: &Place, askers: &mut [Asker], count: usize) -> anyhow::Result<Vec<Tag>> {
    let mut all = Vec::with_capacity(count);
    for number in 0..count {
        let name = format!("tag-{number}");
        let (image, _) = place.push(&name, FUNCTIONS, 1_000 + number);
        let route = route("default", &name, &image);
        let before = work(place)?;
        let begun = Instant::now();
        place.apply(&route)?;
        all_answer(askers, &format!("/{name}"))?;
        let total = begun.elapsed().as_secs_f64() * 1e3;
        let after = work(place)?;
        let spent = after
            .iter()
            .zip(before)
            .map(|(after, before)| after - before);
        let work = spent.fold(0.0, f64::max);
        ensure!(work > 0.0, "nothing was compiled");
        all.push(Tag { total, work });
        place.wait_until_one_is_ready(&route)?;
    }
    Ok(all)
}

/// What each runtime spent on pulls and compiles so far, in milliseconds.
fn work(place: &Place) -> anyhow::Result<Vec<f64>> {
    let of = |node: &tests::kubernetes::Workload| {
        let counts = Counts::of(node.admin())?;
        let sum = |what: &str| counts.sum(&format!("wagi_module_{what}_seconds_sum"), &[]);
        Ok((sum("pull") + sum("compile")) * 1e3)
    };
    place.nodes.iter().map(of).collect()
}

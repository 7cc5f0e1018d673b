//! Ten thousand routes: started, restarted, and at rest.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tests::kubernetes::Workload;
use tests::registry::Fault;

use super::ask::{Asker, wait};
use super::count::Counts;
use super::place::{Place, route};
use crate::plan::Plan;
use crate::report::{Report, Target};
use crate::rounds::Spread;
use crate::server::status;

const ROUTES: usize = 10_000;
const MODULES: usize = 100;
const HOLLOW: usize = 50;
/// Nothing is written for so long: it is at rest.
const REST: Duration = Duration::from_secs(3);

/// What a part says.
struct Said<'a>(&'a mut Report);

impl Said<'_> {
    fn at_most(&mut self, name: &str, limit: f64, unit: &str, measured: f64) {
        let measured = Spread::of([measured]);
        self.0
            .figure(name, Target::AtMost(limit), unit, measured, Spread::of([]));
    }
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let routes = plan.count(ROUTES);
    let mut said = Said(report);
    let mut place = Place::start(1);
    place.operator.kill();
    let images: Vec<String> = (0..MODULES)
        .map(|n| place.push(&format!("v{n}"), 20, n).0)
        .collect();
    place.store(
        (0..routes)
            .map(|number| stored(number, routes, &images))
            .collect(),
    )?;

    start(&mut place, routes, &mut said)?;
    let full = at_rest(&mut place.nodes[0])?;
    restart_operator(&mut place, routes, &mut said)?;
    hollow(&place, routes, &mut said)?;
    restart_node(&mut place, routes, &mut said)?;
    idle(&mut place, routes, full, &mut said)?;
    said.0.section(
        "Ten thousand routes",
        &format!(
            "{routes} routes of {MODULES} namespaces, over {MODULES} small modules, are stored while no \
             operator runs; one runtime is there. Then everything as the rows say, one after the other, \
             on this machine's cores with etcd and the API server. Writes are what the API server counted \
             of its callers (`apiserver_request_total`), until nothing was written for {REST:?}. Memory \
             of a route is what a runtime holds that saw all of them come, less what a new one holds with \
             one route a module, by the routes between."
        ),
    );
    Ok(())
}

/// The module changes with each route, the namespace with each hundredth part.
fn stored(number: usize, routes: usize, images: &[String]) -> Value {
    let namespace = format!("team-{}", number * MODULES / routes);
    route(&namespace, &format!("r{number}"), &images[number % MODULES])
}

fn start(place: &mut Place, routes: usize, said: &mut Said<'_>) -> anyhow::Result<()> {
    let before = Counts::of_api_server(&place.cluster)?;
    let begun = Instant::now();
    place.operator.start_again();
    let operator = place.operator.admin();
    let status_writes = || {
        let counts = Counts::of(operator).ok();
        counts.map_or(0.0, |it| {
            it.sum("wagi_operator_writes_total", &["\"status\"", "\"ok\""])
        })
    };
    // Looking at all of them costs the API server what the operator needs: first its own count.
    wait("statuses are written", || {
        thread::sleep(Duration::from_millis(100));
        status_writes() >= routes as f64
    })?;
    place.wait_until_ready(routes)?;
    let took = begun.elapsed().as_secs_f64();
    quiet(place)?;
    let after = Counts::of_api_server(&place.cluster)?;
    let each = |resource: &str| (after.writes(resource) - before.writes(resource)) / routes as f64;
    let what = format!("{routes} routes over {MODULES} modules, operator start → all Ready");
    said.at_most(&what, 90.0, "s", took);
    // One more is the list of the runtimes.
    let documents = each("configmaps");
    said.at_most("the same: ConfigMap writes a route", 1.001, "", documents);
    said.at_most(
        "the same: WagiRoute writes a route",
        2.0,
        "",
        each("wagiroutes"),
    );
    said.at_most("the same: Events", 0.0, "", each("events") * routes as f64);
    Ok(())
}

/// Waits until the operator writes nothing any more.
fn quiet(place: &Place) -> anyhow::Result<()> {
    let writes = || -> anyhow::Result<f64> {
        Ok(Counts::of(place.operator.admin())?.sum("wagi_operator_writes_total", &[]))
    };
    let (mut known, mut since) = (writes()?, Instant::now());
    let begun = Instant::now();
    while since.elapsed() < REST {
        ensure!(
            begun.elapsed() < 40 * REST,
            "the operator does not stop writing"
        );
        thread::sleep(Duration::from_millis(100));
        let now = writes()?;
        if now > known {
            (known, since) = (now, Instant::now());
        }
    }
    Ok(())
}

fn restart_operator(place: &mut Place, routes: usize, said: &mut Said<'_>) -> anyhow::Result<()> {
    place.registry.fail(Fault::Unavailable503);
    place.operator.kill();
    let before = Counts::of_api_server(&place.cluster)?;
    let begun = Instant::now();
    place.operator.start_again();
    let mut admin = Asker::new(place.operator.admin());
    admin.until("/readyz", |answer| answer.head.status == 200)?;
    let ready = begun.elapsed().as_secs_f64();
    let admin = place.operator.admin();
    wait("it leads", || {
        let counts = Counts::of(admin).ok();
        counts.is_some_and(|it| it.sum("leader_election_master_status", &[]) == 1.0)
    })?;
    let stories =
        |counts: &Counts| counts.sum("workqueue_work_duration_seconds_count", &["routes"]);
    wait("it looked at every route", || {
        Counts::of(admin).is_ok_and(|it| stories(&it) >= routes as f64)
    })?;
    quiet(place)?;
    let after = Counts::of_api_server(&place.cluster)?;
    let kinds = ["configmaps", "wagiroutes", "events", "waginodes"];
    let writes: f64 = kinds
        .iter()
        .map(|kind| after.writes(kind) - before.writes(kind))
        .sum();
    let pid = place.operator.child().context("it runs")?.pid();
    let mib = status(pid, "VmHWM")? / 1024.0;
    let what = format!("restart of the operator with {routes} routes, registry down");
    said.at_most(&format!("{what}: writes"), 0.0, "", writes);
    said.at_most(&format!("{what}: ready"), 5.0, "s", ready);
    said.at_most(&format!("{what}: peak memory"), 200.0, "MiB", mib);
    place.registry.heal();
    Ok(())
}

fn hollow(place: &Place, routes: usize, said: &mut Said<'_>) -> anyhow::Result<()> {
    let mut fleet = place.cluster.start_hollow("hollow", HOLLOW);
    fleet.wait_until_ready();
    quiet(place)?;
    let before = Counts::of_api_server(&place.cluster)?;
    fleet.leave();
    wait_for_fleet(place, HOLLOW)?;
    fleet.join();
    fleet.wait_until_ready();
    wait_for_fleet(place, HOLLOW + 1)?;
    quiet(place)?;
    let after = Counts::of_api_server(&place.cluster)?;
    let writes = after.writes("wagiroutes") - before.writes("wagiroutes");
    let what = format!(
        "one of {HOLLOW} hollow runtimes goes and comes back, {routes} routes: WagiRoute writes"
    );
    said.at_most(&what, 0.0, "", writes);
    while !fleet.pods().is_empty() {
        fleet.leave();
    }
    wait_for_fleet(place, 1)
}

/// Waits until the operator counts so many runtimes.
fn wait_for_fleet(place: &Place, ready: usize) -> anyhow::Result<()> {
    wait("the runtimes are counted", || {
        thread::sleep(Duration::from_millis(50));
        place
            .fleet()
            .is_some_and(|fleet| fleet.ready as usize == ready)
    })
}

fn restart_node(place: &mut Place, routes: usize, said: &mut Said<'_>) -> anyhow::Result<()> {
    place.cluster.stop();
    let node = &mut place.nodes[0];
    node.kill();
    let begun = Instant::now();
    node.start_again();
    let mut asker = Asker::new(node.address());
    let last = format!("/r{}", routes - 1);
    asker.until(&last, |answer| answer.head.status == 200)?;
    let mut admin = Asker::new(node.admin());
    admin.until("/readyz", |answer| answer.head.status == 200)?;
    let took = begun.elapsed().as_secs_f64();
    for number in (0..routes).step_by(routes / MODULES) {
        let path = format!("/r{number}");
        let answer = asker.ask(&path).context("it answers")?;
        ensure!(answer.head.status == 200, "{path}: {}", answer.head.status);
    }
    place.cluster.start_again();
    let what = format!(
        "restart of a node with {routes} routes from its snapshot, API server down: serving"
    );
    said.at_most(&what, 2.0, "s", took);
    Ok(())
}

fn idle(place: &mut Place, routes: usize, full: f64, said: &mut Said<'_>) -> anyhow::Result<()> {
    // The first namespace has a route of each module, in a whole run.
    let kept = routes / MODULES;
    for number in 1..MODULES {
        place.delete_all(&format!("team-{number}"))?;
    }
    wait("their documents are gone", || {
        thread::sleep(Duration::from_millis(250));
        place.documents().is_some_and(|count| count == kept)
    })?;
    let mut small = place
        .cluster
        .start_node("wagi-node-small", &["--access-log=false"]);
    small.wait_until_ready();
    let last = format!("/r{}", kept - 1);
    Asker::new(small.address()).until(&last, |answer| answer.head.status == 200)?;
    let base = at_rest(&mut small)?;
    let each = (full - base) / (routes - kept) as f64;
    said.at_most(
        "node memory per idle route beyond modules",
        5.0,
        "KiB",
        each,
    );
    Ok(())
}

/// A runtime's memory in KiB, once it no longer falls.
fn at_rest(node: &mut Workload) -> anyhow::Result<f64> {
    let pid = node.child().context("it runs")?.pid();
    let memory = || anyhow::Ok(status(pid, "VmRSS")? + status(pid, "VmPTE")?);
    let mut known = memory()?;
    loop {
        thread::sleep(REST);
        let now = memory()?;
        if now >= known {
            return Ok(now);
        }
        known = now;
    }
}

//! How long the table takes to find a route, ten thousand against ten.

use std::hint::black_box;
use std::time::Instant;

use crds::host::HostPattern;
use crds::path::PathPattern;
use node_runtime::routing::{Entry, RequestPath, RouteTable};

use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::Series;

const FEW: usize = 10;
const MANY: usize = 10_000;

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let finds = plan.count(2_000_000);
    let few = table(FEW)?;
    let many = table(MANY)?;
    let ten = requests(FEW);
    let all = requests(MANY);
    let mut series = Series::interleave(
        plan.rounds,
        || nanoseconds(&few, &ten, finds),
        vec![
            Box::new(|| nanoseconds(&many, &ten, finds)),
            Box::new(|| nanoseconds(&many, &all, finds)),
        ],
    )?;
    let spread = series.remove(1);
    let same = series.remove(0);
    report.figure(
        "look-up, 10,000 routes against 10, the same ten requests",
        Target::AtMost(1.5),
        "×",
        same.ratio(|ns| *ns),
        same.noise(|ns| *ns),
    );
    report.figure(
        "look-up, 10,000 routes against 10, requests for all of them in turn",
        Target::AtMost(1.5),
        "×",
        spread.ratio(|ns| *ns),
        spread.noise(|ns| *ns),
    );
    report.section(
        "Look-up",
        "In process, the path parsed before. Routes are exact paths and prefixes of exact, open \
         and any hosts. Bare is the table of ten. With requests for all 10,000 in turn, the \
         routes and requests themselves no longer fit the nearest caches.",
    );
    let row = |name: &str, ns| vec![name.to_owned(), Text(ns).to_string()];
    report.table(
        &["", "ns a look-up"],
        &[
            row("10 routes", same.bare(|ns| *ns)),
            row("10,000 routes, ten requests", same.ours(|ns| *ns)),
            row("10,000 routes, all requests", spread.ours(|ns| *ns)),
        ],
    );
    Ok(())
}

/// Of every ten routes five are of any host, three of exact hosts, two of open ones.
fn place(number: usize) -> (Option<String>, String) {
    let host = match number % 10 {
        0..5 => None,
        5..8 => Some(format!("h{}.example", number / 10)),
        _ => Some(format!("*.w{}.example", number / 10)),
    };
    let rest = if number.is_multiple_of(2) { "/..." } else { "" };
    (host, format!("/shop/{number}/items{rest}"))
}

fn table(routes: usize) -> anyhow::Result<RouteTable<usize>> {
    let entries = (0..routes).map(|number| {
        let (host, path) = place(number);
        let host = host.as_deref().map(HostPattern::parse).transpose()?;
        anyhow::Ok(Entry {
            hosts: host.into_iter().collect(),
            path: path.parse::<PathPattern>()?,
            target: number,
        })
    });
    let entries: Vec<_> = entries.collect::<Result<_, _>>()?;
    let (table, conflicts) = RouteTable::build(entries);
    anyhow::ensure!(conflicts.is_empty(), "{conflicts:?}");
    Ok(table)
}

fn requests(routes: usize) -> Vec<(String, String)> {
    (0..routes)
        .map(|number| {
            let (host, path) = place(number);
            let host = host.map_or("any.example".to_owned(), |host| host.replace('*', "shop"));
            (host, path.replace("...", "of/today"))
        })
        .collect()
}

fn nanoseconds(
    table: &RouteTable<usize>,
    requests: &[(String, String)],
    finds: usize,
) -> anyhow::Result<f64> {
    let parsed = requests
        .iter()
        .map(|(host, path)| Ok((host, RequestPath::parse(path)?)));
    let parsed: Vec<_> = parsed.collect::<anyhow::Result<_>>()?;
    let mut found = 0;
    let start = Instant::now();
    for (host, path) in parsed.iter().cycle().take(finds) {
        found += usize::from(black_box(table.find(host, path)).is_some());
    }
    let time = start.elapsed();
    anyhow::ensure!(found == finds, "{found} of {finds} were found");
    Ok(time.as_secs_f64() * 1e9 / finds as f64)
}

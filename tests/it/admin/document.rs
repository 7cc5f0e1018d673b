//! `docs/metrics.md` names what there is.

use std::collections::{BTreeMap, BTreeSet};

use node_runtime::modules::metrics::{StoreUsage, register_store};
use node_runtime::route::Outcome;
use prometheus::{Registry, TextEncoder};
use tests::access_log::AccessLog;
use tests::node::Node;
use tests::{guests, wagi};

use super::metrics;

/// The names of ours in a text of metrics, each with its labels.
fn families(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut families = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE wagi_") {
            let name = head.split(' ').next().expect("a name");
            family = format!("wagi_{name}");
            families.insert(family.clone(), BTreeSet::new());
        } else if let Some((_, rest)) = line.split_once('{').filter(|_| line.starts_with("wagi_")) {
            let labels = rest.split(',').filter_map(|label| label.split_once("=\""));
            let labels = labels.map(|(name, _)| name.to_owned());
            let of: &mut BTreeSet<String> = families.entry(family.clone()).or_default();
            of.extend(labels.filter(|name| name != "le"));
        }
    }
    families
}

#[test]
fn the_document_names_every_metric_and_every_ending() {
    let node = Node::builder()
        .admin()
        .config(|config| config.access_log = Some(AccessLog::default().log()))
        .guest(guests::hello)
        .start();
    assert_eq!(node.get("/hello").head.status, 200);
    let mut text = metrics(&node);
    assert!(text.contains("\nprocess_cpu_seconds_total "), "no process");
    let store = Registry::new();
    register_store(&store, StoreUsage::default).expect("a new registry");
    text += &TextEncoder::new()
        .encode_to_string(&store.gather())
        .expect("metrics are text");

    let document = wagi::repository("docs/metrics.md");
    let document = std::fs::read_to_string(document).expect("docs/metrics.md");
    // Another program's, which counts other things.
    let (document, _) = document
        .split_once("\n## The operator")
        .expect("a part on the operator");
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let quoted = |text: &str| -> BTreeSet<String> {
        let words = text.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    let documented: BTreeMap<String, BTreeSet<String>> = rows
        .iter()
        .filter(|row| row[0].starts_with("`wagi_"))
        .map(|row| (row[0].trim_matches('`').to_owned(), quoted(row[1])))
        .collect();
    assert_eq!(documented, families(&text));
    for (name, _) in documented {
        let help = format!("# HELP {name} ");
        let help = text.lines().find_map(|line| line.strip_prefix(&help));
        assert!(
            help.is_some_and(|help| help.ends_with(['.', ')'])),
            "{name}"
        );
    }

    let words: BTreeSet<String> = Outcome::ALL.map(|outcome| outcome.word().to_owned()).into();
    let endings: BTreeSet<String> = rows
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .filter(|word| words.contains(word))
        .collect();
    assert_eq!(endings, words);
}

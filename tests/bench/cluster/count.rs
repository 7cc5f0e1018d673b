//! What the programs say of themselves, and the API server of its callers.

use std::net::SocketAddr;

use anyhow::{Context as _, ensure};
use tests::kubernetes::Cluster;

use super::ask::Asker;

/// An exposition.
pub struct Counts(String);

impl Counts {
    /// What a program of ours says.
    pub fn of(admin: SocketAddr) -> anyhow::Result<Self> {
        let answer = Asker::new(admin).ask("/metrics").context("no metrics")?;
        ensure!(answer.head.status == 200, "metrics: {}", answer.head.status);
        Ok(Self(answer.text()))
    }

    /// What the API server says: how often it was asked for what.
    pub fn of_api_server(cluster: &Cluster) -> anyhow::Result<Self> {
        let client = cluster.admin();
        let request = http::Request::get("/metrics").body(Vec::new())?;
        Ok(Self(cluster.block_on(client.request_text(request))?))
    }

    /// The sum of all series of this name that have all these labels.
    pub fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let series = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(name)?;
            let is_it = rest.starts_with(['{', ' ']) && labels.iter().all(|it| rest.contains(it));
            is_it.then(|| rest.rsplit_once(' ')?.1.parse::<f64>().ok())?
        });
        series.sum()
    }

    /// Requests that wrote objects of a resource, successful ones.
    pub fn writes(&self, resource: &str) -> f64 {
        let resource = format!("resource=\"{resource}\"");
        let verbs = ["APPLY", "PATCH", "PUT", "POST", "DELETE"];
        let of = |verb: &str| {
            let verb = format!("verb=\"{verb}\"");
            let labels = [&*resource, &*verb, "code=\"20"];
            self.sum("apiserver_request_total", &labels)
        };
        verbs.iter().map(|verb| of(verb)).sum()
    }
}

//! What the process itself counts; rooms register their own beside it.
//!
//! Names carry their own prefix: one of the registry's would rename the process's, too.

use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{IntGauge, IntGaugeVec, Opts, Registry};

use crate::lease::Claim;

/// 1 while the claim holds; looked up when somebody asks, since a claim ends by itself.
struct Leads {
    claim: Claim,
    gauges: IntGaugeVec,
    gauge: IntGauge,
}

/// A registry with what is known of the process, and of its build.
///
/// # Errors
///
/// Never, as long as names differ.
pub fn registry() -> prometheus::Result<Registry> {
    let registry = Registry::new();
    registry.register(Box::new(ProcessCollector::for_self()))?;
    let build = IntGaugeVec::new(
        Opts::new(
            "wagi_operator_build_info",
            "1, with the version and commit of wagi-operator.",
        ),
        &["version", "commit"],
    )?;
    build
        .with_label_values(&[env!("CARGO_PKG_VERSION"), env!("WAGI_COMMIT")])
        .set(1);
    registry.register(Box::new(build))?;
    Ok(registry)
}

/// Registers whether this process may write.
///
/// # Errors
///
/// Never, as long as names differ.
pub fn watch_claim(registry: &Registry, claim: Claim) -> prometheus::Result<()> {
    // client-go's name and label, which dashboards know.
    let opts = Opts::new(
        "leader_election_master_status",
        "1 while this process holds the lease, 0 while it stands by.",
    );
    let gauges = IntGaugeVec::new(opts, &["name"])?;
    let gauge = gauges.with_label_values(&[crds::names::OPERATOR]);
    registry.register(Box::new(Leads {
        claim,
        gauges,
        gauge,
    }))
}

impl Collector for Leads {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.gauge.set(i64::from(self.claim.is_held()));
        self.gauges.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use prometheus::TextEncoder;
    use tokio::time::Instant;

    use super::*;
    use crate::lease;

    #[tokio::test(start_paused = true)]
    async fn the_lease_shows_by_the_name_that_dashboards_know_and_ends_by_itself() {
        let registry = registry().expect("names differ");
        let (holder, claim) = lease::claim();
        watch_claim(&registry, claim).expect("names differ");
        let shown = |value: u8| {
            let text = TextEncoder::new().encode_to_string(&registry.gather());
            let line = format!("leader_election_master_status{{name=\"wagi-operator\"}} {value}\n");
            text.expect("metrics").contains(&line)
        };
        assert!(shown(0));
        holder.hold(Some(Instant::now() + Duration::from_secs(1)));
        assert!(shown(1));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(shown(0));
    }
}

//! The Lease object: what it says, and the object that each of our writes makes of it.
//!
//! Times in it are for people: no decision compares them with a clock. `acquireTime` is compared for
//! being the same, since it tells one term of a holder from another.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::core::ObjectMeta;

/// A Lease as it was read, or as a write returned it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record(Lease);

/// What of a Lease stays the same.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub(super) namespace: String,
    pub(super) name: &'static str,
    pub(super) holder: String,
    pub(super) duration: Duration,
}

/// A write, by what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    /// There is no Lease: make one that is ours.
    Create,
    /// Take one that is free, or whose time is over.
    Acquire,
    /// Ours goes on.
    Renew,
    /// Ours ends.
    Release,
}

// === impl Record ===

impl Record {
    pub(super) const fn new(lease: Lease) -> Self {
        Self(lease)
    }

    /// Grows with each change of the object; 0 where that is not to be seen, which no write accepts
    /// as the newest.
    pub(super) fn version(&self) -> u64 {
        let version = self.0.metadata.resource_version.as_deref();
        version.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    pub(super) fn holder(&self) -> Option<&str> {
        let holder = self.spec()?.holder_identity.as_deref();
        holder.filter(|holder| !holder.is_empty())
    }

    pub(super) fn acquired(&self) -> Option<Timestamp> {
        Some(self.spec()?.acquire_time.as_ref()?.0)
    }

    /// How long its holder counts after it was renewed.
    pub(super) fn duration(&self) -> Option<Duration> {
        let seconds = self.spec()?.lease_duration_seconds?;
        Some(Duration::from_secs(u64::try_from(seconds).ok()?))
    }

    const fn spec(&self) -> Option<&LeaseSpec> {
        self.0.spec.as_ref()
    }

    /// The object to write. Its resourceVersion is that of what was seen: whoever changed it since
    /// makes the write fail.
    pub(super) fn written(
        seen: Option<&Self>,
        write: Write,
        term: &Term,
        acquired: Timestamp,
        now: Timestamp,
    ) -> Lease {
        let mut lease = seen.map_or_else(|| fresh(term), |record| record.0.clone());
        let spec = lease.spec.get_or_insert_default();
        match write {
            Write::Create | Write::Acquire => {
                spec.holder_identity = Some(term.holder.clone());
                spec.acquire_time = Some(MicroTime(acquired));
                let transitions = spec.lease_transitions.unwrap_or(0);
                if write == Write::Acquire {
                    spec.lease_transitions = Some(transitions.saturating_add(1));
                } else {
                    spec.lease_transitions = Some(0);
                }
            }
            Write::Renew => {}
            Write::Release => spec.holder_identity = None,
        }
        spec.renew_time = Some(MicroTime(now));
        spec.lease_duration_seconds = i32::try_from(term.duration.as_secs()).ok();
        lease
    }
}

fn fresh(term: &Term) -> Lease {
    Lease {
        metadata: ObjectMeta {
            namespace: Some(term.namespace.clone()),
            name: Some(term.name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: None,
    }
}

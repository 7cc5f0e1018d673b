//! Removes all that the operator made, and says what: documents, copies, the list of runtimes,
//! grants, the Lease.
//!
//! What people made stays: routes, custom resource definitions, namespaces. Nothing is removed while an
//! operator holds the Lease, since it would make all of it again.

use std::fmt::Debug;
use std::time::Duration;

use crds::names;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{DeleteParams, ListParams};
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use crate::grants;

/// A holder renews its Lease every five seconds: one that did not in this time is gone.
const SILENCE: Duration = Duration::from_secs(12);

/// Where the objects are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The namespace of the Lease.
    pub system_namespace: String,
    /// The namespace of what was published.
    pub documents_namespace: String,
}

/// One kind of object, and how many of them there were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// How many.
    pub count: usize,
    /// What they were, as in "documents".
    pub what: String,
}

/// Something is still there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An operator runs.
    #[error(
        "{holder} holds the Lease {namespace}/{} and would make everything again: stop it first, as in \
         kubectl scale deployment {} --replicas=0 -n {namespace}",
        names::OPERATOR,
        names::OPERATOR
    )]
    Runs {
        /// Who.
        holder: String,
        /// Where.
        namespace: String,
    },
    /// The API server does not do it.
    #[error("{doing}: {reason}; what was removed before stays so, and this may be run again")]
    Api {
        /// What was asked of it.
        doing: String,
        /// Why, in its own words.
        reason: String,
    },
}

/// Removes everything; `say` hears of each kind once it is gone.
///
/// # Errors
///
/// When an operator still leads, or the API server refuses; what was removed by then was said.
pub async fn uninstall(
    client: &Client,
    place: &Place,
    mut say: impl FnMut(Removed),
) -> Result<(), Error> {
    let leases = Api::<Lease>::namespaced(client.clone(), &place.system_namespace);
    nobody_leads(&leases, place).await?;
    let namespace = &place.documents_namespace;
    let config_maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let secrets = Api::<Secret>::namespaced(client.clone(), namespace);
    let of = |kind: &str| format!("{}={kind}", names::KIND_LABEL);
    // Documents first: what they name goes after them.
    let (route, fleet) = (of(names::KIND_ROUTE), of(names::KIND_FLEET));
    let documents = format!("documents (ConfigMaps of {namespace})");
    say(remove(&config_maps, &route, documents).await?);
    let fleets = format!("lists of runtimes (ConfigMaps of {namespace})");
    say(remove(&config_maps, &fleet, fleets).await?);
    let rest = names::KIND_LABEL;
    let copies = |kind: &str| format!("copies of {kind} ({kind} of {namespace})");
    say(remove(&config_maps, rest, copies("ConfigMaps")).await?);
    say(remove(&secrets, rest, copies("Secrets")).await?);
    let grants = grants::api(client.clone(), &place.system_namespace);
    let what = format!("ReferenceGrants (of {})", place.system_namespace);
    say(remove(&grants, &of(names::KIND_GRANT), what).await?);
    let deleted = leases
        .delete(names::OPERATOR, &DeleteParams::default())
        .await;
    let count = match deleted {
        Ok(_) => 1,
        Err(kube::Error::Api(status)) if status.is_not_found() => 0,
        Err(error) => return Err(refused("deleting the Lease")(error)),
    };
    let what = format!("Leases ({}/{})", place.system_namespace, names::OPERATOR);
    say(Removed { count, what });
    Ok(())
}

/// Whether a Lease has a holder that renews it. Clocks of machines differ, so it is looked at twice.
async fn nobody_leads(leases: &Api<Lease>, place: &Place) -> Result<(), Error> {
    let look = async || {
        let lease = leases.get_opt(names::OPERATOR).await;
        let lease = lease.map_err(refused("reading the Lease"))?;
        let spec = lease.and_then(|lease| lease.spec).unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
        Ok(holder.map(|holder| (holder, spec.renew_time)))
    };
    let Some((_, before)) = look().await? else {
        return Ok(());
    };
    tokio::time::sleep(SILENCE).await;
    match look().await? {
        Some((holder, renewed)) if renewed != before => Err(Error::Runs {
            holder,
            namespace: place.system_namespace.clone(),
        }),
        _ => Ok(()),
    }
}

/// Removes all of a kind that have a label.
async fn remove<K>(api: &Api<K>, labels: &str, what: String) -> Result<Removed, Error>
where
    K: Clone + DeserializeOwned + Debug,
{
    let chosen = ListParams::default().labels(labels);
    let found = match api.list_metadata(&chosen).await {
        // There is no such kind here, and so none of it.
        Err(kube::Error::Api(status)) if status.code == 404 => {
            return Ok(Removed { count: 0, what });
        }
        found => found,
    };
    let count = found
        .map_err(refused(&format!("listing {what}")))?
        .items
        .len();
    if count > 0 {
        let deleted = api
            .delete_collection(&DeleteParams::default(), &chosen)
            .await;
        deleted.map_err(refused(&format!("deleting {what}")))?;
    }
    Ok(Removed { count, what })
}

fn refused(doing: &str) -> impl FnOnce(kube::Error) -> Error {
    let doing = doing.to_owned();
    move |error| Error::Api {
        doing,
        reason: match error {
            kube::Error::Api(status) => status.message,
            error => error.to_string(),
        },
    }
}

//! The objects that routes refer to, as news for the world: one watch of names and versions for each
//! namespace and kind that some route refers to, and a read of each object that moved.
//!
//! A watch that is not permitted is news too, and is tried again: whoever grants it tells nobody.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crds::references::{Data, Kind};
use futures::{StreamExt as _, pin_mut};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::Api;
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use kube::{Client, Error, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio_util::task::AbortOnDropHandle;

use crate::claims::Uid;
use crate::reconcile::apply::WriteError;
use crate::reconcile::retry;
use crate::reconcile::retry::Again;
use crate::references::{Place, Read, Source};
use crate::shared::Shared;
use crate::watches::{backoff, watch_seconds};
use crate::world::version_of;

/// Whoever grants a permission waits no longer than this until it counts.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A read that takes longer is tried again.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Watches the places that routes refer to, each as long as some route does.
pub async fn keep(shared: Arc<Shared>, client: Client) {
    let mut running: HashMap<(Place, u64), AbortOnDropHandle<()>> = HashMap::new();
    loop {
        let wanted = shared.read(|world| world.references.watches());
        running.retain(|watch, _| wanted.contains(watch));
        for watch in wanted {
            running.entry(watch).or_insert_with_key(|(place, _)| {
                let (shared, client, place) = (Arc::clone(&shared), client.clone(), place.clone());
                AbortOnDropHandle::new(tokio::spawn(async move {
                    match place.kind {
                        Kind::ConfigMap => follow::<ConfigMap>(&shared, client, &place).await,
                        Kind::Secret => follow::<Secret>(&shared, client, &place).await,
                    }
                }))
            });
        }
        shared.places.notified().await;
    }
}

async fn follow<K>(shared: &Shared, client: Client, place: &Place)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + DeserializeOwned + Debug + Send + 'static,
{
    // Names and versions only: what the objects hold stays where it is.
    let api: Api<PartialObjectMeta<K>> = Api::namespaced(client, &place.namespace);
    let config = watcher::Config::default().timeout(watch_seconds());
    let news = kube::runtime::watcher(api, config).backoff(backoff(LONGEST_PAUSE));
    pin_mut!(news);
    let mut listed: HashSet<String> = HashSet::new();
    while let Some(event) = news.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(object)) => {
                listed.insert(object.name_any());
                observe(shared, place, &object);
            }
            Ok(Event::InitDone) => {
                shared.change(|world| world.references.listed(place, &listed));
                listed = HashSet::new();
            }
            Ok(Event::Apply(object)) => observe(shared, place, &object),
            Ok(Event::Delete(object)) => {
                let source = place.source(&object.name_any());
                shared.change(|world| world.references.gone(&source));
            }
            Err(error) if is_forbidden(&error) => {
                tracing::debug!(%place, "it may not be read");
                shared.change(|world| world.references.forbidden(place));
            }
            Err(error) => {
                tracing::warn!(%place, %error, "a watch is broken, and is begun again");
            }
        }
    }
}

fn observe<K>(shared: &Shared, place: &Place, object: &PartialObjectMeta<K>)
where
    K: Resource,
{
    let source = place.source(&object.name_any());
    let uid = object.metadata.uid.clone().unwrap_or_default();
    let version = version_of(object.metadata.resource_version.as_deref());
    shared.change(|world| world.references.observe(source, uid, version));
}

fn is_forbidden(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(Error::Api(status))
        | watcher::Error::WatchStartFailed(Error::Api(status)) => status.is_forbidden(),
        watcher::Error::WatchError(status) => status.is_forbidden(),
        _ => false,
    }
}

/// Reads an object that moved, and tells the world what it holds.
pub async fn read(shared: &Shared, client: &Client, key: &Uid) {
    let Some(source) = Source::of_key(key) else {
        return;
    };
    let read = async {
        match source.object.kind {
            Kind::ConfigMap => config_map(client, &source).await,
            Kind::Secret => secret(client, &source).await,
        }
    };
    let error = match tokio::time::timeout(TIMEOUT, read).await {
        Ok(Ok(read)) => {
            shared.change(|world| world.references.read(&source, read));
            return shared.reads.succeeded(key);
        }
        // Its text never has what the object holds: an answer that is none is said by its place.
        Ok(Err(error)) => WriteError::from(error),
        Err(_) => WriteError::Timeout { after: TIMEOUT },
    };
    let attempts = shared.reads.failed(key);
    tracing::warn!(%source, attempts, %error, "an object that routes refer to was not read");
    if let Again::After(delay) = retry::of_write(&error, attempts) {
        shared.reads.add_after(key.clone(), delay);
    }
}

async fn config_map(client: &Client, source: &Source) -> Result<Option<Read>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), &source.namespace);
    let Some(object) = api.get_opt(&source.object.name).await? else {
        return Ok(None);
    };
    let texts = object.data.unwrap_or_default().into_iter();
    let texts = texts.map(|(key, text)| (key, text.into_bytes()));
    let bytes = object.binary_data.unwrap_or_default().into_iter();
    let bytes = bytes.map(|(key, bytes)| (key, bytes.0));
    Ok(reduce(object.metadata, texts.chain(bytes).collect()))
}

async fn secret(client: &Client, source: &Source) -> Result<Option<Read>, Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &source.namespace);
    let Some(object) = api.get_opt(&source.object.name).await? else {
        return Ok(None);
    };
    let bytes = object.data.unwrap_or_default().into_iter();
    Ok(reduce(
        object.metadata,
        bytes.map(|(key, bytes)| (key, bytes.0)).collect(),
    ))
}

fn reduce(metadata: kube::core::ObjectMeta, data: Data) -> Option<Read> {
    Some(Read {
        uid: metadata.uid?,
        version: version_of(metadata.resource_version.as_deref()),
        data: Arc::new(data),
    })
}

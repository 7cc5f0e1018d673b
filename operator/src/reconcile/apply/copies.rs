//! Copies as they are written: Secrets as Secrets, ConfigMaps as ConfigMaps.

use std::sync::Arc;

use crds::references::Kind;
use k8s_openapi::api::core::v1::Secret;
use kube::Error;
use kube::api::{Api, DeleteParams, Patch, Preconditions};

use super::{Cluster, WriteError, parameters};
use crate::references::{Content, Copied, Source};

impl Cluster {
    /// Writes a copy over the one that is there, or a new one.
    ///
    /// # Errors
    ///
    /// When it is not as it should be afterwards, or that is not known.
    pub async fn write_copy(
        &self,
        name: &str,
        source: &Source,
        content: &Content,
        over: Option<&Copied>,
    ) -> Result<Arc<Copied>, WriteError> {
        self.pace.pass().await;
        let metadata = content.metadata(name, &self.namespace, source, over);
        let parameters = parameters();
        let written = match source.object.kind {
            Kind::ConfigMap => {
                let patch = Patch::Apply(content.config_map(metadata));
                let call = self.documents.patch(name, &parameters, &patch);
                Copied::of_config_map(self.write("copy", "apply", call).await?)
            }
            Kind::Secret => {
                let patch = Patch::Apply(content.secret(metadata));
                let secrets = self.secrets();
                let call = secrets.patch(name, &parameters, &patch);
                Copied::of_secret(self.write("copy", "apply", call).await?)
            }
        };
        let unreadable = || WriteError::Unreachable("its answer has no uid".to_owned());
        written.map(|(_, copied)| copied).ok_or_else(unreadable)
    }

    /// Deletes that very copy; one that is gone is deleted.
    ///
    /// # Errors
    ///
    /// When it may be there still, or changed meanwhile.
    pub async fn remove_copy(
        &self,
        kind: Kind,
        name: &str,
        known: &Copied,
    ) -> Result<(), WriteError> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(known.object_uid.clone()),
                resource_version: Some(known.version.to_string()),
            }),
            ..DeleteParams::default()
        };
        let call = async {
            let deleted = match kind {
                Kind::ConfigMap => self.documents.delete(name, &parameters).await.map(drop),
                Kind::Secret => self.secrets().delete(name, &parameters).await.map(drop),
            };
            match deleted {
                Err(Error::Api(status)) if status.is_not_found() => Ok(()),
                deleted => deleted,
            }
        };
        self.write("copy", "delete", call).await
    }

    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }
}

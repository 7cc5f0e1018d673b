//! The steps about what a route refers to: whether it is there, and its copies.
//!
//! A copy is written by whoever needs it first, the others find it as it should be; they take turns,
//! one for each copy. It is written before the documents that name it, and taken away after them.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crds::conditions::Reason;
use crds::copies::{CopyReference, copy_name};
use crds::document::Login;
use crds::references::{self, Kind, Object, Wanted};
use registry::{Credentials, DockerConfig};
use tokio::sync::{Mutex, MutexGuard};

use super::look_up::{Credential, Logins};
use super::retry::{self, Again};
use super::validate::Valid;
use super::{End, Stories, holding};
use crate::claims::{Ask, Loss, Uid};
use crate::outcome::{Problem, Reached};
use crate::references::{Copied, Read, Source, Standing};

/// What a route refers to, as it was read.
pub(super) struct Found {
    namespace: String,
    wanted: BTreeMap<Object, Wanted>,
    reads: BTreeMap<Object, Arc<Read>>,
    /// Who it is to its registry.
    pub(super) credentials: Credential,
    /// Of which Secrets that is.
    pub(super) logins: Logins,
}

/// Turns of those that copy one object.
#[derive(Debug, Default)]
pub struct Turns([Mutex<()>; 32]);

// === impl Turns ===

impl Turns {
    async fn take(&self, copy: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        copy.hash(&mut hasher);
        let number = hasher.finish() % self.0.len() as u64;
        // It is less than the length of an array.
        let turn = &self.0[usize::try_from(number).unwrap_or(0)];
        turn.lock().await
    }
}

// === impl Stories ===

impl Stories {
    /// Looks whether all is there that a route refers to, and not optional.
    pub(super) fn refer(
        &self,
        uid: &Uid,
        valid: &Valid,
        held: &[Ask],
        losses: &[Loss],
    ) -> Result<Found, End> {
        let wanted = references::wanted(&valid.route);
        let namespace = valid.route.name.namespace.clone();
        let standing = self
            .shared
            .change(|world| world.references.refer(uid, &namespace, &wanted));
        let problem = |reason, message| {
            let problem = Problem {
                reason,
                message,
                heals: false,
            };
            let holding = holding(valid, held, losses.to_vec());
            End::Reached(
                Box::new(Reached::Unresolved(holding, problem)),
                Again::OnChange,
            )
        };
        let reads = match standing {
            // The read that is under way has it told again.
            Standing::Waits => return Err(End::Overtaken),
            Standing::Forbidden(place) => {
                let message = place.grant(&self.system_namespace);
                return Err(problem(Reason::RefNotPermitted, message));
            }
            Standing::Found(reads) => reads,
        };
        let find = |object: &Object| reads.get(object).map(|read| Arc::clone(&read.data));
        let given = references::given(&valid.route, find).map_err(|missing| {
            let sentences: Vec<_> = missing.iter().map(ToString::to_string).collect();
            problem(Reason::RefNotFound, sentences.join("; "))
        })?;
        let texts = given.pull.iter().map(String::as_str);
        let credentials = match given.pull.is_empty() {
            true => None,
            false => {
                let config = DockerConfig::from_texts(texts).map_err(|error| {
                    let message = format!("spec.module.pullSecrets: {error}");
                    problem(Reason::RefNotFound, message)
                })?;
                Some(Credentials::DockerConfig(config))
            }
        };
        let login = |name: &String| {
            let read = reads.get(&Object::secret(name))?;
            Some(Login {
                name: name.clone(),
                uid: read.uid.clone(),
                version: read.version.to_string(),
            })
        };
        Ok(Found {
            logins: valid.route.pull_secrets.iter().filter_map(login).collect(),
            namespace,
            wanted,
            reads,
            credentials,
        })
    }

    /// Makes all copies such as the route needs them; what its document names of them.
    pub(super) async fn copy_all(&self, found: &Found) -> Result<Vec<CopyReference>, End> {
        let mut copies = Vec::with_capacity(found.reads.len());
        for (object, read) in &found.reads {
            let source = Source {
                namespace: found.namespace.clone(),
                object: object.clone(),
            };
            // It moved meanwhile, and has the story told again.
            let is_current = |stories: &Self| {
                stories
                    .shared
                    .read(|world| world.references.is_current(&source, read))
            };
            if !is_current(self) {
                return Err(End::Overtaken);
            }
            let name: Uid = copy_name(object.kind, &read.uid).into();
            let Some(copied) = self.copy(&name).await.map_err(End::Unwritten)? else {
                return Err(End::Overtaken);
            };
            copies.push(CopyReference {
                kind: object.kind,
                name: object.name.clone(),
                revision: copied.revisions.of(&found.wanted[object]),
                copy: name.to_string(),
            });
        }
        Ok(copies)
    }

    /// Makes a copy as it is to be; nothing where nobody needs it.
    async fn copy(&self, name: &Uid) -> Result<Option<Arc<Copied>>, super::WriteError> {
        let _turn = self.copying.take(name).await;
        let (known, content) = self.shared.read(|world| {
            let references = &world.references;
            (references.copy(name).cloned(), references.content(name))
        });
        let Some((source, content)) = content else {
            return Ok(None);
        };
        if let Some(known) = known.as_ref().filter(|known| known.has(&content)) {
            return Ok(Some(Arc::clone(known)));
        }
        let written = self
            .cluster
            .write_copy(name, &source, &content, known.as_deref())
            .await?;
        self.shared
            .change(|world| world.references.copied(name, Arc::clone(&written)));
        Ok(Some(written))
    }

    /// Takes from a copy what nobody needs any more, or all of it.
    pub async fn trim(&self, name: &Uid) {
        let is_complete = self.shared.read(crate::world::World::is_complete);
        let trimmed = async {
            if !is_complete || self.copy(name).await?.is_some() {
                return Ok(());
            }
            let _turn = self.copying.take(name).await;
            let known = self.shared.read(|world| {
                let is_needed = world.references.content(name).is_some();
                world.references.copy(name).filter(|_| !is_needed).cloned()
            });
            let (Some(known), Some((kind, _))) = (known, crds::copies::source_of(name)) else {
                return Ok(());
            };
            self.remove_copy(kind, name, &known).await
        };
        match trimmed.await {
            Ok(()) => self.shared.copies.succeeded(name),
            Err(error) => {
                let attempts = self.shared.copies.failed(name);
                tracing::debug!(%name, attempts, %error, "a copy was not trimmed");
                if let Again::After(delay) = retry::of_write(&error, attempts) {
                    self.shared.copies.add_after(name.clone(), delay);
                }
            }
        }
    }

    async fn remove_copy(
        &self,
        kind: Kind,
        name: &Uid,
        known: &Copied,
    ) -> Result<(), super::WriteError> {
        self.cluster.remove_copy(kind, name, known).await?;
        self.shared
            .change(|world| world.references.forget_copy(name, known.version));
        Ok(())
    }
}

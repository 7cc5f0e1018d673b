//! The step that finds out a module's digest, and whether the route may have it.
//!
//! A tag is looked up once for each value of the image, and an unrelated edit never moves it. What it
//! was given with is part of the answer: with other logins the same digest is asked for again.

use std::time::Duration;

use crds::document::{Login, Resolved};
use crds::module_reference::RegistryReference;
use registry::Credentials;
use tokio::time::Instant;

use super::refer::Found;
use super::retry::{self, Again};
use super::validate::Valid;
use super::{Beginning, End, Slot, Stories, holding};
use crate::claims::{Ask, Loss, Uid};
use crate::outcome::{Outcome, Problem, Reached};

/// Lookups that are tried again share answers that are so old.
const FRESH: Duration = Duration::from_secs(1);

impl Stories {
    #[expect(
        clippy::too_many_arguments,
        reason = "what the steps before it came to"
    )]
    pub(super) async fn resolve(
        &self,
        uid: &Uid,
        route: &Beginning,
        valid: &Valid,
        found: &Found,
        held: &[Ask],
        losses: Vec<Loss>,
        slot: &mut Slot,
    ) -> Result<(Resolved, Option<Problem>, Again), End> {
        let published = route
            .published
            .as_ref()
            .and_then(|published| published.resolved());
        let is_of_image =
            |known: &&Resolved| known.image == valid.image && known.resolve == route.seen.resolve;
        let known = published
            .into_iter()
            .chain(&route.known)
            .filter(is_of_image);
        if let Some(known) = known.clone().find(|known| known.logins == found.logins) {
            return Ok((known.clone(), None, Again::OnChange));
        }
        // Other logins: the same digest, if they may have it.
        let pinned = known.clone().next().map(|known| known.digest.clone());
        let reference = asked_for(&valid.reference, pinned.as_deref());
        let since = match route.failed_before {
            true => Instant::now()
                .checked_sub(FRESH)
                .unwrap_or(route.wanted)
                .max(route.wanted),
            false => route.wanted,
        };
        let reached = |problem, again| {
            let holding = holding(valid, held, losses.clone());
            End::Reached(Box::new(Reached::Unresolved(holding, problem)), again)
        };
        let credentials = found.credentials.clone();
        // Others are not to wait for a registry that hangs.
        let answer = slot
            .without(self.lookups.digest(&reference, credentials, since))
            .await;
        let is_current = self.shared.read(|world| {
            let entry = world.route(uid);
            entry.is_some_and(|entry| {
                entry.seen.generation == route.seen.generation
                    && entry.seen.resolve == route.seen.resolve
            })
        });
        if !is_current {
            return Err(End::Overtaken);
        }
        match answer {
            Ok(digest) => {
                let resolved = Resolved {
                    image: valid.image.clone(),
                    resolve: route.seen.resolve.clone(),
                    digest,
                    logins: found.logins.clone(),
                };
                self.shared
                    .change(|world| world.resolved(uid, resolved.clone()));
                Ok((resolved, None, Again::OnChange))
            }
            Err(error) => {
                let attempts = self.shared.routes.failed(uid);
                let (problem, again) = retry::of_lookup(&error, attempts);
                tracing::debug!(%uid, attempts, %error, "a module was not found out");
                // What was published for this very image stays good, only newer it is not; for
                // whoever was given it, and for nobody else.
                let stays = published
                    .filter(|known| known.image == valid.image && known.logins == found.logins);
                match stays {
                    Some(known) => Ok((known.clone(), Some(problem), again)),
                    None => Err(reached(problem, again)),
                }
            }
        }
    }
}

/// What a registry is asked for: the image as it is written, or a digest of its repository.
fn asked_for(written: &RegistryReference, digest: Option<&str>) -> RegistryReference {
    match digest.and_then(|digest| digest.parse().ok()) {
        Some(digest) => RegistryReference {
            digest: Some(digest),
            ..written.clone()
        },
        None => written.clone(),
    }
}

/// What a route is to its registry.
pub(super) type Credential = Option<Credentials>;

/// The Secrets of a route as they were read.
pub(super) type Logins = Vec<Login>;

// === impl Outcome ===

impl Outcome {
    pub(super) fn is_unresolved(&self) -> bool {
        match &self.reached {
            Reached::Unresolved(..) => true,
            Reached::Published(_, publication) => publication.doubt.is_some(),
            Reached::Refused(_) | Reached::Displaced(_) | Reached::Unpublished(..) => false,
        }
    }
}

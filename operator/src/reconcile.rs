//! The story of one route: validate, refer, resolve, copy, build, apply, status.
//!
//! It may be told at any time and as often as anybody likes: it looks at what is, and writes what is
//! not yet so. A step that ends it early leaves what was published before.
//! When it is told again after an error is decided in [`retry`], what is said of it in [`status`].

pub mod apply;
pub mod build;
pub mod metrics;
pub mod refer;
pub mod resolve;
pub mod retry;
pub mod status;
pub mod validate;

mod look_up;
mod say;
mod slot;

use std::sync::Arc;

use crds::document::Resolved;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::claims::{Ask, Loss, Uid};
use crate::events::Events;
use crate::outcome::{Holding, Outcome, Publication, Reached, Served};
use crate::shared::Shared;
use crate::world::document::Published;
use crate::world::route::Seen;
use apply::{Cluster, WriteError};
pub use metrics::Metrics;
pub use refer::Turns;
use resolve::Lookups;
use retry::Again;
pub use slot::Slot;
use validate::Valid;

/// The steps of the story.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What it asks for is valid, and what it holds is known.
    Validate,
    /// What it refers to is there.
    Refer,
    /// Its module's digest is known.
    Resolve,
    /// What it refers to is copied.
    Copy,
    /// Its document is made.
    Build,
    /// Its document is in the cluster.
    Apply,
    /// Its status is in the cluster.
    Status,
}

/// Is called after each step of a story.
pub type After = Arc<dyn Fn(Step) + Send + Sync>;

/// Tells the stories of all routes.
pub struct Stories {
    /// What is known, and what is to be done.
    pub shared: Arc<Shared>,
    /// Looks modules up.
    pub lookups: Lookups,
    /// Writes.
    pub cluster: Cluster,
    /// Who of two that copy one object goes first.
    pub copying: Turns,
    /// Where the operator's account is, for whoever grants it something.
    pub system_namespace: String,
    /// Tells people.
    pub events: Events,
    /// Counts.
    pub metrics: Metrics,
    /// Is called after each step; a test ends the process there.
    pub after: After,
}

/// A route as its story begins.
struct Beginning {
    seen: Arc<Seen>,
    arrived: Instant,
    wanted: Instant,
    known: Option<Resolved>,
    published: Option<Arc<Published>>,
    failed_before: bool,
}

/// The story ended before its last step.
enum End {
    /// Its outcome is this, and it is told again then.
    Reached(Box<Reached>, Again),
    /// What it writes is not written.
    Unwritten(WriteError),
    /// The route changed or went meanwhile, which is a story of its own.
    Overtaken,
}

// === impl Step ===

impl Step {
    /// All of them, in order.
    pub const ALL: [Self; 7] = [
        Self::Validate,
        Self::Refer,
        Self::Resolve,
        Self::Copy,
        Self::Build,
        Self::Apply,
        Self::Status,
    ];

    /// What it is called on a command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Refer => "refer",
            Self::Resolve => "resolve",
            Self::Copy => "copy",
            Self::Build => "build",
            Self::Apply => "apply",
            Self::Status => "status",
        }
    }
}

// === impl Stories ===

impl Stories {
    /// Tells the story of a route.
    pub async fn tell(&self, uid: &Uid, slot: &mut Slot) {
        let ended = match self.begin(uid) {
            Some(beginning) => self.route(uid, &beginning, slot).await,
            None => self.prune(uid).await.map_err(End::Unwritten),
        };
        let again = match ended {
            Ok(()) | Err(End::Overtaken) => Again::OnChange,
            Err(End::Reached(_, again)) => again,
            Err(End::Unwritten(error)) => {
                let attempts = self.shared.routes.failed(uid);
                tracing::debug!(%uid, attempts, %error, "a document was not written");
                self.later(uid, retry::of_write(&error, attempts));
                return;
            }
        };
        match again {
            Again::OnChange => self.shared.routes.succeeded(uid),
            Again::After(_) => self.later(uid, again),
        }
    }

    async fn route(&self, uid: &Uid, route: &Beginning, slot: &mut Slot) -> Result<(), End> {
        let told = self.steps(uid, route, slot).await;
        let (reached, written) = match &told {
            Ok((reached, written, _)) => (reached.clone(), *written),
            Err(End::Reached(reached, _)) => ((**reached).clone(), false),
            Err(End::Overtaken) => return Err(End::Overtaken),
            Err(End::Unwritten(_)) => return told.map(drop),
        };
        // 7. status: pure, and one patch; held for a moment, so it has a queue of its own.
        self.conclude(uid, &route.seen, reached, written);
        match told {
            Ok((_, _, Again::OnChange)) => Ok(()),
            Ok((reached, _, again)) => Err(End::Reached(Box::new(reached), again)),
            Err(end) => Err(end),
        }
    }

    async fn steps(
        &self,
        uid: &Uid,
        route: &Beginning,
        slot: &mut Slot,
    ) -> Result<(Reached, bool, Again), End> {
        // 1. validate: pure, can fail.
        let valid = validate::validate(&route.seen).map_err(|problem| {
            self.shared.change(|world| world.references.forget(uid));
            End::Reached(Box::new(Reached::Refused(problem)), Again::OnChange)
        })?;
        let (held, losses) = self.standing(uid, &valid);
        (self.after)(Step::Validate);
        if held.is_empty() {
            self.shared.change(|world| world.references.forget(uid));
            self.prune(uid).await.map_err(End::Unwritten)?;
            return Err(End::Reached(
                Box::new(Reached::Displaced(losses)),
                Again::OnChange,
            ));
        }

        // 2. refer: pure, can fail; it waits for nothing, and is told again when there is news.
        let found = self.refer(uid, &valid, &held, &losses)?;
        (self.after)(Step::Refer);

        // 3. resolve: registry, can fail; nothing is asked where the digest is known.
        let (resolved, doubt, again) = self
            .resolve(uid, route, &valid, &found, &held, losses, slot)
            .await?;
        (self.after)(Step::Resolve);

        // 4. copy: cluster, can fail; before the document that names the copies.
        let copies = self.copy_all(&found).await?;
        (self.after)(Step::Copy);

        // 5. build: pure, cannot fail.
        let (held, losses, published) = self.hold(uid, &route.seen, &valid)?;
        let built = build::build(&route.seen, &valid, &held, &resolved, copies);
        (self.after)(Step::Build);

        // 6. apply: cluster, can fail; nothing is written where nothing changed.
        let holding = holding(&valid, &held, losses);
        let (version, written) = match published.filter(|published| built.is(published)) {
            Some(published) => (published.version, false),
            None => (self.apply(uid, route, &built, &holding).await?, true),
        };
        (self.after)(Step::Apply);

        let publication = Publication {
            image: valid.image,
            version,
            is_suspended: valid.route.suspend,
            doubt,
        };
        Ok((Reached::Published(holding, publication), written, again))
    }

    fn begin(&self, uid: &Uid) -> Option<Beginning> {
        self.shared.read(|world| {
            let entry = world.route(uid)?;
            let outcome = entry.outcome.as_ref();
            Some(Beginning {
                seen: Arc::clone(&entry.seen),
                arrived: entry.arrived,
                wanted: entry.wanted,
                known: entry.resolved.clone(),
                published: world.document(uid).cloned(),
                failed_before: outcome.is_some_and(|outcome| outcome.is_unresolved()),
            })
        })
    }

    /// What a route holds of that which it asks for, and who holds the rest.
    fn standing(&self, uid: &Uid, valid: &Valid) -> (Vec<Ask>, Vec<Loss>) {
        self.shared.read(|world| {
            let (mut held, mut losses) = (Vec::new(), Vec::new());
            for mut ask in valid.asks() {
                match world.claims().loss(uid, &ask.host, &ask.path) {
                    Some(loss) => losses.push(loss),
                    None => {
                        ask.since = world.claims().since(uid, &ask.host, &ask.path);
                        held.push(ask);
                    }
                }
            }
            (held, losses)
        })
    }

    /// Settles, at one moment, what the document is to hold and over which one it is written.
    #[expect(
        clippy::type_complexity,
        reason = "three parts of one moment, named where they arrive"
    )]
    fn hold(
        &self,
        uid: &Uid,
        seen: &Seen,
        valid: &Valid,
    ) -> Result<(Vec<Ask>, Vec<Loss>, Option<Arc<Published>>), End> {
        let now = Timestamp::now();
        self.shared.change(|world| {
            let is_current = world
                .route(uid)
                .is_some_and(|entry| entry.seen.generation == seen.generation);
            if !is_current {
                return Err(End::Overtaken);
            }
            let (mut held, mut losses) = (Vec::new(), Vec::new());
            for mut ask in valid.asks() {
                match world.claims().loss(uid, &ask.host, &ask.path) {
                    Some(loss) => losses.push(loss),
                    None => {
                        let since = world.claims().since(uid, &ask.host, &ask.path);
                        ask.since = since.or(Some(now));
                        held.push(ask);
                    }
                }
            }
            if held.is_empty() {
                // It lost meanwhile, and whoever won had it told again.
                return Err(End::Overtaken);
            }
            world.stamp(uid, &held, now);
            Ok((held, losses, world.document(uid).cloned()))
        })
    }

    async fn apply(
        &self,
        uid: &Uid,
        route: &Beginning,
        built: &build::Built,
        holding: &Holding,
    ) -> Result<u64, End> {
        let over = self.shared.read(|world| world.document(uid).cloned());
        match self.cluster.publish(built, over.as_deref()).await {
            Ok(published) => {
                let version = published.version;
                self.shared.change(|world| world.published(uid, published));
                self.metrics.published(route.arrived.elapsed());
                Ok(version)
            }
            Err(error) => match retry::of_refused_write(&error) {
                None => Err(End::Unwritten(error)),
                Some(problem) => {
                    let attempts = self.shared.routes.failed(uid);
                    tracing::warn!(%uid, %error, "a document is refused");
                    let again = retry::of_write(&error, attempts);
                    Err(End::Reached(
                        Box::new(Reached::Unpublished(holding.clone(), problem)),
                        again,
                    ))
                }
            },
        }
    }

    fn conclude(&self, uid: &Uid, seen: &Seen, reached: Reached, written: bool) {
        self.shared.change(|world| {
            let resolved = world
                .document(uid)
                .and_then(|published| published.resolved());
            let serves = resolved.map(|resolved| Served {
                image: resolved.image.clone(),
                digest: resolved.digest.clone(),
            });
            let outcome = Outcome {
                generation: seen.generation,
                reached,
                serves,
            };
            world.tell(uid, outcome, written);
        });
    }

    /// Removes a document that no route holds anything for.
    async fn prune(&self, uid: &Uid) -> Result<(), WriteError> {
        let published = self.shared.read(|world| {
            let published = world.document(uid).cloned();
            published.filter(|_| world.may_prune(uid))
        });
        let Some(published) = published else {
            return Ok(());
        };
        self.cluster.remove(uid, &published).await?;
        self.shared
            .change(|world| world.unpublished(uid, &published.object_uid));
        Ok(())
    }

    fn later(&self, uid: &Uid, again: Again) {
        if let Again::After(delay) = again {
            self.shared.routes.add_after(uid.clone(), delay);
        }
    }
}

/// Where a route answers, for people.
fn holding(valid: &Valid, held: &[Ask], losses: Vec<Loss>) -> Holding {
    let first = held
        .first()
        .map(|ask| ask.host.to_string())
        .unwrap_or_default();
    let more = match held.len() {
        0 | 1 => String::new(),
        all => format!(" +{}", all - 1),
    };
    Holding {
        address: format!("{first}{}{more}", valid.route.path.script_name()),
        losses,
    }
}

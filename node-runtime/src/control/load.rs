//! One module, and every route that waits for it: fetched once, then made into each.
//!
//! Ten thousand routes are a task a module and not a task a route: what a task holds while it waits
//! would be most of what a runtime needs at its start.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use crds::digest::Digest;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Build;
use super::slots::{Failed, Outcome};
use super::status::Cause;
use crate::modules::{Compile, Failure, LoadError, Modules};
use crate::source::{Document, ModuleSource};

/// Those that share a module together, each in the order in which they came.
pub(super) fn by_module(documents: Vec<Arc<Document>>) -> Vec<Vec<Arc<Document>>> {
    let mut places: HashMap<ModuleSource, usize> = HashMap::new();
    let mut groups: Vec<Vec<Arc<Document>>> = Vec::new();
    for document in documents {
        let place = *places
            .entry(document.module.clone())
            .or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(document),
            None => groups.push(vec![document]),
        }
    }
    groups
}

/// Loads the module of all of these and makes each of them.
pub(super) async fn load<C: Compile, B: Build<Program = C::Program>>(
    modules: &Modules<C>,
    builder: Arc<B>,
    builds: &Semaphore,
    documents: Vec<Arc<Document>>,
) -> Vec<Outcome<B::Target>> {
    let (ready, mut outcomes) = complete(documents);
    let Some(first) = ready.first() else {
        return outcomes;
    };
    match modules.load(&first.module).await {
        Err(failure) => {
            let failed = |document| Outcome {
                document,
                loaded: Err(not_fetched(&failure)),
            };
            outcomes.extend(ready.into_iter().map(failed));
        }
        Ok((digest, program)) => {
            let _permit = builds.acquire().await.expect("it is never closed");
            let built = spawn_blocking(move || build(&*builder, &program, digest, ready));
            match built.await {
                Ok(built) => outcomes.extend(built),
                Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                // The process ends, and nobody waits for it.
                Err(_) => {}
            }
        }
    }
    outcomes
}

/// Those that lack something fail; the others may go on.
fn complete<T>(documents: Vec<Arc<Document>>) -> (Vec<Arc<Document>>, Vec<Outcome<T>>) {
    let (mut ready, mut outcomes) = (Vec::with_capacity(documents.len()), Vec::new());
    for document in documents {
        let Some(reason) = lack(&document) else {
            ready.push(document);
            continue;
        };
        outcomes.push(Outcome {
            document,
            loaded: Err(Failed::of(Cause::Build, reason)),
        });
    }
    (ready, outcomes)
}

fn lack(document: &Document) -> Option<String> {
    if let Some(folder) = &document.missing_volume {
        return Some(format!("there is no folder {}", folder.display()));
    }
    document.given.as_ref().err().cloned()
}

fn build<B: Build>(
    builder: &B,
    program: &Arc<B::Program>,
    digest: Digest,
    documents: Vec<Arc<Document>>,
) -> Vec<Outcome<B::Target>> {
    let one = |document: Arc<Document>| {
        // Nothing of the builder's is shared between two calls that a panic could leave half done.
        let built = catch_unwind(AssertUnwindSafe(|| {
            let given = document.given.as_ref();
            let given = given.expect("a document that lacks something is not built");
            builder.build(&document.route, given, Arc::clone(program), digest)
        }));
        let loaded = match built {
            Ok(Ok(target)) => Ok((digest, target)),
            Ok(Err(error)) => Err(Failed::of(Cause::Build, error.to_string())),
            Err(panic) => {
                let reason = format!("making the route broke down: {}", said(&*panic));
                Err(Failed::of(Cause::Build, reason))
            }
        };
        Outcome { document, loaded }
    };
    documents.into_iter().map(one).collect()
}

fn not_fetched(failure: &Failure) -> Failed {
    Failed {
        cause: match failure.error {
            LoadError::Refused(_) | LoadError::Broken(_) => Cause::Compile,
            _ => Cause::Fetch,
        },
        reason: failure.error.to_string(),
        retry_at: failure.retry_at,
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it panicked")
}

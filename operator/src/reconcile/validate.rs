//! From a route's object to one that can be published, or to all that is wrong with it. Pure.
//!
//! The API server refuses most mistakes when an object is applied; what was stored before a rule, or
//! restored from elsewhere, is refused here, by the same parsers that the runtimes use.

use crds::conditions::Reason;
use crds::document::LARGEST_BYTES;
use crds::module_reference::{ModuleReference, RegistryReference};
use crds::validate::{ValidRoute, VariableValue, validate_object};

use super::build;
use crate::claims::{Ask, Host};
use crate::outcome::Problem;
use crate::world::route::Seen;

/// A route that can be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valid {
    /// What it asks for.
    pub route: ValidRoute,
    /// Its module, as written.
    pub image: String,
    /// The same, read.
    pub reference: RegistryReference,
}

/// More than this of text in a spec may make a document too large once it is escaped.
const SURELY_SMALL: usize = LARGEST_BYTES / 8;

/// Reads a route.
///
/// # Errors
///
/// When it asks for what it may not.
pub fn validate(seen: &Seen) -> Result<Valid, Problem> {
    let refused = |reason, message| Problem {
        reason,
        message,
        heals: false,
    };
    let spec = seen.spec.as_ref().map_err(|error| {
        refused(
            Reason::Invalid,
            format!("the object cannot be read: {error}"),
        )
    })?;
    let route =
        validate_object(&seen.name.namespace, &seen.name.name, spec).map_err(|violations| {
            let sentences: Vec<_> = violations.iter().map(ToString::to_string).collect();
            refused(Reason::Invalid, sentences.join("; "))
        })?;
    let ModuleReference::Registry(reference) = route.module.clone() else {
        return Err(refused(
            Reason::Invalid,
            "spec.module.image: a cluster has no files; push it: wagi push FILE REF".to_owned(),
        ));
    };
    let valid = Valid {
        image: seen.image().unwrap_or_default().to_owned(),
        reference,
        route,
    };
    if text_of(&valid.route) > SURELY_SMALL {
        let size = build::largest_size(seen, &valid);
        if size > LARGEST_BYTES {
            return Err(refused(Reason::TooLarge, too_large(size)));
        }
    }
    Ok(valid)
}

/// A document has so much for each reference beside the names.
const OF_A_REFERENCE: usize = 300;

/// What a route asks for; nothing where it is refused.
#[must_use]
pub fn asks(seen: &Seen) -> Vec<Ask> {
    validate(seen).map(|valid| valid.asks()).unwrap_or_default()
}

fn text_of(route: &ValidRoute) -> usize {
    let env = route.env.iter().map(|variable| match &variable.value {
        VariableValue::Text(text) => variable.name.len() + text.len(),
        // Its object stands among the copies as well.
        VariableValue::Key(key) => 2 * key.object.name.len() + key.key.len() + OF_A_REFERENCE,
    });
    let argv = route.argv.iter().map(String::len);
    env.chain(argv).sum()
}

fn too_large(size: usize) -> String {
    format!(
        "published, it would have {size} bytes ({} KiB), and at most {} KiB are taken; shorten spec.env or spec.argv",
        size.div_ceil(1024),
        LARGEST_BYTES / 1024
    )
}

// === impl Valid ===

impl Valid {
    /// The pairs of host and path that it asks for.
    #[must_use]
    pub fn asks(&self) -> Vec<Ask> {
        let ask = |host| Ask {
            host,
            path: self.route.path.clone(),
            since: None,
        };
        if self.route.hosts.is_empty() {
            return vec![ask(Host::Any)];
        }
        let hosts = self.route.hosts.iter().cloned();
        hosts.map(|host| ask(Host::Named(host))).collect()
    }
}

#[cfg(test)]
mod tests;

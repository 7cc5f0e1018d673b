//! The custom resources as the API server is told of them: types, defaults, columns, and every rule
//! that it can judge by itself.
//!
//! The types in [`crate::wagi_route`] and [`crate::wagi_node`] give the shape. What is added here is
//! what an API server needs beyond it: how lists merge, what a new object's status says, and the
//! rules, in CEL, so that `kubectl apply` answers a mistake with the sentence that
//! [`crate::validate`] has for it. No `pattern`, `enum` or `format` where a person types: those print
//! a regular expression, and some of them keep all other rules from being looked at.
//! The room does not know how a definition is printed or applied.

mod rules;
mod shape;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;

use crate::wagi_node::WagiNode;
use crate::wagi_route::WagiRoute;

/// The definitions of all custom resources, in the order in which they are to be applied.
#[must_use]
pub fn definitions() -> Vec<CustomResourceDefinition> {
    vec![routes(), nodes()]
}

fn routes() -> CustomResourceDefinition {
    shape::reshaped(WagiRoute::crd(), |schema| {
        shape::routes(schema);
        for rule in rules::all() {
            rule.put_into(schema);
        }
    })
}

fn nodes() -> CustomResourceDefinition {
    shape::reshaped(WagiNode::crd(), shape::nodes)
}

#[cfg(test)]
mod tests;

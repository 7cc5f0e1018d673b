//! The names by which programs and people find each other's objects; all of them are an interface.

/// Namespace of the programs and their reports.
pub const SYSTEM_NAMESPACE: &str = "wagi-system";
/// Namespace of what the operator publishes to the runtimes of the default pool.
pub const DOCUMENTS_NAMESPACE: &str = "wagi-documents";
/// Pool of the runtimes that read [`DOCUMENTS_NAMESPACE`].
pub const DEFAULT_POOL: &str = "default";

/// Who writes as the operator: manager of its fields, controller of its events, its Lease.
pub const OPERATOR: &str = "wagi-operator";
/// The Service of the runtimes, in the namespace of the programs.
pub const SERVICE: &str = "wagi";
/// Who writes as a runtime: manager of the fields of its report.
pub const NODE: &str = "wagi-node";

/// Label of published objects: what they hold ([`KIND_ROUTE`], [`KIND_FLEET`] or [`KIND_COPY`]).
pub const KIND_LABEL: &str = "wagi.dev/kind";
/// One route's document.
pub const KIND_ROUTE: &str = "route";
/// What the runtimes of a pool know of each other.
pub const KIND_FLEET: &str = "fleet";
/// A copy of an object that routes refer to.
pub const KIND_COPY: &str = "copy";
/// Annotation of a copy: which revision brought what ([`crate::copies::Revisions`]).
pub const REVISIONS_ANNOTATION: &str = "wagi.dev/revisions";
/// Annotation of a copy: `NAMESPACE/NAME` of its source.
pub const SOURCE_ANNOTATION: &str = "wagi.dev/source";
/// ClusterRole that lets the operator read ConfigMaps and Secrets where it is bound.
pub const REFS_READER: &str = "wagi-refs-reader";
/// Leave for the HTTPRoutes of a namespace.
pub const KIND_GRANT: &str = "grant";
/// Label of a report: its runtime's pool.
pub const POOL_LABEL: &str = "wagi.dev/pool";
/// Annotation of a document: `NAMESPACE/NAME` of its route.
pub const ROUTE_ANNOTATION: &str = "wagi.dev/route";
/// Annotation of a route: any new value has its tag looked up again.
pub const RESOLVE_ANNOTATION: &str = "wagi.dev/resolve";
/// Annotation of a documents namespace: how many documents may go although a list lacks most routes.
pub const ALLOW_PRUNE_ANNOTATION: &str = "wagi.dev/allow-prune";

/// Key of a document in its ConfigMap.
pub const DOCUMENT_KEY: &str = "route.yaml";
/// Name of the ConfigMap that a [`crate::fleet::Fleet`] is in, and its key in it.
pub const FLEET: &str = "fleet";
/// Key of the fleet in its ConfigMap.
pub const FLEET_KEY: &str = "fleet.yaml";

/// Namespace of what the operator publishes to the runtimes of a pool.
#[must_use]
pub fn documents_namespace(pool: &str) -> String {
    if pool == DEFAULT_POOL {
        DOCUMENTS_NAMESPACE.to_owned()
    } else {
        format!("{DOCUMENTS_NAMESPACE}-{pool}")
    }
}

/// Name of a route's document: routes of one name, one after the other, are not one route.
#[must_use]
pub fn document_name(route_uid: &str) -> String {
    format!("r-{route_uid}")
}

/// The route that a document of this name is of.
#[must_use]
pub fn route_uid(document_name: &str) -> Option<&str> {
    document_name.strip_prefix("r-")
}

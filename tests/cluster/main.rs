//! Whole programs against a real API server. Not part of `it`, which needs nothing that takes minutes
//! to build; `make test` builds Kubernetes' own programs before it runs this.

mod control_plane;
mod faults;
mod fleet;
mod forgotten;
mod grants;
mod installation;
mod kstatus;
mod lists;
mod node;
mod rbac;
mod references;
mod routes;
mod schema;
mod uninstall;

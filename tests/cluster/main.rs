//! Whole programs against a real API server. Not part of `it`, which needs nothing that takes minutes
//! to build; `make test` builds Kubernetes' own programs before it runs this.

mod control_plane;
mod faults;
mod fleet;
mod forgotten;
mod installation;
mod kstatus;
mod lists;
mod node;
mod rbac;
mod routes;
mod schema;
mod uninstall;

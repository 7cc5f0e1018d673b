//! Which route answers a request, pure.
//!
//! A [`RouteTable`] is built once from routes in order of precedence and then only read. An exact
//! host wins over the longest wildcard, that over "any host", and the host decides once: where a
//! route names the request's host, only routes of that host are looked at. Then an exact path wins
//! over the longest prefix. Looking up costs the length of the request's host and path, however
//! many routes there are.
//! The room does not know what a route is: the table is generic over its target.

mod index;
pub mod live;
mod request_path;
pub mod sub_routes;
mod table;

pub use request_path::RequestPath;
pub use sub_routes::{SubRoute, SubRoutes};
pub use table::{Conflict, Entry, RouteMatch, RouteTable};

//! Host patterns of a route.

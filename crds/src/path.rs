//! Request paths and path patterns of a route.

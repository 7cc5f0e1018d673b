//! Which route answers a request, pure.

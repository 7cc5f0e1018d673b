//! What the crate `registry` promises, against registries: the real one, and one that misbehaves.

mod harness;

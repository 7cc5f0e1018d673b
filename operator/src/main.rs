//! `wagi-operator`.

fn main() {}

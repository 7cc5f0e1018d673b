//! What kube-wagi does with OCI registries.

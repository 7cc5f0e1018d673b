//! The control plane of kube-wagi.

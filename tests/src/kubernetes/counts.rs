//! What the API server counts of itself.

use super::Cluster;

/// What changes an object.
const WRITES: [&str; 6] = [
    "APPLY",
    "DELETE",
    "DELETECOLLECTION",
    "PATCH",
    "POST",
    "PUT",
];

impl Cluster {
    /// How many requests that change objects of a resource (`wagiroutes`), or their status, the API
    /// server has answered since it began.
    ///
    /// # Panics
    ///
    /// When it does not say.
    #[must_use]
    pub fn writes(&self, resource: &str) -> u64 {
        let resource = format!("resource=\"{resource}\"");
        let metrics = self.kubectl_ok(&["get", "--raw", "/metrics"]);
        let counts = metrics.lines().filter(|line| {
            line.starts_with("apiserver_request_total{")
                && line.contains(&resource)
                && WRITES
                    .iter()
                    .any(|verb| line.contains(&format!("verb=\"{verb}\"")))
        });
        let number = |line: &str| line.rsplit(' ').next()?.parse::<u64>().ok();
        counts
            .map(|line| number(line).unwrap_or_else(|| panic!("no count: {line}")))
            .sum()
    }
}

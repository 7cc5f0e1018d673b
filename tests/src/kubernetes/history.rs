//! What an API server can be made to forget.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::Cluster;

impl Cluster {
    /// Restarts API server and etcd, and compacts what happened until now: a watch that has not seen
    /// it by then cannot go on.
    ///
    /// # Panics
    ///
    /// When they do not become ready, or etcd refuses.
    pub fn forget(&self) {
        self.stop();
        // Before the API server is there: what it does at its start would be left.
        self.start_etcd_again();
        let key = json!({ "key": "AA==" });
        let revision = self.ask_etcd("/v3/kv/range", &key)["header"]["revision"].clone();
        assert!(revision.is_string(), "etcd says {revision}");
        let all = json!({ "revision": revision, "physical": true });
        let answer = self.ask_etcd("/v3/kv/compaction", &all);
        assert!(answer["header"].is_object(), "etcd says {answer}");
        self.start_again();
    }

    /// One request to etcd's gateway, which speaks JSON.
    fn ask_etcd(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let length = body.len();
        let request =
            format!("POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Length: {length}\r\n\r\n{body}");
        let mut stream = UnixStream::connect(self.etcd_socket()).expect("etcd listens");
        stream.write_all(request.as_bytes()).expect("etcd reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("etcd answers");
        let text = answer.split_once("\r\n\r\n").map(|(_, body)| body.trim());
        serde_json::from_str(text.unwrap_or_default())
            .unwrap_or_else(|error| panic!("{path}: {error}: {answer}"))
    }
}

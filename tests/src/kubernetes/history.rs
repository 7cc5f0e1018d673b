//! What an API server can be made to forget: what happened, or what is.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::Cluster;
use crate::folder::Folder;

/// What was stored at some time.
pub struct Backup(Folder);

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

    /// A copy of all that is stored now, as a backup is; API server and etcd restart for it.
    ///
    /// # Panics
    ///
    /// When it cannot be copied.
    #[must_use]
    pub fn back_up(&self) -> Backup {
        self.stop();
        let folder = Folder::new();
        copy(&self.etcd_data(), folder.path());
        self.start_again();
        Backup(folder)
    }

    /// Puts back what was stored then, as from a backup; API server and etcd restart for it.
    ///
    /// # Panics
    ///
    /// When it cannot be copied.
    pub fn restore(&self, backup: &Backup) {
        self.stop();
        let data = self.etcd_data();
        fs::remove_dir_all(&data).expect("etcd's folder");
        copy(backup.0.path(), &data);
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

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("a copy");
        }
    }
}

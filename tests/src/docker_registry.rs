//! The registry that most people run: `docker-registry` of the distribution project, as packaged
//! by Debian, on a free loopback port with its store in a temporary folder; dropped is stopped.
//!
//! `skopeo` fills it, as a third party that knows neither of the two sides.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;

use crate::PATIENCE;
use crate::artifact::{self, Artifact};
use crate::authority::Authority;
use crate::child;
use crate::client::{Connection, Response};
use crate::folder::Folder;
use crate::registry::{PASSWORD, USER, basic};
use crate::skopeo::{self, Access};

/// What `htpasswd -nbB` prints for [`USER`] and [`PASSWORD`].
const HTPASSWD: &str = "alice:$2y$05$Qk9vZ1c1b3JkU2FsdHlTYetx0Bi3pi0C2l1r7ISkfcUwB13ukl8mG\n";

/// What a registry will be.
#[derive(Default)]
pub struct Builder<'a> {
    asks: bool,
    authority: Option<&'a Authority>,
}

/// A registry that serves.
pub struct DockerRegistry {
    child: Child,
    address: SocketAddr,
    /// Configuration and store.
    _folder: Folder,
    asks: bool,
    /// Folder with the certificate of who vouches for it.
    trusted: Option<PathBuf>,
}

// === impl Builder ===

impl<'a> Builder<'a> {
    /// Asks for [`USER`] and [`PASSWORD`] by basic authentication.
    #[must_use]
    pub const fn asking(mut self) -> Self {
        self.asks = true;
        self
    }

    /// Speaks TLS, with a certificate of this authority.
    #[must_use]
    pub const fn tls(mut self, authority: &'a Authority) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it cannot be run, or does not say where it listens.
    #[must_use]
    pub fn start(self) -> DockerRegistry {
        let folder = Folder::new();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file in a temporary folder");
            path.display().to_string()
        };
        let store = folder.path().join("store").display().to_string();
        let mut config = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: \
             {{rootdirectory: {store}}}\nhttp:\n  addr: 127.0.0.1:0\n  secret: of one process\n"
        );
        if let Some(authority) = self.authority {
            let identity = authority.identity();
            let certificate = write("server.crt", &identity.certificate);
            let key = write("server.key", &identity.key);
            let _ = writeln!(config, "  tls: {{certificate: {certificate}, key: {key}}}");
        }
        if self.asks {
            let users = write("htpasswd", HTPASSWD);
            let _ = writeln!(config, "auth:\n  htpasswd: {{realm: ours, path: {users}}}");
        }
        let config = write("config.yml", &config);
        let mut command = Command::new("docker-registry");
        let mut command = child::tied(command.args(["serve", &config]));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = child::spawn(command).expect("setpriv runs (Debian: util-linux)");
        let stderr = child.stderr.take().expect("stderr is piped");
        let Some(address) = listens_on(stderr) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "docker-registry does not run or say where it listens (Debian: docker-registry)"
            );
        };
        DockerRegistry {
            child,
            address,
            _folder: folder,
            asks: self.asks,
            trusted: self.authority.map(|it| it.folder().to_owned()),
        }
    }
}

/// The address that its log tells, which is read to the end so that it never waits for us.
fn listens_on(log: impl std::io::Read + Send + 'static) -> Option<SocketAddr> {
    let (send, address) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if let Some((_, after)) = line.split_once("listening on ") {
                let address: String = after
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
                    .collect();
                // Nobody listens twice.
                let _ = send.send(address);
            }
        }
    });
    address.recv_timeout(PATIENCE).ok()?.parse().ok()
}

// === impl DockerRegistry ===

impl DockerRegistry {
    /// An open registry over plain HTTP.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// One with settings.
    #[must_use]
    pub fn builder<'a>() -> Builder<'a> {
        Builder::default()
    }

    /// How it ended, if it did.
    ///
    /// # Panics
    ///
    /// When the kernel does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it was started")
    }

    /// Where it listens, as a reference begins: `127.0.0.1:PORT`.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// The text of a reference to something in it.
    #[must_use]
    pub fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// Has `skopeo` push an artifact; what an index points to is given with it.
    ///
    /// # Panics
    ///
    /// When skopeo or the registry refuses.
    pub fn push(&self, name: &str, artifact: &Artifact, pointed_to: &[&Artifact]) {
        let access = Access {
            credentials: self.asks.then(|| format!("{USER}:{PASSWORD}")),
            authority: self.trusted.clone(),
        };
        skopeo::push(&self.reference(name), artifact, pointed_to, &access);
    }

    /// Pushes an artifact request by request, for what skopeo would not push as it is. Over plain
    /// HTTP only.
    ///
    /// # Panics
    ///
    /// When the registry refuses.
    pub fn push_by_hand(&self, repository: &str, tag: &str, artifact: &Artifact) {
        for blob in &artifact.blobs {
            let path = format!("/v2/{repository}/blobs/uploads/");
            let begun = self.send("POST", &path, "application/octet-stream", b"");
            let location = begun.head.header("location").unwrap_or_default().to_owned();
            let path = location.split_once(&self.host());
            let path = path.map_or(&*location, |(_, path)| path);
            let digest = artifact::digest(&blob.bytes);
            let path = format!("{path}&digest={digest}");
            let done = self.send("PUT", &path, "application/octet-stream", &blob.bytes);
            assert_eq!(done.head.status, 201, "{}", done.text());
        }
        let path = format!("/v2/{repository}/manifests/{tag}");
        let done = self.send("PUT", &path, &artifact.media_type, &artifact.manifest);
        assert_eq!(done.head.status, 201, "{}", done.text());
    }

    fn send(&self, method: &str, path: &str, media_type: &str, body: &[u8]) -> Response {
        let mut connection = Connection::open(self.address);
        let mut head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: {media_type}\r\n\
             Content-Length: {}\r\n",
            self.host(),
            body.len()
        );
        if self.asks {
            let _ = write!(head, "Authorization: {}\r\n", basic(USER, PASSWORD));
        }
        connection.send(format!("{head}\r\n"));
        connection.send(body);
        connection.response()
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

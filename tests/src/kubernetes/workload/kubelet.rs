//! The one thing that tests need of a kubelet: it asks a program whether it is ready, and says so in its
//! pod.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::super::lock;
use super::super::pods::say_ready;
use crate::PATIENCE;

/// A kubelet asks once a second; tests are in more of a hurry.
const PERIOD: Duration = Duration::from_millis(50);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Keeps a pod's condition Ready what its program says; until it is dropped.
pub(super) struct Kubelet {
    task: JoinHandle<()>,
    said: Arc<Said>,
}

/// What the pod says, and a sign each time the program was asked.
#[derive(Default)]
struct Said {
    is_ready: Mutex<bool>,
    asked: Condvar,
}

// === impl Kubelet ===

impl Kubelet {
    pub(super) fn follow(runtime: &Runtime, pods: Api<Pod>, pod: &str, admin: SocketAddr) -> Self {
        let said = Arc::new(Said::default());
        let says = Arc::clone(&said);
        let pod = pod.to_owned();
        let following = async move {
            loop {
                let is_ready = timeout(TIMEOUT, is_ready(admin)).await.unwrap_or(false);
                let is_new = is_ready != *lock(&says.is_ready);
                // An API server that is away is told when it is back.
                if is_new && say_ready(&pods, &pod, is_ready).await.is_ok() {
                    *lock(&says.is_ready) = is_ready;
                }
                says.asked.notify_all();
                tokio::time::sleep(PERIOD).await;
            }
        };
        Self {
            task: runtime.spawn(following),
            said,
        }
    }

    /// Whether the pod became ready before there was no hope.
    pub(super) fn wait_until_ready(&self, mut is_over: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut is_ready = lock(&self.said.is_ready);
        while !*is_ready {
            if is_over() || Instant::now() > deadline {
                return false;
            }
            let asked = self.said.asked.wait_timeout(is_ready, PATIENCE);
            is_ready = asked.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn is_ready(admin: SocketAddr) -> bool {
    let asking = async {
        let mut stream = TcpStream::connect(admin).await?;
        let request = format!("GET /readyz HTTP/1.1\r\nHost: {admin}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = asking.await.unwrap_or_default();
    answer.split(|byte| *byte == b' ').nth(1) == Some(b"200")
}

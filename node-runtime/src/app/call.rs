//! One request through the whole path: the real server on a loopback port that nobody else knows.

use std::io::Write as _;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::command::Failure;
use super::{Config, Runtime};
use crate::cli::up;
use crate::config::{self, CallBody};
use crate::guest::Ending;
use crate::http::server;
use crate::source::Manifests;
use crate::telemetry;

/// How a call ended.
pub(super) enum Told {
    /// The answer is whole; the guest's ending, if a guest answered.
    Answer(Option<Ending>),
    /// The answer broke off, by the guest's ending.
    Broken(Option<Ending>),
}

/// Sends the request, and writes the answer as it comes: head and body to stdout, the ending to
/// stderr.
///
/// # Errors
///
/// When there is nothing to serve, nothing to send, or nobody to read.
pub(super) async fn call(config: &config::Call, mut runtime: Config) -> Result<Told, Failure> {
    let (endings, mut ended) = mpsc::channel(1);
    runtime.endings = Some(endings);
    let request = request(config)?;
    let source = Manifests::open(vec![config.path.clone()])?;
    let listener = server::bind(([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    let runtime = Runtime::new(runtime)?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.serve(
        source,
        listener,
        async {
            let _ = stopped.await;
        },
        |applied| up::log(&applied),
    );
    let calling = async {
        let is_whole = exchange(request, TcpStream::connect(address).await?).await?;
        // The server ends, and with it everyone who could tell of an ending.
        drop(stop);
        let ending = ended.recv().await;
        Ok::<_, Failure>(if is_whole {
            Told::Answer(ending)
        } else {
            Told::Broken(ending)
        })
    };
    let (told, ()) = tokio::join!(calling, serving);
    let told = told?;
    report(&told)?;
    Ok(told)
}

fn request(config: &config::Call) -> Result<Request<Full<Bytes>>, Failure> {
    let body = match &config.body {
        CallBody::Empty => Vec::new(),
        CallBody::Bytes(bytes) => bytes.clone(),
        CallBody::File(path) => {
            std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?
        }
        CallBody::Stdin => {
            let mut bytes = Vec::new();
            std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes)?;
            bytes
        }
    };
    let path = config
        .uri
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let mut request = Request::builder().method(config.method.clone()).uri(path);
    if !config.headers.iter().any(|(name, _)| name == HOST) {
        let host = config
            .uri
            .authority()
            .map_or("localhost", |host| host.as_str());
        request = request.header(HOST, host);
    }
    for (name, value) in &config.headers {
        request = request.header(name, value);
    }
    Ok(request.body(Full::from(body))?)
}

async fn exchange(request: Request<Full<Bytes>>, stream: TcpStream) -> Result<bool, Failure> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answering = async {
        let response = sender.send_request(request).await?;
        write(response).await
    };
    tokio::pin!(answering, connection);
    tokio::select! {
        is_whole = &mut answering => is_whole,
        _ = &mut connection => answering.await,
    }
}

/// Whether all of it came.
async fn write(response: Response<Incoming>) -> Result<bool, Failure> {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{:?} {}", response.version(), response.status())?;
    for (name, value) in response.headers() {
        writeln!(
            stdout,
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        )?;
    }
    writeln!(stdout)?;
    stdout.flush()?;
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Ok(false);
        };
        if let Some(data) = frame.data_ref() {
            stdout.write_all(data)?;
            stdout.flush()?;
        }
    }
    Ok(true)
}

fn report(told: &Told) -> std::io::Result<()> {
    // The guest's own lines come first.
    telemetry::flush();
    let mut stderr = std::io::stderr();
    match told {
        Told::Answer(Some(ending)) => writeln!(stderr, "ending: {}: {ending}", ending.reason()),
        Told::Answer(None) => writeln!(stderr, "ending: no guest answered"),
        Told::Broken(Some(ending)) => {
            writeln!(
                stderr,
                "ending: {}: the answer broke off: {ending}",
                ending.reason()
            )
        }
        Told::Broken(None) => writeln!(stderr, "ending: the answer broke off"),
    }
}

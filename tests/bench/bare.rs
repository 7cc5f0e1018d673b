//! The limit that benchmarks compare with: hyper alone, making the same bytes.
//!
//! `/hello` answers as the hello guest does, `/lines` formats the 100,000 lines anew for each
//! request, `/big` copies a gibibyte in pieces of 64 KiB, `/echo` sends back what it reads.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

const LINES: u32 = 100_000;
const PIECE_BYTES: usize = 64 * 1024;
const BIG_BYTES: usize = 1 << 30;

type AnyBody = Either<Full<Bytes>, Either<Produced, Incoming>>;

/// Bytes made when they are asked for.
enum Produced {
    Lines { next: u32 },
    Big { left: usize, source: Box<[u8]> },
}

impl Body for Produced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.produce().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl Produced {
    fn produce(&mut self) -> Option<Bytes> {
        match self {
            Self::Lines { next } => {
                let mut piece = String::with_capacity(PIECE_BYTES);
                while *next <= LINES && piece.len() < PIECE_BYTES - 32 {
                    let _ = writeln!(piece, "<p>Line {next}</p>");
                    *next += 1;
                }
                (!piece.is_empty()).then(|| piece.into())
            }
            Self::Big { left, source } => {
                let length = PIECE_BYTES.min(*left);
                *left -= length;
                (length > 0).then(|| BytesMut::from(&source[..length]).freeze())
            }
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<AnyBody>, Infallible> {
    let body = match request.uri().path() {
        "/lines" => Either::Right(Either::Left(Produced::Lines { next: 1 })),
        "/big" => Either::Right(Either::Left(Produced::Big {
            left: BIG_BYTES,
            source: vec![b'x'; PIECE_BYTES].into(),
        })),
        "/echo" => Either::Right(Either::Right(request.into_body())),
        _ => Either::Left(Full::from("hello\n")),
    };
    let mut response = Response::new(body);
    let plain = hyper::header::HeaderValue::from_static("text/plain");
    response.headers_mut().insert("content-type", plain);
    Ok(response)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    write_stdout(&format!(
        "Ready: serving on http://{}\n",
        listener.local_addr()?
    ))?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let service = service_fn(|request| async { answer(request).await });
            let served = http1::Builder::new()
                .max_buf_size(64 * 1024)
                .serve_connection(TokioIo::new(stream), service);
            // A client that leaves is no news.
            let _ = served.await;
        });
    }
}

fn write_stdout(text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

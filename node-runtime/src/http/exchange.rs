//! What a service is given and gives back.
//!
//! It knows neither hyper's connections nor the socket: it lays their parts
//! around one call of the service.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;

use super::answer::Answer;
use super::cut::Cut;
use super::scope::{Order, Scope};
use super::upload::Upload;

/// Any error: what a body that breaks may say.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// One request's dealings with its connection.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The connection.
    pub scope: Arc<Scope>,
    /// Breaks this answer at once.
    pub cut: Cut,
}

/// Answers requests.
pub trait Service: Clone + Send + Sync + 'static {
    /// The answer's body. An error breaks the answer visibly, after all data before it.
    ///
    /// A body that is shorter than the `Content-Length` it was announced with has
    /// to end in an error too: hyper notices, but loses what it has not sent yet.
    type Body: http_body::Body<Data = Bytes, Error = BoxError> + Send + Unpin + 'static;

    /// Answers one request.
    ///
    /// # Cancellation
    ///
    /// The future, and the body it returned, are dropped when the client goes.
    fn call(
        &self,
        request: Request<Upload>,
        exchange: Exchange,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// One request, from hyper to the service and back.
///
/// `number` tells HTTP/1 requests of one connection apart; HTTP/2 has none.
pub(super) fn conduct<S: Service>(
    service: S,
    request: Request<Incoming>,
    exchange: Exchange,
    number: Option<u64>,
) -> impl Future<Output = Result<Response<Answer<S::Body>>, Infallible>> + Send {
    let scope = exchange.scope.clone();
    let stream = exchange.cut.stream_of();
    let active = scope.active();
    let is_ambiguous = match number {
        Some(number) => {
            scope.request_begins(number, request.version() == Version::HTTP_10);
            scope.framing.is_ambiguous(request.headers())
        }
        None => false,
    };
    async move {
        let (parts, incoming) = request.into_parts();
        let upload = Upload::new(incoming, &parts, scope.clone());
        let mut response = service
            .call(Request::from_parts(parts, upload), exchange)
            .await;
        if number.is_some() && (is_ambiguous || scope.is_abandoned() || scope.ordered(Order::Drain))
        {
            // The client may be sending still, or would send the next request to
            // a server that goes: RFC 9110 section 10.1.1 and RFC 9112 section
            // 9.6 want it told that this request is the last.
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let keeps_length = number.is_some()
            && response.status() == StatusCode::NOT_MODIFIED
            && response.headers().contains_key(CONTENT_LENGTH);
        Ok(response.map(|body| {
            let answer = Answer::new(body, scope, active, number, stream);
            if keeps_length {
                answer.hiding_length()
            } else {
                answer
            }
        }))
    }
}

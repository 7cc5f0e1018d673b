//! What every failure means in HTTP; the only place that picks a 4xx or 5xx of our own.
//!
//! Clients get a fixed phrase and the request's id, never a guest's or the host's detail: that
//! is for the log.

use bytes::Bytes;
use crds::path::PathError;
use http::header::{CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

use super::admission::Refused;
use super::body::AnswerBody;
use super::host::Refusal;
use crate::cgi::head;
use crate::guest::{Ending, Stop};
use crate::route::Outcome;

/// Why a request is not answered by its guest.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It breaks a rule of HTTP, or asks for what is not offered.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its path is not one.
    #[error(transparent)]
    Path(#[from] PathError),
    /// No route answers it.
    #[error("no route")]
    NotFound,
    /// Its route has no module yet.
    #[error("the route's module is not loaded")]
    NotLoaded,
    /// Its route is suspended.
    #[error("the route is suspended")]
    Suspended,
    /// Too many requests.
    #[error(transparent)]
    Busy(#[from] Refused),
    /// The engine had no slot; a bug of ours.
    #[error(transparent)]
    Full(#[from] crate::guest::Full),
    /// Its body is larger than the route allows.
    #[error("the request's body is larger than the route allows")]
    BodyTooLarge,
    /// Its guest's head cannot be sent.
    #[error("the guest's head: {0}")]
    Head(#[from] head::Error),
    /// Its guest ended before its head did.
    #[error("the guest ended before its head: {0}")]
    Guest(Ending),
}

// === impl RequestError ===

impl RequestError {
    /// What the client is told.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Refused(refusal) => refusal.status(),
            Self::Path(_) => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::NotLoaded | Self::Suspended | Self::Busy(_) | Self::Full(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Head(error) => head_status(error),
            Self::Guest(ending) => ending_status(ending),
        }
    }

    /// The word for the log.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        self.outcome().word()
    }

    /// What became of the request.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Refused(_) | Self::Path(_) => Outcome::BadRequest,
            Self::NotFound => Outcome::NotFound,
            Self::NotLoaded => Outcome::NotLoaded,
            Self::Suspended => Outcome::Suspended,
            Self::Busy(Refused::QueueFull) => Outcome::QueueFull,
            Self::Busy(Refused::QueueTimeout) => Outcome::QueueTimeout,
            Self::Full(_) => Outcome::NoSlot,
            Self::BodyTooLarge => Outcome::RequestBody,
            Self::Head(head::Error::NoBlankLine) => Outcome::NoBlankLine,
            Self::Head(head::Error::NoRequiredField) => Outcome::NoRequiredField,
            Self::Head(_) => Outcome::ResponseHead,
            Self::Guest(ending) => Outcome::of(ending),
        }
    }

    /// The answer.
    #[must_use]
    pub fn into_response(self, request_id: &HeaderValue) -> Response<AnswerBody> {
        let status = self.status();
        let phrase = status.canonical_reason().unwrap_or("error");
        let id = request_id.to_str().unwrap_or("-");
        let text = format!("{} {phrase}\nrequest id: {id}\n", status.as_u16());
        let mut response = Response::new(AnswerBody::whole(Bytes::from(text)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let plain = HeaderValue::from_static("text/plain; charset=utf-8");
        headers.insert(CONTENT_TYPE, plain);
        match self {
            Self::Busy(_) => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            // Where a request ends is not sure once it broke a rule.
            Self::Refused(_) => {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

const fn head_status(error: &head::Error) -> StatusCode {
    match error {
        head::Error::NoBlankLine | head::Error::NoRequiredField => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        _ => StatusCode::BAD_GATEWAY,
    }
}

const fn ending_status(ending: &Ending) -> StatusCode {
    match ending {
        Ending::Exited(_)
        | Ending::Trapped(_)
        | Ending::OutOfMemory
        | Ending::OutOfNodeMemory
        | Ending::HostFault(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Ending::Stopped(stop) => stop_status(*stop),
    }
}

const fn stop_status(stop: Stop) -> StatusCode {
    match stop {
        Stop::HeadTimeout | Stop::IdleTimeout | Stop::TotalTimeout | Stop::CpuTime => {
            StatusCode::GATEWAY_TIMEOUT
        }
        // A client that is gone reads no status.
        Stop::ClientStalled | Stop::ClientGone => StatusCode::REQUEST_TIMEOUT,
        Stop::RequestBody => StatusCode::PAYLOAD_TOO_LARGE,
        Stop::ResponseHead | Stop::ContentLength => StatusCode::BAD_GATEWAY,
        Stop::Shutdown => StatusCode::SERVICE_UNAVAILABLE,
    }
}

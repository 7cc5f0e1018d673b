//! How a registry can misbehave: one word a way, and what it does to an honest answer.

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::watch;

use super::body::Then;
use super::serve::{Answer, Asked};

/// Defines the enum together with the list of all, so that neither lacks what the other has.
macro_rules! faults {
    ($($(#[$doc:meta])* $fault:ident,)*) => {
        /// One way to misbehave.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault {
            $($(#[$doc])* $fault,)*
        }

        impl Fault {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$fault),*];
        }
    };
}

faults! {
    /// A blob's bytes are others, as many.
    WrongDigest,
    /// The manifest that was asked for by digest is another one.
    WrongManifest,
    /// A blob breaks off in the middle, less than was announced.
    ShortBody,
    /// A blob ends well in the middle, with no length announced.
    TruncatedBody,
    /// A blob is longer than its descriptor says.
    LongBody,
    /// A blob has no length and no end.
    EndlessBody,
    /// The connection closes before a blob's head.
    HangUp,
    /// A blob stops in the middle and its connection stays open.
    StallInMidBlob,
    /// A manifest's head never comes.
    StallBeforeHead,
    /// The first answer to everything is 401 and a token server, as in [`super::Auth::PublicToken`].
    TokenAfter401,
    /// 401 whatever is sent.
    Unauthorized401,
    /// 403 for a manifest.
    Forbidden403,
    /// 404 for a manifest.
    NotFound404,
    /// 404 for a blob of a manifest that is there.
    BlobNotFound404,
    /// 429 with `Retry-After: 3600`.
    TooManyRequests429,
    /// 429 with `Retry-After: 0`.
    TooManyRequests429ForNow,
    /// 500 for everything.
    ServerError500,
    /// 503 for everything, in HTML as proxies say it.
    Unavailable503,
    /// Blobs are elsewhere: 307 to what [`super::Registry::redirect_to`] named.
    RedirectToAnotherHost,
    /// Blobs are here, and here, and here: 307 for ever.
    RedirectForEver,
    /// 307 without a `Location`.
    RedirectToNowhere,
    /// A manifest of 64 MiB, announced.
    HugeManifest,
    /// A manifest without length and end.
    EndlessManifest,
    /// A page in HTML in a manifest's place.
    NoManifest,
    /// JSON in a manifest's place that is none.
    OtherJson,
    /// A manifest that is an index as well, and means something else to other readers.
    AmbiguousManifest,
    /// An index whose only manifest is an index, and so on: itself.
    IndexOfIndexes,
}

// === impl Fault ===

impl Fault {
    /// Whether it changes answers of this kind.
    pub(super) const fn concerns(self, asked: Asked) -> bool {
        match self {
            Self::WrongDigest
            | Self::ShortBody
            | Self::TruncatedBody
            | Self::LongBody
            | Self::EndlessBody
            | Self::HangUp
            | Self::StallInMidBlob
            | Self::BlobNotFound404
            | Self::RedirectToAnotherHost
            | Self::RedirectForEver
            | Self::RedirectToNowhere => matches!(asked, Asked::Blob),
            Self::WrongManifest
            | Self::StallBeforeHead
            | Self::Forbidden403
            | Self::NotFound404
            | Self::HugeManifest
            | Self::EndlessManifest
            | Self::NoManifest
            | Self::OtherJson
            | Self::AmbiguousManifest
            | Self::IndexOfIndexes => matches!(asked, Asked::Manifest),
            Self::TokenAfter401
            | Self::Unauthorized401
            | Self::TooManyRequests429
            | Self::TooManyRequests429ForNow
            | Self::ServerError500
            | Self::Unavailable503 => matches!(asked, Asked::Manifest | Asked::Blob),
        }
    }

    /// What is answered instead of `honest`; nothing: the connection closes without a word.
    pub(super) fn spoil(
        self,
        honest: Answer,
        path: &str,
        elsewhere: &str,
        healed: watch::Receiver<u64>,
    ) -> Option<Answer> {
        let body = honest.body.clone();
        let half = body.slice(..body.len() / 2);
        let rest = body.slice(body.len() / 2..);
        let with = |status: StatusCode, code: &str| Answer::error(status, code, "on purpose");
        Some(match self {
            Self::WrongDigest => {
                let mut bytes = body.to_vec();
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                honest.body(bytes.into())
            }
            Self::WrongManifest => {
                // Still JSON, and of the same meaning.
                let mut bytes = body.to_vec();
                bytes.push(b'\n');
                honest.body(bytes.into())
            }
            Self::ShortBody => honest.length(body.len()).body(half).then(Then::Break),
            Self::TruncatedBody => honest.unannounced().body(half),
            Self::LongBody => {
                let mut bytes = body.to_vec();
                bytes.extend_from_slice(b"more");
                honest.body(bytes.into())
            }
            Self::EndlessBody => honest
                .unannounced()
                .then(Then::Repeat(Bytes::from_static(&[0; 16 << 10]))),
            Self::HangUp => return None,
            Self::StallInMidBlob => honest
                .length(body.len())
                .body(half)
                .then(Then::Stall(until_healed(healed), rest)),
            Self::StallBeforeHead => honest.held_back(until_healed(healed)),
            // Dealt with where credentials are.
            Self::TokenAfter401 => honest,
            Self::Unauthorized401 => with(StatusCode::UNAUTHORIZED, "UNAUTHORIZED")
                .header("www-authenticate", "Basic realm=\"a registry\""),
            Self::Forbidden403 => with(StatusCode::FORBIDDEN, "DENIED"),
            Self::NotFound404 => with(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            Self::BlobNotFound404 => with(StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            Self::TooManyRequests429 => {
                with(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS").header("retry-after", "3600")
            }
            Self::TooManyRequests429ForNow => {
                with(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS").header("retry-after", "0")
            }
            Self::ServerError500 => with(StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
            Self::Unavailable503 => page(StatusCode::SERVICE_UNAVAILABLE),
            Self::RedirectToAnotherHost => redirect(&format!("{elsewhere}{path}")),
            Self::RedirectForEver => redirect(path),
            Self::RedirectToNowhere => Answer::new(StatusCode::TEMPORARY_REDIRECT),
            Self::HugeManifest => honest
                .length(64 << 20)
                .body(Bytes::from_static(&[b' '; 16 << 10]))
                .then(Then::Repeat(Bytes::from_static(&[b' '; 16 << 10]))),
            Self::EndlessManifest => honest
                .unannounced()
                .body(Bytes::from_static(&[b' '; 16 << 10]))
                .then(Then::Repeat(Bytes::from_static(&[b' '; 16 << 10]))),
            Self::NoManifest => page(StatusCode::OK),
            Self::OtherJson => honest
                .body(Bytes::from_static(br#"{"hello":"world"}"#))
                .undigested(),
            Self::AmbiguousManifest => honest
                .body(Bytes::from_static(br#"{"manifests":[],"layers":[]}"#))
                .undigested(),
            Self::IndexOfIndexes => index_of_indexes(),
        })
    }
}

fn redirect(location: &str) -> Answer {
    Answer::new(StatusCode::TEMPORARY_REDIRECT).header("location", location)
}

fn page(status: StatusCode) -> Answer {
    Answer::new(status)
        .header("content-type", "text/html")
        .body(Bytes::from_static(
            b"<html><body>Sign in, or come back later</body></html>",
        ))
}

/// Whatever digest it is asked for, an index of one more index.
fn index_of_indexes() -> Answer {
    use crate::artifact::{Artifact, Blob, Entry, INDEX};
    let inner = Artifact {
        media_type: INDEX.to_owned(),
        manifest: br#"{"schemaVersion":2,"manifests":[]}"#.to_vec(),
        blobs: Vec::new(),
    };
    let index = Artifact::index(&[Entry {
        artifact: &inner,
        platform: None,
    }]);
    Answer::content(&Blob::new(&index.media_type, &index.manifest))
}

fn until_healed(
    mut healed: watch::Receiver<u64>,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    healed.mark_unchanged();
    Box::pin(async move {
        // The registry's end is the end of its connections, too.
        let _ = healed.changed().await;
    })
}

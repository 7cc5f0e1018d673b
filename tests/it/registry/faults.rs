//! Every way in which a registry can misbehave, and what comes of it: the module, or a reason.

use std::time::Duration;

use registry::retry::{Class, Retry};
use registry::{Client, Credentials, Error, Settings, Timeouts};
use tests::artifact::{Artifact, module};
use tests::registry::{Fault, Registry};
use tokio::task::JoinSet;

use super::{LIMIT, client, client_with, pull, reference, refused};

/// What comes of a fault.
struct Expected {
    /// A part of the sentence; nothing: the module is pulled all the same.
    says: Option<&'static str>,
    retry: Retry,
    /// How many answers it concerns until the call ends.
    asked: usize,
}

/// Tries of one call: the first, and three more for what passes in seconds.
const TRIES: usize = 4;
/// Requests of one try that follows redirects.
const HOPS: usize = 6;

const fn pulled(asked: usize) -> Expected {
    Expected {
        says: None,
        retry: Retry::Never,
        asked,
    }
}

/// It passes in seconds, so the call tries again by itself.
const fn passes(says: &'static str) -> Expected {
    Expected {
        says: Some(says),
        retry: after(Class::Short),
        asked: TRIES,
    }
}

/// Somebody has to do something.
const fn stays(says: &'static str) -> Expected {
    Expected {
        says: Some(says),
        retry: after(Class::Long),
        asked: 1,
    }
}

/// The same bytes would be refused again.
const fn never(says: &'static str) -> Expected {
    Expected {
        says: Some(says),
        retry: Retry::Never,
        asked: 1,
    }
}

const fn after(class: Class) -> Retry {
    Retry::After {
        at_least: None,
        class,
    }
}

const fn expected(fault: Fault) -> Expected {
    match fault {
        Fault::WrongDigest => stays("sent a module with digest sha256:"),
        Fault::WrongManifest => stays("sent a manifest with digest sha256:"),
        Fault::ShortBody => passes("broke off"),
        Fault::TruncatedBody => passes("bytes where the manifest promises"),
        Fault::LongBody | Fault::EndlessBody => stays("bytes where the manifest promises"),
        Fault::HangUp => passes("broke off"),
        Fault::StallInMidBlob => passes("sent nothing more of its answer within"),
        Fault::StallBeforeHead => passes("did not answer within"),
        // Manifest, token, manifest; blob with the token.
        Fault::TokenAfter401 => pulled(3),
        Fault::Unauthorized401 => {
            stays("(401): credentials for it are missing or wrong; docker login")
        }
        Fault::Forbidden403 => stays("does not allow the manifest with these credentials (403)"),
        Fault::NotFound404 => stays("does not know it (404); was it pushed"),
        Fault::BlobNotFound404 => stays("does not know it (404); was it pushed"),
        Fault::TooManyRequests429 => Expected {
            says: Some("was asked too often (429); it is asked again later"),
            retry: Retry::After {
                at_least: Some(Duration::from_secs(3600)),
                class: Class::Short,
            },
            // An hour is not waited for within a call, and nobody asks before it is over.
            asked: 1,
        },
        Fault::TooManyRequests429ForNow => Expected {
            says: Some("was asked too often (429)"),
            retry: Retry::After {
                at_least: Some(Duration::ZERO),
                class: Class::Short,
            },
            asked: TRIES,
        },
        Fault::ServerError500 => passes("failed to give the manifest (500)"),
        Fault::Unavailable503 => passes("failed to give the manifest (503)"),
        Fault::RedirectToAnotherHost => pulled(1),
        Fault::RedirectForEver => Expected {
            says: Some("and so on without an end"),
            retry: after(Class::Long),
            asked: HOPS,
        },
        Fault::RedirectToNowhere => stays("redirects to nowhere, which is no place"),
        Fault::HugeManifest | Fault::EndlessManifest => stays("sent more than 4194304 bytes"),
        Fault::NoManifest | Fault::OtherJson => never("its manifest cannot be read: "),
        Fault::AmbiguousManifest => never("its manifest has both layers and manifests"),
        Fault::IndexOfIndexes => never("it is an index of indexes"),
    }
}

/// Where a fault takes patience to notice, it is short; elsewhere a busy machine must not use it up.
fn timeouts(fault: Fault) -> Timeouts {
    let short = Duration::from_millis(500);
    let usual = Timeouts::default();
    match fault {
        Fault::StallInMidBlob => Timeouts {
            stall: short,
            ..usual
        },
        Fault::StallBeforeHead => Timeouts {
            head: short,
            ..usual
        },
        _ => usual,
    }
}

async fn walk(fault: Fault) {
    let module = module("of a fault");
    let artifact = Artifact::cncf(&module);
    let registry = Registry::start();
    let other = Registry::start();
    for registry in [&registry, &other] {
        registry.tag("shop/hello", "1", &artifact);
    }
    registry.redirect_to(&other.url());
    registry.fail(fault);
    let client = client_with(Settings {
        timeouts: timeouts(fault),
        ..Settings::default()
    });
    let text = registry.reference("shop/hello:1");
    let Expected { says, retry, asked } = expected(fault);
    let (outcome, bytes) = resolve_and_pull(&client, &text).await;
    match (says, outcome) {
        (None, Ok(())) => assert_eq!(bytes, module, "{fault:?}"),
        (Some(says), Err(error)) => {
            let said = error.to_string();
            assert!(said.starts_with(&text), "{fault:?}: {said}");
            assert!(said.contains(says), "{fault:?}: {said}");
            assert_eq!(error.retry(), retry, "{fault:?}: {said}");
            // However much is sent, no more is taken than was promised.
            assert!(bytes.len() <= module.len(), "{fault:?}");
        }
        (_, outcome) => panic!("{fault:?}: {outcome:?}"),
    }
    let times = registry.times_failed();
    if timeouts(fault) == Timeouts::default() {
        assert_eq!(times, asked, "{fault:?}: {:?}", registry.lines());
    } else {
        // On a busy machine a try can be over before the registry sees it.
        assert!((1..=asked).contains(&times), "{fault:?}: {times}");
    }
    registry.heal();
    // The same client, but where that has too little patience for a busy machine.
    let client = match timeouts(fault) {
        usual if usual == Timeouts::default() => client,
        _ => client_with(Settings::default()),
    };
    let (_, bytes) = pull(&client, &text)
        .await
        .unwrap_or_else(|error| panic!("after {fault:?} was over: {error}"));
    assert_eq!(bytes, module, "after {fault:?} was over");
}

/// As [`pull`], with whatever came before it failed.
async fn resolve_and_pull(client: &Client, text: &str) -> (Result<(), Error>, Vec<u8>) {
    let reference = reference(text);
    let mut bytes = Vec::new();
    let nobody = Credentials::Anonymous;
    let outcome = match client.resolve(&reference, &nobody).await {
        Ok(resolved) => {
            let pulled = client.pull(&reference, &resolved, &nobody, LIMIT, &mut bytes);
            pulled.await
        }
        Err(error) => Err(error),
    };
    (outcome, bytes)
}

#[tokio::test]
async fn every_fault_ends_in_the_module_or_in_a_reason() {
    let mut walks = JoinSet::new();
    for fault in Fault::ALL {
        walks.spawn(walk(*fault));
    }
    while let Some(ended) = walks.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

#[tokio::test]
async fn a_manifest_that_was_asked_for_by_digest_must_have_it() {
    let registry = Registry::start();
    let artifact = Artifact::cncf(&module("by digest"));
    registry.keep("shop/hello", &artifact);
    let text = registry.reference(&format!("shop/hello@{}", artifact.digest()));
    registry.fail(Fault::WrongManifest);
    let outcome = pull(&client(), &text).await;
    refused(outcome, &["sent a manifest with digest", "is expected"]);
    registry.heal();
    let (resolved, _) = pull(&client(), &text).await.expect("the right one");
    assert_eq!(resolved.manifest, artifact.digest());
}

#[tokio::test]
async fn what_breaks_once_is_asked_for_again_from_the_start() {
    let registry = Registry::start();
    let module = module("at the second try");
    registry.tag("shop/hello", "1", &Artifact::cncf(&module));
    let text = registry.reference("shop/hello:1");
    for fault in [Fault::ShortBody, Fault::TruncatedBody, Fault::HangUp] {
        registry.fail_times(fault, 1);
        let (_, bytes) = pull(&client(), &text).await.expect("at the second try");
        assert_eq!(bytes, module, "{fault:?}");
    }
}

#[tokio::test]
async fn a_registry_that_is_asked_too_often_is_asked_again_when_it_says_so() {
    let registry = Registry::start();
    let artifact = Artifact::cncf(&module("later"));
    registry.tag("shop/hello", "1", &artifact);
    registry.fail_times(Fault::TooManyRequests429ForNow, 2);
    let text = registry.reference("shop/hello:1");
    pull(&client(), &text).await.expect("at the third try");
    let manifest = "GET /v2/shop/hello/manifests/1";
    let lines = registry.lines();
    assert_eq!(
        lines[..3],
        [
            format!("{manifest} 429"),
            format!("{manifest} 429"),
            format!("{manifest} 200")
        ]
    );
    assert_eq!(lines.len(), 4, "and the blob: {lines:?}");
}

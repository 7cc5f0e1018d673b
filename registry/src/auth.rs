//! Saying who we are when a registry asks: Basic, or a token.
//!
//! A challenge is answered only when it comes from the very registry that was asked, and not from where
//! that one redirected to: else whoever a blob is stored with could ask for the password.
//! Its realm may be another host, as Docker Hub's is, since the registry itself names it over a connection
//! that TLS vouches for; but it is held to the rules of a redirect (`https`, or a host with plain HTTP).
//! A token is kept for one registry, repository and login. Knows no files and no manifests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http_auth::ChallengeRef;
use reqwest::Url;
use serde::Deserialize;
use tokio::time::Instant;

use crate::credentials::Login;
use crate::error::{Refused, What};
use crate::transport::{Request, Transport, TransportError, authority};

/// A token's answer is small; what is not is none.
const LARGEST_TOKEN: usize = 256 * 1024;
/// Distribution specification for tokens, "Token Response Fields": what a token lives when nothing is said.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
/// What is kept of a life, for the clocks and the time that a request takes.
const MARGIN: Duration = Duration::from_secs(5);
/// Tokens that are kept; more than that many logins and repositories ask anew.
const MOST_KEPT: usize = 4096;

/// Tokens that still live.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Scope, Kept>>);

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    origin: String,
    repository: String,
    actions: &'static str,
    login: [u8; 32],
}

struct Kept {
    authorization: HeaderValue,
    until: Option<Instant>,
}

/// There is no way to say who we are.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// It wants something that we do not speak.
    #[error("{host} asks for {schemes}, and only Basic and Bearer are spoken")]
    Scheme {
        /// Who asks.
        host: String,
        /// For what.
        schemes: String,
    },
    /// Tokens come from a place where we do not go.
    #[error("{host} gives its tokens at {realm}, {reason}")]
    Realm {
        /// Who asks.
        host: String,
        /// Where to get a token.
        realm: String,
        /// What speaks against it.
        reason: &'static str,
    },
    /// What came is no token.
    #[error("{host} answered with something that is no token")]
    NoToken {
        /// Who answered.
        host: String,
    },
    /// No token came.
    #[error("no token: {0}")]
    Transport(#[from] TransportError),
}

/// What comes of a challenge.
pub(crate) enum Response {
    /// Send this.
    Authorization(HeaderValue),
    /// We are nobody, and nobody may not.
    Nothing,
    /// Who gives tokens says no.
    Refused(Refused),
}

enum Challenge {
    Basic,
    Bearer {
        realm: String,
        service: Option<String>,
        scope: Option<String>,
    },
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

// === impl Tokens ===

impl Tokens {
    /// What to send without being asked.
    pub(crate) fn get(&self, scope: &Scope) -> Option<HeaderValue> {
        let mut kept = self.kept();
        let found = kept.get(scope)?;
        if found.until.is_some_and(|until| until <= Instant::now()) {
            kept.remove(scope);
            return None;
        }
        Some(found.authorization.clone())
    }

    pub(crate) fn forget(&self, scope: &Scope) {
        self.kept().remove(scope);
    }

    /// Answers a challenge that came from `url`, which is the registry's own.
    pub(crate) async fn answer(
        &self,
        transport: &Transport,
        url: &Url,
        headers: &HeaderMap,
        scope: &Scope,
        login: &Login,
    ) -> Result<Response, AuthError> {
        let (authorization, until) = match challenge(&authority(url), headers)? {
            None => return Ok(Response::Nothing),
            Some(Challenge::Basic) => match basic(login) {
                None => return Ok(Response::Nothing),
                Some(authorization) => (authorization, None),
            },
            Some(Challenge::Bearer {
                realm,
                service,
                scope: asked,
            }) => {
                let realm = realm_url(transport, url, &realm)?;
                // Whoever asks for more than we named would get a token for it from its own realm only.
                let asked = asked.unwrap_or_else(|| scope.text());
                match fetch(transport, realm, service.as_deref(), &asked, login).await? {
                    Ok((token, life)) => (token, Some(Instant::now() + life)),
                    Err(refused) => return Ok(Response::Refused(refused)),
                }
            }
        };
        self.keep(
            scope.clone(),
            Kept {
                authorization: authorization.clone(),
                until,
            },
        );
        Ok(Response::Authorization(authorization))
    }

    fn keep(&self, scope: Scope, token: Kept) {
        let mut kept = self.kept();
        if kept.len() >= MOST_KEPT {
            let now = Instant::now();
            kept.retain(|_, token| token.until.is_some_and(|until| until > now));
            if kept.len() >= MOST_KEPT {
                kept.clear();
            }
        }
        kept.insert(scope, token);
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Scope, Kept>> {
        // Each entry is whole at every moment, whoever panicked.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Scope ===

impl Scope {
    pub(crate) fn pull(registry: &Url, repository: &str, login: &Login) -> Self {
        Self::new(registry, repository, "pull", login)
    }

    pub(crate) fn push(registry: &Url, repository: &str, login: &Login) -> Self {
        Self::new(registry, repository, "pull,push", login)
    }

    fn new(registry: &Url, repository: &str, actions: &'static str, login: &Login) -> Self {
        Self {
            origin: registry.origin().ascii_serialization(),
            repository: repository.to_owned(),
            actions,
            login: login.fingerprint(),
        }
    }

    fn text(&self) -> String {
        format!("repository:{}:{}", self.repository, self.actions)
    }
}

// === impl AuthError ===

impl AuthError {
    /// The transport's error, when it is one.
    pub(crate) fn inner(&self) -> Result<&TransportError, ()> {
        match self {
            Self::Transport(error) => Ok(error),
            Self::Scheme { .. } | Self::Realm { .. } | Self::NoToken { .. } => Err(()),
        }
    }
}

/// The best of what is asked for: a token rather than the password itself.
fn challenge(host: &str, headers: &HeaderMap) -> Result<Option<Challenge>, AuthError> {
    let texts: Vec<&str> = headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let challenges: Vec<ChallengeRef<'_>> = texts
        .iter()
        .filter_map(|text| http_auth::parse_challenges(text).ok())
        .flatten()
        .collect();
    let named = |scheme: &str| {
        challenges
            .iter()
            .find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
    };
    if let Some(bearer) = named("bearer") {
        let param = |name: &str| {
            bearer
                .params
                .iter()
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_unescaped())
        };
        if let Some(realm) = param("realm") {
            return Ok(Some(Challenge::Bearer {
                realm,
                service: param("service"),
                scope: param("scope"),
            }));
        }
    }
    if named("basic").is_some() {
        return Ok(Some(Challenge::Basic));
    }
    if challenges.is_empty() {
        return Ok(None);
    }
    let schemes: Vec<_> = challenges
        .iter()
        .map(|challenge| challenge.scheme)
        .collect();
    Err(AuthError::Scheme {
        host: host.to_owned(),
        schemes: schemes.join(", ").chars().take(100).collect(),
    })
}

fn realm_url(transport: &Transport, registry: &Url, realm: &str) -> Result<Url, AuthError> {
    let refuse = |realm: String, reason| AuthError::Realm {
        host: authority(registry),
        realm,
        reason,
    };
    let mut url = Url::parse(realm)
        .map_err(|_| refuse("a place that is no URL".to_owned(), "which cannot be asked"))?;
    let _ = url.set_username("");
    let _ = url.set_password(None);
    match transport.plain.may_lead(registry, &url) {
        Ok(()) => Ok(url),
        Err(reason) => {
            let place = format!("{}://{}", url.scheme(), authority(&url));
            Err(refuse(place, reason))
        }
    }
}

async fn fetch(
    transport: &Transport,
    mut realm: Url,
    service: Option<&str>,
    scope: &str,
    login: &Login,
) -> Result<Result<(HeaderValue, Duration), Refused>, AuthError> {
    let mut pairs = vec![("scope", scope)];
    pairs.extend(service.map(|service| ("service", service)));
    let mut form = None;
    let mut authorization = None;
    match login {
        Login::Anonymous => {}
        Login::Password { .. } => authorization = basic(login),
        // Docker's "OAuth2 Token Authentication": an identity is exchanged by a POST.
        Login::Identity(identity) => {
            let fields = [
                ("grant_type", "refresh_token"),
                ("client_id", "kube-wagi"),
                ("refresh_token", identity),
            ];
            form = Some(encode(pairs.iter().copied().chain(fields)));
        }
    }
    if form.is_none() {
        realm.query_pairs_mut().extend_pairs(pairs);
    }
    let mut answer = transport
        .send(Request {
            url: realm,
            accept: "application/json",
            authorization,
            form,
        })
        .await?;
    if !answer.status().is_success() {
        return Ok(Err(Refused::read(answer, What::Token).await));
    }
    let body = answer.body(LARGEST_TOKEN).await?;
    let no_token = || AuthError::NoToken {
        host: answer.host.clone(),
    };
    let read: TokenAnswer = serde_json::from_slice(&body).map_err(|_| no_token())?;
    let token = read.token.or(read.access_token).ok_or_else(no_token)?;
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| no_token())?;
    value.set_sensitive(true);
    let life = read.expires_in.map_or(DEFAULT_LIFE, Duration::from_secs);
    // A life of years is as good as an hour's, and does not overflow.
    let life = life.min(Duration::from_secs(3600)).saturating_sub(MARGIN);
    Ok(Ok((value, life)))
}

fn encode<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut url = Url::parse("http://form").expect("static URL must parse");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

fn basic(login: &Login) -> Option<HeaderValue> {
    let Login::Password { name, password } = login else {
        return None;
    };
    let text = http_auth::basic::encode_credentials(name, password);
    let mut value = HeaderValue::from_str(&text).expect("base64 must be a header's value");
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_token_is_preferred_to_the_password() {
        let bearer =
            r#"Bearer realm="https://auth.example/token",service="r",scope="repository:a:pull""#;
        for values in [
            &["Basic realm=\"r\"", bearer][..],
            &[bearer, "Basic realm=\"r\""],
        ] {
            let Ok(Some(Challenge::Bearer {
                realm,
                service,
                scope,
            })) = challenge("r.example", &headers(values))
            else {
                panic!("no token for {values:?}");
            };
            assert_eq!(realm, "https://auth.example/token");
            assert_eq!(service.as_deref(), Some("r"));
            assert_eq!(scope.as_deref(), Some("repository:a:pull"));
        }
    }

    #[test]
    fn what_is_not_spoken_is_named() {
        let error = challenge("r.example", &headers(&["Digest realm=\"r\", nonce=\"n\""])).err();
        let sentence = error.unwrap().to_string();
        assert!(sentence.contains("r.example asks for Digest"), "{sentence}");
        assert!(challenge("r.example", &headers(&[])).unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_die_and_belong_to_one_login() {
        let tokens = Tokens::default();
        let registry = Url::parse("https://r.example").unwrap();
        let alice = Login::Password {
            name: "alice".to_owned(),
            password: "secret".to_owned(),
        };
        let scope = Scope::pull(&registry, "a", &alice);
        let life = Duration::from_secs(60);
        let kept = Kept {
            authorization: HeaderValue::from_static("Bearer t"),
            until: Some(Instant::now() + life),
        };
        tokens.keep(scope.clone(), kept);
        assert!(tokens.get(&scope).is_some());
        assert!(tokens.get(&Scope::pull(&registry, "b", &alice)).is_none());
        assert!(tokens.get(&Scope::push(&registry, "a", &alice)).is_none());
        assert!(
            tokens
                .get(&Scope::pull(&registry, "a", &Login::Anonymous))
                .is_none()
        );
        tokio::time::advance(life).await;
        assert!(tokens.get(&scope).is_none());
    }
}

//! Who may do what, and how a registry says so: basic credentials, or tokens of a token server
//! ("Token Authentication Specification" of the distribution project).

use std::collections::HashMap;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::serve::Answer;

/// The one user whom a registry knows.
pub const USER: &str = "alice";
/// Her password.
pub const PASSWORD: &str = "secret";

/// What she can show in place of a password: Docker's `identitytoken`.
pub const IDENTITY: &str = "an-identity";

/// What a registry asks of its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Nothing.
    Open,
    /// User and password with each request.
    Basic,
    /// A token, which the token server gives for user and password.
    Token,
    /// A token, which the token server gives to everybody, as public registries do.
    PublicToken,
}

/// Tokens that were given, with what each is for: `repository:NAME:ACTIONS`, or nothing.
#[derive(Default)]
pub(super) struct Tokens(HashMap<String, String>);

/// The value of `Authorization` for a user and a password (RFC 7617).
#[must_use]
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

/// RFC 4648, section 4.
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for letter in 0..4 {
            let six = bits >> (18 - 6 * letter) & 63;
            let six = usize::try_from(six).expect("below 64");
            text.push(if letter <= group.len() {
                LETTERS[six].into()
            } else {
                '='
            });
        }
    }
    text
}

// === impl Auth ===

impl Auth {
    /// The refusal, where one is due. `action` is `pull` or `push`.
    pub(super) fn refuse(
        self,
        tokens: &Tokens,
        base: &str,
        headers: &HeaderMap,
        repository: &str,
        action: &str,
    ) -> Option<Answer> {
        let given = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        let is_allowed = match self {
            Self::Open => true,
            Self::Basic => given == Some(&basic(USER, PASSWORD)),
            Self::Token | Self::PublicToken => given
                .and_then(|given| given.strip_prefix("Bearer "))
                .is_some_and(|token| tokens.allow(token, repository, action)),
        };
        (!is_allowed).then(|| self.challenge(base, repository, action))
    }

    fn challenge(self, base: &str, repository: &str, action: &str) -> Answer {
        let challenge = match self {
            Self::Open | Self::Basic => "Basic realm=\"a registry\"".to_owned(),
            Self::Token | Self::PublicToken => {
                let realm = format!("Bearer realm=\"{base}/token\",service=\"a registry\"");
                let actions = if action == "push" {
                    "pull,push"
                } else {
                    "pull"
                };
                match repository {
                    // Whether it is a registry at all concerns none of its repositories.
                    "" => realm,
                    _ => format!("{realm},scope=\"repository:{repository}:{actions}\""),
                }
            }
        };
        Answer::error(
            StatusCode::UNAUTHORIZED,
            "UNAUTHORIZED",
            "authentication required",
        )
        .header("www-authenticate", &challenge)
    }

    /// The token server's answer.
    pub(super) fn token(
        self,
        tokens: &mut Tokens,
        headers: &HeaderMap,
        query: &str,
        form: &[u8],
    ) -> Answer {
        let given = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        // "OAuth2 Token Authentication": who shows an identity does so by a form.
        let form = String::from_utf8_lossy(form);
        let identity = value(&form, "refresh_token").next();
        let is_known =
            given == Some(&basic(USER, PASSWORD)) || identity.as_deref() == Some(IDENTITY);
        let query = if form.is_empty() { query } else { &form };
        if (given.is_some() || identity.is_some()) && !is_known {
            return Answer::error(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "incorrect username or password",
            );
        }
        // Who is not known gets a token that is good for nothing.
        let scope = (is_known || self == Self::PublicToken).then(|| scope(query));
        let token = tokens.give(scope.unwrap_or_default());
        Answer::json(
            StatusCode::OK,
            &json!({ "token": token, "expires_in": 300 }),
        )
    }
}

// === impl Tokens ===

impl Tokens {
    fn give(&mut self, scope: String) -> String {
        let token = format!("token-{}", self.0.len());
        self.0.insert(token.clone(), scope);
        token
    }

    fn allow(&self, token: &str, repository: &str, action: &str) -> bool {
        self.0.get(token).is_some_and(|scope| {
            scope.split(' ').any(|scope| {
                let actions = scope
                    .strip_prefix("repository:")
                    .and_then(|scope| scope.strip_prefix(repository))
                    .and_then(|scope| scope.strip_prefix(':'));
                actions.is_some_and(|actions| actions.split(',').any(|it| it == action))
            })
        })
    }
}

/// Every `scope` of a query.
fn scope(query: &str) -> String {
    value(query, "scope").collect::<Vec<_>>().join(" ")
}

/// Every value of that name, decoded as far as what is looked for needs it.
fn value<'a>(query: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    query.split('&').filter_map(move |item| {
        let value = item.strip_prefix(name)?.strip_prefix('=')?;
        let value = value.replace("%3A", ":").replace("%2F", "/");
        Some(value.replace("%2C", ",").replace('+', " "))
    })
}

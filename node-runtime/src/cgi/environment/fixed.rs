//! The variables that are the same for all requests of a route.

use http::{HeaderName, header::HOST};

use super::{CONNECTION, PROXY, PROXY_AUTHORIZATION};
use crate::cgi::{Block, RequestFacts};

/// The names that the server sets, or leaves unset with a meaning, in every request.
const SERVER_NAMES: [&str; 23] = [
    "AUTH_TYPE",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "GATEWAY_INTERFACE",
    "HTTPS",
    "HTTP_X_REQUEST_ID",
    "PATH_INFO",
    "PATH_TRANSLATED",
    "QUERY_STRING",
    "REMOTE_ADDR",
    "REMOTE_HOST",
    "REMOTE_USER",
    "REQUEST_METHOD",
    "REQUEST_SCHEME",
    "REQUEST_URI",
    "SCRIPT_NAME",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "SERVER_SOFTWARE",
    "X_FULL_URL",
    "X_MATCHED_ROUTE",
    "X_RAW_PATH_INFO",
];

/// Whether the server sets a variable in every request, so that a route's own is never seen.
///
/// `HTTP_` names are the request's fields: a route's own is seen where the request has no such
/// field.
#[must_use]
pub fn is_server_name(name: &str) -> bool {
    SERVER_NAMES.contains(&name)
}

/// The variables that are the same for all requests of a route, ready to be copied.
#[derive(Clone, Debug)]
pub struct StaticVariables {
    block: Block,
    /// The route's own variables that a field of the request takes the place of.
    unless_sent: Vec<UnlessSent>,
}

#[derive(Clone, Debug)]
struct UnlessSent {
    field: HeaderName,
    string: Box<[u8]>,
}

// === impl StaticVariables ===

impl StaticVariables {
    /// Renders a route's variables, in order of precedence: of equal names the last counts.
    ///
    /// A name the server sets is left out, as in WAGI ([`is_server_name`] tells which). So is what
    /// no environment can hold: an empty name, a name with `=`, a NUL byte; a valid route has none.
    #[must_use]
    pub fn new(env: &[(String, String)]) -> Self {
        let mut block = Block::default();
        block.set(b"AUTH_TYPE=", b"");
        block.set(b"GATEWAY_INTERFACE=", b"CGI/1.1");
        block.set(b"REMOTE_USER=", b"");
        block.set(b"SERVER_SOFTWARE=", b"WAGI/1");
        let mut unless_sent = Vec::new();
        for (at, (name, value)) in env.iter().enumerate() {
            let is_overridden = env[at + 1..].iter().any(|(later, _)| later == name);
            let can_be_held =
                !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
            if is_overridden || is_server_name(name) || !can_be_held {
                continue;
            }
            let parts = [name.as_bytes(), b"=", value.as_bytes()];
            match field_of(name) {
                Some(field) => unless_sent.push(UnlessSent {
                    field,
                    string: parts.concat().into(),
                }),
                None => {
                    for part in parts {
                        block.push(part);
                    }
                    block.end();
                }
            }
        }
        Self { block, unless_sent }
    }

    /// How many bytes they take at most.
    pub(super) fn len(&self) -> usize {
        let unless_sent = self.unless_sent.iter();
        self.block.bytes.len() + unless_sent.map(|v| v.string.len() + 1).sum::<usize>()
    }

    pub(super) fn push(&self, block: &mut Block, facts: &RequestFacts<'_>) {
        block.push(&self.block.bytes);
        block.count += self.block.count;
        for variable in &self.unless_sent {
            let is_sent = facts.headers.contains_key(&variable.field)
                || (variable.field == HOST && facts.authority.is_some());
            if !is_sent {
                block.push(&variable.string);
                block.end();
            }
        }
    }
}

/// The field of a request that would set the same variable, if any does.
fn field_of(variable: &str) -> Option<HeaderName> {
    let name = variable.strip_prefix("HTTP_")?;
    if name
        .bytes()
        .any(|byte| byte.is_ascii_lowercase() || byte == b'-')
    {
        return None;
    }
    let field: HeaderName = name.replace('_', "-").parse().ok()?;
    let never_sent = field == CONNECTION || field == PROXY_AUTHORIZATION || field == PROXY;
    (!never_sent).then_some(field)
}

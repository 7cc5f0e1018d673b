//! One function for each form of a flag; each error says what to write.

use std::net::SocketAddr;

use crds::names;

/// A DNS label's, and so a namespace's.
const MAX_LABEL: usize = 63;
/// A Kubernetes name's.
const MAX_NAME: usize = 253;

pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse()
        .map_err(|_| "write an address and a port, as in 127.0.0.1:9090 or [::]:9090")
}

pub(super) fn dns_label(text: &str) -> Result<String, String> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = text.len() <= MAX_LABEL
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if text.is_empty() || !is_label {
        return Err(format!(
            "write at most {MAX_LABEL} lower-case letters, digits and inner hyphens"
        ));
    }
    Ok(text.to_owned())
}

/// A pool's name is part of its namespace's.
pub(super) fn pool(text: &str) -> Result<String, String> {
    let most = MAX_LABEL - names::DOCUMENTS_NAMESPACE.len() - 1;
    if text.len() > most {
        return Err(format!(
            "it is part of a namespace: write at most {most} characters"
        ));
    }
    dns_label(text)
}

pub(super) fn holder(text: &str) -> Result<String, String> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(is_name) {
        return Err(format!(
            "write the pod's name: at most {MAX_NAME} letters, digits, hyphens and dots"
        ));
    }
    Ok(text.to_owned())
}

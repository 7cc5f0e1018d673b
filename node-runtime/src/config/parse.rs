//! One function for each form of a flag; each error says what to write.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use crds::duration::Duration;
use crds::quantity::Quantity;
use http::{HeaderName, HeaderValue, Method, Uri};

use super::{CallBody, GuestMemory};

pub(super) fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let text = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    text.parse()
        .map_err(|_| "write an address and a port, as in 127.0.0.1:3000 or [::]:8080")
}

pub(super) fn count(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse().map_err(|_| "write a whole number, at least 1")
}

pub(super) fn guest_memory(text: &str) -> Result<GuestMemory, String> {
    let Some(percent) = text.strip_suffix('%') else {
        let quantity = Quantity::parse(text).map_err(|error| format!("{error}, or as in 60%"))?;
        if quantity < *crds::limits::MEMORY.start() {
            return Err("no guest fits; write at least 1Mi".to_owned());
        }
        return Ok(GuestMemory::Bytes(quantity));
    };
    match percent.trim().parse() {
        Ok(percent @ 1..=100) => Ok(GuestMemory::Percent(percent)),
        _ => Err("write 1% to 100%, or bytes as in 2Gi".to_owned()),
    }
}

pub(super) fn keep_alive(text: &str) -> Result<Duration, String> {
    let duration = Duration::parse(text).map_err(|error| error.to_string())?;
    if duration.get().is_zero() {
        return Err("write at least 1ms".to_owned());
    }
    Ok(duration)
}

pub(super) fn switch(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "1" | "on" | "yes" => Ok(true),
        "" | "false" | "0" | "off" | "no" => Ok(false),
        _ => Err("write true or false"),
    }
}

/// A name as those of namespaces and of pools are.
pub(super) fn label(text: &str) -> Result<String, &'static str> {
    let is_in = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = (1..=63).contains(&text.len())
        && text.bytes().all(is_in)
        && !text.starts_with('-')
        && !text.ends_with('-');
    if is_label {
        Ok(text.to_owned())
    } else {
        Err("write up to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit")
    }
}

pub(super) fn method(text: &str) -> Result<Method, &'static str> {
    text.parse().map_err(|_| "write a method, as in POST")
}

pub(super) fn uri(text: &str) -> Result<Uri, &'static str> {
    let advice = "write a path, as in /hello?name=wagi";
    let uri: Uri = text.parse().map_err(|_| advice)?;
    if uri.path().starts_with('/') {
        Ok(uri)
    } else {
        Err(advice)
    }
}

pub(super) fn header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let advice = "write NAME: VALUE, as in Accept: text/plain";
    let (name, value) = text.split_once(':').ok_or(advice)?;
    let name = name.parse().map_err(|_| advice)?;
    let value = value.trim().parse().map_err(|_| advice)?;
    Ok((name, value))
}

/// As curl reads `--data-binary`: `@FILE`, `@-` for standard input, or the bytes themselves.
pub(super) fn body(text: String) -> CallBody {
    match text.strip_prefix('@') {
        Some("-") => CallBody::Stdin,
        Some(path) => CallBody::File(PathBuf::from(path)),
        None => CallBody::Bytes(text.into_bytes()),
    }
}

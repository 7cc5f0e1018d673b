//! Paths of requests and of routes, compared in one normal form.
//!
//! Both sides of a comparison go through [`normalize`], so that `/caf%c3%a9`, `/caf%C3%A9` and
//! `/café` are one path, and what no guest should ever be handed (dot segments, NUL bytes) is
//! refused before anything is looked up.
//! The room knows neither hosts nor route tables, and never touches the query.

use std::borrow::Cow;

#[doc(hidden)]
pub mod fuzz;
mod pattern;

pub use pattern::{MAX_PATTERN_BYTES, PathPattern, PatternError};

/// Why a path is not one that a route could answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The path does not begin with a slash.
    #[error("a path begins with \"/\"")]
    NotAbsolute,
    /// A percent sign is not followed by two hexadecimal digits (RFC 3986, 2.1).
    #[error(
        "\"%\" must be followed by two hexadecimal digits: write \"%25\" for a percent sign itself"
    )]
    Triplet,
    /// The path holds a NUL byte, which ends a string for most programs.
    #[error("a path cannot hold a NUL byte (%00)")]
    Nul,
    /// A segment is `.` or `..`, written plainly or encoded.
    #[error("a path cannot hold the segments \".\" and \"..\", also not encoded")]
    DotSegment,
}

/// Brings a path into the form in which paths are compared.
///
/// Percent-encoded unreserved characters are decoded (RFC 3986, 2.3 and 6.2.2.2), other triplets
/// are kept in upper case, and what RFC 3986 does not allow in a path unencoded is encoded.
/// `%2F` stays what it is and never separates segments; slashes are neither added nor merged, so
/// the result has as many slashes as the input.
/// The result borrows from the input when there is nothing to change, which is the common case.
///
/// # Errors
///
/// A path that does not begin with `/`, a malformed triplet, a NUL byte, a dot segment.
/// A segment also counts as `.` or `..` when encoded slashes delimit it (`..%2F..`): programs are
/// given their path decoded, where the two cannot be told apart.
pub fn normalize(raw: &str) -> Result<Cow<'_, str>, PathError> {
    let bytes = raw.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    let normal = match bytes.iter().position(|&byte| !stays(byte)) {
        None => Cow::Borrowed(raw),
        Some(first) => rewrite(raw, first)?,
    };
    if has_dot_segment(normal.as_bytes()) {
        return Err(PathError::DotSegment);
    }
    Ok(normal)
}

/// Whether a byte stands for itself in the normal form: RFC 3986's `pchar` without triplets, and `/`.
const fn stays(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'/' | b':'
                | b'@'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The slow half of [`normalize`]: everything before `first` is known to stay as it is.
fn rewrite(raw: &str, first: usize) -> Result<Cow<'_, str>, PathError> {
    let bytes = raw.as_bytes();
    let mut normal = String::with_capacity(raw.len());
    normal.push_str(&raw[..first]);
    let mut changed = false;
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        if stays(byte) {
            normal.push(char::from(byte));
            at += 1;
        } else if byte == b'%' {
            let decoded = triplet(&bytes[at..])?;
            if decoded == 0 {
                return Err(PathError::Nul);
            }
            if is_unreserved(decoded) {
                normal.push(char::from(decoded));
                changed = true;
            } else {
                push_triplet(&mut normal, decoded);
                changed |= bytes[at..at + 3].iter().any(u8::is_ascii_lowercase);
            }
            at += 3;
        } else if byte == 0 {
            return Err(PathError::Nul);
        } else {
            push_triplet(&mut normal, byte);
            changed = true;
            at += 1;
        }
    }
    Ok(if changed {
        Cow::Owned(normal)
    } else {
        Cow::Borrowed(raw)
    })
}

/// The byte that the triplet at the start of `bytes` stands for.
fn triplet(bytes: &[u8]) -> Result<u8, PathError> {
    let digit = |at: usize| match bytes.get(at) {
        Some(&digit @ b'0'..=b'9') => Some(digit - b'0'),
        Some(&digit @ b'a'..=b'f') => Some(digit - b'a' + 10),
        Some(&digit @ b'A'..=b'F') => Some(digit - b'A' + 10),
        _ => None,
    };
    match (digit(1), digit(2)) {
        (Some(high), Some(low)) => Ok(high << 4 | low),
        _ => Err(PathError::Triplet),
    }
}

fn push_triplet(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(char::from(DIGITS[usize::from(byte >> 4)]));
    text.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// Whether a normal path holds `.` or `..` between two slashes, encoded slashes included.
fn has_dot_segment(normal: &[u8]) -> bool {
    let begins_after = |before: &[u8]| before.ends_with(b"/") || before.ends_with(b"%2F");
    let ends_before =
        |rest: &[u8]| rest.is_empty() || rest.starts_with(b"/") || rest.starts_with(b"%2F");
    normal.iter().enumerate().any(|(at, &byte)| {
        if byte != b'.' || !begins_after(&normal[..at]) {
            return false;
        }
        let rest = &normal[at + 1..];
        ends_before(rest) || rest.strip_prefix(b".").is_some_and(ends_before)
    })
}

#[cfg(test)]
mod tests;

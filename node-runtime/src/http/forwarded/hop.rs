//! The fields of forwarded requests as lists, from the last value to the first.
//!
//! `None` in a list is a value that is none; what stands before it is not to be read.

use std::borrow::Cow;
use std::net::IpAddr;

use http::HeaderValue;
use http::header::GetAll;

use super::element;
use crate::cgi::Scheme;

/// More in one field are nobody's way to us.
const MAX_ELEMENTS: usize = 100;
/// There are four, and few extensions.
const MAX_PARAMETERS: usize = 16;

/// What one proxy says of whom it heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hop<'a> {
    /// Whom it heard; `None` where it hides that.
    pub(super) node: Option<IpAddr>,
    pub(super) scheme: Option<Scheme>,
    pub(super) host: Option<(Cow<'a, str>, Option<u16>)>,
}

/// The values of a comma-separated list, over all of its fields.
pub(super) fn last_first(fields: GetAll<'_, HeaderValue>) -> impl Iterator<Item = Option<&str>> {
    fields.iter().rev().flat_map(|field| {
        let text = field.to_str().ok();
        let values = text.into_iter().flat_map(|text| text.rsplit(','));
        let values = values.map(|value| value.trim_matches([' ', '\t']));
        // RFC 9110, 5.6.1.2: empty elements do not count.
        let values = values.filter(|value| !value.is_empty()).map(Some);
        // A field that is no text is one value that is none.
        values.chain(text.is_none().then_some(None))
    })
}

/// The value that is `count` from the end, or the first if there are fewer.
pub(super) fn nth_last(fields: GetAll<'_, HeaderValue>, count: usize) -> Option<&str> {
    last_first(fields).take(count).last().flatten()
}

/// The elements of `Forwarded`, over all of its fields.
pub(super) fn of_forwarded(
    fields: GetAll<'_, HeaderValue>,
) -> impl Iterator<Item = Option<Hop<'_>>> {
    fields.iter().rev().flat_map(|field| {
        let hops = field.to_str().ok().and_then(hops);
        // Where a quotation is not closed or a name is missing, no element is sure.
        hops.map_or_else(
            || vec![None],
            |hops| hops.into_iter().rev().map(Some).collect(),
        )
    })
}

/// One field: `1#forwarded-element` (RFC 7239, 4), and blanks around `;`, which many write.
fn hops(text: &str) -> Option<Vec<Hop<'_>>> {
    let mut hops = vec![Hop::default()];
    let mut seen = Vec::new();
    let mut rest = skip_blanks(text);
    loop {
        // Empty elements and pairs are none.
        if !rest.is_empty() && !rest.starts_with([';', ',']) {
            let (name, value, behind) = pair(rest)?;
            // RFC 7239, 4: each parameter once an element.
            let name = name.to_ascii_lowercase();
            if seen.contains(&name) || seen.len() == MAX_PARAMETERS {
                return None;
            }
            let hop = hops.last_mut()?;
            fill(hop, &name, value)?;
            seen.push(name);
            rest = skip_blanks(behind);
        }
        let mut bytes = rest.chars();
        match bytes.next() {
            None => break,
            Some(';') => {}
            Some(',') => {
                if hops.len() == MAX_ELEMENTS {
                    return None;
                }
                if !seen.is_empty() {
                    hops.push(Hop::default());
                    seen.clear();
                }
            }
            Some(_) => return None,
        }
        rest = skip_blanks(bytes.as_str());
    }
    if seen.is_empty() {
        hops.pop();
    }
    Some(hops)
}

fn fill<'a>(hop: &mut Hop<'a>, name: &str, value: Cow<'a, str>) -> Option<()> {
    match name {
        "for" => hop.node = element::address(&value),
        "proto" => hop.scheme = element::scheme(&value),
        "host" => {
            hop.host = match value {
                Cow::Borrowed(value) => element::host(value),
                Cow::Owned(value) => {
                    element::host(&value).map(|(name, port)| (Cow::Owned(name.into_owned()), port))
                }
            };
        }
        // `by`, and extensions.
        _ => {}
    }
    Some(())
}

/// `token "=" ( token / quoted-string )`, and what follows. A token may have what addresses have.
fn pair(text: &str) -> Option<(&str, Cow<'_, str>, &str)> {
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.strip_prefix('=').filter(|_| !name.is_empty())?;
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, rest) = quotation(quoted)?;
        return Some((name, value, rest));
    }
    let is_value = |c| is_token(c) || matches!(c, ':' | '[' | ']');
    let end = rest.find(|c| !is_value(c)).unwrap_or(rest.len());
    let (value, rest) = rest.split_at(end);
    (!value.is_empty()).then_some((name, Cow::Borrowed(value), rest))
}

/// What stands before the closing quote, and what follows it (RFC 9110, 5.6.4).
fn quotation(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let plain = text.find(['"', '\\'])?;
    if text[plain..].starts_with('"') {
        return Some((Cow::Borrowed(&text[..plain]), &text[plain + 1..]));
    }
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((Cow::Owned(value), chars.as_str())),
            '\\' => value.push(chars.next()?),
            other => value.push(other),
        }
    }
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

/// RFC 9110, 5.6.2.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

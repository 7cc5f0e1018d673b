//! Pieces of CEL that several rules use.

/// What is shown of a value; as in `validate`.
const LONGEST_SHOWN: usize = 80;

/// A text as a literal.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The value of an expression in quotes, cropped.
pub(super) fn shown(text: &str) -> String {
    let most = LONGEST_SHOWN;
    quoted(&format!(
        "{text}.size() > {most} ? {text}.substring(0, {most}) + '…' : {text}"
    ))
}

/// The value of an expression in quotes, whole.
pub(super) fn quoted(text: &str) -> String {
    // A line's end in it would make the API server drop the whole sentence.
    format!("strings.quote({text}).replace('\\u0000', '\\\\0')")
}

/// That a text matches a regular expression, which holds no quotes.
pub(super) fn matches(text: &str, regex: &str) -> String {
    assert!(!regex.contains('\''), "{regex} needs no quotes");
    format!("{text}.matches(r'{regex}')")
}

/// The first part of a text that matches a regular expression, or nothing.
pub(super) fn find(text: &str, regex: &str) -> String {
    assert!(!regex.contains('\''), "{regex} needs no quotes");
    format!("{text}.find(r'{regex}')")
}

/// The number of a text's bytes.
pub(super) fn bytes(text: &str) -> String {
    format!("size(bytes({text}))")
}

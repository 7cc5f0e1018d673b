//! Gathers the mistakes of one route.
//!
//! Every check goes through here, so that all of them name the field and what stands in it alike.

use std::fmt;

use super::Violation;

/// A value is shown up to here: enough to recognise it in a terminal's line.
const LONGEST_SHOWN: usize = 80;

/// What was wrong so far.
#[derive(Default)]
pub(super) struct Collector {
    violations: Vec<Violation>,
}

// === impl Collector ===

impl Collector {
    /// Notes what is wrong with a field that is there.
    pub(super) fn violation(&mut self, field: impl Into<String>, value: &str, advice: String) {
        self.violations.push(Violation {
            field: field.into(),
            value: Some(show(value)),
            advice,
        });
    }

    /// Notes what is wrong with a field, with a word of ours in place of its value.
    pub(super) fn said(&mut self, field: impl Into<String>, word: &str, advice: &str) {
        self.violations.push(Violation {
            field: field.into(),
            value: Some(word.to_owned()),
            advice: advice.to_owned(),
        });
    }

    /// Notes a field that is not there.
    pub(super) fn missing(&mut self, field: impl Into<String>, advice: &str) {
        self.violations.push(Violation {
            field: field.into(),
            value: None,
            advice: advice.to_owned(),
        });
    }

    /// Parses a field that is there; its error says what to write.
    pub(super) fn parsed<T, E: fmt::Display>(
        &mut self,
        field: impl Into<String>,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.violation(field, text, error.to_string());
                None
            }
        }
    }

    /// Parses a field that must be there.
    pub(super) fn required<T, E: fmt::Display>(
        &mut self,
        field: impl Into<String>,
        text: Option<&str>,
        advice: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match text {
            None | Some("") => {
                self.missing(field, advice);
                None
            }
            Some(text) => self.parsed(field, text, parse),
        }
    }

    /// Notes a text that is too long, or holds the byte that ends texts for the guest.
    pub(super) fn longest(&mut self, field: impl Into<String>, text: &str, longest: usize) {
        if text.len() > longest {
            let advice = format!("{} bytes are too many; write at most {longest}", text.len());
            self.violation(field, text, advice);
        } else if text.contains('\0') {
            self.violation(
                field,
                text,
                "holds a NUL character; write it without".to_owned(),
            );
        }
    }

    /// Notes a list that is too long.
    pub(super) fn most<T>(&mut self, field: &str, list: &[T], most: usize) {
        if list.len() > most {
            self.violations.push(Violation {
                field: field.to_owned(),
                value: Some(format!("{} items", list.len())),
                advice: format!("write at most {most}"),
            });
        }
    }

    pub(super) fn into_violations(self) -> Vec<Violation> {
        self.violations
    }
}

/// In quotes, without control characters, cropped.
fn show(value: &str) -> String {
    let mut shown: String = value.chars().take(LONGEST_SHOWN).collect();
    if shown.len() < value.len() {
        shown.push('…');
    }
    format!("{shown:?}")
}

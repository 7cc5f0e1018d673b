//! All that is wrong with a command line, said at once and not only the first of it.

use std::fmt;

/// What is wrong so far.
#[derive(Default)]
pub struct Mistakes(Vec<String>);

/// Everything that is wrong with a command line, one sentence each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigError(pub Vec<String>);

// === impl Mistakes ===

impl Mistakes {
    /// Reads a flag's text, or notes what is wrong with it.
    pub fn flag<T, E: fmt::Display>(
        &mut self,
        name: &str,
        text: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(text.trim()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.push(format!("{name} {text:?}: {error}"));
                None
            }
        }
    }

    /// What was read, where nothing is wrong.
    ///
    /// # Errors
    ///
    /// When something is.
    pub fn finish<T>(self, value: impl FnOnce() -> Option<T>) -> Result<T, ConfigError> {
        if self.0.is_empty()
            && let Some(value) = value()
        {
            return Ok(value);
        }
        Err(ConfigError(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Result<u8, &'static str> {
        text.parse().map_err(|_| "write a number")
    }

    #[test]
    fn what_is_right_is_read_without_the_space_around_it() {
        let mut mistakes = Mistakes::default();
        let read = mistakes.flag("--number", " 7 ", number);
        assert_eq!(mistakes.finish(|| read), Ok(7));
    }

    #[test]
    fn every_mistake_is_said_with_its_flag_and_what_was_written() {
        let mut mistakes = Mistakes::default();
        let one = mistakes.flag("--one", "a", number);
        let two = mistakes.flag("--two", "2", number);
        let three = mistakes.flag("--three", "b ", number);
        let error = mistakes.finish(|| Some((one?, two?, three?)));
        assert_eq!(
            error.expect_err("two mistakes").to_string(),
            "--one \"a\": write a number\n--three \"b \": write a number"
        );
    }
}

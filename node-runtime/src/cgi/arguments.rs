//! A request as a guest's arguments.
//!
//! A route writes its arguments down; two words in them are replaced. Query items become arguments
//! only where a route asks for them: unasked, a client could hand options to an interpreter.
//! Nothing is decoded, and nothing passes a shell.

use super::{Block, RequestFacts};

/// Stands for the path of the request as it came: not for the variable `SCRIPT_NAME` (WAGI 0.8.1).
const SCRIPT_NAME: &str = "${SCRIPT_NAME}";

/// Stands for the query's items, each an argument of its own.
const ARGS: &str = "${ARGS}";

/// The arguments of a route, parsed once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgvTemplate {
    arguments: Vec<Argument>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
    /// One argument: what stands around and between the places of the request's path.
    Text(Vec<Box<str>>),
    /// As many arguments as the query has items.
    QueryItems,
}

/// Why a text cannot be an argument, as a sentence that says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The query's items would become a part of one argument.
    #[error(
        "\"{ARGS}\" stands for any number of arguments: write it as an argument of its own, not \
         inside {0:?}"
    )]
    ArgsInside(String),
    /// An argument ends at its first NUL byte.
    #[error("an argument cannot hold a NUL byte")]
    Nul,
}

// === impl ArgvTemplate ===

impl ArgvTemplate {
    /// Parses the arguments of a route. Any other `${…}` is left as it stands.
    ///
    /// # Errors
    ///
    /// What cannot be rendered as its author expects.
    pub fn parse(argv: &[String]) -> Result<Self, Error> {
        let arguments = argv.iter().map(|text| Argument::parse(text));
        Ok(Self {
            arguments: arguments.collect::<Result<_, _>>()?,
        })
    }

    /// Renders the arguments of one request.
    #[must_use]
    pub fn render(&self, facts: &RequestFacts<'_>) -> Block {
        let path = facts.path.raw().as_bytes();
        let query = facts.query.unwrap_or_default();
        let most = self.arguments.iter().map(|argument| match argument {
            Argument::Text(parts) => {
                parts.iter().map(|part| part.len()).sum::<usize>() + parts.len() * path.len() + 1
            }
            Argument::QueryItems => query.len() + 1,
        });
        let mut block = Block::with_capacity(most.sum());
        for argument in &self.arguments {
            match argument {
                Argument::Text(parts) => {
                    for (at, part) in parts.iter().enumerate() {
                        if at > 0 {
                            block.push(path);
                        }
                        block.push(part.as_bytes());
                    }
                    block.end();
                }
                Argument::QueryItems => {
                    for item in query.split('&').filter(|item| !item.is_empty()) {
                        block.push(item.as_bytes());
                        block.end();
                    }
                }
            }
        }
        block
    }
}

impl Default for ArgvTemplate {
    /// The path of the request and nothing else.
    fn default() -> Self {
        Self {
            arguments: vec![Argument::Text(vec!["".into(), "".into()])],
        }
    }
}

impl Argument {
    fn parse(text: &str) -> Result<Self, Error> {
        if text == ARGS {
            return Ok(Self::QueryItems);
        }
        if text.contains(ARGS) {
            return Err(Error::ArgsInside(text.to_owned()));
        }
        if text.contains('\0') {
            return Err(Error::Nul);
        }
        Ok(Self::Text(text.split(SCRIPT_NAME).map(Box::from).collect()))
    }
}

#[cfg(test)]
mod tests;

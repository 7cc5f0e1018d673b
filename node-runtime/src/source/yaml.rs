//! Text of a YAML file → its documents → a tree that knows where everything stands.
//!
//! Documents are told apart before they are parsed, so that a syntax error in one leaves the others
//! readable. A marker at the beginning of a line always is one: YAML 1.2.2 forbids it inside any
//! scalar (section 9.1.2, `c-forbidden`).

use serde_saphyr::Options;

use super::mistake::Position;
use super::node::Node;

/// One document of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// Its text, with the marker that begins it.
    pub(super) text: &'a str,
    /// How many lines of the file stand before it.
    pub(super) lines_before: u64,
}

/// The documents of a file; those without content are left out.
pub(super) fn documents(file: &str) -> Vec<Text<'_>> {
    let mut documents = Vec::new();
    let mut current = Current::default();
    let mut offset = 0;
    for (line_number, line) in (0..).zip(file.split_inclusive('\n')) {
        let end = offset + line.len();
        if is_marker(line, "---") {
            // Directives and comments before a first marker belong to the document that follows.
            if current.has_content || current.has_marker {
                documents.extend(current.text(&file[..offset]));
                current = Current::beginning(offset, line_number);
            }
            current.has_marker = true;
            current.has_content = !is_empty(&line[3..]);
        } else if is_marker(line, "...") {
            documents.extend(current.text(&file[..offset]));
            current = Current::beginning(end, line_number + 1);
        } else {
            let may_be_directive = !current.has_marker && !current.has_content;
            let is_directive = may_be_directive && line.starts_with('%');
            current.has_content |= !is_directive && !is_empty(line);
        }
        offset = end;
    }
    documents.extend(current.text(file));
    documents
}

/// The document that a line belongs to.
#[derive(Default)]
struct Current {
    start: usize,
    lines_before: u64,
    has_marker: bool,
    has_content: bool,
}

// === impl Current ===

impl Current {
    fn beginning(start: usize, lines_before: u64) -> Self {
        Self {
            start,
            lines_before,
            ..Self::default()
        }
    }

    /// The document, if it holds anything, up to the end of what was read.
    fn text<'a>(&self, read: &'a str) -> Option<Text<'a>> {
        self.has_content.then(|| Text {
            text: &read[self.start..],
            lines_before: self.lines_before,
        })
    }
}

/// Parses one document.
pub(super) fn parse(document: &Text<'_>) -> Result<Node, (Position, String)> {
    let parsed: Result<Node, _> = serde_saphyr::from_str_with_options(document.text, options());
    let mut node = parsed.map_err(|error| {
        let error = error.without_snippet();
        let position = error
            .location()
            .map_or(Position { line: 1, column: 1 }, |location| Position {
                line: location.line().max(1),
                column: location.column().max(1),
            });
        (
            shift(position, document.lines_before),
            plain(&error.to_string()),
        )
    })?;
    node.shift(document.lines_before);
    Ok(node)
}

fn shift(position: Position, lines: u64) -> Position {
    Position {
        line: position.line + lines,
        ..position
    }
}

/// The message on one line and without the place, which stands before it already and counts from
/// the document's own beginning.
fn plain(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    let end = first.find(" at line ").unwrap_or(first.len());
    let text = first[..end].trim_end();
    let is_place = |text: &str| text.starts_with("line ") || text.starts_with("error: line ");
    match text.split_once(": ") {
        Some((place, rest)) if is_place(place) => rest.to_owned(),
        _ => text.to_owned(),
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        with_snippet: false,
        // As kubectl reads them: a number stays text only where it would lose digits.
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // A route has a few hundred nodes at most; this leaves room for anchors in a
        // large file and stops a bomb within milliseconds.
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 20_000,
        },
        budget: serde_saphyr::budget! {
            // The tree is read and dropped by recursion.
            max_depth: 64,
        },
    }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
}

fn is_empty(line: &str) -> bool {
    let line = line.trim_start_matches('\u{feff}').trim_start();
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, expected: &[(&str, u64)]) {
        let found: Vec<(&str, u64)> = documents(file)
            .iter()
            .map(|document| (document.text, document.lines_before))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn markers_at_the_beginning_of_a_line_divide_documents() {
        check("a: 1\n", &[("a: 1\n", 0)]);
        check("a: 1\n---\nb: 2\n", &[("a: 1\n", 0), ("---\nb: 2\n", 1)]);
        check(
            "---\na: 1\n--- # second\nb: 2",
            &[("---\na: 1\n", 0), ("--- # second\nb: 2", 2)],
        );
        check(
            "a: 1\n...\n---\nb: 2\n",
            &[("a: 1\n", 0), ("---\nb: 2\n", 2)],
        );
        check("--- a: 1\n", &[("--- a: 1\n", 0)]);
        check("%YAML 1.2\n---\na: 1\n", &[("%YAML 1.2\n---\na: 1\n", 0)]);
        check("a: |\n  ---\n  x\n", &[("a: |\n  ---\n  x\n", 0)]);
        check("a: ----\n----\n", &[("a: ----\n----\n", 0)]);
        check(
            "a: 1\r\n---\r\nb: 2\r\n",
            &[("a: 1\r\n", 0), ("---\r\nb: 2\r\n", 1)],
        );
    }

    #[test]
    fn documents_without_content_are_left_out() {
        check("", &[]);
        check("\n# a comment\n---\n---\n# another\n---\n", &[]);
        check(
            "# a comment\n---\na: 1\n",
            &[("# a comment\n---\na: 1\n", 0)],
        );
        check("\u{feff}", &[]);
    }

    #[test]
    fn a_syntax_error_is_placed_in_the_file() {
        let file = "a: 1\n---\nb: [1,\nc: 2\n";
        let documents = documents(file);
        assert!(parse(&documents[0]).is_ok());
        let (position, text) = parse(&documents[1]).expect_err("an open list");
        assert!(position.line >= 3, "{position:?} {text}");
        assert!(!text.contains("line "), "{text}");
    }

    #[test]
    fn a_duplicate_key_is_placed_at_the_second() {
        let documents = documents("---\na: 1\nb: 2\na: 3\n");
        let (position, text) = parse(&documents[0]).expect_err("twice the same key");
        assert_eq!(position, Position { line: 4, column: 1 }, "{text}");
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut file = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..9 {
            let alias = format!("*a{}", n - 1);
            file.push_str(&format!("a{n}: &a{n} [{}]\n", vec![alias; 10].join(", ")));
        }
        assert!(parse(&documents(&file)[0]).is_err());
    }

    #[test]
    fn deep_nesting_is_refused() {
        let file = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(parse(&documents(&file)[0]).is_err());
    }
}

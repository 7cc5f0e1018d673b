//! Where a program sees folders: absolute paths, none inside another.

use super::Rule;
use super::cel::{literal, matches, shown};
use super::references::longest;

const PLACE: &str = "spec.volumes[].mountPath";

pub(super) fn rules() -> Vec<Rule> {
    let absolute = "write an absolute path, as in /site";
    let mut begins = Rule::plain(PLACE, "self.startsWith('/')".to_owned(), absolute);
    begins.says = format!(
        "(self == '' ? 'missing; ' : {} + ': ') + {}",
        shown("self"),
        literal(absolute)
    );
    vec![
        begins,
        // Parts that are not empty, . or ..; RE2 has no look-ahead, so they are taken away.
        Rule::plain(
            PLACE,
            format!(
                "!self.startsWith('/') || self == '/' || ({} && !{})",
                r"!self.contains('\u0000') && !self.endsWith('/') && !self.contains('//')",
                matches("self", "/[.][.]?(/|$)"),
            ),
            "write it without ., .., doubled slashes and a slash at the end",
        ),
        longest(PLACE, 256, "write at most 256 bytes"),
        apart(),
    ]
}

/// That no folder is inside another. Two of one path are a duplicate of the list.
fn apart() -> Rule {
    let inside = "a.mountPath != b.mountPath && \
                  b.mountPath.startsWith(a.mountPath == '/' ? '/' : a.mountPath + '/')";
    // To find the path and repeat it would cost more than the API server lets a sentence cost.
    let advice = "one mountPath is inside another; write paths that stand beside each other";
    Rule {
        place: "spec.volumes".to_owned(),
        field: None,
        rule: format!("!self.exists(b, self.exists(a, {inside}))"),
        says: literal(advice),
        message: advice,
    }
}

//! `spec.module.image`: what [`crate::module_reference::ModuleReference`] refuses, and files, which a
//! cluster has not.

use super::Rule;
use super::cel::{find, literal, matches, shown};

const PLACE: &str = "spec.module.image";

pub(super) fn rules() -> Vec<Rule> {
    let is_file = "self.startsWith('file:')";
    let has_scheme = "self.contains('://')";
    let looks_like_file = format!(
        "({} || (!self.contains('@') && {}))",
        matches("self", "^[./~]"),
        matches("self", r"[^/]\.(wasm|wat)$"),
    );
    let is_image = format!("self != '' && !{is_file} && !{has_scheme} && !{looks_like_file}");
    // REGISTRY/REPOSITORY:TAG, then the three; a colon after the last slash begins the tag.
    let name = find("self", "^[^@]*");
    let tag = format!(
        "self.find(r'^[^@]*').find(r'[^/]*$').{}",
        "find(r':(?s:.*)$')"
    );
    let untagged = format!("{name}.substring(0, {name}.size() - {tag}.size())");
    let registry = find(&untagged, r"^([^/]*[.:][^/]*|localhost)/");
    let repository = format!("{untagged}.substring({registry}.size())");
    let invalid = |part: &str, text: &str| {
        format!(
            "'the {part} ' + {} + ' is not valid; write an image as in registry.example/shop/hello:1.2'",
            shown(text),
        )
    };
    let mut empty = Rule::plain(
        PLACE,
        "self != ''".to_owned(),
        "missing; write where the module is, as in registry.example/shop/hello:1.2",
    );
    empty.says = literal(empty.message);
    vec![
        empty,
        Rule::new(
            PLACE,
            format!("!{is_file}"),
            "'a cluster has no such file; push it: wagi push ' + (self.size() > 5 ? self.substring(5) : 'FILE') + \
             ' REF'",
            "a cluster has no such file; push it: wagi push FILE REF",
        ),
        Rule::new(
            PLACE,
            format!("self == '' || {is_file} || {has_scheme} || !{looks_like_file}"),
            "'looks like a file; push it: wagi push ' + self + ' REF'",
            "looks like a file; push it: wagi push FILE REF",
        ),
        Rule::new(
            PLACE,
            format!("{is_file} || !{has_scheme}"),
            "'write it without ' + self.substring(0, self.indexOf('://') + 3)",
            "write it without a scheme",
        ),
        Rule::new(
            PLACE,
            format!(
                "!({is_image}) || !self.contains('@') || {}",
                matches("self", "^[^@]*@sha256:[0-9a-f]{64}$"),
            ),
            &invalid("digest", "self.substring(self.indexOf('@') + 1)"),
            "the digest is not valid; write sha256: and 64 hexadecimal digits",
        ),
        Rule::new(
            PLACE,
            format!(
                "!({is_image}) || {}",
                matches(&tag, "^(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$"),
            ),
            &invalid("tag", &format!("{tag}.substring(1)")),
            "the tag is not valid; write at most 128 letters, digits and _, . or -",
        ),
        Rule::new(
            PLACE,
            format!(
                "!({is_image}) || {registry} == '' || {}",
                matches(&registry, REGISTRY)
            ),
            &invalid("registry", &format!("{registry}.replace('/', '')")),
            "the registry is not valid; write its host, and its port if it has one",
        ),
        Rule::new(
            PLACE,
            format!("!({is_image}) || {}", matches(&repository, REPOSITORY)),
            &invalid(
                "repository",
                &format!(
                    "({registry} == '' && !{repository}.contains('/') ? 'library/' + {repository} : {repository})"
                ),
            ),
            "the repository is not valid; write lower-case letters, digits and, inside, ., _ or -",
        ),
    ]
}

/// Labels, then a port of at most 65535.
const REGISTRY: &str = "^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?([.][A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*\
                        (:0*([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?/$";
/// OCI distribution specification, "Pulling manifests".
const REPOSITORY: &str =
    "^[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*)*$";

use http::{HeaderMap, Method, Version};

use super::*;
use crate::{
    cgi::{ContentLength, Scheme},
    routing::RequestPath,
};

fn parse(argv: &[&str]) -> Result<ArgvTemplate, Error> {
    let argv: Vec<_> = argv.iter().map(|&argument| argument.to_owned()).collect();
    ArgvTemplate::parse(&argv)
}

#[track_caller]
fn check(template: &ArgvTemplate, target: &str, expected: &[&str]) {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let facts = RequestFacts {
        method: &Method::GET,
        scheme: Scheme::Http,
        authority: None,
        path: &RequestPath::parse(path).expect("a path"),
        query,
        version: Version::HTTP_11,
        headers: &HeaderMap::new(),
        server_name: "shop.example",
        server_port: 80,
        peer: [192, 0, 2, 7].into(),
        request_id: "id-1",
        pattern: &"/...".parse().expect("a pattern"),
        content_length: ContentLength::None,
    };
    let block = template.render(&facts);
    let rendered: Vec<_> = block.iter().map(String::from_utf8_lossy).collect();
    assert_eq!(rendered, expected, "{target}");
    assert_eq!(block.count, expected.len());
    assert!(block.bytes.is_empty() || block.bytes.ends_with(&[0]));
}

#[test]
fn by_default_the_path_is_the_only_argument() {
    assert_eq!(parse(&["${SCRIPT_NAME}"]), Ok(ArgvTemplate::default()));
    check(&ArgvTemplate::default(), "/hello", &["/hello"]);
    check(&ArgvTemplate::default(), "/a%20b/?-d&x", &["/a%20b/"]);
}

#[test]
fn query_items_are_arguments_where_a_route_asks_for_them() {
    #[rustfmt::skip]
    let table: [(&[&str], &str, &[&str]); 9] = [
        (&["${SCRIPT_NAME}", "${ARGS}"],      "/a?x=1&y&z=%20", &["/a", "x=1", "y", "z=%20"]),
        (&["${SCRIPT_NAME}", "${ARGS}"],      "/a",             &["/a"]),
        (&["${SCRIPT_NAME}", "${ARGS}"],      "/a?",            &["/a"]),
        (&["${SCRIPT_NAME}", "${ARGS}"],      "/a?&x&&y&",      &["/a", "x", "y"]),
        (&["${ARGS}", "--", "${ARGS}"],       "/a?x&y",         &["x", "y", "--", "x", "y"]),
        (&["php", "-f=${SCRIPT_NAME}!${SCRIPT_NAME}"], "/a?x",  &["php", "-f=/a!/a"]),
        (&["sh", "-c", "echo ${HOME} $ARGS"], "/a?x",           &["sh", "-c", "echo ${HOME} $ARGS"]),
        (&["", "a b"],                        "/a",             &["", "a b"]),
        (&[],                                 "/a?x",           &[]),
    ];
    for (argv, target, expected) in table {
        check(&parse(argv).expect("a template"), target, expected);
    }
}

#[test]
fn what_cannot_be_rendered_as_it_reads_is_refused_with_a_sentence() {
    let sentence = |argv: &[&str]| parse(argv).map_err(|error| error.to_string());
    assert_eq!(
        sentence(&["a", "--items=${ARGS}"]),
        Err(
            "\"${ARGS}\" stands for any number of arguments: write it as an argument of its own, \
             not inside \"--items=${ARGS}\""
                .to_owned()
        )
    );
    assert_eq!(
        sentence(&["a\0b"]),
        Err("an argument cannot hold a NUL byte".to_owned())
    );
}

//! The plainest answers.

use tests::client::BodyEnd;
use tests::guests;
use tests::node::Node;

#[test]
fn hello_is_answered_with_its_length() {
    let node = Node::with(&[guests::hello]);
    let response = node.get("/hello");
    assert_eq!(response.head.status, 200);
    assert_eq!(response.head.header("content-length"), Some("6"));
    assert_eq!(response.head.header("content-type"), Some("text/plain"));
    assert_eq!(
        (response.text().as_str(), response.end),
        ("hello\n", BodyEnd::Complete)
    );
    assert_eq!(node.get("/nothing").head.status, 404);
}

//! What every long-running program of ours needs around its story.
//!
//! [`mistakes`] says all that is wrong with a command line, [`effective`] what it came to, and
//! [`admin`] shows the process to whoever is paged for it. What is shown a program gives as answers
//! to questions, so that nothing here knows Kubernetes, WebAssembly or what a program is there for.

pub mod admin;
pub mod effective;
pub mod mistakes;

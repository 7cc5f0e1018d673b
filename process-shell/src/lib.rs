//! What every long-running program of ours needs around its story.
//!
//! [`admin`] shows the process to whoever is paged for it. What is shown a program gives as answers
//! to questions, so that nothing here knows Kubernetes, WebAssembly or what a program is there for.

pub mod admin;

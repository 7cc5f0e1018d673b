//! Whole programs in one process, over real sockets. One binary: each more is linked again.

mod accept;
mod admin;
mod answers;
mod cli;
mod early_answers;
mod endings;
mod environment;
mod examples;
mod files;
mod fuzz;
mod generated;
mod guests;
mod hang_up;
mod hostile;
mod images;
mod isolation;
mod limits;
mod modules;
mod proxies;
mod push;
mod registry;
mod repo;
mod shutdown;
mod store;
mod streaming;
mod swap;

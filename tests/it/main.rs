//! Whole programs in one process, over real sockets. One binary: each more is linked again.

mod accept;
mod answers;
mod early_answers;
mod endings;
mod environment;
mod files;
mod guests;
mod hang_up;
mod isolation;
mod limits;
mod repo;
mod streaming;

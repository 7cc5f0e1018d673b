//! Whole programs in one process, over real sockets. One binary: each more is linked again.

mod answers;
mod early_answers;
mod endings;
mod hang_up;
mod isolation;
mod limits;
mod streaming;

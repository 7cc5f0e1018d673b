//! Whole programs in one process, over real sockets. One binary: each more is linked again.

mod answers;
mod endings;
mod hang_up;
mod streaming;

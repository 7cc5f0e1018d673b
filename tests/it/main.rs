//! Whole programs in one process, over real sockets. One binary: each more is linked again.

mod answers;
mod hang_up;
mod streaming;

//! What became of a request, as one word for log and metrics.
//!
//! Most words are those of how its guest ended; the others are of requests that no guest answered,
//! or whose client was not there any more. The list is closed, so that series are bounded.

use crate::guest::{Ending, Stop};

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// Its guest came to its own end, and the client took all of the answer.
    Completed,
    /// Its guest exited with a code other than 0.
    ExitCode,
    /// Its guest broke a rule of WebAssembly.
    Trap,
    /// Its guest failed for want of memory, by its route's limit.
    Memory,
    /// Its guest failed for want of memory, because all guests together held too much.
    NodeMemory,
    /// Our own code failed.
    HostFault,
    /// Its client left before the answer was whole.
    ClientGone,
    /// Its client took nothing, or sent nothing, for too long.
    ClientStalled,
    /// Its guest printed no blank line in time.
    HeadTimeout,
    /// Its guest wrote nothing for too long.
    IdleTimeout,
    /// Its guest ran for too long.
    TotalTimeout,
    /// Its guest computed for too long.
    CpuTime,
    /// Its body is larger than the route allows.
    RequestBody,
    /// Its guest's head is larger than the route allows, or cannot be sent.
    ResponseHead,
    /// Its guest printed more than its own `Content-Length`.
    ContentLength,
    /// Its guest printed less than its own `Content-Length`.
    ShortBody,
    /// The program shut down.
    Shutdown,
    /// Its guest ended within its head.
    NoBlankLine,
    /// Its guest's head has none of Content-Type, Status and Location.
    NoRequiredField,
    /// It breaks a rule of HTTP, or asks for what is not offered.
    BadRequest,
    /// No route answers it.
    NotFound,
    /// Its route has no module yet.
    NotLoaded,
    /// Its route is told to answer nothing.
    Suspended,
    /// As many waited as may run.
    QueueFull,
    /// It waited as long as it may.
    QueueTimeout,
    /// The engine had no slot; a bug of ours.
    NoSlot,
}

// === impl Outcome ===

impl Outcome {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 26] = [
        Self::Completed,
        Self::ExitCode,
        Self::Trap,
        Self::Memory,
        Self::NodeMemory,
        Self::HostFault,
        Self::ClientGone,
        Self::ClientStalled,
        Self::HeadTimeout,
        Self::IdleTimeout,
        Self::TotalTimeout,
        Self::CpuTime,
        Self::RequestBody,
        Self::ResponseHead,
        Self::ContentLength,
        Self::ShortBody,
        Self::Shutdown,
        Self::NoBlankLine,
        Self::NoRequiredField,
        Self::BadRequest,
        Self::NotFound,
        Self::NotLoaded,
        Self::Suspended,
        Self::QueueFull,
        Self::QueueTimeout,
        Self::NoSlot,
    ];

    /// That of a request whose guest ended so, if its client was there to the end.
    #[must_use]
    pub const fn of(ending: &Ending) -> Self {
        match ending {
            Ending::Exited(0) => Self::Completed,
            Ending::Exited(_) => Self::ExitCode,
            Ending::Trapped(_) => Self::Trap,
            Ending::OutOfMemory => Self::Memory,
            Ending::OutOfNodeMemory => Self::NodeMemory,
            Ending::HostFault(_) => Self::HostFault,
            Ending::Stopped(stop) => Self::of_stop(*stop),
        }
    }

    const fn of_stop(stop: Stop) -> Self {
        match stop {
            Stop::ClientGone => Self::ClientGone,
            Stop::ClientStalled => Self::ClientStalled,
            Stop::HeadTimeout => Self::HeadTimeout,
            Stop::IdleTimeout => Self::IdleTimeout,
            Stop::TotalTimeout => Self::TotalTimeout,
            Stop::CpuTime => Self::CpuTime,
            Stop::RequestBody => Self::RequestBody,
            Stop::ResponseHead => Self::ResponseHead,
            Stop::ContentLength => Self::ContentLength,
            Stop::Shutdown => Self::Shutdown,
        }
    }

    /// The outcome of this number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    /// The word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Completed => Ending::Exited(0).reason(),
            Self::ExitCode => Ending::Exited(1).reason(),
            Self::Trap => "trap",
            Self::Memory => Ending::OutOfMemory.reason(),
            Self::NodeMemory => Ending::OutOfNodeMemory.reason(),
            Self::HostFault => "host_fault",
            Self::ClientGone => Stop::ClientGone.reason(),
            Self::ClientStalled => Stop::ClientStalled.reason(),
            Self::HeadTimeout => Stop::HeadTimeout.reason(),
            Self::IdleTimeout => Stop::IdleTimeout.reason(),
            Self::TotalTimeout => Stop::TotalTimeout.reason(),
            Self::CpuTime => Stop::CpuTime.reason(),
            Self::RequestBody => Stop::RequestBody.reason(),
            Self::ResponseHead => Stop::ResponseHead.reason(),
            Self::ContentLength => Stop::ContentLength.reason(),
            Self::ShortBody => "short_body",
            Self::Shutdown => Stop::Shutdown.reason(),
            Self::NoBlankLine => "no_blank_line",
            Self::NoRequiredField => "no_required_field",
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::NotLoaded => "not_loaded",
            Self::Suspended => "suspended",
            Self::QueueFull => "queue_full",
            Self::QueueTimeout => "queue_timeout",
            Self::NoSlot => "no_slot",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_outcome_has_a_number_and_a_word_of_its_own() {
        for (number, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, number);
            let code = u8::try_from(number).expect("a small number");
            assert_eq!(Outcome::from_code(code), Some(outcome));
        }
        let words: HashSet<_> = Outcome::ALL.map(Outcome::word).into_iter().collect();
        assert_eq!(words.len(), Outcome::ALL.len());
    }

    #[test]
    fn the_words_are_those_of_endings() {
        let endings = [
            Ending::Exited(0),
            Ending::Exited(3),
            Ending::Trapped(String::new()),
            Ending::OutOfMemory,
            Ending::OutOfNodeMemory,
            Ending::HostFault(String::new()),
        ];
        let stops = Stop::ALL.map(Ending::Stopped);
        for ending in endings.into_iter().chain(stops) {
            assert_eq!(Outcome::of(&ending).word(), ending.reason());
        }
    }
}

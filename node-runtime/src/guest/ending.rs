//! How an invocation ended, as data.

use std::fmt;

/// What became of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It returned or called `proc_exit`; 0 is success.
    Exited(i32),
    /// It broke a rule of WebAssembly; the text is for the log.
    Trapped(String),
    /// It failed after its memory was refused by the route's limit.
    OutOfMemory,
    /// It failed after its memory was refused because all guests together hold too much.
    OutOfNodeMemory,
    /// It was ended from outside.
    Stopped(Stop),
    /// Our own code failed; the text is for the log.
    HostFault(String),
}

/// Why a guest was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// Its client left.
    ClientGone = 1,
    /// Its client took nothing, or sent nothing, for too long.
    ClientStalled,
    /// It printed no blank line in time.
    HeadTimeout,
    /// It wrote nothing for too long.
    IdleTimeout,
    /// It ran for too long.
    TotalTimeout,
    /// It computed for too long.
    CpuTime,
    /// Its request's body is larger than the route allows.
    RequestBody,
    /// Its head is larger than the route allows, or cannot be sent.
    ResponseHead,
    /// It wrote all that its own `Content-Length` promised, and went on.
    ContentLength,
    /// The program shuts down.
    Shutdown,
}

// === impl Ending ===

impl Ending {
    /// Whether all that the guest had to say was said.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        matches!(self, Self::Exited(_) | Self::Stopped(Stop::ContentLength))
    }

    /// The word for log and metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Exited(0) => "completed",
            Self::Exited(_) => "exit_code",
            Self::Trapped(_) => "trap",
            Self::OutOfMemory => "memory",
            Self::OutOfNodeMemory => "node_memory",
            Self::Stopped(stop) => stop.reason(),
            Self::HostFault(_) => "host_fault",
        }
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(formatter, "exit code {code}"),
            Self::Trapped(text) | Self::HostFault(text) => formatter.write_str(text),
            other => formatter.write_str(other.reason()),
        }
    }
}

// === impl Stop ===

impl Stop {
    /// All of them.
    pub(crate) const ALL: [Self; 10] = [
        Self::ClientGone,
        Self::ClientStalled,
        Self::HeadTimeout,
        Self::IdleTimeout,
        Self::TotalTimeout,
        Self::CpuTime,
        Self::RequestBody,
        Self::ResponseHead,
        Self::ContentLength,
        Self::Shutdown,
    ];

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|stop| *stop as u8 == code)
    }

    /// The word for log and metrics.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::ClientGone => "client_gone",
            Self::ClientStalled => "client_stalled",
            Self::HeadTimeout => "head_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::TotalTimeout => "total_timeout",
            Self::CpuTime => "cpu_time",
            Self::RequestBody => "request_body",
            Self::ResponseHead => "response_head",
            Self::ContentLength => "content_length",
            Self::Shutdown => "shutdown",
        }
    }
}

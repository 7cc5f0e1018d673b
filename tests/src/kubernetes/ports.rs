//! Loopback ports for programs that cannot be told to take a free one.
//!
//! They lie below those that the kernel gives away, so that nobody gets one in the moments between two
//! starts of a program. Among clusters of this machine a name of the kernel's decides: it goes with its
//! process.

use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as Name, UnixListener};

const FIRST: u32 = 20_000;
const COUNT: u32 = 10_000;

/// A port that no other cluster has.
pub(super) struct Port {
    number: u16,
    _claim: UnixListener,
}

// === impl Port ===

impl Port {
    /// # Panics
    ///
    /// When all are taken.
    pub(super) fn claim() -> Self {
        // Processes begin at different places, so that they seldom ask for the same.
        let start = std::process::id().wrapping_mul(61);
        let numbers = (0..COUNT).map(|n| FIRST + start.wrapping_add(n) % COUNT);
        let mut ports = numbers.filter_map(|number| Self::try_claim(u16::try_from(number).ok()?));
        ports.next().expect("one of 10,000 ports is free")
    }

    /// This one, or any other when it is taken.
    pub(super) fn prefer(number: u16) -> Self {
        Self::try_claim(number).unwrap_or_else(Self::claim)
    }

    /// Where a program with it listens.
    pub(super) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.number).into()
    }

    pub(super) const fn number(&self) -> u16 {
        self.number
    }

    fn try_claim(number: u16) -> Option<Self> {
        let name = format!("kube-wagi-port-{number}");
        let name = Name::from_abstract_name(name).ok()?;
        let claim = UnixListener::bind_addr(&name).ok()?;
        // Another program may have it.
        TcpListener::bind(("127.0.0.1", number)).ok()?;
        Some(Self {
            number,
            _claim: claim,
        })
    }
}

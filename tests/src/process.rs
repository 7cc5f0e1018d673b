//! Processes as the kernel shows them, for what nobody tells.

use std::fs;
use std::time::{Duration, Instant};

use node_runtime::compile::COMMAND;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::PATIENCE;

/// Waits for what the kernel tells nobody.
///
/// # Panics
///
/// When it does not come.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} does not come");
        std::thread::yield_now();
    }
}

/// Waits for the end of a process that may be nobody's child here.
///
/// # Panics
///
/// When it runs on.
pub fn wait_for_end(pid: Pid, patience: Duration) {
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return,
        Err(error) => panic!("{error}"),
    };
    let patience = Timespec {
        tv_sec: patience.as_secs().cast_signed(),
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(&process, PollFlags::IN)];
    assert_eq!(poll(&mut fds, Some(&patience)), Ok(1), "it runs on");
}

/// The children of a process, whichever thread started them.
#[must_use]
pub fn children(of: u32) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{of}/task")) else {
        return Vec::new();
    };
    let lists =
        threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<i32>>()
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// The compilers that a process started, also when it is gone: they are told its id.
///
/// # Panics
///
/// When the kernel does not show processes.
#[must_use]
pub fn compilers(of: u32) -> Vec<Pid> {
    let of = of.to_string();
    let processes = fs::read_dir("/proc").expect("the kernel shows processes");
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let is_one = |pid: &i32| {
        // One that has ended has no command line, though somebody may still have to reap it.
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.get(1) == Some(&COMMAND.as_bytes()) && words[2..].contains(&of.as_bytes())
    };
    pids.filter(is_one).filter_map(Pid::from_raw).collect()
}

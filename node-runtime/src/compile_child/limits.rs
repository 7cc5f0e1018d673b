//! What a process that compiles may take.

use std::io;

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, nice, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::set_no_new_privs;

/// Serving goes first.
const NICENESS: i32 = 10;
/// Seconds after the signal that says so until the kernel ends it.
const GRACE: u64 = 2;

/// Bounds this process for ever, and ties its life to its parent's.
pub(super) fn arm(memory_bytes: u64, cpu_seconds: u64, parent: u32) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have gone before that: then somebody else is the parent now.
    let is_there = getppid().map(Pid::as_raw_pid) == i32::try_from(parent).ok();
    if !is_there {
        return Err(io::Error::other("the process that waits is gone"));
    }
    limit(Resource::As, memory_bytes, memory_bytes)?;
    limit(
        Resource::Cpu,
        cpu_seconds,
        cpu_seconds.saturating_add(GRACE),
    )?;
    // What a module made of this process is of no use to anybody.
    limit(Resource::Core, 0, 0)?;
    set_no_new_privs(true)?;
    // Threads that are started later inherit it.
    nice(NICENESS)?;
    Ok(())
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, current: u64, maximum: u64) -> io::Result<()> {
    let before = rustix::process::getrlimit(resource).maximum;
    let most = before.unwrap_or(u64::MAX);
    Ok(setrlimit(
        resource,
        Rlimit {
            current: Some(current.min(most)),
            maximum: Some(maximum.min(most)),
        },
    )?)
}

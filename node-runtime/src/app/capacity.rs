//! What this machine, or this container, has to give.
//!
//! Every bound that is lower than what was asked for is said once, with its reason.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Memory mappings of one suspended guest, counted; a little more than the five measured.
const MAPS_PER_GUEST: u64 = 6;
/// Files that the process needs besides connections: its own, and one for each module that is
/// mapped.
const OTHER_FILES: u64 = 600;
/// Where cgroup version 2 and version 1 keep a container's limit.
const MEMORY_LIMITS: [&str; 2] = [
    "/sys/fs/cgroup/memory.max",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes",
];

/// Memory that the process may use, in bytes: the container's limit, or the machine's.
#[must_use]
pub fn memory_bytes() -> u64 {
    let machine = machine_memory().unwrap_or(u64::MAX);
    MEMORY_LIMITS
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok()?.trim().parse().ok())
        .fold(machine, u64::min)
}

fn machine_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// How many guests there can be at once, at most `asked`.
#[must_use]
pub fn guests(asked: usize) -> usize {
    let Some(maps) = read_number("/proc/sys/vm/max_map_count") else {
        return asked;
    };
    let most = usize::try_from(maps / MAPS_PER_GUEST).unwrap_or(usize::MAX);
    if most < asked {
        tracing::warn!("--max-requests is {most}, not {asked}: vm.max_map_count is {maps}");
    }
    asked.min(most)
}

/// How many connections there can be at once, at most `asked`; raises the limit of open files.
#[must_use]
pub fn connections(asked: usize) -> usize {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limits.maximum,
        maximum: limits.maximum,
    };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    };
    let Some(files) = files else { return asked };
    let most = usize::try_from(files.saturating_sub(OTHER_FILES)).unwrap_or(usize::MAX);
    if most < asked {
        tracing::warn!("--max-connections is {most}, not {asked}: {files} files may be open");
    }
    asked.min(most.max(1))
}

/// Cores that the process may use; the kernel's and the container's limits count.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn read_number(path: impl AsRef<Path>) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_memory_cores_and_room_for_a_guest() {
        assert!(memory_bytes() > 1 << 20);
        assert!(cores() >= 1);
        assert_eq!(guests(1), 1);
        assert_eq!(connections(1), 1);
    }
}

//! The compile child itself, by the real binary.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, PipeWriter, Write, pipe};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use node_runtime::compile::{self, CompileConfig, CompileError};
use node_runtime::guest::{Engine, EngineConfig, Program};
use rustix::process::{Pid, Signal, kill_process};
use tests::{PATIENCE, process, wagi};
use tokio::runtime::Runtime;

fn file_of(module: &str) -> File {
    let mut file = compile::memory_file().expect("a memory file");
    file.write_all(module.as_bytes()).expect("memory");
    file
}

fn compile(config: &CompileConfig, module: &str) -> Result<File, CompileError> {
    let code = compile::memory_file().expect("a memory file");
    let output = code.try_clone().expect("a descriptor");
    let tokio = Runtime::new().expect("a tokio runtime");
    tokio
        .block_on(compile::compile(config, file_of(module), output))
        .map(|()| code)
}

/// A child that reads a module which does not end until `more` is closed.
struct Held {
    pid: Pid,
    more: PipeWriter,
    compiling: tokio::task::JoinHandle<Result<(), CompileError>>,
    tokio: Runtime,
}

impl Held {
    fn new(config: CompileConfig) -> Self {
        let (module, mut more) = pipe().expect("a pipe");
        let name = fs::read_link(format!("/proc/self/fd/{}", raw(&module))).expect("a descriptor");
        let tokio = Runtime::new().expect("a tokio runtime");
        let module = File::from(OwnedFd::from(module));
        let code = compile::memory_file().expect("a memory file");
        let compiling = tokio.spawn(async move { compile::compile(&config, module, code).await });
        // More than a pipe holds: when all is written, the child has read some of it.
        more.write_all(&[b' '; 256 << 10]).expect("the child reads");
        let has_it = |pid: &i32| {
            *pid != std::process::id().cast_signed()
                && fs::read_link(format!("/proc/{pid}/fd/0")).is_ok_and(|link| link == name)
        };
        let pid = processes().find(has_it).and_then(Pid::from_raw);
        Self {
            pid: pid.expect("the child has the pipe as stdin"),
            more,
            compiling,
            tokio,
        }
    }

    /// What the kernel shows of the child.
    fn look(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.pid.as_raw_pid());
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

fn raw(fd: &impl AsFd) -> i32 {
    std::os::fd::AsRawFd::as_raw_fd(&fd.as_fd())
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").expect("proc is mounted");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Whether a descriptor is one that whoever started the tests left open for everybody; what is
/// opened in this process is not.
fn is_inherited(name: &OsStr) -> bool {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let info = fs::read_to_string(Path::new("/proc/self/fdinfo").join(name));
    let info = info.unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
    let is_standard = ["0", "1", "2"].iter().any(|standard| name == *standard);
    !is_standard && flags.is_some_and(|flags| flags & CLOSE_ON_EXEC == 0)
}

fn is_reaped(pid: Pid) -> bool {
    !fs::exists(format!("/proc/{}", pid.as_raw_pid())).expect("proc is mounted")
}

#[test]
fn a_module_that_compiles_for_ever_is_ended_in_time() {
    let config = CompileConfig {
        timeout: Duration::from_millis(500),
        ..wagi::compile_config()
    };
    let error = compile(&config, &super::endless()).expect_err("it takes a minute");
    assert_eq!(
        error.to_string(),
        "the module does not compile within 0.5 s; --compile-timeout raises the limit"
    );
    assert!(error.may_pass());
}

#[test]
fn a_child_ends_itself_when_it_used_its_cpu_time() {
    let parent = std::process::id().to_string();
    let memory = (2_u64 << 30).to_string();
    let output = wagi::command(&[compile::COMMAND, &memory, "1", &parent, "false"])
        .stdin(file_of(&super::endless()))
        .stdout(compile::memory_file().expect("a memory file"))
        .stderr(Stdio::piped())
        .output()
        .expect("wagi runs");
    assert_eq!(
        output.status.signal(),
        Some(Signal::XCPU.as_raw()),
        "{output:?}"
    );
}

#[test]
fn a_module_that_eats_the_compilers_memory_is_ended_at_the_limit() {
    let config = CompileConfig {
        memory_bytes: 256 << 20,
        ..wagi::compile_config()
    };
    let error = compile(&config, &super::greedy()).expect_err("it needs gigabytes");
    assert_eq!(
        error.to_string(),
        "the module does not compile within 256 MiB of memory; --compile-memory raises the limit"
    );
}

#[test]
fn whatever_the_limit_a_lack_of_memory_is_called_one() {
    // From too little to begin with to nearly enough.
    for mebibytes in [16, 32, 48, 64, 80, 96, 128, 192] {
        let config = CompileConfig {
            memory_bytes: mebibytes << 20,
            ..wagi::compile_config()
        };
        match compile(&config, &super::tangle(1_000, 200)) {
            Err(CompileError::Memory { .. }) => {}
            other => panic!("with {mebibytes} MiB: {other:?}"),
        }
    }
}

#[test]
fn a_small_module_compiles_in_the_least_memory_that_may_be_set() {
    let config = CompileConfig {
        memory_bytes: 64 << 20,
        ..wagi::compile_config()
    };
    for guest in tests::guests::ALL {
        match compile(&config, guest.wat) {
            Ok(_) | Err(CompileError::Refused(_)) => {}
            Err(other) => panic!("{}: {other}", guest.name),
        }
    }
}

#[test]
fn a_hundred_thousand_functions_compile() {
    let engine = Engine::new(EngineConfig {
        max_guests: 1,
        guest_memory_bytes: 1 << 20,
        wasm_exceptions: false,
        reset: node_runtime::guest::Reset::default(),
    });
    let config = CompileConfig {
        timeout: 10 * PATIENCE,
        ..wagi::compile_config()
    };
    let code = compile(&config, &super::many_functions()).expect("code");
    let program = Program::map(&engine.expect("an engine"), &code).expect("a program");
    assert!(program.entry("_start").is_ok());
}

#[test]
fn a_table_of_ten_million_is_refused_in_a_sentence() {
    let error = compile(&wagi::compile_config(), super::BIG_TABLE).expect_err("too large");
    assert_eq!(
        error.to_string(),
        "the module has 10000000 elements in one table; a guest may have 100000"
    );
    assert!(!error.may_pass());
}

#[test]
fn a_child_that_is_killed_is_told_apart() {
    let held = Held::new(wagi::compile_config());
    kill_process(held.pid, Signal::KILL).expect("it runs");
    let ended = held.tokio.block_on(held.compiling).expect("no panic");
    assert!(
        matches!(ended, Err(CompileError::Killed { signal: 9 })),
        "{ended:?}"
    );
    assert!(is_reaped(held.pid));
}

#[test]
fn a_child_has_three_files_no_environment_and_its_limits() {
    let _listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let held = Held::new(CompileConfig {
        memory_bytes: 512 << 20,
        timeout: PATIENCE,
        ..wagi::compile_config()
    });
    let folder = format!("/proc/{}/fd", held.pid.as_raw_pid());
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("it runs")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    files.retain(|name| !is_inherited(name));
    files.sort();
    assert_eq!(files, ["0", "1", "2"]);
    let environment = held.look("environ");
    let names: Vec<_> = environment
        .split_terminator('\0')
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["MALLOC_ARENA_MAX", "RAYON_NUM_THREADS"]);
    let limits = held.look("limits");
    let limits: BTreeMap<_, _> = limits
        .lines()
        .map(|line| line.split_at(26))
        .map(|(name, rest)| (name.trim(), rest.split_whitespace().collect::<Vec<_>>()))
        .collect();
    assert_eq!(limits["Max address space"][..2], ["536870912", "536870912"]);
    assert_eq!(limits["Max cpu time"][..2], ["60", "62"]);
    assert_eq!(limits["Max core file size"][..2], ["0", "0"]);
    let status = held.look("status");
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    // The 17th field after the name: nice.
    let stat = held.look("stat");
    let (_, stat) = stat.rsplit_once(") ").expect("a name in brackets");
    let own = rustix::process::getpriority_process(None).expect("a priority");
    let nice = stat.split(' ').nth(16).expect("a field");
    assert_eq!(nice, (own + 10).min(19).to_string());
}

#[test]
fn nothing_is_left_of_a_compile_that_nobody_waits_for() {
    let held = Held::new(wagi::compile_config());
    held.compiling.abort();
    let mut more = held.more;
    // Until nobody has the other end.
    let error = loop {
        if let Err(error) = more.write_all(&[b' '; 64 << 10]) {
            break error;
        }
    };
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    process::wait_until("the child's end", || is_reaped(held.pid));
}

#[test]
fn a_child_goes_with_its_parent() {
    let folder = tempfile::tempdir().expect("a folder");
    let module = folder.path().join("endless.wat");
    fs::write(&module, super::endless()).expect("a module");
    let module = module.display().to_string();
    let mut check = wagi::command(&["check", &module])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("wagi runs");
    let children = || process::children(check.id());
    process::wait_until("a child", || !children().is_empty());
    let child = children()[0];
    check.kill().expect("it runs");
    check.wait().expect("it was started");
    process::wait_for_end(child, PATIENCE);
}

#[test]
fn a_child_without_its_parent_does_not_begin() {
    let output = wagi::command(&[compile::COMMAND, "1000000000", "1", "1", "false"])
        .output()
        .expect("wagi runs");
    assert_eq!(output.status.code(), Some(compile::Exit::Io as i32));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text, "the process that waits is gone\n");
}

#[test]
fn a_full_disk_is_told_apart() {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let tokio = Runtime::new().expect("a tokio runtime");
    let module = file_of("(module)");
    let ended = tokio.block_on(compile::compile(&wagi::compile_config(), module, full));
    let error = ended.expect_err("no room");
    assert!(error.is_disk_full(), "{error}");
}

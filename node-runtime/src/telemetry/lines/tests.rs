use std::sync::mpsc;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);

/// Writes into a channel, after each write was allowed.
struct Out {
    allowed: mpsc::Receiver<()>,
    written: mpsc::Sender<Vec<u8>>,
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // Nobody is left to allow it at the end of a test.
        let _ = self.allowed.recv();
        let _ = self.written.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn stalled() -> (Lines, mpsc::Sender<()>, mpsc::Receiver<Vec<u8>>) {
    let (allow, allowed) = mpsc::channel();
    let (written, writes) = mpsc::channel();
    let lines = Lines::new(Out { allowed, written }, LogFormat::Json);
    (lines, allow, writes)
}

#[test]
fn lines_come_out_whole_and_in_order() {
    let (lines, allow, writes) = stalled();
    drop(allow);
    for number in 0..10_000 {
        let kind = [Kind::Access, Kind::Log][number % 2];
        lines.push(kind, format!("line {number}\n").as_bytes());
    }
    assert!(lines.flush(PATIENCE));
    drop(lines);
    let text: Vec<u8> = writes.iter().flatten().collect();
    let expected: String = (0..10_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    assert_eq!(String::from_utf8_lossy(&text), expected);
}

#[test]
fn a_reader_that_stalls_holds_up_nobody_and_hears_what_it_missed() {
    let (lines, allow, writes) = stalled();
    let line = [b'x'; 1023];
    let mut line = line.to_vec();
    line.push(b'\n');
    for _ in 0..5_000 {
        lines.push(Kind::Access, &line);
    }
    let dropped = lines.dropped();
    assert!(dropped >= 5_000 - 2 * 1024, "{dropped} dropped");
    // What is said of trouble finds room all the same.
    lines.push(Kind::Log, b"trouble\n");
    assert_eq!(lines.dropped(), dropped);
    assert!(!lines.flush(Duration::ZERO));
    drop(allow);
    assert!(lines.flush(PATIENCE));
    drop(lines);
    let text: Vec<u8> = writes.iter().flatten().collect();
    let text = String::from_utf8_lossy(&text);
    let is_notice = |line: &&str| line.contains("were dropped");
    let said: u64 = text.lines().filter(is_notice).map(number).sum();
    assert_eq!(said, dropped);
    assert!(text.contains("\ntrouble\n"));
    let kept = text.lines().filter(|line| line.starts_with('x')).count();
    assert_eq!(kept as u64 + dropped, 5_000);
}

fn number(line: &str) -> u64 {
    let value: serde_json::Value = serde_json::from_str(line).expect("the notice is JSON");
    value["dropped"].as_u64().expect("it has a number")
}

#[test]
fn a_flush_does_not_wait_for_what_came_after_it() {
    let (lines, allow, writes) = stalled();
    lines.push(Kind::Log, b"first\n");
    allow.send(()).expect("the writer waits");
    assert!(lines.flush(PATIENCE));
    lines.push(Kind::Log, b"second\n");
    assert!(!lines.flush(Duration::ZERO));
    assert_eq!(writes.recv().expect("a write"), b"first\n");
}

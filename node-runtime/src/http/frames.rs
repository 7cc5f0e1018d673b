//! Follows HTTP/2 frames just far enough to know whether a head is half sent.
//!
//! h2 has no deadline for a header block: a client that never ends one would
//! hold its connection, and every other stream on it, for ever. This looks at
//! frame headers only; h2 judges what is in them.

/// The client's connection preface (RFC 9113 section 3.4).
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame header's length (RFC 9113 section 4.1).
const HEADER: usize = 9;

const DATA: u8 = 0x0;
const HEADERS: u8 = 0x1;
const CONTINUATION: u8 = 0x9;
const END_HEADERS: u8 = 0x4;

/// Where in the sequence of frames the bytes read so far end.
#[derive(Debug)]
pub(super) struct Scanner {
    header: [u8; HEADER],
    /// Bytes of `header` that are there; a full one belongs to the payload that follows.
    filled: usize,
    payload: usize,
    block_open: bool,
}

// === impl Scanner ===

impl Scanner {
    /// Starts before the client's preface.
    pub(super) fn new() -> Self {
        Scanner {
            // The preface is skipped like the payload of a SETTINGS frame.
            header: [0, 0, 0, 0x4, 0, 0, 0, 0, 0],
            filled: HEADER,
            payload: PREFACE.len(),
            block_open: false,
        }
    }

    /// Follows `bytes`; says whether they end inside a head, or inside any frame but DATA.
    ///
    /// A slow upload is not a slow head: other clocks watch it.
    pub(super) fn scan(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            if self.filled < HEADER {
                let taken = bytes.len().min(HEADER - self.filled);
                let (head, rest) = bytes.split_at(taken);
                self.header[self.filled..self.filled + taken].copy_from_slice(head);
                self.filled += taken;
                bytes = rest;
                if self.filled == HEADER {
                    let [a, b, c, kind, flags, ..] = self.header;
                    self.payload = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                    if kind == HEADERS || kind == CONTINUATION {
                        self.block_open = flags & END_HEADERS == 0;
                    }
                }
            } else {
                let taken = bytes.len().min(self.payload);
                self.payload -= taken;
                bytes = &bytes[taken..];
            }
            if self.filled == HEADER && self.payload == 0 {
                self.filled = 0;
            }
        }
        self.block_open || (self.filled > 0 && !(self.filled == HEADER && self.kind() == DATA))
    }

    fn kind(&self) -> u8 {
        self.header[3]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let length = u32::try_from(payload).expect("small").to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, 1];
        frame.resize(HEADER + payload, b'x');
        frame
    }

    #[test]
    fn a_header_block_is_open_until_its_last_byte_however_the_bytes_are_cut() {
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(0x4, 0, 6));
        let quiet = bytes.len();
        bytes.extend(frame(HEADERS, 0, 10));
        bytes.extend(frame(CONTINUATION, 0, 0));
        bytes.extend(frame(CONTINUATION, END_HEADERS, 3));
        let complete = bytes.len();
        for step in 1..bytes.len() {
            let mut scanner = Scanner::new();
            let mut read = 0;
            for piece in bytes.chunks(step) {
                read += piece.len();
                let open = scanner.scan(piece);
                if read > quiet {
                    assert_eq!(open, read < complete, "step {step}, {read} read");
                }
            }
        }
    }

    #[test]
    fn half_a_data_frame_is_not_a_head() {
        let mut scanner = Scanner::new();
        assert!(!scanner.scan(PREFACE));
        let data = frame(DATA, 0, 100);
        assert!(scanner.scan(&data[..5]));
        assert!(!scanner.scan(&data[5..50]));
        assert!(!scanner.scan(&data[50..]));
    }
}

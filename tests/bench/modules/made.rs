//! Modules of any size, made by code: an answer that says hello, and as much else as is wanted.

use sha2::{Digest as _, Sha256};

/// What the module is made of beside its answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// Functions that nobody calls, each different.
    pub functions: u32,
    /// Bytes in a data segment.
    pub data: usize,
    /// Bytes in a custom section, which is no part of the program.
    pub custom: usize,
}

/// Operations of one function: about 13 bytes of module each.
const OPERATIONS: u32 = 64;
/// What the guest prints; bench's clients look for its last line.
const ANSWER: &[u8] = b"Content-Type: text/plain\n\nhello\n";
/// Where the answer stands in the guest's memory; its io vector stands at 0.
const ANSWER_AT: u8 = 16;
/// Where the data begins: behind the first page.
const DATA_AT: u32 = 1 << 16;

// === impl Made ===

impl Made {
    /// The module in Wasm's binary format.
    pub fn module(self) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        // fd_write's type, `_start`'s, and that of the functions nobody calls.
        let types = [
            &[3][..],
            &[0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f],
            &[0x60, 0, 0],
            &[0x60, 1, 0x7f, 1, 0x7f],
        ];
        section(&mut module, 1, &types.concat());
        let import = [&[1][..], &name("wasi_snapshot_preview1"), &name("fd_write")];
        section(&mut module, 2, &[&import.concat()[..], &[0, 0]].concat());
        let mut functions = leb(1 + self.functions);
        functions.push(1);
        functions.resize(functions.len() + self.functions as usize, 2);
        section(&mut module, 3, &functions);
        let pages = 1 + self.data.div_ceil(1 << 16);
        let memory = [&[1, 0][..], &leb(pages as u32)].concat();
        section(&mut module, 5, &memory);
        let exports = [&[2][..], &name("memory"), &[2, 0], &name("_start"), &[0, 1]];
        section(&mut module, 7, &exports.concat());
        self.code(&mut module);
        self.segments(&mut module);
        if self.custom > 0 {
            let bytes = [name("bench"), noise(self.custom)].concat();
            section(&mut module, 0, &bytes);
        }
        module
    }

    fn code(self, module: &mut Vec<u8>) {
        // fd_write(1, 0, 1, 8), its result dropped.
        let start = [0, 0x41, 1, 0x41, 0, 0x41, 1, 0x41, 8, 0x10, 0, 0x1a, 0x0b];
        let mut code = leb(1 + self.functions);
        sized(&mut code, &start);
        let mut constant = 1_u32;
        for _ in 0..self.functions {
            let mut body = vec![0, 0x20, 0];
            for operation in 0..OPERATIONS {
                // Of Knuth's linear congruential generator: no two functions are the same.
                constant = constant.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                body.push(0x41);
                body.extend(signed(constant.cast_signed()));
                // i32.add, i32.xor, i32.mul or i32.rotl.
                body.push([0x6a, 0x73, 0x6c, 0x77][operation as usize % 4]);
                // And with the parameter, so that nothing is known beforehand.
                body.extend([0x20, 0, 0x6b]);
            }
            body.push(0x0b);
            sized(&mut code, &body);
        }
        section(module, 10, &code);
    }

    fn segments(self, module: &mut Vec<u8>) {
        let mut first = vec![0; usize::from(ANSWER_AT)];
        first[0] = ANSWER_AT;
        first[4] = ANSWER.len() as u8;
        first.extend(ANSWER);
        let mut segments = vec![1 + u8::from(self.data > 0)];
        segments.extend([0, 0x41, 0, 0x0b]);
        sized(&mut segments, &first);
        if self.data > 0 {
            segments.extend([0, 0x41]);
            segments.extend(signed(DATA_AT.cast_signed()));
            segments.push(0x0b);
            sized(&mut segments, &noise(self.data));
        }
        section(module, 11, &segments);
    }
}

fn section(module: &mut Vec<u8>, id: u8, contents: &[u8]) {
    module.push(id);
    sized(module, contents);
}

fn sized(to: &mut Vec<u8>, contents: &[u8]) {
    to.extend(leb(contents.len() as u32));
    to.extend(contents);
}

fn name(text: &str) -> Vec<u8> {
    let mut name = Vec::new();
    sized(&mut name, text.as_bytes());
    name
}

/// Bytes that no compression makes smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(length + 32);
    let mut counter = 0_u64;
    while bytes.len() < length {
        bytes.extend(Sha256::digest(counter.to_le_bytes()));
        counter += 1;
    }
    bytes.truncate(length);
    bytes
}

/// An unsigned number (LEB128).
fn leb(mut number: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// A signed one.
fn signed(mut number: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        let is_negative = low & 0x40 != 0;
        if (number == 0 && !is_negative) || (number == -1 && is_negative) {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

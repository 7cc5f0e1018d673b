//! Values as a line of the log has them: escaped text and decimal digits. Knows no fields.

/// Printable ASCII without quotes and backslashes as it is, anything else as JSON has it
/// (RFC 8259, 7), which serves text as well.
pub(super) fn escape(text: &mut Vec<u8>, value: &[u8]) {
    if value.iter().copied().all(is_plain) {
        return text.extend_from_slice(value);
    }
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match u8::try_from(character) {
                Ok(byte) if is_plain(byte) => text.push(byte),
                _ => escape_character(text, character),
            }
        }
        if !chunk.invalid().is_empty() {
            escape_character(text, char::REPLACEMENT_CHARACTER);
        }
    }
}

pub(super) const fn is_plain(byte: u8) -> bool {
    /// A look instead of six comparisons, for every byte that a client sends.
    const PLAIN: [bool; 256] = {
        let mut plain = [false; 256];
        let mut byte = b'!';
        while byte <= b'~' {
            plain[byte as usize] = byte != b'"' && byte != b'\\';
            byte += 1;
        }
        plain
    };
    PLAIN[byte as usize]
}

fn escape_character(text: &mut Vec<u8>, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        let [high, low] = unit.to_be_bytes();
        let digits = [high >> 4, high & 15, low >> 4, low & 15].map(hex);
        text.extend_from_slice(b"\\u");
        text.extend_from_slice(&digits);
    }
}

pub(super) fn digits(text: &mut Vec<u8>, mut number: u64) {
    // As many as the largest has, filled from their end.
    let mut digits = [0; 20];
    let mut begin = digits.len();
    for (at, place) in digits.iter_mut().enumerate().rev() {
        *place = digit(number);
        number /= 10;
        begin = at;
        if number == 0 {
            break;
        }
    }
    text.extend_from_slice(&digits[begin..]);
}

pub(super) const fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

pub(super) const fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef"[(nibble & 15) as usize]
}

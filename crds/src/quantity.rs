//! Byte counts as Kubernetes writes them: `128Mi`, `64k`, `1e6`, `1048576`.
//!
//! A [`Quantity`] is a whole number of bytes; a fraction of a byte is rounded up, as Kubernetes does.
//! It does not know which bounds a field has.

use std::fmt;
use std::str::FromStr;

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u64);

/// Why a text is not a number of bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// Nothing was written.
    #[error("write a number of bytes, as in 64Mi")]
    Empty,
    /// It does not begin with digits, or goes on with something that is no suffix.
    #[error("not a number of bytes; write digits and one of Ki, Mi, Gi, k, M, G, as in 64Mi")]
    Syntax,
    /// Less than nothing.
    #[error("cannot be negative; write a number of bytes, as in 64Mi")]
    Negative,
    /// `64m` is valid for Kubernetes and never meant.
    #[error("{suffix} counts in parts of a byte; write {digits}Mi for mebibytes")]
    PartsOfAByte {
        /// The suffix that was written.
        suffix: char,
        /// The digits before it.
        digits: String,
    },
    /// More than 64 bits hold.
    #[error("too large; write at most 15Ei")]
    TooLarge,
}

const BINARY: [(&str, u32); 6] = [
    ("Ei", 60),
    ("Pi", 50),
    ("Ti", 40),
    ("Gi", 30),
    ("Mi", 20),
    ("Ki", 10),
];
const DECIMAL: [(&str, u32); 6] = [
    ("E", 18),
    ("P", 15),
    ("T", 12),
    ("G", 9),
    ("M", 6),
    ("k", 3),
];

// === impl Quantity ===

impl Quantity {
    /// A quantity of so many bytes.
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// Reads the text of a quantity.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let unsigned = match text.as_bytes().first() {
            None => return Err(QuantityError::Empty),
            Some(b'-') => return Err(QuantityError::Negative),
            Some(b'+') => &text[1..],
            Some(_) => text,
        };
        let number_end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
            return Err(QuantityError::Syntax);
        }
        let (multiplier, divisor_power) = scale(suffix, number)?;
        multiply(whole, fraction, multiplier, divisor_power).map(Self)
    }
}

impl FromStr for Quantity {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0");
        }
        for (suffix, shift) in BINARY {
            if self.0.trailing_zeros() >= shift {
                return write!(f, "{}{suffix}", self.0 >> shift);
            }
        }
        for (suffix, power) in DECIMAL {
            let unit = 10_u64.pow(power);
            if self.0.is_multiple_of(unit) {
                return write!(f, "{}{suffix}", self.0 / unit);
            }
        }
        write!(f, "{}", self.0)
    }
}

/// The factor of a suffix, as a multiplier and a negative power of ten (for `1e-3`).
fn scale(suffix: &str, digits: &str) -> Result<(u128, u32), QuantityError> {
    if suffix.is_empty() {
        return Ok((1, 0));
    }
    if let Some((_, shift)) = BINARY.iter().find(|(name, _)| *name == suffix) {
        return Ok((1 << shift, 0));
    }
    if let Some((_, power)) = DECIMAL.iter().find(|(name, _)| *name == suffix) {
        return Ok((10_u128.pow(*power), 0));
    }
    if let "m" | "u" | "n" = suffix {
        let suffix = suffix.chars().next().expect("the suffix was just matched");
        return Err(QuantityError::PartsOfAByte {
            suffix,
            digits: digits.to_owned(),
        });
    }
    let exponent = suffix
        .strip_prefix(['e', 'E'])
        .ok_or(QuantityError::Syntax)?;
    let (negative, magnitude) = match exponent.as_bytes().first() {
        Some(b'-') => (true, &exponent[1..]),
        Some(b'+') => (false, &exponent[1..]),
        _ => (false, exponent),
    };
    if magnitude.is_empty() || !magnitude.bytes().all(|b| b.is_ascii_digit()) {
        return Err(QuantityError::Syntax);
    }
    // 10^38 is the last power that 128 bits hold, and far beyond any 64-bit count.
    let power = magnitude
        .parse::<u32>()
        .ok()
        .filter(|power| *power <= 38)
        .ok_or(QuantityError::TooLarge)?;
    Ok(if negative {
        (1, power)
    } else {
        (10_u128.pow(power), 0)
    })
}

/// `whole.fraction × multiplier ÷ 10^divisor_power`, rounded up.
fn multiply(
    whole: &str,
    fraction: &str,
    multiplier: u128,
    divisor_power: u32,
) -> Result<u64, QuantityError> {
    let fraction = fraction.trim_end_matches('0');
    let power = divisor_power
        .checked_add(u32::try_from(fraction.len()).map_err(|_| QuantityError::TooLarge)?)
        .filter(|power| *power <= 38)
        .ok_or(QuantityError::TooLarge)?;
    let mut number: u128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        number = number
            .checked_mul(10)
            .and_then(|number| number.checked_add(u128::from(digit - b'0')))
            .ok_or(QuantityError::TooLarge)?;
    }
    let product = number
        .checked_mul(multiplier)
        .ok_or(QuantityError::TooLarge)?;
    u64::try_from(product.div_ceil(10_u128.pow(power))).map_err(|_| QuantityError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes: u64) {
        assert_eq!(Quantity::parse(text), Ok(Quantity(bytes)), "{text}");
    }

    #[test]
    fn suffixes_mean_what_kubernetes_says() {
        check("0", 0);
        check("1048576", 1 << 20);
        check("128Mi", 128 << 20);
        check("64k", 64_000);
        check("64Ki", 64 << 10);
        check("4Gi", 4 << 30);
        check("1e6", 1_000_000);
        check("1E6", 1_000_000);
        check("1e+3", 1_000);
        check("2E", 2_000_000_000_000_000_000);
        check("1.5Gi", 3 << 29);
        check(".5Ki", 512);
        check("5.Ki", 5 << 10);
        check("+7", 7);
    }

    #[test]
    fn parts_of_a_byte_round_up() {
        check("0.1", 1);
        check("1e-3", 1);
        check("1.0001k", 1001);
    }

    #[test]
    fn milli_is_refused_because_mebi_was_meant() {
        let error = Quantity::parse("64m").unwrap_err();
        assert_eq!(
            error.to_string(),
            "m counts in parts of a byte; write 64Mi for mebibytes"
        );
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        for text in [
            "Mi", "ten", "1 Mi", "1MiB", "1mi", "1e", "1e+", "1.2.3", ".", "0x10", "1_000",
        ] {
            assert_eq!(Quantity::parse(text), Err(QuantityError::Syntax), "{text}");
        }
        assert_eq!(Quantity::parse(""), Err(QuantityError::Empty));
        assert_eq!(Quantity::parse("-1"), Err(QuantityError::Negative));
        for text in [
            "16Ei",
            "18446744073709551616",
            "1e39",
            "1e99999999999",
            "99999999999E",
        ] {
            assert_eq!(
                Quantity::parse(text),
                Err(QuantityError::TooLarge),
                "{text}"
            );
        }
    }

    #[test]
    fn it_prints_with_the_largest_suffix_that_fits() {
        for (text, printed) in [
            ("1048576", "1Mi"),
            ("1.5Gi", "1536Mi"),
            ("1e6", "1M"),
            ("1001", "1001"),
            ("0", "0"),
        ] {
            assert_eq!(Quantity::parse(text).unwrap().to_string(), printed);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_it_prints_it_reads_back(bytes: u64) {
            let quantity = Quantity(bytes);
            proptest::prop_assert_eq!(Quantity::parse(&quantity.to_string()), Ok(quantity));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.eEkKMGmi]{0,48}") {
            let _ = Quantity::parse(&text);
        }
    }
}

//! Lengths of time as Go and Kubernetes write them: `1m30s`, `500ms`, `1h`.
//!
//! A [`Duration`] is never negative and always has a unit; it does not know which bounds a field has.

use std::fmt;
use std::str::FromStr;

/// A length of time, in whole nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// Why a text is not a length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was written.
    #[error("write a number and a unit, as in 30s")]
    Empty,
    /// Digits without a unit.
    #[error("has no unit; write {0}s for seconds, or one of ms, m, h")]
    NoUnit(String),
    /// Letters that are no unit.
    #[error("{0:?} is no unit; write one of ms, s, m, h, as in 1m30s")]
    UnknownUnit(String),
    /// It does not begin with a number.
    #[error("not a length of time; write a number and a unit, as in 1m30s")]
    Syntax,
    /// Less than nothing.
    #[error("cannot be negative; write a number and a unit, as in 30s")]
    Negative,
    /// More nanoseconds than Go holds.
    #[error("too long; write at most 2562047h")]
    TooLong,
}

/// Go's own units, longest name first where one begins another.
const UNITS: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Go counts in signed 64-bit nanoseconds.
const LONGEST_NANOSECONDS: u128 = i64::MAX as u128;

// === impl Duration ===

impl Duration {
    /// A length of so many milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(millis))
    }

    /// A length of so many seconds.
    pub const fn from_secs(secs: u64) -> Self {
        Self(std::time::Duration::from_secs(secs))
    }

    /// The same length as the standard library's type.
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    /// Reads the text of a length of time.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let mut rest = match text.as_bytes().first() {
            None => return Err(DurationError::Empty),
            Some(b'-') => return Err(DurationError::Negative),
            Some(b'+') => &text[1..],
            Some(_) => text,
        };
        // Go has this one exception to the rule that a unit follows.
        if rest == "0" {
            return Ok(Self(std::time::Duration::ZERO));
        }
        if rest.is_empty() {
            return Err(DurationError::Syntax);
        }
        let mut total: u128 = 0;
        while !rest.is_empty() {
            let (nanoseconds, after) = component(rest)?;
            total = total.saturating_add(nanoseconds);
            rest = after;
        }
        if total > LONGEST_NANOSECONDS {
            return Err(DurationError::TooLong);
        }
        let nanoseconds = u64::try_from(total).map_err(|_| DurationError::TooLong)?;
        Ok(Self(std::time::Duration::from_nanos(nanoseconds)))
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Duration {
    /// Prints as Go does: `1h0m0s`, `1m30s`, `1.5s`, `250ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.0.as_nanos();
        if nanoseconds == 0 {
            return f.write_str("0s");
        }
        if nanoseconds < 1_000_000_000 {
            let (unit, size) = UNITS[..5]
                .iter()
                .rev()
                .find(|(_, size)| nanoseconds >= *size)
                .expect("a nanosecond is at least a nanosecond");
            let unit = if *unit == "μs" { "µs" } else { unit };
            return write_fraction(f, nanoseconds, *size, unit);
        }
        let (minutes, seconds) = (nanoseconds / 60_000_000_000, nanoseconds % 60_000_000_000);
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        write_fraction(f, seconds, 1_000_000_000, "s")
    }
}

/// One number and its unit, in nanoseconds, and what follows.
fn component(text: &str) -> Result<(u128, &str), DurationError> {
    let number_end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(number_end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(DurationError::Syntax);
    }
    let unit_end = rest
        .find(|c: char| c.is_ascii_digit() || c == '.')
        .unwrap_or(rest.len());
    let (unit, after) = rest.split_at(unit_end);
    if unit.is_empty() {
        return Err(DurationError::NoUnit(number.to_owned()));
    }
    let (_, size) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| DurationError::UnknownUnit(unit.chars().take(16).collect()))?;
    let mut nanoseconds: u128 = 0;
    for digit in whole.bytes() {
        nanoseconds = nanoseconds * 10 + u128::from(digit - b'0') * size;
        if nanoseconds > LONGEST_NANOSECONDS {
            return Err(DurationError::TooLong);
        }
    }
    // Digits below a nanosecond are dropped, as in Go.
    let mut place = *size;
    for digit in fraction.bytes() {
        place /= 10;
        nanoseconds += u128::from(digit - b'0') * place;
    }
    Ok((nanoseconds, after))
}

fn write_fraction(f: &mut fmt::Formatter<'_>, value: u128, size: u128, unit: &str) -> fmt::Result {
    write!(f, "{}", value / size)?;
    let mut remainder = value % size;
    if remainder > 0 {
        f.write_str(".")?;
        let mut place = size / 10;
        while remainder > 0 {
            write!(f, "{}", remainder / place)?;
            remainder %= place;
            place = (place / 10).max(1);
        }
    }
    f.write_str(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, nanoseconds: u64, printed: &str) {
        let duration = Duration::parse(text).unwrap();
        assert_eq!(
            duration.get(),
            std::time::Duration::from_nanos(nanoseconds),
            "{text}"
        );
        assert_eq!(duration.to_string(), printed, "{text}");
    }

    #[test]
    fn it_reads_and_prints_as_go_does() {
        check("0", 0, "0s");
        check("30s", 30_000_000_000, "30s");
        check("1m30s", 90_000_000_000, "1m30s");
        check("90s", 90_000_000_000, "1m30s");
        check("1h", 3_600_000_000_000, "1h0m0s");
        check("1h1s", 3_601_000_000_000, "1h0m1s");
        check("1.5s", 1_500_000_000, "1.5s");
        check("1.5h", 5_400_000_000_000, "1h30m0s");
        check(".5s", 500_000_000, "500ms");
        check("250ms", 250_000_000, "250ms");
        check("1500us", 1_500_000, "1.5ms");
        check("7µs", 7_000, "7µs");
        check("7μs", 7_000, "7µs");
        check("3ns", 3, "3ns");
        check("1m0.000000001s", 60_000_000_001, "1m0.000000001s");
        check("+1s", 1_000_000_000, "1s");
    }

    #[test]
    fn a_number_without_a_unit_says_what_to_write() {
        let error = Duration::parse("30").unwrap_err();
        assert_eq!(
            error.to_string(),
            "has no unit; write 30s for seconds, or one of ms, m, h"
        );
    }

    #[test]
    fn what_is_no_length_of_time_is_refused() {
        assert_eq!(Duration::parse(""), Err(DurationError::Empty));
        assert_eq!(Duration::parse("-1s"), Err(DurationError::Negative));
        assert_eq!(
            Duration::parse("1d"),
            Err(DurationError::UnknownUnit("d".into()))
        );
        assert_eq!(
            Duration::parse("1 s"),
            Err(DurationError::UnknownUnit(" s".into()))
        );
        for text in ["s", "+", ".s", "1..2s", "soon", "1s2"] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
        for text in ["2562048h", "99999999999999999999999999999999999999999h"] {
            assert_eq!(Duration::parse(text), Err(DurationError::TooLong), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_it_prints_it_reads_back(nanoseconds in 0..i64::MAX as u64) {
            let duration = Duration(std::time::Duration::from_nanos(nanoseconds));
            proptest::prop_assert_eq!(Duration::parse(&duration.to_string()), Ok(duration));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9.nuµmsh]{0,48}") {
            let _ = Duration::parse(&text);
        }
    }
}

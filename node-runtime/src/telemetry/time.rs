//! The time of a line, as the rest of the log has it (RFC 3339, microseconds, UTC).

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;

/// Where a second's text ends and its fraction begins.
const FRACTION: std::ops::Range<usize> = 20..26;

thread_local! {
    /// The second that this thread wrote last, with its text: the calendar is asked once for each.
    static LAST: Cell<(u64, Text)> = const { Cell::new((0, EPOCH)) };
}

type Text = [u8; 27];

const EPOCH: Text = *b"1970-01-01T00:00:00.000000Z";

/// Appends the time that it is now.
pub fn write_now(line: &mut Vec<u8>) {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    write(line, since.as_secs(), since.subsec_micros());
}

fn write(line: &mut Vec<u8>, seconds: u64, micros: u32) {
    let (last, mut text) = LAST.get();
    if last != seconds {
        text = second(seconds);
        LAST.set((seconds, text));
    }
    digits(&mut text[FRACTION], u64::from(micros));
    line.extend_from_slice(&text);
}

/// A second's text, with no fraction of it.
fn second(seconds: u64) -> Text {
    let (year, month, day) = date(seconds / SECONDS_PER_DAY);
    let second = seconds % SECONDS_PER_DAY;
    let mut text = EPOCH;
    let parts = [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, second / 3600),
        (14..16, second / 60 % 60),
        (17..19, second % 60),
    ];
    for (place, number) in parts {
        digits(&mut text[place], number);
    }
    text
}

fn digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar, whose years are
/// counted from March here, so that the leap day is their last (Howard Hinnant, "chrono-compatible
/// low-level date algorithms").
const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = 400 * era + year_of_era + (month <= 2) as u64;
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // As `date -u -d @SECONDS +%FT%T` prints them.
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (951_868_800, "2000-03-01T00:00:00"),
            (1_709_164_800, "2024-02-29T00:00:00"),
            (1_735_689_599, "2024-12-31T23:59:59"),
            (1_793_534_645, "2026-11-01T12:04:05"),
            (4_107_542_400, "2100-03-01T00:00:00"),
        ] {
            let mut line = Vec::new();
            write(&mut line, seconds, 12_345);
            let expected = format!("{text}.012345Z");
            assert_eq!(String::from_utf8_lossy(&line), expected);
        }
    }
}

//! Names, one-line texts, dates, paths and rate limits.

use crate::diag::{Code, Diagnostic, Diags};
use crate::ir::{RateLimit, TimeUnit};
use crate::source::Span;

/// The most characters of a comment, description, owner or ticket.
pub(crate) const TEXT: usize = 200;
/// The most characters of a name.
pub(crate) const NAME: usize = 64;

/// Tells whether a text is a lower-case letter, then lower-case letters, digits, `-` and perhaps `_`.
pub(super) fn is_name(text: &str, underscore: bool) -> bool {
    let first = text.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = |b: u8| {
        b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || (underscore && b == b'_')
    };
    first && text.len() <= NAME && text.bytes().all(rest)
}

/// Tells whether a name is well formed, and reports why when it is not.
pub(super) fn check_name(
    what: &str,
    name: &str,
    reserved: &[&str],
    span: Span,
    diags: &mut Diags,
) -> bool {
    if reserved.contains(&name) {
        let message = format!("`{name}` is reserved and cannot be the name of a {what}");
        diags.push(Diagnostic::new(Code::BadName, message).at(span, ""));
        return false;
    }
    let underscore = what != "policy";
    if is_name(name, underscore) {
        return true;
    }
    let message = match name.chars().count() {
        0 => format!("the name of a {what} is empty"),
        length if length > NAME => {
            format!("the name of a {what} has {length} characters, more than {NAME}")
        }
        _ => format!("`{}` is not a valid name for a {what}", shown(name)),
    };
    let help = match plain_name(name, underscore) {
        Some(plain) => format!("write `{plain}`"),
        None => "a name is a lower-case letter, then lower-case letters, digits and `-`".to_owned(),
    };
    diags.push(Diagnostic::new(Code::BadName, message).at(span, "").help(help));
    false
}

/// Returns a name as it would be accepted, if it is near enough.
fn plain_name(name: &str, underscore: bool) -> Option<String> {
    let dashed =
        |c: char| if c.is_ascii_alphanumeric() || (c == '_' && underscore) { c } else { '-' };
    let plain: String = name.to_ascii_lowercase().chars().map(dashed).collect();
    let plain = plain.trim_matches('-');
    is_name(plain, underscore).then(|| plain.to_owned())
}

/// Returns what a user wrote, made fit for a message: one line, not too long, nothing invisible.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() || invisible(c) { '\u{fffd}' } else { c })
        .collect();
    if text.chars().count() > 60 {
        shown.push('…');
    }
    shown
}

/// Tells whether a character shows nothing or changes how others are shown: Unicode's format
/// characters (Cf), fillers, variation selectors, tags, private use and non-characters.
fn invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
        | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{ffff}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{10ffff}')
}

/// Returns a text that is safe in every artifact: one line, printable, at most 200 characters, without `"`
/// and `\`; empty when it is not, and the reason is reported.
pub(super) fn checked(what: &str, text: String, span: Span, diags: &mut Diags) -> String {
    let plain = |b: u8| (0x20..0x7f).contains(&b) && b != b'"' && b != b'\\';
    if text.len() <= TEXT && text.bytes().all(plain) {
        return text;
    }
    let length = text.chars().count();
    let refused = text.chars().find(|c| c.is_control() || invisible(*c) || "\"\\".contains(*c));
    let (message, help) = match refused {
        None if length <= TEXT => return text,
        None => (
            format!("`{what}` has {length} characters, more than {TEXT}"),
            "shorten it; a ticket or document can hold the rest",
        ),
        Some('\n' | '\r') => (
            format!("`{what}` has a line break"),
            "write one line; `>-` folds several lines into one",
        ),
        Some('"') => (format!("`{what}` has a double quote"), "use `'`"),
        Some('\\') => (format!("`{what}` has a backslash"), "use `/`"),
        Some(c) => (
            format!("`{what}` has the character U+{:04X}, which does not print", u32::from(c)),
            "remove it",
        ),
    };
    let note =
        "it is written into firewall configuration, where only plain text on one line is safe";
    diags.push(Diagnostic::new(Code::UnsafeText, message).at(span, "").help(help).note(note));
    String::new()
}

/// Returns a log prefix that every target can write; otherwise `None`, and the reason is reported.
pub(super) fn log_prefix(text: String, span: Span, diags: &mut Diags) -> Option<String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || " -_.:/".contains(c);
    let message = match text.chars().find(|c| !safe(*c)) {
        None if text.len() <= NAME => return Some(text),
        None => format!("`prefix` has {} characters, more than {NAME}", text.chars().count()),
        Some(c) => format!("`prefix` has {c:?}"),
    };
    let help = "a log prefix is at most 64 letters, digits, spaces and `-_.:/`";
    diags.push(Diagnostic::new(Code::UnsafeText, message).at(span, "").help(help));
    None
}

/// Tells whether a text is a real date in the form YYYY-MM-DD, and reports it when it is not.
pub(super) fn check_date(what: &str, text: &str, span: Span, diags: &mut Diags) -> bool {
    let Err(reason) = real_day(text) else { return true };
    let message = format!("`{what}` is not a date: {reason}");
    let help = "write a date as YYYY-MM-DD, such as `2027-06-30`";
    diags.push(Diagnostic::new(Code::BadDate, message).at(span, "").help(help));
    false
}

fn real_day(text: &str) -> Result<(), String> {
    let shape = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    let number = |range| text.get(range).and_then(|digits: &str| digits.parse::<u32>().ok());
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        return Err(format!("`{}` is not in that form", shown(text)));
    };
    if !shape {
        return Err(format!("`{}` is not in that form", shown(text)));
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(format!("there is no month {month}")),
    };
    if (1..=days).contains(&day) {
        Ok(())
    } else {
        Err(format!("month {month} of {year} has no day {day}"))
    }
}

/// Reads `10/minute`.
pub(super) fn rate_limit(text: &str, span: Span, diags: &mut Diags) -> Option<RateLimit> {
    let read = || {
        let (count, unit) = text.split_once('/')?;
        let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
        let units = [TimeUnit::Second, TimeUnit::Minute, TimeUnit::Hour, TimeUnit::Day];
        let unit = units.into_iter().find(|known| known.word() == unit)?;
        let count = count.parse().ok().filter(|count| digits && (1..=1_000_000).contains(count))?;
        Some(RateLimit { count, unit })
    };
    let limit = read();
    if limit.is_none() {
        let message = format!("`{}` is not a rate limit", shown(text));
        let help = "write a number from 1 to 1000000 and a unit: `10/second`, `10/minute`, `10/hour`, `10/day`";
        diags.push(Diagnostic::new(Code::BadLimit, message).at(span, "").help(help));
    }
    limit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_real() {
        for day in ["2027-06-30", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"] {
            assert_eq!(real_day(day), Ok(()), "{day}");
        }
        for day in [
            "2027-06-31",
            "2023-02-29",
            "1900-02-29",
            "2027-13-01",
            "2027-00-10",
            "2027-01-00",
            "27-01-01",
            "2027-1-01",
            "2027/01/01",
            "2027-01-01T",
            "",
            "tomorrow",
            "+027-01-01",
            "２０27-01-01",
        ] {
            assert!(real_day(day).is_err(), "{day}");
        }
    }

    #[test]
    fn names_are_safe_everywhere() {
        for name in ["a", "a-b_c9", &"a".repeat(64)] {
            assert!(is_name(name, true), "{name}");
        }
        for name in
            ["", "A", "9a", "-a", "_a", "a b", "a;", "é", "a\n", "a/b", "a@1", &"a".repeat(65)]
        {
            assert!(!is_name(name, true), "{name}");
        }
        assert!(!is_name("a_b", false));
        assert_eq!(plain_name("My Lan", true).as_deref(), Some("my-lan"));
        assert_eq!(plain_name("9a", true), None);
    }
}

//! How text from others is shown: nothing in it may act on the terminal or the log that it is printed to.

use std::borrow::Cow;

/// Returns a text as one line in which every character is visible: control characters (line breaks too), those
/// that change the order in which text is displayed, and invisible ones are written as `\u{1b}`.
pub fn shown(text: &str) -> Cow<'_, str> {
    escaped(text, |c| !is_plain(c), |c, text| text.extend(c.escape_unicode()))
}

/// Returns lines with the same escapes, none of which a CI server takes for a command.
pub fn shown_lines(text: &str) -> Cow<'_, str> {
    let seen = escaped(
        text,
        |c| !is_plain(c) && !matches!(c, '\n' | '\t'),
        |c, text| text.extend(c.escape_unicode()),
    );
    if !seen.contains("::") && !seen.contains("##") {
        return seen;
    }
    Cow::Owned(seen.split_inclusive('\n').map(harmless).collect())
}

/// Returns a JSON document with the same escapes; its meaning stays, as only the spelling of characters in its
/// strings changes.
pub fn shown_json(text: &str) -> Cow<'_, str> {
    let seen = escaped(
        text,
        |c| !is_plain(c) && !matches!(c, '\n'),
        |c, text| {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        },
    );
    match seen.contains("##") {
        true => Cow::Owned(broken_up(&seen, "\\u0023")),
        false => seen,
    }
}

fn escaped(
    text: &str,
    acts: impl Fn(char) -> bool,
    spell: impl Fn(char, &mut String),
) -> Cow<'_, str> {
    if !text.contains(&acts) {
        return Cow::Borrowed(text);
    }
    let mut seen = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) { spell(c, &mut seen) } else { seen.push(c) }
    }
    Cow::Owned(seen)
}

/// Tells whether a character is only shown: neither a control character, nor a separator of lines, nor of
/// those that Unicode calls default ignorable (invisible, or steering the direction of text).
fn is_plain(c: char) -> bool {
    let ignorable = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}');
    c == ' ' || !(c.is_control() || ignorable || matches!(c, '\u{2028}' | '\u{2029}'))
}

/// Spells out what would make a line a command: GitHub takes `::name::` after blanks (but `:::`, by which a
/// diagnostic goes on in another file, names nothing), and `##[`, `##vso[` and `##teamcity[` are taken
/// anywhere in a line.
fn harmless(line: &str) -> String {
    let text = line.trim_start();
    let blanks = &line[..line.len() - text.len()];
    let line = match text.strip_prefix("::") {
        Some(rest) if !rest.starts_with(": ") => format!("{blanks}\\u{{3a}}:{rest}"),
        _ => line.to_owned(),
    };
    broken_up(&line, "\\u{23}")
}

/// Spells the second `#` of every `##name[`.
fn broken_up(text: &str, spelled: &str) -> String {
    let mut broken = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("##") {
        let (before, after) = rest.split_at(at + 1);
        broken.push_str(before);
        let name =
            after.trim_start_matches('#').trim_start_matches(|c: char| c.is_ascii_alphabetic());
        rest = after;
        if name.starts_with('[') {
            broken.push_str(spelled);
            rest = &after[1..];
        }
    }
    broken + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_spelled_and_what_is_shown_stays() {
        assert_eq!(shown("naïve “text” – 日本"), "naïve “text” – 日本");
        assert_eq!(shown("a\n\t\u{1b}[2J\u{9b}"), "a\\u{a}\\u{9}\\u{1b}[2J\\u{9b}");
        assert_eq!(
            shown("\u{202e}x\u{200b}\u{e0041}\u{2028}"),
            "\\u{202e}x\\u{200b}\\u{e0041}\\u{2028}"
        );
        assert!(matches!(shown_lines("a\n\tb\n"), Cow::Borrowed("a\n\tb\n")));
        assert_eq!(shown_lines("a\r\nb"), "a\\u{d}\nb");
    }

    #[test]
    fn no_line_is_a_command_of_a_ci_server() {
        for line in ["::stop-commands::x", "  ::error::x", "\t::add-mask::x", "::::x"] {
            let shown = shown_lines(line);
            assert!(!shown.trim_start().starts_with("::"), "{shown}");
            let later = format!("first\n{line}\n");
            assert!(shown_lines(&later).lines().all(|l| !l.trim_start().starts_with("::")));
        }
        for line in
            ["##[error]x", "a ##[group]", "##vso[task.setvariable]", "###[x", "##teamcity[x"]
        {
            let shown = shown_lines(line);
            for command in ["##[", "##vso[", "##teamcity["] {
                assert!(!shown.contains(command), "{shown}");
            }
        }
        for line in ["   ::: builtin:x:42:3\n", "a::b\n", "## heading\n", "2001:db8::/32\n"] {
            assert_eq!(shown_lines(line), line);
        }
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = serde_json::json!({ "a": "\u{9b}2J\u{202e}\u{e0041}\u{7f}##[error]é" });
        let text = format!("{value:#}\n");
        let shown = shown_json(&text);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
        assert!(
            shown.chars().all(|c| is_plain(c) || c == '\n') && !shown.contains("##["),
            "{shown}"
        );
    }
}

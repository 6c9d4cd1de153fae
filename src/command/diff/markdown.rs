//! A comparison as a comment on a pull request.

use super::{Diff, Line, cause, heading};
use crate::analysis::Kind;

/// The most characters that are filled with rows; code hosts take 65,536 for a comment.
const ROOM: usize = 60_000;

impl Diff {
    /// Returns it as Markdown of less than 65,000 characters, with long parts folded away. `title` says what was
    /// compared.
    pub fn markdown(&self, title: &str) -> String {
        let count = |kind| self.changes.iter().filter(|line| line.kind == kind).count();
        let mut text = format!("### {}\n\n", plain(title));
        text += &match (count(Kind::Allowed), count(Kind::Refused), count(Kind::Answered)) {
            (0, 0, 0) => "**No change in what is allowed.**\n".to_owned(),
            (allowed, refused, answered) => {
                let more = if self.more { ", and more than are listed" } else { "" };
                format!(
                    "**{allowed} newly allowed, {refused} no longer allowed, {answered} refused differently{more}**\n"
                )
            }
        };
        if self.replies {
            text += "\nThe replies that stateless firewalls let through change.\n";
        }
        if !self.changes.is_empty() {
            text += &self.table(ROOM / 2);
            text += &self.details(ROOM);
        }
        let targets: Vec<_> = self.targets.iter().filter(|t| t.changes()).collect();
        if !targets.is_empty() && text.len() < ROOM {
            let row = |target: &&super::TargetChange| {
                let compiler = match target.compiler.as_deref() {
                    None => "",
                    Some([]) => {
                        "; the committed file came from another version or was edited, with the same meaning"
                    }
                    Some(_) => {
                        "; **the committed file came from another version or was edited, and meant something else**"
                    }
                };
                format!("| {} | {}{compiler} |\n", cell(&target.target), target.text.text())
            };
            let rows: String = targets.iter().map(row).take(50).collect();
            text += &folded("Targets", &format!("| target | |\n|---|---|\n{rows}"));
        }
        text
    }

    fn table(&self, room: usize) -> String {
        let head = "\n| | direction | from | to | service | cause |\n|---|---|---|---|---|---|\n";
        let row = |line: &Line| {
            let Line { direction, from, to, service, .. } = line;
            let (from, to, service) = (cell(from), cell(to), cell(service));
            let (kind, cause) = (heading(line.kind), cause(line.cause));
            format!("| {kind} | {direction} | {from} | {to} | {service} | {cause} |\n")
        };
        head.to_owned() + &fitting(self.changes.iter().map(row), room)
    }

    fn details(&self, room: usize) -> String {
        let entry = |line: &Line| {
            let (was, is) = (line.was.text(line.direction), line.is.text(line.direction));
            let packet = cell(&line.packet);
            format!("- {} {packet}<br>was: {}<br>is: {}\n", line.direction, plain(&was), plain(&is))
        };
        folded(
            "An example packet for each, and the rules",
            &fitting(self.changes.iter().map(entry), room / 3),
        )
    }
}

/// As many rows as there is room for; the rest are counted.
fn fitting(rows: impl ExactSizeIterator<Item = String>, room: usize) -> String {
    let all = rows.len();
    let mut text = String::new();
    for (at, row) in rows.enumerate() {
        if text.len() + row.len() > room {
            return text + &format!("\n…and {} more\n", all - at);
        }
        text += &row;
    }
    text
}

fn folded(summary: &str, text: &str) -> String {
    format!("\n<details><summary>{summary}</summary>\n\n{text}\n</details>\n")
}

/// Text in a table: code, in which nothing is markup.
fn cell(text: &str) -> String {
    format!("`{}`", text.replace(['`', '\n', '\r'], "'").replace('|', "\\|"))
}

/// Text outside code: what could be markup is escaped.
fn plain(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '@' => escaped += "&#64;",
            '[' | ']' | '*' | '_' | '#' | '|' | '\\' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' | '\r' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

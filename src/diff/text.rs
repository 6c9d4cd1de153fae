//! A comparison for a terminal.

use super::{Diff, Line, TargetChange, Text, cause, firewalls, heading};
use crate::analysis::Kind;

impl Diff {
    /// Writes it for a terminal.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for kind in [Kind::Allowed, Kind::Refused, Kind::Answered] {
            let mut list = self.changes.iter().filter(|line| line.kind == kind).peekable();
            if list.peek().is_some() {
                text += &format!("{}\n", heading(kind));
            }
            list.for_each(|line| text += &line.text());
        }
        if self.more {
            text += "and more changes than are listed\n";
        }
        if self.replies {
            text += "the replies that stateless firewalls let through change\n";
        }
        if text.is_empty() {
            text += "no traffic is decided otherwise\n";
        }
        if self.targets.iter().any(|target| target.text != Text::Same) {
            text += "targets\n";
        }
        let changed = self.targets.iter().filter(|target| target.text != Text::Same);
        changed.for_each(|target| text += &target.lines());
        text
    }
}

impl Line {
    fn text(&self) -> String {
        let Line { direction, from, to, service, packet, .. } = self;
        format!(
            "  {direction}: {from} -> {to}: {service}\n    for example {packet}\n    was: {}\n    is:  {}\n    cause: {}\n",
            self.was.text(*direction),
            self.is.text(*direction),
            cause(self.cause),
        )
    }
}

impl TargetChange {
    fn lines(&self) -> String {
        let mut text = format!("  {}: {}\n", self.target, self.text.text());
        for one in &self.differences {
            text += &format!("    {}\n", firewalls::heading(one.differs));
            for traffic in &one.traffic {
                text += &format!("      {}: {traffic}\n", one.way);
            }
            text += &format!("        for example {}\n", one.packet);
        }
        text
    }
}

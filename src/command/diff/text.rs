//! A comparison for a terminal.

use super::{Diff, Line, TargetChange, TargetLine, Text, cause, firewalls, heading};
use crate::analysis::Kind;

impl Diff {
    /// Returns it for a terminal.
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
            text += "no change in what is allowed\n";
        }
        let changed: Vec<_> = self.targets.iter().filter(|target| target.changes()).collect();
        if !changed.is_empty() {
            text += "targets\n";
        }
        changed.iter().for_each(|target| text += &target.lines());
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
    /// Tells whether anything happens to the target.
    pub(super) fn changes(&self) -> bool {
        self.text != Text::Same || self.compiler.is_some()
    }

    fn lines(&self) -> String {
        let mut text = format!("  {}: {}\n", self.target, self.text.text());
        self.differences.iter().for_each(|one| text += &one.lines());
        if let Some(differences) = &self.compiler {
            text += "    the committed file is not what this compiler makes of the old policy: it came from another version, or was edited\n";
            differences.iter().for_each(|one| text += &one.lines());
            if differences.is_empty() {
                text += "    its meaning is the same\n";
            }
        }
        text
    }
}

impl TargetLine {
    fn lines(&self) -> String {
        let mut text = format!("    {}\n", firewalls::heading(self.differs));
        for traffic in &self.traffic {
            text += &format!("      {}: {traffic}\n", self.way);
        }
        text + &format!("        for example {}\n", self.packet)
    }
}

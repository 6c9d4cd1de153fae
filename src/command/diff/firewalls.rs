//! Two firewalls in the place of one target: artifacts, or live listings.

use crate::analysis::{self, Names};
use crate::command::verify::{BOXES, Done, done, groups, way};
use crate::firewall::{Listing, Spec};
use crate::proof::{self, Differs, OverBudget};

/// Packets that two firewalls decide differently.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FirewallChange {
    /// How the new one differs from the old one.
    pub differs: Differs,
    /// Which way the packets go.
    pub way: String,
    /// Who reaches whom with what.
    pub traffic: Vec<String>,
    /// Whether that is all of it.
    pub whole: bool,
    /// One of the packets.
    pub packet: String,
    /// What happened to it.
    pub was: Vec<Done>,
    /// What happens to it.
    pub is: Vec<Done>,
}

/// Compares two firewalls in the place of a target.
///
/// # Errors
/// When that is too large to be decided.
pub fn firewalls(
    spec: &Spec,
    old: &Listing,
    new: &Listing,
    names: &Names,
) -> Result<Vec<FirewallChange>, OverBudget> {
    let found = proof::between(&spec.placement, &old.program, &new.program, BOXES)?;
    let change = |group: crate::command::verify::Group| FirewallChange {
        differs: group.differs,
        way: way(&spec.placement, &group.meetings),
        traffic: analysis::spelled(&group.boxes, names),
        whole: group.whole,
        packet: group.example.to_string(),
        was: done(old, &group.example),
        is: done(new, &group.example),
    };
    Ok(groups(found).into_iter().map(change).collect())
}

/// What the new firewall does, as a heading.
pub(super) fn heading(differs: Differs) -> &'static str {
    match differs {
        Differs::Opens => "newly let through",
        Differs::Shuts => "no longer let through",
        Differs::MayOpen => "possibly newly let through",
        Differs::MayShut => "possibly no longer let through",
        Differs::Tracks => "connection tracking changed",
        Differs::Answers => "answered differently",
    }
}

impl FirewallChange {
    /// Writes it for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", heading(self.differs));
        for traffic in &self.traffic {
            text += &format!("  {}: {traffic}\n", self.way);
        }
        if !self.whole {
            text += "  and more like these\n";
        }
        text += &format!("    for example {}\n", self.packet);
        for (word, list) in [("was", &self.was), ("is ", &self.is)] {
            for done in list {
                let by = match &done.line {
                    Some(line) => format!("{}:{}: {}", line.file, line.line, line.text),
                    None => "no rule".to_owned(),
                };
                text += &format!("    {word}: {}, by {by}\n", done.verdict);
            }
        }
        text
    }
}

//! What each kind of target can say, as data: printed by `portcullis targets` and by the docs.

use super::{aws_network_acl, aws_security_group, iptables, nftables, pf};

/// What a kind of target can say, and its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Caps {
    /// The word after `kind:` in a policy.
    pub kind: &'static str,
    /// One sentence on what it writes.
    pub writes: &'static str,
    /// The oldest version that accepts the artifact, as its own tool prints it.
    pub floor: &'static str,
    /// Which rule decides when several match.
    pub order: Order,
    /// What enforces the default of a direction.
    pub default: &'static str,
    /// How it refuses: the actions that it has beside `allow`, and how each is said.
    pub deny: &'static [(&'static str, &'static str)],
    /// Connection tracking: `stateful`, `stateless`, or both where the policy may choose.
    pub state: &'static [&'static str],
    /// Where it may stand.
    pub placements: &'static [&'static str],
    /// How IPv6 is written.
    pub ipv6: &'static str,
    /// How domain names are enforced, or why not.
    pub names: &'static str,
    /// How many bytes of comment each rule keeps, and what happens to the rest.
    pub comments: &'static str,
    /// Whether rules can be logged, and how.
    pub log: &'static str,
    /// Sizes that it refuses to exceed: what, how much, and in which unit.
    pub limits: &'static [Limit],
    /// Where the artifact is wider or narrower than the policy can be, in one sentence each.
    pub differences: &'static [&'static str],
}

/// Which rule decides when several match.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The first one.
    FirstMatch,
    /// The last one.
    LastMatch,
    /// None: rules only ever add.
    Unordered,
}

/// A size that a target refuses to exceed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Limit {
    /// Of what.
    pub of: &'static str,
    /// How many.
    pub most: u32,
    /// Counted in what.
    pub unit: &'static str,
}

impl Caps {
    /// Returns each property and what is to be said of it, one sentence or list item a line.
    fn properties(&self) -> Vec<(&'static str, Vec<String>)> {
        let one = |text: &str| vec![text.to_owned()];
        let order = match self.order {
            Order::FirstMatch => "the first rule that matches decides",
            Order::LastMatch => "the last rule that matches decides",
            Order::Unordered => "none: rules only add",
        };
        let deny = self.deny.iter().map(|(action, how)| format!("{action}: {how}"));
        let limits = self.limits.iter().map(|l| format!("{}: {} {}", l.of, l.most, l.unit));
        vec![
            ("writes", one(self.writes)),
            ("accepted from", one(self.floor)),
            ("state", one(&self.state.join(", "))),
            ("placement", one(&self.placements.join(", "))),
            ("order", one(order)),
            ("default", one(self.default)),
            ("deny", deny.collect()),
            ("IPv6", one(self.ipv6)),
            ("domain names", one(self.names)),
            ("logging", one(self.log)),
            ("comments", one(self.comments)),
            ("limits", limits.collect()),
            ("differences", self.differences.iter().map(|d| (*d).to_owned()).collect()),
        ]
    }

    /// Writes them for a terminal.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n", self.kind);
        for (name, lines) in self.properties() {
            for (index, line) in lines.iter().enumerate() {
                text += &format!("  {:<15}{line}\n", if index == 0 { name } else { "" });
            }
        }
        text
    }

    /// Writes them as a section of the documentation.
    fn markdown(&self) -> String {
        let mut text = format!("\n## {}\n\n| | |\n|---|---|\n", self.kind);
        for (name, lines) in self.properties().iter().filter(|(_, lines)| !lines.is_empty()) {
            text += &format!("| {name} | {} |\n", lines.join("<br>"));
        }
        text
    }
}

/// Writes docs/targets.md.
pub fn document() -> String {
    let sections = all().map(Caps::markdown).concat();
    format!(
        "# Targets\n\nThis page is made from the same data that `portcullis targets` prints.\n{sections}"
    )
}

/// Returns every kind's capabilities, in the order of the documentation.
pub fn all() -> [&'static Caps; 5] {
    [
        &nftables::caps::CAPS,
        &iptables::caps::CAPS,
        &pf::caps::CAPS,
        &aws_security_group::caps::CAPS,
        &aws_network_acl::caps::CAPS,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_something_about_everything() {
        for caps in all() {
            let json = serde_json::to_value(caps).expect("plain data");
            for (key, value) in json.as_object().expect("a struct") {
                let empty =
                    value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty);
                assert!(!empty || key == "differences", "{}: `{key}` is empty", caps.kind);
            }
        }
        let kinds: std::collections::BTreeSet<_> = all().iter().map(|caps| caps.kind).collect();
        assert_eq!(kinds.len(), all().len(), "two targets have one name");
    }
}

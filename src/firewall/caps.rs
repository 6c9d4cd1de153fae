//! What each kind of target can say, as data: printed by `portcullis targets` and by the docs.

use super::options::OptionSpec;
use super::{Firewall, Kind, REGISTRY};

/// What a kind of target can say, and its limits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Caps {
    /// The word after `kind:` in a policy.
    pub kind: &'static str,
    /// One sentence on what it writes.
    pub writes: &'static str,
    /// The oldest version that accepts the artifact, as its own tool prints it.
    pub floor: &'static str,
    /// What `verify` and `diff` read of it: the commands whose output they take.
    pub listing: &'static str,
    /// Which rule decides when several match.
    pub order: Order,
    /// Whether it writes a folder of files, not one file.
    pub folder: bool,
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
    /// Tells whether it can stand between networks.
    pub fn has_gateways(&self) -> bool {
        self.placements.contains(&"gateway")
    }

    /// Returns the one mode of connection tracking that it has, where a policy has no choice.
    pub fn only_state(&self) -> Option<&'static str> {
        match self.state {
            [only] => Some(only),
            _ => None,
        }
    }

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
            ("minimum version", one(self.floor)),
            ("listing", one(self.listing)),
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
}

/// Returns each property and what is to be said of it, the options among them.
fn properties(firewall: &dyn Firewall) -> Vec<(&'static str, Vec<String>)> {
    let mut properties = firewall.caps().properties();
    let options = firewall.options().iter().map(OptionSpec::line).collect();
    properties.insert(1, ("options", options));
    properties
}

/// Writes a kind for a terminal.
fn described(firewall: &dyn Firewall) -> String {
    let mut text = format!("{}\n", firewall.caps().kind);
    for (name, lines) in properties(firewall) {
        for (index, line) in lines.iter().enumerate() {
            text += &format!("  {:<17}{line}\n", if index == 0 { name } else { "" });
        }
    }
    text
}

/// Writes a kind as a section of the documentation.
fn markdown(firewall: &dyn Firewall) -> String {
    let mut text = format!("\n## {}\n\n| | |\n|---|---|\n", firewall.caps().kind);
    for (name, lines) in properties(firewall).iter().filter(|(_, lines)| !lines.is_empty()) {
        text += &format!("| {name} | {} |\n", lines.join("<br>"));
    }
    text
}

/// Says what a kind of firewall does not look at in a packet.
pub fn not_looked_at(kind: &Kind) -> String {
    let sight = kind.match_caps(None);
    let fields = [
        (sight.source_ports, "source ports"),
        (sight.tcp_flags, "TCP flags"),
        (sight.hop_limit, "hop limits"),
        (sight.behind.is_none(), "the addresses behind it"),
    ];
    let unseen: Vec<_> =
        fields.into_iter().filter(|(seen, _)| !seen).map(|(_, field)| field).collect();
    unseen.join(", ")
}

/// Writes docs/targets.md.
pub fn document() -> String {
    let sections: String = REGISTRY.iter().map(|firewall| markdown(*firewall)).collect();
    format!(
        "# Targets\n\nThis page is made from the same data that `portcullis targets` prints.\n{sections}"
    )
}

/// Writes what all kinds can say, for a terminal.
pub fn text() -> String {
    REGISTRY.iter().map(|firewall| described(*firewall)).collect()
}

/// Returns what all kinds can say, for programs.
pub fn json() -> serde_json::Value {
    let one = |firewall: &&dyn Firewall| {
        let mut value = serde_json::json!(firewall.caps());
        let options = firewall.options().iter().map(|option| {
            serde_json::json!({
                "key": option.key,
                "values": option.values.to_string(),
                "default": option.default.map(|default| default.to_string()),
                "required": option.required,
                "help": option.help,
            })
        });
        value["options"] = options.collect();
        value
    };
    REGISTRY.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_says_something_about_everything() {
        for caps in REGISTRY.iter().map(|firewall| firewall.caps()) {
            let json = serde_json::to_value(caps).expect("plain data");
            for (key, value) in json.as_object().expect("a struct") {
                let empty =
                    value.as_str() == Some("") || value.as_array().is_some_and(Vec::is_empty);
                assert!(!empty || key == "differences", "{}: `{key}` is empty", caps.kind);
            }
        }
        let kinds = REGISTRY.iter().map(|firewall| firewall.caps().kind);
        let kinds: std::collections::BTreeSet<_> = kinds.collect();
        assert_eq!(kinds.len(), REGISTRY.len(), "two targets have one name");
    }
}

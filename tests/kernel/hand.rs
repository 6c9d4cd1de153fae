//! Rule sets written by hand, right and wrong: they show that the harness finds what it looks for.

use portcullis::ir::flow::{Defaults, Rule, RuleSet};
use portcullis::ir::{Action, Baseline, Direction, L4, Origin, OriginKind, Placement, StateMode};
use portcullis::net::{IpSet, PortSet, ProtocolSet, icmp, protocol};

/// A policy with a firewall that was written for it by hand.
pub struct Hand {
    /// The policy.
    pub policy: RuleSet,
    /// Where the firewall stands.
    pub placement: Placement,
    /// Whether it tracks connections.
    pub state: StateMode,
    /// What `nft -f`, or both `iptables-restore` commands, read.
    pub ruleset: String,
    /// Whether it is of iptables.
    pub iptables: bool,
    /// Whether the firewall is wrong on purpose.
    pub wrong: bool,
}

/// The cases' names.
pub fn names() -> Vec<String> {
    CASES.iter().map(|(name, ..)| format!("hand/{name}")).collect()
}

/// Name, placement and state, what is replaced in the right rule set, by what.
const CASES: &[(&str, &str, &str, &str)] = &[
    ("gateway", GATEWAY, "", ""),
    ("gateway-stateless", STATELESS, "", ""),
    ("host", HOST, "", ""),
    ("iptables", IPTABLES, "", ""),
    ("iptables-port-too-many", IPTABLES, "--dports 443 ", "--dports 443,444 "),
    ("iptables-without-v6", IPTABLES, "2001:db8:20::/48 -p udp", "2001:db8:21::/48 -p udp"),
    ("iptables-wrong-answer", IPTABLES, "icmp-admin-prohibited", "icmp-port-unreachable"),
    ("gateway-port-too-many", GATEWAY, "tcp dport 443 ", "tcp dport 443-444 "),
    ("gateway-port-too-few", GATEWAY, "udp dport 3478-3480 ", "udp dport 3478-3479 "),
    ("gateway-address-too-many", GATEWAY, "192.0.2.4-192.0.2.9", "192.0.2.4-192.0.2.10"),
    (
        "gateway-without-v6",
        GATEWAY,
        "ip6 daddr 2001:db8:2::/48 tcp",
        "ip6 daddr 2001:db8:3::/48 tcp",
    ),
    (
        "gateway-fooled-by-options",
        GATEWAY,
        "ip6 saddr 2001:db8:20::/48 udp",
        "ip6 saddr 2001:db8:20::/48 ip6 nexthdr udp udp",
    ),
    ("gateway-silent", GATEWAY, "reject with tcp reset", "drop"),
    ("gateway-wrong-answer", GATEWAY, "icmpx type admin-prohibited", "icmpx type host-unreachable"),
    ("gateway-invalid-passes", GATEWAY, "ct state invalid drop", ""),
    (
        "gateway-replies-lost",
        GATEWAY,
        "ct state established,related accept",
        "ct state related accept",
    ),
    (
        "gateway-errors-lost",
        GATEWAY,
        "ct state established,related accept",
        "ct state established accept",
    ),
    ("gateway-closed-to-others", GATEWAY, "policy accept", "policy drop"),
    ("host-closed-to-itself", HOST, "oifname \"lo\" accept", ""),
    ("stateless-any-flags", STATELESS, "tcp flags & (ack | rst) != 0 ", ""),
    ("stateless-tracks", STATELESS, "notrack", "accept"),
    ("host-hop-limit", HOST, "ip6 hoplimit 255 ", ""),
    ("host-type", HOST, "icmpv6 type { 135, 136 }", "icmpv6 type { 134, 135, 136 }"),
];

/// Returns the case of a name.
pub fn case(name: &str) -> Option<Hand> {
    let (_, right, from, to) = CASES.iter().find(|(known, ..)| *known == name)?;
    assert!(right.contains(from), "the mutant {name} changes nothing");
    let gateway =
        Placement::Gateway { inside: vec!["lan0".to_owned()], outside: vec!["wan0".to_owned()] };
    let host = *right == HOST;
    Some(Hand {
        policy: policy(),
        placement: if host { Placement::Host } else { gateway },
        state: if *right == STATELESS { StateMode::Stateless } else { StateMode::Stateful },
        ruleset: right.replace(from, to),
        iptables: *right == IPTABLES,
        wrong: !from.is_empty(),
    })
}

fn addresses(prefixes: &[&str]) -> IpSet {
    IpSet::from_prefixes(prefixes.iter().map(|p| p.parse().expect("a prefix")))
}

fn rule(action: Action, direction: Direction, from: &[&str], to: &[&str], l4: L4) -> Rule {
    Rule {
        action,
        direction,
        source: addresses(from),
        destination: addresses(to),
        l4,
        ephemeral: PortSet::range(49152, 65535),
        log: None,
        origins: vec![Origin::new(OriginKind::Policy, "rule")],
    }
    .normalized()
    .expect("a rule that matches something")
}

/// Some of everything that a rule can look at.
fn policy() -> RuleSet {
    use Action::{Allow, Drop, Reject};
    use Direction::{Inbound, Outbound};
    let all = || ["0.0.0.0/0", "::/0"];
    let inside = ["10.20.0.0/16", "2001:db8:20::/48"];
    let port = |protocol, low, high| L4::ports(protocol, PortSet::all(), PortSet::range(low, high));
    let echo = |family| icmp::word(icmp::number(family, "echo-request").expect("a name"), 0);
    let rules = vec![
        rule(Drop, Outbound, &["10.20.99.0/24"], &all()[..1], L4::any()),
        rule(Allow, Outbound, &inside, &["198.51.100.0/24", "2001:db8:2::/48"], port(6, 443, 443)),
        rule(Allow, Outbound, &inside, &all(), port(protocol::UDP, 3478, 3480)),
        rule(Reject, Outbound, &inside, &["192.0.2.4/30", "192.0.2.8/31"], L4::any()),
        rule(Reject, Inbound, &all(), &inside, port(protocol::TCP, 113, 113)),
        rule(Reject, Inbound, &all(), &inside, port(protocol::UDP, 113, 113)),
        rule(
            Allow,
            Inbound,
            &["203.0.113.0/25"],
            &inside[..1],
            L4::icmp(PortSet::one(echo(portcullis::net::Family::V4))),
        ),
        rule(
            Allow,
            Inbound,
            &["2001:db8:f::/64"],
            &inside[1..],
            L4::icmpv6(PortSet::one(echo(portcullis::net::Family::V6))),
        ),
        rule(
            Allow,
            Outbound,
            &inside[..1],
            &["203.0.113.128/32"],
            L4::protocols(ProtocolSet::one(47)),
        ),
    ];
    RuleSet {
        name: "hand".to_owned(),
        rules,
        defaults: Defaults { inbound: Drop, outbound: Drop },
        baseline: Baseline::Strict,
        ephemeral: PortSet::range(49152, 65535),
    }
}

const GATEWAY: &str = r#"
table inet hand {
  chain forward {
    type filter hook forward priority filter
    policy accept
    iifname "lan0" oifname "wan0" goto outbound
    iifname "wan0" oifname "lan0" goto inbound
  }
  chain outbound {
    ct state established,related accept
    ct state invalid drop
    ip saddr 10.20.99.0/24 drop
    ip saddr 10.20.0.0/16 ip daddr 198.51.100.0/24 tcp dport 443 accept
    ip6 saddr 2001:db8:20::/48 ip6 daddr 2001:db8:2::/48 tcp dport 443 accept
    ip saddr 10.20.0.0/16 udp dport 3478-3480 accept
    ip6 saddr 2001:db8:20::/48 udp dport 3478-3480 accept
    ip saddr 10.20.0.0/16 ip daddr 192.0.2.4-192.0.2.9 jump refuse
    ip saddr 10.20.0.0/16 ip daddr 203.0.113.128 ip protocol gre accept
    drop
  }
  chain inbound {
    ct state established,related accept
    ct state invalid drop
    ip daddr 10.20.0.0/16 tcp dport 113 jump refuse
    ip6 daddr 2001:db8:20::/48 tcp dport 113 jump refuse
    ip daddr 10.20.0.0/16 udp dport 113 jump refuse
    ip6 daddr 2001:db8:20::/48 udp dport 113 jump refuse
    ip saddr 203.0.113.0/25 ip daddr 10.20.0.0/16 icmp type echo-request icmp code 0 accept
    ip6 saddr 2001:db8:f::/64 ip6 daddr 2001:db8:20::/48 icmpv6 type echo-request icmpv6 code 0 accept
    drop
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }
}
"#;

/// Lines that begin with `-4` or `-6` are of one family, the others of both.
const IPTABLES: &str = r#"
*filter
:FORWARD ACCEPT [0:0]
:outbound - [0:0]
:inbound - [0:0]
:refuse - [0:0]
-A FORWARD -i lan0 -o wan0 -g outbound
-A FORWARD -i wan0 -o lan0 -g inbound
-A outbound -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A outbound -m conntrack --ctstate INVALID -j DROP
-4 -A outbound -s 10.20.99.0/24 -j DROP
-4 -A outbound -s 10.20.0.0/16 -d 198.51.100.0/24 -p tcp -m multiport --dports 443 -j ACCEPT
-6 -A outbound -s 2001:db8:20::/48 -d 2001:db8:2::/48 -p tcp -m multiport --dports 443 -j ACCEPT
-4 -A outbound -s 10.20.0.0/16 -p udp -m udp --dport 3478:3480 -j ACCEPT
-6 -A outbound -s 2001:db8:20::/48 -p udp -m udp --dport 3478:3480 -j ACCEPT
-4 -A outbound -s 10.20.0.0/16 -d 192.0.2.4/30 -j refuse
-4 -A outbound -s 10.20.0.0/16 -d 192.0.2.8/31 -j refuse
-4 -A outbound -s 10.20.0.0/16 -d 203.0.113.128 -p 47 -j ACCEPT
-A outbound -j DROP
-A inbound -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
-A inbound -m conntrack --ctstate INVALID -j DROP
-4 -A inbound -d 10.20.0.0/16 -p tcp -m tcp --dport 113 -j refuse
-6 -A inbound -d 2001:db8:20::/48 -p tcp -m tcp --dport 113 -j refuse
-4 -A inbound -d 10.20.0.0/16 -p udp -m udp --dport 113 -j refuse
-6 -A inbound -d 2001:db8:20::/48 -p udp -m udp --dport 113 -j refuse
-4 -A inbound -s 203.0.113.0/25 -d 10.20.0.0/16 -p icmp -m icmp --icmp-type 8/0 -j ACCEPT
-6 -A inbound -s 2001:db8:f::/64 -d 2001:db8:20::/48 -p icmpv6 -m icmp6 --icmpv6-type 128/0 -j ACCEPT
-A inbound -j DROP
-A refuse -p tcp -j REJECT --reject-with tcp-reset
-4 -A refuse -j REJECT --reject-with icmp-admin-prohibited
-6 -A refuse -j REJECT --reject-with icmp6-adm-prohibited
COMMIT
"#;

const HOST: &str = r#"
table inet hand {
  chain input {
    type filter hook input priority filter
    policy drop
    iifname "lo" accept
    ct state established,related accept
    ct state invalid drop
    icmpv6 type { 135, 136 } ip6 hoplimit 255 accept
    ip6 saddr fe80::/10 icmpv6 type 134 ip6 hoplimit 255 accept
    ip daddr 10.20.0.0/16 tcp dport 113 jump refuse
    ip6 daddr 2001:db8:20::/48 tcp dport 113 jump refuse
    ip daddr 10.20.0.0/16 udp dport 113 jump refuse
    ip6 daddr 2001:db8:20::/48 udp dport 113 jump refuse
    ip saddr 203.0.113.0/25 ip daddr 10.20.0.0/16 icmp type echo-request icmp code 0 accept
    ip6 saddr 2001:db8:f::/64 ip6 daddr 2001:db8:20::/48 icmpv6 type echo-request icmpv6 code 0 accept
  }
  chain output {
    type filter hook output priority filter
    policy drop
    oifname "lo" accept
    ct state established,related accept
    ct state invalid drop
    icmpv6 type { 133, 135, 136 } ip6 hoplimit 255 accept
    ip saddr 10.20.99.0/24 drop
    ip saddr 10.20.0.0/16 ip daddr 198.51.100.0/24 tcp dport 443 accept
    ip6 saddr 2001:db8:20::/48 ip6 daddr 2001:db8:2::/48 tcp dport 443 accept
    ip saddr 10.20.0.0/16 udp dport 3478-3480 accept
    ip6 saddr 2001:db8:20::/48 udp dport 3478-3480 accept
    ip saddr 10.20.0.0/16 ip daddr 192.0.2.4-192.0.2.9 jump refuse
    ip saddr 10.20.0.0/16 ip daddr 203.0.113.128 ip protocol gre accept
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }
}
"#;

const STATELESS: &str = r#"
table inet hand {
  chain untracked {
    type filter hook prerouting priority raw
    policy accept
    iifname { "lan0", "wan0" } notrack
  }
  chain forward {
    type filter hook forward priority filter
    policy accept
    iifname "lan0" oifname "wan0" goto outbound
    iifname "wan0" oifname "lan0" goto inbound
  }
  chain outbound {
    ip saddr 10.20.0.0/16 ip daddr 203.0.113.0/25 icmp type echo-reply icmp code 0 accept
    ip6 saddr 2001:db8:20::/48 ip6 daddr 2001:db8:f::/64 icmpv6 type echo-reply icmpv6 code 0 accept
    jump errors
    ip saddr 10.20.99.0/24 drop
    ip saddr 10.20.0.0/16 ip daddr 198.51.100.0/24 tcp dport 443 accept
    ip6 saddr 2001:db8:20::/48 ip6 daddr 2001:db8:2::/48 tcp dport 443 accept
    ip saddr 10.20.0.0/16 udp dport 3478-3480 accept
    ip6 saddr 2001:db8:20::/48 udp dport 3478-3480 accept
    ip saddr 10.20.0.0/16 ip daddr 192.0.2.4-192.0.2.9 jump refuse
    ip saddr 10.20.0.0/16 ip daddr 203.0.113.128 ip protocol gre accept
    drop
  }
  chain inbound {
    ip daddr 10.20.99.0/24 jump inbound_own
    ip daddr 10.20.99.0/24 drop
    ip saddr 198.51.100.0/24 ip daddr 10.20.0.0/16 tcp sport 443 tcp dport 49152-65535 tcp flags & (ack | rst) != 0 accept
    ip6 saddr 2001:db8:2::/48 ip6 daddr 2001:db8:20::/48 tcp sport 443 tcp dport 49152-65535 tcp flags & (ack | rst) != 0 accept
    ip daddr 10.20.0.0/16 udp sport 3478-3480 udp dport 49152-65535 accept
    ip6 daddr 2001:db8:20::/48 udp sport 3478-3480 udp dport 49152-65535 accept
    ip saddr 203.0.113.128 ip daddr 10.20.0.0/16 ip protocol gre accept
    goto inbound_own
  }
  chain inbound_own {
    ip daddr 10.20.0.0/16 icmp type { 3, 11 } accept
    ip6 daddr 2001:db8:20::/48 icmpv6 type 1-4 accept
    ip daddr 10.20.0.0/16 tcp dport 113 jump refuse
    ip6 daddr 2001:db8:20::/48 tcp dport 113 jump refuse
    ip daddr 10.20.0.0/16 udp dport 113 jump refuse
    ip6 daddr 2001:db8:20::/48 udp dport 113 jump refuse
    ip saddr 203.0.113.0/25 ip daddr 10.20.0.0/16 icmp type echo-request icmp code 0 accept
    ip6 saddr 2001:db8:f::/64 ip6 daddr 2001:db8:20::/48 icmpv6 type echo-request icmpv6 code 0 accept
    drop
  }
  chain errors {
    ip daddr { 198.51.100.0/24, 203.0.113.0/25, 203.0.113.128 } icmp type { 3, 11 } accept
    icmp type { 3, 11 } accept
    icmpv6 type 1-4 accept
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx type admin-prohibited
  }
}
"#;

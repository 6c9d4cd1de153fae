//! Large policies, made the same way each time.

#![allow(dead_code, reason = "each bench uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "a benchmark may panic to say what is wrong")]

pub mod workloads;

use portcullis::ir::flow::{Defaults, Rule, RuleSet};
use portcullis::ir::{Action, Baseline, Direction, L4, Origin, OriginKind};
use portcullis::net::{IpSet, Ipv4Set, Ipv6Set, PortSet};
use std::fmt::Write;

/// A deterministic source of numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap_or_default()
    }
}

/// Services in the usual skew: as written, protocol number, and port range.
const SERVICES: &[(&str, u8, (u16, u16))] = &[
    ("tcp/443", 6, (443, 443)),
    ("tcp/443", 6, (443, 443)),
    ("tcp/443", 6, (443, 443)),
    ("tcp/80", 6, (80, 80)),
    ("tcp/80", 6, (80, 80)),
    ("tcp/22", 6, (22, 22)),
    ("tcp/25", 6, (25, 25)),
    ("udp/53", 17, (53, 53)),
    ("udp/123", 17, (123, 123)),
    ("tcp/3306", 6, (3306, 3306)),
    ("tcp/5432", 6, (5432, 5432)),
    ("tcp/8080-8090", 6, (8080, 8090)),
    ("tcp/1024-65535", 6, (1024, 65535)),
    ("udp/5060-5061", 17, (5060, 5061)),
    ("udp/1024-65535", 17, (1024, 65535)),
    ("tcp/any", 6, (0, 65535)),
];

/// A rule in the manner of ClassBench's access lists.
pub struct Row {
    allow: bool,
    source: (u32, u32),
    destination: (u32, u32),
    service: usize,
}

/// Draws rules: sources are sites of several sizes, destinations are servers and subnets of one block, and
/// one rule in twenty refuses.
pub fn rows(count: usize) -> Vec<Row> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut draw = |n: usize| usize::try_from(random.below(n as u64)).unwrap_or_default();
    let mut row = || {
        let length = [16, 20, 22, 24, 24, 24, 28, 32][draw(8)];
        let source = (0x0a00_0000 | low(draw(1 << 24)), length);
        let length = [24, 28, 32, 32, 32, 32][draw(6)];
        let destination = (0xac10_0000 | low(draw(1 << 20)), length);
        Row { allow: draw(20) != 0, source, destination, service: draw(SERVICES.len()) }
    };
    (0..count).map(|_| row()).collect()
}

/// Draws rules in the manner of ClassBench's firewall lists: half of them have a wildcard address, many a
/// range of ports, and a third refuses.
fn wild_rows(count: usize) -> Vec<Row> {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut draw = |n: usize| usize::try_from(random.below(n as u64)).unwrap_or_default();
    let mut row = || {
        let mut side = |base: u32| match draw(10) {
            0 => (base, 8),
            1 => (base | low(draw(1 << 24)), 16),
            2..=4 => (base | low(draw(1 << 24)), 24),
            _ => (base | low(draw(1 << 24)), 32),
        };
        let sides = (side(0x0a00_0000), side(0xac00_0000));
        // Never both: one such rule hides most of a list.
        let (source, destination) = match draw(4) {
            0 => ((0, 0), sides.1),
            1 => (sides.0, (0, 0)),
            _ => sides,
        };
        Row { allow: draw(3) != 0, source, destination, service: draw(SERVICES.len()) }
    };
    (0..count).map(|_| row()).collect()
}

fn low(n: usize) -> u32 {
    u32::try_from(n).unwrap_or_default()
}

/// Writes access-list rules as a policy without targets.
pub fn policy(count: usize) -> String {
    written(&rows(count))
}

/// Writes firewall-list rules as a policy without targets.
pub fn wild_policy(count: usize) -> String {
    written(&wild_rows(count))
}

fn written(rows: &[Row]) -> String {
    let mut text = String::from("policy: generated\nrules:\n");
    for (index, row) in rows.iter().enumerate() {
        let action = if row.allow { "allow" } else { "drop" };
        let (from, to) = (prefix(row.source), prefix(row.destination));
        let service = SERVICES[row.service].0;
        let _ = writeln!(
            text,
            "  - {{ id: r{index}, action: {action}, direction: inbound, from: {from}, to: {to}, service: {service} }}"
        );
    }
    text
}

fn ends((address, length): (u32, u32)) -> (u32, u32) {
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or_default();
    (address & mask, address | !mask)
}

fn prefix(net: (u32, u32)) -> String {
    format!("{}/{}", std::net::Ipv4Addr::from_bits(ends(net).0), net.1)
}

/// Returns access-list rules as the passes see them.
pub fn rule_set(count: usize) -> RuleSet {
    as_rules(&rows(count))
}

/// Returns firewall-list rules as the passes see them: many wildcards on both addresses.
pub fn wild_rule_set(count: usize) -> RuleSet {
    as_rules(&wild_rows(count))
}

fn as_rules(rows: &[Row]) -> RuleSet {
    let set = |net| {
        let (low, high) = ends(net);
        IpSet { v4: Ipv4Set::range(low, high), v6: Ipv6Set::empty() }
    };
    let rule = |(index, row): (usize, &Row)| {
        let (_, protocol, (first, last)) = SERVICES[row.service];
        Rule {
            action: if row.allow { Action::Allow } else { Action::Drop },
            direction: Direction::Inbound,
            source: set(row.source),
            destination: set(row.destination),
            l4: L4::ports(protocol, PortSet::all(), PortSet::range(first, last)),
            ephemeral: PortSet::range(1024, 65535),
            log: None,
            origins: vec![Origin::new(OriginKind::Policy, format!("r{index}"))],
        }
    };
    RuleSet {
        name: "generated".to_owned(),
        rules: rows.iter().enumerate().map(rule).collect(),
        defaults: Defaults { inbound: Action::Drop, outbound: Action::Drop },
        baseline: Baseline::Standard,
        ephemeral: PortSet::range(49152, 65535),
    }
}

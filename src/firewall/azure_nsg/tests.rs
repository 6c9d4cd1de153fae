//! Priorities, names and limits.

use super::options::{Format, Options};
use super::plan::{CLOSING, Rule, plan};
use super::quota;
use crate::diag::Code;
use crate::firewall::Fault;
use crate::ir::flow::Defaults;
use crate::ir::packet::{Filter, Rule as PacketRule};
use crate::ir::{Action, L4, Origin, OriginKind, Placement, StateMode};
use crate::net::{IpSet, Ipv4Set, Ipv6Set, PortSet};

fn options(first_priority: u16) -> Options {
    Options { format: Format::Arm, name: None, first_priority, grows: false }
}

fn one(at: usize) -> IpSet {
    let v4 = Ipv4Set::one(u32::try_from(at).expect("few") + (10 << 24));
    IpSet { v4, v6: Ipv6Set::empty() }
}

/// Rules of a host that allow one address each to send to a port.
fn filter(rules: usize) -> Filter {
    let rule = |at: usize| {
        let l4 = L4::ports(6, PortSet::all(), PortSet::one(443));
        let origin = Origin::new(OriginKind::Policy, format!("rule-{at}"));
        PacketRule::allow(IpSet::all(), one(at), l4, origin)
    };
    of((0..rules).map(rule).collect())
}

fn of(outbound: Vec<PacketRule>) -> Filter {
    Filter {
        name: "p".to_owned(),
        placement: Placement::Host,
        state: StateMode::Stateful,
        loopback: true,
        inbound: Vec::new(),
        outbound,
        defaults: Defaults { inbound: Action::Drop, outbound: Action::Drop },
    }
}

fn planned(filter: &Filter, first_priority: u16) -> Vec<Rule> {
    plan(filter, &options(first_priority)).expect("a plan")
}

fn refused(filter: &Filter, first_priority: u16) -> Vec<Fault> {
    let options = options(first_priority);
    let held = plan(filter, &options).and_then(|rules| quota::hold(&rules, &options));
    held.expect_err("too much")
}

#[test]
fn gaps_are_as_large_as_there_is_room() {
    for (rules, first, gap) in [
        (1, 1000, 100),
        (31, 1000, 100),
        (32, 1000, 50),
        (100, 1000, 20),
        (200, 1000, 10),
        (400, 1000, 1),
        (996, 100, 1),
    ] {
        let priorities: Vec<_> = planned(&filter(rules), first)
            .iter()
            .filter(|rule| rule.outbound)
            .map(|rule| rule.priority)
            .collect();
        assert_eq!(priorities.len(), rules + 2);
        assert_eq!(priorities[0], first);
        if rules > 1 {
            assert_eq!(priorities[1], first + gap, "{rules}");
        }
        assert!(priorities.is_sorted_by(|a, b| a < b), "{rules}");
        assert_eq!(priorities[rules..], CLOSING);
    }
}

#[test]
fn limits_are_counted_before_anything_is_written() {
    let faults = refused(&filter(997), 100);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].message.contains("1001 rules, and a network security group may have 1000"));
    let faults = refused(&filter(200), 4000);
    assert!(faults[0].help.contains("first-priority: 100"), "{}", faults[0].help);
    let scattered = Ipv4Set::from_ranges((0..4001u32).map(|at| (at * 2, at * 2)));
    let set = IpSet { v4: scattered, v6: Ipv6Set::empty() };
    let origin = Origin::new(OriginKind::Policy, "many");
    let rule = PacketRule::allow(
        IpSet::all(),
        set,
        L4::ports(17, PortSet::all(), PortSet::one(53)),
        origin,
    );
    let faults = refused(&of(vec![rule]), 1000);
    assert_eq!(faults[0].code, Code::Quota);
    assert!(faults[0].message.contains("destination addresses"), "{}", faults[0].message);
    assert!(faults[0].help.contains("max-entries"));
}

#[test]
fn names_are_apart_whatever_their_case_and_never_too_long() {
    let mut filter = filter(3);
    for (rule, name) in filter.outbound.iter_mut().zip(["media", "MEDIA", "media/of calls"]) {
        rule.origins[0].rule = name.repeat(if name.contains('/') { 20 } else { 1 });
    }
    let rules = planned(&filter, 1000);
    let names: Vec<_> = rules.iter().filter(|rule| rule.outbound).map(|rule| &rule.name).collect();
    assert_eq!(names[..2], ["out-media-tcp-v4", "out-MEDIA-tcp-v4-2"]);
    let name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    assert!(names.iter().all(|one| one.len() <= 65 && one.chars().all(name)), "{names:?}");
}

#[test]
fn one_family_without_addresses_is_written_in_halves() {
    let origin = Origin::new(OriginKind::Policy, "all");
    let all = PacketRule::allow(IpSet::all(), IpSet::all(), L4::any(), origin);
    let rules = planned(&of(vec![all]), 1000);
    let v6: Vec<_> = rules.iter().filter(|rule| rule.name == "out-all-any-v6").collect();
    assert_eq!(v6[0].priority, 1005);
    assert_eq!(v6[0].source.prefixes, ["::/1", "8000::/1"]);
    assert_eq!(v6[0].source, v6[0].destination);
}

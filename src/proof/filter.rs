//! A filter as a program, clause by clause: what a target that can express everything would read back.

use crate::ir::packet::{Filter, HopLimit, Rule, TcpFlags};
use crate::ir::{Action, Direction, Hook, Path, StateMode, Verdict};
use crate::net::Family;
use crate::program::{Base, Chain, Clause, Field, Match, Place, Program, Target};

fn clause(when: Vec<Match>, then: Target) -> Clause {
    Clause { when, then, place: Place::default() }
}

fn one(field: Field, value: u32) -> Match {
    Match::Field(field, vec![(value, value)])
}

fn wide<T: Copy + Into<u32>>(ranges: &[(T, T)]) -> Vec<(u32, u32)> {
    ranges.iter().map(|(low, high)| ((*low).into(), (*high).into())).collect()
}

fn matches(rule: &Rule, family: Family) -> Vec<Match> {
    let mut when = match family {
        Family::V4 => vec![
            Match::Source4(rule.source.v4.ranges().to_vec()),
            Match::Destination4(rule.destination.v4.ranges().to_vec()),
        ],
        Family::V6 => vec![
            Match::Source6(rule.source.v6.ranges().to_vec()),
            Match::Destination6(rule.destination.v6.ranges().to_vec()),
        ],
    };
    when.push(Match::Field(Field::Protocol, wide(rule.l4.protocol_set().ranges())));
    when.push(Match::Field(Field::SourcePort, wide(rule.l4.source().ranges())));
    when.push(Match::Field(Field::DestinationPort, wide(rule.l4.destination().ranges())));
    if rule.tcp_flags == TcpFlags::AckOrRst {
        let set = (0..=255u32).filter(|flags| flags & 0x14 != 0).map(|flags| (flags, flags));
        when.push(Match::Field(Field::TcpFlags, set.collect()));
    }
    if let HopLimit::Exactly(hop) = rule.hop_limit {
        when.push(one(Field::HopLimit, hop.into()));
    }
    when
}

fn decide(action: Action, mut when: Vec<Match>) -> Vec<Clause> {
    let tcp = [when.clone(), vec![one(Field::Protocol, 6)]].concat();
    if action == Action::Reject {
        when.push(Match::Field(Field::Protocol, vec![(0, 5), (7, 255)]));
        return vec![
            clause(tcp, Target::Decide(Verdict::RejectReset)),
            clause(when, Target::Decide(Verdict::RejectProhibited)),
        ];
    }
    vec![clause(when, Target::Decide(Verdict::of(action, 0)))]
}

fn chain(filter: &Filter, way: Direction) -> Chain {
    let mut clauses = Vec::new();
    if filter.state == StateMode::Stateful {
        clauses.push(clause(
            vec![Match::Field(Field::State, vec![(1, 2)])],
            Target::Decide(Verdict::Accept),
        ));
        clauses.push(clause(vec![one(Field::State, 3)], Target::Decide(Verdict::Drop)));
    }
    for rule in filter.rules(way) {
        for family in Family::BOTH {
            clauses.extend(decide(rule.action, matches(rule, family)));
        }
    }
    clauses.extend(decide(filter.defaults.of(way), Vec::new()));
    Chain { name: way.to_string(), clauses }
}

/// Translates a filter.
pub fn of_filter(filter: &Filter) -> Program {
    let mut entry = Chain { name: "entry".to_owned(), clauses: Vec::new() };
    let last = filter.placement.other_interface();
    for (at, hook) in (0u32..).zip(Hook::ALL) {
        for incoming in 0..=last {
            for outgoing in 0..=last {
                let mut when = vec![one(Field::Hook, at)];
                let end = |interface: u16| {
                    if interface == last { u32::from(u16::MAX) } else { interface.into() }
                };
                if hook.has_incoming() {
                    when.push(Match::Field(
                        Field::Incoming,
                        vec![(incoming.into(), end(incoming))],
                    ));
                }
                if hook.has_outgoing() {
                    when.push(Match::Field(
                        Field::Outgoing,
                        vec![(outgoing.into(), end(outgoing))],
                    ));
                }
                let then = match filter.placement.path(hook, incoming, outgoing) {
                    Path::Tracking if filter.state == StateMode::Stateless => {
                        Target::Decide(Verdict::Untrack)
                    }
                    Path::Ungoverned | Path::Tracking => Target::Decide(Verdict::Accept),
                    Path::Loopback(_) if filter.loopback => Target::Decide(Verdict::Accept),
                    Path::Loopback(way) | Path::Governed(way) => Target::Goto(match way {
                        Direction::Inbound => 1,
                        Direction::Outbound => 2,
                    }),
                };
                entry.clauses.push(clause(when, then));
            }
        }
    }
    let chains = vec![entry, chain(filter, Direction::Inbound), chain(filter, Direction::Outbound)];
    // One base for each hook, as firewalls have them.
    let base = |hook| Base {
        when: vec![one(Field::Hook, hook)],
        chain: 0,
        policy: Verdict::Accept,
        place: Place::default(),
    };
    let bases = (0u32..).zip(Hook::ALL).map(|(at, _)| base(at));
    Program { bases: bases.collect(), chains }
}

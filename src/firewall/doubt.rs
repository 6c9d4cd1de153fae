//! Conditions on what rules may have rewritten before.

use crate::ir::{Hook, Placement};
use crate::net::Family;
use crate::program::sets::others;
use crate::program::{Field, Match, sorted};

/// The most ways by which packets that are rewritten are told apart; beyond, all packets are in doubt.
const MOST: usize = 512;

/// Returns the simple conditions among those of a rule: no fewer packets meet them.
pub(super) fn simple(when: &[Match]) -> Vec<Match> {
    let simple = |one: &&Match| !matches!(one, Match::Unknown | Match::AnyOf(_));
    when.iter().filter(simple).cloned().collect()
}

/// Returns a condition that is as it was for the packets that no rule rewrites, and for the others may hold.
/// Each rewriting is of the packets that meet a conjunction of simple conditions.
pub(super) fn doubted(one: Match, rewritten: &[&[Match]], placement: &Placement) -> Match {
    let ways = |product: usize, when: &&[Match]| product.saturating_mul(when.len() + 1);
    if rewritten.iter().fold(1, ways) > MOST || rewritten.iter().any(|when| when.is_empty()) {
        return Match::Unknown;
    }
    let mut as_it_was = vec![one];
    let mut ways = Vec::new();
    for when in rewritten {
        let not = when.iter().flat_map(|when| outside(when, placement)).map(|not| vec![not]);
        as_it_was.push(Match::AnyOf(not.collect()));
        ways.push([when, &[Match::Unknown][..]].concat());
    }
    ways.push(as_it_was);
    Match::AnyOf(ways)
}

/// Returns the packets that a simple condition leaves out, as alternatives.
pub(super) fn outside(one: &Match, placement: &Placement) -> Vec<Match> {
    match one {
        Match::Family(family) => vec![other(*family)],
        Match::Source4(ranges) => {
            vec![Match::Source4(others(&sorted(ranges), u32::MAX)), other(Family::V4)]
        }
        Match::Source6(ranges) => {
            vec![Match::Source6(others(&sorted(ranges), u128::MAX)), other(Family::V6)]
        }
        Match::Destination4(ranges) => {
            vec![Match::Destination4(others(&sorted(ranges), u32::MAX)), other(Family::V4)]
        }
        Match::Destination6(ranges) => {
            vec![Match::Destination6(others(&sorted(ranges), u128::MAX)), other(Family::V6)]
        }
        Match::Field(field, ranges) => {
            vec![Match::Field(*field, others(&sorted(ranges), last(*field, placement)))]
        }
        Match::Unknown | Match::AnyOf(_) => vec![Match::Unknown],
    }
}

fn other(family: Family) -> Match {
    Match::Family(if family == Family::V4 { Family::V6 } else { Family::V4 })
}

/// The highest value of a field.
fn last(field: Field, placement: &Placement) -> u32 {
    match field {
        Field::Hook => u32::try_from(Hook::ALL.len() - 1).unwrap_or_default(),
        Field::Incoming | Field::Outgoing => placement.other_interface().into(),
        Field::State => 4,
        Field::Protocol | Field::TcpFlags | Field::HopLimit => 255,
        Field::SourcePort | Field::DestinationPort => 0xffff,
    }
}

//! What nat does to destinations between raw and mangle on one side and filter on the other.
//!
//! A packet that filter sees was translated only if its destination is one that nat gives, or if it is a
//! reply whose destination is given back. Of any other, the tables before nat saw what filter sees.

use super::super::read::{condition, table::Line};
use crate::net::Family;
use crate::program::sets::others;
use crate::program::{Field, Match};

/// Where translated packets may be bound to.
#[derive(Default)]
pub(super) struct Translation {
    /// The destinations that nat gives, as matches.
    given: Vec<Match>,
    /// Whether it may give any.
    any: bool,
    /// Whether sources are translated, so that replies get their destinations back.
    replies: bool,
}

impl Translation {
    /// Collects what the rules of nat do.
    pub(super) fn of(family: Family, lines: &[Line<'_>]) -> Self {
        let mut found = Translation::default();
        for (_, line) in lines.iter().filter(|(_, line)| line.starts_with(['-', '['])) {
            let mut words = line.split_whitespace();
            let target = words.by_ref().find(|word| matches!(*word, "-j" | "--jump"));
            match target.and_then(|_| words.next()) {
                Some("DNAT") => {
                    let to = words.skip_while(|word| *word != "--to-destination").nth(1);
                    match to.and_then(|to| given(family, to)) {
                        Some(to) => found.given.push(to),
                        None => found.any = true,
                    }
                }
                Some("REDIRECT" | "NETMAP" | "TPROXY") => found.any = true,
                Some("SNAT" | "MASQUERADE") => found.replies = true,
                _ => {}
            }
        }
        found
    }

    fn is_none(&self) -> bool {
        self.given.is_empty() && !self.any && !self.replies
    }

    /// Rewrites a rule before nat so that it speaks of what filter sees; tells whether it is unclear now.
    pub(super) fn blur(&self, when: &mut Vec<Match>) -> bool {
        if self.is_none() || !when.iter().any(of_destination) {
            return false;
        }
        let (seen, rest): (Vec<_>, Vec<_>) = when.drain(..).partition(of_destination);
        *when = rest;
        if self.any {
            when.push(Match::Unknown);
            return true;
        }
        let known_flows = || Match::Field(Field::State, vec![(1, 2)]);
        let mut untouched = seen.clone();
        untouched.extend(self.given.iter().map(elsewhere));
        let mut ways: Vec<Vec<Match>> =
            self.given.iter().map(|to| vec![to.clone(), Match::Unknown]).collect();
        if self.replies {
            untouched.push(Match::Field(Field::State, others(&[(1, 2)], 4)));
            ways.push(vec![known_flows(), Match::Unknown]);
        }
        ways.push(untouched);
        when.push(Match::AnyOf(ways));
        true
    }
}

/// The destinations of `10.0.0.1`, `10.0.0.1-10.0.0.9:80`, `[2001:db8::1]:80`.
fn given(family: Family, text: &str) -> Option<Match> {
    let address = match family {
        Family::V4 => text.split(':').next()?.to_owned(),
        Family::V6 => match text.rsplit_once("]:") {
            Some((address, _)) => address.replace(['[', ']'], ""),
            None => text.replace(['[', ']'], ""),
        },
    };
    condition::range(family, false, &address, false).ok()
}

/// Every other destination.
fn elsewhere(given: &Match) -> Match {
    match given {
        Match::Destination4(ranges) => Match::Destination4(others(ranges, u32::MAX)),
        Match::Destination6(ranges) => Match::Destination6(others(ranges, u128::MAX)),
        _ => Match::AnyOf(Vec::new()),
    }
}

fn of_destination(one: &Match) -> bool {
    match one {
        Match::Destination4(_)
        | Match::Destination6(_)
        | Match::Field(Field::DestinationPort, _) => true,
        Match::AnyOf(any) => any.iter().flatten().any(of_destination),
        _ => false,
    }
}

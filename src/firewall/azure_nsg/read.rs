//! Reads a group as Azure's own tools, Terraform or an artifact tell it.
//!
//! Every key, value and kind of resource is matched positively. What is not known to be harmless is doubt
//! for all packets that it could touch, and is noted.

mod builtin;
mod ends;
mod group;
mod order;
mod rule;
mod shapes;
mod terraform;

use crate::firewall::entries::listing::Texts;
use crate::firewall::{File, Listing, ReadError, at_hook};
use crate::ir::{Hook, Verdict};
use crate::program::{Base, Chain, Clause, Field, Match, Place, Program, Target};
use group::{Groups, Rules};

/// Reads every shape; of several groups the one with the name.
pub(super) fn read(name: Option<&str>, files: &[File]) -> Result<Listing, ReadError> {
    let texts = Texts::read(files)?;
    let mut groups = Groups::default();
    shapes::read(&texts, &mut groups)?;
    let (stack, mut unclear) = groups.chosen(name)?;
    let mut program = Program::default();
    for rules in stack {
        let notes = add(rules, &mut program);
        unclear.extend(notes);
    }
    let mut listing = Listing { program, files: texts.files.clone(), unclear };
    listing.order();
    Ok(listing)
}

/// Adds what the rules of a group come to, behind connection tracking: a tracked flow's packets pass whatever
/// the rules say, and replies need no rule (network-security-groups-overview.md). Returns what is not clear
/// of the rules that may decide anything.
fn add(rules: Rules<'_>, program: &mut Program) -> Vec<ReadError> {
    let mut unclear = Vec::new();
    let hooks = [(Hook::Input, "inbound"), (Hook::Output, "outbound")];
    for ((hook, name), way) in hooks.into_iter().zip(rules.ways) {
        // The states' numbers: 1 established, 2 related, 3 invalid.
        let mut clauses = vec![
            state((1, 2), Verdict::Accept, rules.place),
            state((3, 3), Verdict::Drop, rules.place),
        ];
        for entry in order::deciding(way) {
            clauses.extend(entry.clauses);
            unclear.extend(entry.notes);
        }
        let chain = program.chains.len();
        program.chains.push(Chain { name: name.to_owned(), clauses });
        let (when, policy, place) = (vec![at_hook(hook)], Verdict::Drop, rules.place);
        program.bases.push(Base { when, chain, policy, place });
    }
    unclear
}

fn state(states: (u32, u32), verdict: Verdict, place: Place) -> Clause {
    let when = vec![Match::Field(Field::State, vec![states])];
    Clause { when, then: Target::Decide(verdict), place }
}

//! What a firewall's text says, as its reader found it: chains of clauses.
//!
//! Readers lower every text to this small language. What they do not understand is a condition that may hold
//! ([`Match::Unknown`]): when a condition cannot be evaluated, a packet may have several outcomes.

mod evaluate;
mod ranges;
pub mod sets;

pub(crate) use evaluate::all;
pub(crate) use ranges::{Bound, common, sorted};

use crate::ir::Verdict;
use crate::net::Family;

/// A whole artifact or listing, as it was read.
#[derive(Clone, Default, Debug)]
pub struct Program {
    /// Where packets enter, in order: for each packet every base whose `when` holds is run, and the
    /// first that does not accept is final. A packet for which no base runs passes.
    pub bases: Vec<Base>,
    /// All chains.
    pub chains: Vec<Chain>,
}

/// An entry: packets for which `when` holds run through `chain`.
#[derive(Clone, Debug)]
pub struct Base {
    /// A conjunction; usually the hook.
    pub when: Vec<Match>,
    /// Index into [`Program::chains`].
    pub chain: usize,
    /// What happens to packets that leave the chain undecided.
    pub policy: Verdict,
    /// Where the base is in the text.
    pub place: Place,
}

/// A chain: clauses in order; the end of the chain returns to the caller.
#[derive(Clone, Default, Debug)]
pub struct Chain {
    /// Its name in the artifact.
    pub name: String,
    /// In order.
    pub clauses: Vec<Clause>,
}

/// One rule of a chain.
#[derive(Clone, Debug)]
pub struct Clause {
    /// A conjunction; empty matches every packet.
    pub when: Vec<Match>,
    /// What is done with a packet that matches.
    pub then: Target,
    /// Where the clause is in the text.
    pub place: Place,
}

/// Where something is in an artifact.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Place {
    /// Index of the file among the artifact's files.
    pub file: usize,
    /// Line, from 1.
    pub line: usize,
}

/// What a clause does with a packet that it matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// Ends here.
    Decide(Verdict),
    /// Runs a chain, then continues after this clause if the chain returned.
    Jump(usize),
    /// Runs a chain; when that returns, so does this chain.
    Goto(usize),
    /// Leaves this chain.
    Return,
    /// Continues with the next clause (counters, logging).
    Continue,
}

/// Inclusive ranges, in any order; may overlap.
pub type Ranges<T> = Vec<(T, T)>;

/// One condition on a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Match {
    /// The family is this one.
    Family(Family),
    /// An IPv4 packet whose source is in one of the ranges.
    Source4(Ranges<u32>),
    /// An IPv6 packet whose source is in one of the ranges.
    Source6(Ranges<u128>),
    /// An IPv4 packet whose destination is in one of the ranges.
    Destination4(Ranges<u32>),
    /// An IPv6 packet whose destination is in one of the ranges.
    Destination6(Ranges<u128>),
    /// The field's value is in one of the ranges.
    Field(Field, Ranges<u32>),
    /// A condition that cannot be evaluated: it may hold or not.
    Unknown,
    /// At least one of these conjunctions holds (the elements of a concatenated set).
    AnyOf(Vec<Vec<Match>>),
}

/// A field of a packet other than its addresses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Field {
    /// Index in [`crate::ir::Hook::ALL`].
    Hook,
    /// The incoming interface's index in the placement, whose last index means every other interface.
    Incoming,
    /// The outgoing interface's index in the placement.
    Outgoing,
    /// Index in [`crate::ir::State`]`::ALL`.
    State,
    /// IP protocol number.
    Protocol,
    /// Source port of TCP, UDP or SCTP.
    SourcePort,
    /// Destination port of TCP, UDP or SCTP, or the ICMP word (type × 256 + code).
    DestinationPort,
    /// The TCP flags octet.
    TcpFlags,
    /// TTL or hop limit.
    HopLimit,
}

//! What diagrams end in: sets of outcomes.

use crate::ir::Verdict;

/// A node or a terminal. A terminal is a set of outcomes, one bit each: more than one where a condition
/// cannot be evaluated.
pub(super) type Node = u32;

/// No clause has decided.
pub(super) const UNDECIDED: Node = 1;
/// The chain was left, or a reply is not let in: decided, but without a verdict.
pub(super) const LEFT: Node = 2;
/// The verdicts, in the order of their bits from the third on.
pub(super) const VERDICTS: [Verdict; 5] = [
    Verdict::Accept,
    Verdict::Drop,
    Verdict::RejectReset,
    Verdict::RejectProhibited,
    Verdict::Untrack,
];
pub(super) const ACCEPT: Node = 4;
/// Passes as well, past connection tracking.
pub(super) const UNTRACK: Node = ACCEPT << 4;
/// Terminals are the numbers below this.
pub(super) const TERMINALS: Node = 1 << 8;
/// A condition that may hold.
pub(super) const MAYBE: Node = ACCEPT | UNDECIDED;

/// Returns the terminal of a verdict.
pub(super) fn terminal(verdict: Verdict) -> Node {
    let at = VERDICTS.iter().position(|known| *known == verdict).unwrap_or_default();
    ACCEPT << at
}

/// Returns a terminal with another outcome in the place of one.
pub(super) fn exchanged(node: Node, from: Node, to: Node) -> Node {
    if node & from == 0 { node } else { node & !from | to }
}

/// That the second lets through what the first refuses, and the other ways to differ, as terminals.
pub(super) const OPEN: Node = ACCEPT;
pub(super) const SHUT: Node = ACCEPT << 1;
pub(super) const MAY_OPEN: Node = ACCEPT << 2;
pub(super) const MAY_SHUT: Node = ACCEPT << 3;
pub(super) const ANSWERED: Node = ACCEPT << 4;
pub(super) const TRACKED: Node = ACCEPT << 5;

/// How one set of outcomes differs from another that is not the same: first by what it lets through.
pub(super) fn differ(a: Node, b: Node) -> Node {
    let lets = |node: Node| (node & (ACCEPT | UNTRACK) != 0, node & !(ACCEPT | UNTRACK) == 0);
    match (lets(a), lets(b)) {
        ((false, _), (true, true)) => OPEN,
        ((true, true), (false, _)) => SHUT,
        ((false, _), (true, false)) => MAY_OPEN,
        ((true, true), (true, false)) => MAY_SHUT,
        ((true, false), (true, true)) => MAY_OPEN,
        ((true, false), (false, _)) => MAY_SHUT,
        ((true, true), (true, true)) => TRACKED,
        _ => ANSWERED,
    }
}

//! The pipeline: plain functions from one typed phase to the next.
//!
//! [`resolve`](resolve::resolve) turns names into sets, [`state::lower`] turns flows into packets,
//! [`aggregate::aggregate`] merges. Each of the last two keeps the meaning exactly, and a property test
//! holds it against [`crate::ir::decide`]. This room may not know how any firewall spells anything.

pub mod aggregate;
pub mod effective;
pub mod resolve;
pub mod state;

use crate::ir::flow::RuleSet;
use crate::ir::packet::Filter;
use crate::ir::{Placement, StateMode};

/// Gives what one firewall has to do with packets so that the policy holds: lowered and merged.
pub fn filter(policy: &RuleSet, placement: &Placement, state: StateMode) -> Filter {
    let mut filter = state::lower(policy, placement, state);
    filter.inbound = aggregate::aggregate(filter.inbound);
    filter.outbound = aggregate::aggregate(filter.outbound);
    filter
}

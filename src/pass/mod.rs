//! The pipeline: plain functions from one typed phase to the next.
//!
//! [`resolve`](resolve::resolve) turns names into sets, [`state::lower`] turns flows into packets,
//! [`aggregate::aggregate`] merges. Each of the last two keeps the meaning exactly, and a property test
//! compares it with [`crate::ir::decide`]; [`fit`](fit::fit) and [`widen`](widen::widen) let more through,
//! and report what. This room may not know how any firewall writes anything.

pub mod aggregate;
pub mod effective;
pub mod fit;
pub mod resolve;
pub mod state;
pub mod widen;

use crate::ir::flow::RuleSet;
use crate::ir::packet::{Filter, MatchCaps};
use crate::ir::{Placement, StateMode};
use widen::Widened;

/// Returns what one firewall has to do with packets so that the policy holds: lowered and merged.
pub fn filter(policy: &RuleSet, placement: &Placement, state: StateMode) -> Filter {
    merged(state::lower(policy, placement, state))
}

/// Returns the same for a firewall that cannot match everything, and what its rules lose by that.
pub fn filter_for(
    policy: &RuleSet,
    placement: &Placement,
    state: StateMode,
    sight: &MatchCaps,
) -> Widened {
    let widened = widen::widen(state::lower(policy, placement, state), sight);
    Widened { filter: merged(widened.filter), ..widened }
}

fn merged(mut filter: Filter) -> Filter {
    filter.inbound = aggregate::aggregate(filter.inbound);
    filter.outbound = aggregate::aggregate(filter.outbound);
    filter
}

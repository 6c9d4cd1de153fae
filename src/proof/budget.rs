//! What a proof may take.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The proof did not finish within its budget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OverBudget;

/// What the diagrams of one address family may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget {
    /// How many nodes may be made or met.
    pub nodes: usize,
    /// How many bytes may be kept.
    pub bytes: usize,
}

impl Budget {
    /// How many bytes the diagrams of a family may keep by default: 1 GiB.
    pub const BYTES: usize = 1 << 30;
    /// How many nodes may be made or met: some tens of seconds.
    pub const NODES: usize = 60_000_000;
}

/// The memory limit of diagrams that this process was given.
static BYTES: AtomicUsize = AtomicUsize::new(Budget::BYTES);

/// Sets how many bytes the diagrams of a family may keep, for all that this process makes from now on.
pub fn limit_memory(bytes: usize) {
    BYTES.store(bytes, Ordering::Relaxed);
}

impl Default for Budget {
    fn default() -> Self {
        Budget { nodes: Budget::NODES, bytes: BYTES.load(Ordering::Relaxed) }
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (nodes, bytes) = (self.nodes / 1_000_000, self.bytes >> 20);
        write!(f, "{nodes} million steps and {bytes} MiB for each address family")
    }
}

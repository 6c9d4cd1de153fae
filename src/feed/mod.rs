//! Vendors' address feeds: one file per format, selectors, and the snapshot that is built in.
//!
//! This room reads bytes that somebody else fetched; it may not know policies and opens no socket.

/// Which rows of a vendor's feed are meant.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Selector {
    /// The vendor: `aws`.
    pub feed: String,
    /// The service's name in the feed, such as `EC2`.
    pub service: String,
    /// Regions, of which the union is taken; empty means every region.
    pub regions: Vec<String>,
    /// Network border groups, of which the union is taken; empty means every one.
    pub border_groups: Vec<String>,
}

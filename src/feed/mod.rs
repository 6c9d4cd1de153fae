//! Vendors' address feeds: one file per format, selectors, and the snapshot that is built in.
//!
//! This room reads bytes that somebody else fetched; it may not know policies and opens no socket.
//! Every vendor's file becomes a [`Feed`], and so does the built-in snapshot, so there is one way to query them.

pub mod aws;
mod select;
mod snapshot;
mod table;

pub use select::{Count, SelectError};
pub use table::{Feed, Prefix, Row};

use crate::near::nearest;
use crate::net::IpSet;

#[cfg(test)]
mod tests;

/// The most names that are suggested for one.
const SUGGESTED: usize = 3;

fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<String> {
    nearest(name, known, SUGGESTED).into_iter().map(str::to_owned).collect()
}

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

/// The feeds that policies may select from, by vendor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Feeds {
    list: Vec<(&'static str, Feed)>,
}

impl Feeds {
    /// Returns the feeds that are built in.
    pub fn bundled() -> Self {
        Feeds { list: vec![(aws::NAME, snapshot::aws())] }
    }

    /// Replaces a vendor's feed by another version.
    #[must_use]
    pub fn with(mut self, vendor: &'static str, feed: Feed) -> Self {
        self.list.retain(|(known, _)| *known != vendor);
        self.list.push((vendor, feed));
        self.list.sort_by_key(|(known, _)| *known);
        self
    }

    /// Returns a vendor's feed.
    pub fn get(&self, vendor: &str) -> Option<&Feed> {
        self.list.iter().find(|(known, _)| *known == vendor).map(|(_, feed)| feed)
    }

    /// Returns the vendors and their feeds, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Feed)> {
        self.list.iter().map(|(vendor, feed)| (*vendor, feed))
    }

    /// Returns the addresses that a selector selects.
    ///
    /// # Errors
    /// A name that the feed does not have, or a selector that matches no row.
    pub fn select(&self, selector: &Selector) -> Result<IpSet, SelectError> {
        let feed = self.get(&selector.feed).ok_or_else(|| SelectError::UnknownFeed {
            name: selector.feed.clone(),
            near: near(&selector.feed, self.iter().map(|(vendor, _)| vendor)),
            known: self.iter().map(|(vendor, _)| vendor.to_owned()).collect(),
        })?;
        feed.select(selector)
    }
}

impl Default for Feeds {
    fn default() -> Self {
        Self::bundled()
    }
}

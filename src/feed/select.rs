//! Querying a feed: what a selector selects, and what there is to select.

use super::table::{Block, PackedV4, PackedV6};
use super::{Feed, Selector, near};
use crate::net::{IpSet, Ipv4Set, Ipv6Set};
use std::fmt;

/// Why a selector has no addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SelectError {
    /// There is no such feed.
    UnknownFeed {
        /// As written.
        name: String,
        /// Names like it.
        near: Vec<String>,
        /// Every name.
        known: Vec<String>,
    },
    /// The feed has no such service.
    UnknownService {
        /// As written.
        name: String,
        /// Names like it.
        near: Vec<String>,
        /// The version of the feed, for people.
        version: String,
    },
    /// No row of the feed, of whatever service, is in that region.
    UnknownRegion {
        /// As written.
        name: String,
        /// Names like it.
        near: Vec<String>,
        /// The version of the feed, for people.
        version: String,
    },
    /// No row of the feed, of whatever service, is in that network border group.
    UnknownBorderGroup {
        /// As written.
        name: String,
        /// Names like it.
        near: Vec<String>,
        /// The version of the feed, for people.
        version: String,
    },
    /// Every name is known, but no row has them together.
    Nothing {
        /// The service.
        service: String,
        /// Where it has rows: regions, or border groups when the regions alone match.
        has: Vec<String>,
        /// The version of the feed, for people.
        version: String,
    },
}

impl fmt::Display for SelectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, name, version) = match self {
            Self::UnknownFeed { name, .. } => return write!(f, "there is no feed `{name}`"),
            Self::Nothing { service, version, .. } => {
                return write!(f, "the feed (version {version}) has no rows of `{service}` there");
            }
            Self::UnknownService { name, version, .. } => ("service", name, version),
            Self::UnknownRegion { name, version, .. } => ("region", name, version),
            Self::UnknownBorderGroup { name, version, .. } => ("border group", name, version),
        };
        write!(f, "the feed (version {version}) has no {what} `{name}`")
    }
}

impl std::error::Error for SelectError {}

impl SelectError {
    /// Returns what to write instead, where a name is similar.
    pub fn help(&self) -> Option<String> {
        let (lead, names) = match self {
            Self::UnknownFeed { near, known, .. } if near.is_empty() => ("the feeds are", known),
            Self::UnknownFeed { near, .. }
            | Self::UnknownService { near, .. }
            | Self::UnknownRegion { near, .. }
            | Self::UnknownBorderGroup { near, .. } => ("did you mean", near),
            Self::Nothing { has, .. } => ("its rows are in", has),
        };
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let (last, first) = names.split_last()?;
        let glue = if matches!(self, Self::Nothing { .. }) { "and" } else { "or" };
        Some(match first {
            [] => format!("{lead} {last}"),
            _ => format!("{lead} {} {glue} {last}", first.join(", ")),
        })
    }
}

/// How many prefixes there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Count {
    /// IPv4.
    pub v4: usize,
    /// IPv6.
    pub v6: usize,
}

impl Feed {
    /// Returns the vendor's number of this version; it grows with each publication.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the version for people: with its day, where the vendor's text begins with one.
    fn edition(&self) -> String {
        let digit = |(at, byte): (usize, u8)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        };
        match self.created.get(..10).filter(|day| day.bytes().enumerate().all(digit)) {
            Some(day) => format!("{} of {day}", self.version),
            None => self.version.to_string(),
        }
    }

    /// Returns the vendor's text for when it was published. It is for people: AWS has published
    /// malformed ones, so only [`Feed::version`] orders feeds.
    pub fn created(&self) -> &str {
        &self.created
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> Count {
        Count { v4: self.v4.len(), v6: self.v6.len() }
    }

    /// Returns each service and its number of rows, in the order of the names.
    pub fn services(&self) -> impl Iterator<Item = (&str, Count)> {
        self.listed(&self.services, |block| block.service)
    }

    /// Returns each region and its number of rows, in the order of the names.
    pub fn regions(&self) -> impl Iterator<Item = (&str, Count)> {
        self.listed(&self.regions, |block| block.region)
    }

    /// Returns each network border group and its number of rows, in the order of the names.
    pub fn border_groups(&self) -> impl Iterator<Item = (&str, Count)> {
        self.listed(&self.border_groups, |block| block.border_group)
            .filter(|(name, _)| !name.is_empty())
    }

    fn listed<'a>(
        &'a self,
        names: &'a [String],
        of: impl Fn(&Block) -> usize + Copy,
    ) -> impl Iterator<Item = (&'a str, Count)> {
        names.iter().enumerate().map(move |(at, name)| {
            let blocks = self.blocks.iter().filter(|block| of(block) == at);
            let add = |sum: Count, block: &Block| Count {
                v4: sum.v4 + block.v4.len(),
                v6: sum.v6 + block.v6.len(),
            };
            (name.as_str(), blocks.fold(Count::default(), add))
        })
    }

    /// Returns the addresses of a service's rows in any of the regions and any of the border groups.
    ///
    /// Every row of the service counts, whatever other services list the same addresses: the rows of
    /// `EC2` include those of services that run on it. A region without a row of this service is
    /// fine as long as another one has some (Amazon Connect: `GLOBAL` and a region).
    ///
    /// # Errors
    /// A name that no row of the feed has, or a selector that matches no row.
    pub fn select(&self, selector: &Selector) -> Result<IpSet, SelectError> {
        let service = self.service(&selector.service)?;
        let regions = self.in_regions(&selector.regions)?;
        let border_groups = self.in_border_groups(&selector.border_groups)?;
        let here = |block: &&Block| {
            block.service == service && (regions.is_empty() || regions.contains(&block.region))
        };
        let wanted: Vec<_> = self
            .blocks
            .iter()
            .filter(here)
            .filter(|b| border_groups.is_empty() || border_groups.contains(&b.border_group))
            .collect();
        if wanted.is_empty() {
            return Err(self.nothing(selector, self.blocks.iter().filter(here)));
        }
        let v4 = wanted.iter().flat_map(|b| self.v4.get(b.v4.clone()).unwrap_or_default());
        let v6 = wanted.iter().flat_map(|b| self.v6.get(b.v6.clone()).unwrap_or_default());
        Ok(IpSet {
            v4: Ipv4Set::from_ranges(v4.map(range_v4)),
            v6: Ipv6Set::from_ranges(v6.map(range_v6)),
        })
    }

    fn service(&self, name: &str) -> Result<usize, SelectError> {
        find(&self.services, name).ok_or_else(|| SelectError::UnknownService {
            name: name.to_owned(),
            near: near(name, self.services.iter().map(String::as_str)),
            version: self.edition(),
        })
    }

    fn in_regions(&self, names: &[String]) -> Result<Vec<usize>, SelectError> {
        let unknown = |name: &String| SelectError::UnknownRegion {
            name: name.clone(),
            near: near(name, self.regions.iter().map(String::as_str)),
            version: self.edition(),
        };
        names.iter().map(|n| find(&self.regions, n).ok_or_else(|| unknown(n))).collect()
    }

    fn in_border_groups(&self, names: &[String]) -> Result<Vec<usize>, SelectError> {
        let unknown = |name: &String| SelectError::UnknownBorderGroup {
            name: name.clone(),
            near: near(name, self.border_groups().map(|(known, _)| known)),
            version: self.edition(),
        };
        // A file without border groups has the empty name, which nobody can mean.
        let known = |name: &String| find(&self.border_groups, name).filter(|_| !name.is_empty());
        names.iter().map(|n| known(n).ok_or_else(|| unknown(n))).collect()
    }

    /// Says where the service is: in which border groups of the `here` blocks, or in which regions.
    fn nothing<'a>(
        &'a self,
        selector: &Selector,
        here: impl Iterator<Item = &'a Block>,
    ) -> SelectError {
        let mut has: Vec<_> = here.filter_map(|b| self.border_groups.get(b.border_group)).collect();
        if has.is_empty() {
            let service = find(&self.services, &selector.service);
            let blocks = self.blocks.iter().filter(|b| Some(b.service) == service);
            has = blocks.filter_map(|b| self.regions.get(b.region)).collect();
        }
        has.sort_unstable();
        has.dedup();
        SelectError::Nothing {
            service: selector.service.clone(),
            has: has.into_iter().filter(|name| !name.is_empty()).cloned().collect(),
            version: self.edition(),
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        write!(f, "Feed(version {}, {} + {} rows)", self.version, rows.v4, rows.v6)
    }
}

fn find(sorted: &[String], name: &str) -> Option<usize> {
    sorted.binary_search_by(|known| known.as_str().cmp(name)).ok()
}

fn range_v4([address @ .., length]: &PackedV4) -> (u32, u32) {
    let low = u32::from_be_bytes(*address);
    (low, low | u32::MAX.checked_shr(u32::from(*length)).unwrap_or(0))
}

fn range_v6([address @ .., length]: &PackedV6) -> (u128, u128) {
    let low = u128::from_be_bytes(*address);
    (low, low | u128::MAX.checked_shr(u32::from(*length)).unwrap_or(0))
}

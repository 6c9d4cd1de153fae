//! Plain values: prefixes, address and port sets, protocols, ICMP types.
//!
//! This room knows numbers and their standard names. It may not know rules, policies, YAML or any
//! firewall's words.

mod addresses;
mod fit;
pub mod icmp;
mod prefix;
pub mod protocol;
mod ranges;
pub mod service;

pub use addresses::{Family, IpSet};
pub use fit::fit;
pub use prefix::{PrefixError, parse_address, parse_prefix, push_prefix};
pub use ranges::{RangeSet, Scalar};

/// A set of TCP, UDP or SCTP ports; for ICMP, of [type and code words](icmp::word).
pub type PortSet = RangeSet<u16>;
/// A set of IP protocol numbers.
pub type ProtocolSet = RangeSet<u8>;
/// A set of IPv4 addresses, as host-order integers.
pub type Ipv4Set = RangeSet<u32>;
/// A set of IPv6 addresses, as host-order integers.
pub type Ipv6Set = RangeSet<u128>;

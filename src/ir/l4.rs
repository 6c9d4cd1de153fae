//! What a rule says above the addresses: protocols, ports, ICMP types.

use crate::net::protocol::{ICMP, ICMPV6, WITH_PORTS};
use crate::net::{PortSet, ProtocolSet};

/// A set of (protocol, source port, destination port or ICMP word).
///
/// It is a box: the product of three sets. For ICMP the "destination" is the
/// [type and code word](crate::net::icmp::word) and the source is full.
// INVARIANT: ports or words are restricted only where every protocol has them: in a subset of
// {tcp, udp, sctp}, or in exactly {icmp}, or in exactly {icmpv6}. No set is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct L4 {
    protocols: ProtocolSet,
    source: PortSet,
    destination: PortSet,
}

/// The same as an enum, for the places that write it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum L4Kind<'a> {
    /// Every protocol.
    Any,
    /// Whole protocols, whatever their ports or types.
    Protocols(&'a ProtocolSet),
    /// Ports of some of TCP, UDP and SCTP; at least one of the two sets is restricted.
    Ports {
        /// A subset of TCP, UDP and SCTP.
        protocols: &'a ProtocolSet,
        /// Source ports.
        source: &'a PortSet,
        /// Destination ports.
        destination: &'a PortSet,
    },
    /// Words (type × 256 + code) of ICMP for IPv4.
    Icmp(&'a PortSet),
    /// Words (type × 256 + code) of ICMP for IPv6.
    Icmpv6(&'a PortSet),
}

impl L4 {
    /// Makes the set of everything.
    pub fn any() -> Self {
        Self::protocols(ProtocolSet::all())
    }

    /// Makes the set of some whole protocols.
    pub fn protocols(protocols: ProtocolSet) -> Self {
        L4 { protocols, source: PortSet::all(), destination: PortSet::all() }
    }

    /// Makes the set of some ports of one of TCP, UDP and SCTP.
    pub fn ports(protocol: u8, source: PortSet, destination: PortSet) -> Self {
        Self::product(ProtocolSet::one(protocol), source, destination)
    }

    /// Makes the set of some ICMP words; IPv4 packets only ever carry it.
    pub fn icmp(words: PortSet) -> Self {
        Self::product(ProtocolSet::one(ICMP), PortSet::all(), words)
    }

    /// Makes the set of some ICMPv6 words.
    pub fn icmpv6(words: PortSet) -> Self {
        Self::product(ProtocolSet::one(ICMPV6), PortSet::all(), words)
    }

    /// Makes the product of three sets.
    ///
    /// # Panics
    /// If it restricts ports of a protocol that has none, which no caller can mean.
    pub fn product(protocols: ProtocolSet, source: PortSet, destination: PortSet) -> Self {
        let l4 = L4 { protocols, source, destination };
        let icmp = matches!(l4.protocols.single(), Some(ICMP | ICMPV6)) && l4.source.is_all();
        assert!(
            l4.is_whole() || icmp || l4.protocols.is_subset(&with_ports()),
            "ports of protocols without ports: {l4:?}"
        );
        l4
    }

    fn is_whole(&self) -> bool {
        self.source.is_all() && self.destination.is_all()
    }

    /// Returns the protocols.
    pub fn protocol_set(&self) -> &ProtocolSet {
        &self.protocols
    }

    /// Returns the source ports; full for ICMP.
    pub fn source(&self) -> &PortSet {
        &self.source
    }

    /// Returns the destination ports, or the ICMP words.
    pub fn destination(&self) -> &PortSet {
        &self.destination
    }

    /// Tells whether the product is empty.
    pub fn is_empty(&self) -> bool {
        self.protocols.is_empty() || self.source.is_empty() || self.destination.is_empty()
    }

    /// Returns the protocol whose ICMP words are restricted, if any is.
    pub fn words(&self) -> Option<u8> {
        self.protocols.single().filter(|p| matches!(*p, ICMP | ICMPV6) && !self.is_whole())
    }

    /// Returns the view that the plans write.
    pub fn kind(&self) -> L4Kind<'_> {
        match self.protocols.single() {
            _ if self.is_whole() && self.protocols.is_all() => L4Kind::Any,
            _ if self.is_whole() => L4Kind::Protocols(&self.protocols),
            Some(ICMP) => L4Kind::Icmp(&self.destination),
            Some(ICMPV6) => L4Kind::Icmpv6(&self.destination),
            _ => L4Kind::Ports {
                protocols: &self.protocols,
                source: &self.source,
                destination: &self.destination,
            },
        }
    }

    /// Returns what is in both; `None` when nothing is.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let both = L4 {
            protocols: self.protocols.intersection(&other.protocols),
            source: self.source.intersection(&other.source),
            destination: self.destination.intersection(&other.destination),
        };
        (!both.is_empty()).then_some(both)
    }

    /// Returns what is in this set and not in `other`, as at most three disjoint sets.
    pub fn difference(&self, other: &Self) -> Vec<Self> {
        let protocols = self.protocols.intersection(&other.protocols);
        let source = self.source.intersection(&other.source);
        let pieces = [
            L4 { protocols: self.protocols.difference(&other.protocols), ..self.clone() },
            L4 {
                protocols: protocols.clone(),
                source: self.source.difference(&other.source),
                destination: self.destination.clone(),
            },
            L4 { protocols, source, destination: self.destination.difference(&other.destination) },
        ];
        pieces.into_iter().filter(|piece| !piece.is_empty()).collect()
    }

    /// Tells whether a packet's protocol, source port and destination port or ICMP word are in it.
    pub fn contains(&self, protocol: u8, source: u16, destination: u16) -> bool {
        self.protocols.contains(protocol)
            && self.source.contains(source)
            && self.destination.contains(destination)
    }
}

/// The protocols whose ports a policy can name.
pub(crate) fn with_ports() -> ProtocolSet {
    ProtocolSet::from_ranges(WITH_PORTS.map(|p| (p, p)))
}

//! What a file says, before it is known what it means.

use crate::net::Family;

/// A word or quoted text and its line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::firewall::nftables) struct Word<'a> {
    /// The text.
    pub(in crate::firewall::nftables) text: &'a str,
    /// The line, from 1.
    pub(in crate::firewall::nftables) line: usize,
}

/// A table of the `inet` family.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// Its name.
    pub(super) name: Word<'a>,
    /// Its sets.
    pub(super) sets: Vec<Set<'a>>,
    /// Its chains.
    pub(super) chains: Vec<Chain<'a>>,
}

/// A named set.
#[derive(Debug)]
pub(super) struct Set<'a> {
    /// Its name.
    pub(super) name: Word<'a>,
    /// The types that an element joins.
    pub(super) types: Vec<Type>,
    /// Whether elements may be prefixes and ranges.
    pub(super) interval: bool,
    /// Its elements; none where it does not say any.
    pub(super) elements: Option<Elements<'a>>,
}

/// The elements of a named set, as written: each has as many values as the set has types.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'a> {
    /// What stands between the braces.
    pub(super) text: &'a str,
    /// The line that it begins on.
    pub(super) line: usize,
}

/// The type of a set's values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::firewall::nftables) enum Type {
    /// `ipv4_addr` or `ipv6_addr`.
    Address(Family),
    /// `inet_proto`.
    Protocol,
    /// `inet_service`.
    Port,
}

/// A chain.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    /// Its name.
    pub(super) name: Word<'a>,
    /// For a base chain, where packets enter.
    pub(super) base: Option<Base<'a>>,
    /// Its rules.
    pub(super) rules: Vec<Rule<'a>>,
}

/// The head of a base chain.
#[derive(Debug)]
pub(super) struct Base<'a> {
    /// The hook's name.
    pub(super) hook: Word<'a>,
    /// The priority, as written.
    pub(super) priority: Word<'a>,
    /// Whether the policy is to accept.
    pub(super) accepts: bool,
}

/// A rule.
#[derive(Debug)]
pub(super) struct Rule<'a> {
    /// Its line.
    pub(super) line: usize,
    /// Its statements, in order.
    pub(super) statements: Vec<Statement<'a>>,
}

/// A statement of a rule.
#[derive(Debug)]
pub(super) enum Statement<'a> {
    /// A condition on one field, or on several joined.
    Match {
        /// The fields.
        fields: Vec<Field>,
        /// Whether the other values match.
        negated: bool,
        /// Which values.
        values: Values<'a>,
    },
    /// Values of a field and what happens to each.
    Map(Field, Vec<(Word<'a>, Verdict<'a>)>),
    /// A limit: what follows happens at most so often.
    Limit,
    /// Logging.
    Log,
    /// Counting.
    Counter,
    /// Leaves the packet out of connection tracking.
    Untrack,
    /// What happens.
    Verdict(Verdict<'a>),
}

/// The right side of a match.
#[derive(Debug)]
pub(super) enum Values<'a> {
    /// `@name`.
    Named(Word<'a>),
    /// A value, an anonymous set, or for bit fields several values of which one holds.
    Listed(Vec<Word<'a>>),
}

/// What happens to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict<'a> {
    /// `accept`.
    Accept,
    /// `drop`.
    Drop,
    /// `return`.
    Return,
    /// `continue`.
    Continue,
    /// `jump NAME`.
    Jump(Word<'a>),
    /// `goto NAME`.
    Goto(Word<'a>),
    /// `reject with tcp reset`, which implies TCP.
    Reset,
    /// `reject with icmpx admin-prohibited`.
    Prohibit,
}

/// What a match looks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::firewall::nftables) enum Field {
    /// `meta nfproto`.
    Family,
    /// `meta l4proto`.
    Protocol,
    /// `ip saddr`, `ip6 saddr`.
    Source(Family),
    /// `ip daddr`, `ip6 daddr`.
    Destination(Family),
    /// `ip ttl`, `ip6 hoplimit`.
    HopLimit(Family),
    /// `tcp sport`, or `None` for `th sport`: the header of no protocol in particular.
    SourcePort(Option<u8>),
    /// `tcp dport`, `th dport`.
    DestinationPort(Option<u8>),
    /// `icmp type`, `icmpv6 type`.
    IcmpType(Family),
    /// `icmp code`, `icmpv6 code`.
    IcmpCode(Family),
    /// `iifname`.
    Incoming,
    /// `oifname`.
    Outgoing,
    /// `ct state`.
    State,
    /// `tcp flags`: at least one of the flags.
    Flags,
}

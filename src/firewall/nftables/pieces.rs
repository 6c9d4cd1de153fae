//! Packet rules taken apart into what one nft rule can say: a family, a verdict.

use crate::firewall::Fault;
use crate::firewall::text::fault;
use crate::ir::packet::{HopLimit, Rule};
use crate::ir::{Action, L4, L4Kind};
use crate::net::{Family, IpSet, ProtocolSet, protocol};

/// A part of a rule that has one family (or is the same for both) and one verdict.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Piece<'a> {
    /// The rule.
    pub(super) rule: &'a Rule,
    /// The family that it is for; `None` where both families match alike.
    pub(super) family: Option<Family>,
    /// The part of the rule's layer 4 that has this verdict.
    pub(super) l4: L4,
    /// What happens.
    pub(super) verdict: Verdict,
}

/// A verdict of nft's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Verdict {
    /// `accept`.
    Accept,
    /// `drop`.
    Drop,
    /// `reject with tcp reset`, which nft takes for TCP only.
    Reset,
    /// `reject with icmpx admin-prohibited`.
    Prohibit,
}

impl Verdict {
    /// Writes it.
    pub(super) fn statement(self) -> &'static str {
        match self {
            Verdict::Accept => "accept",
            Verdict::Drop => "drop",
            Verdict::Reset => "reject with tcp reset",
            Verdict::Prohibit => "reject with icmpx admin-prohibited",
        }
    }

    /// Returns the policy's word for it, for names.
    pub(super) fn word(self) -> &'static str {
        match self {
            Verdict::Accept => "allow",
            Verdict::Drop => "drop",
            Verdict::Reset | Verdict::Prohibit => "reject",
        }
    }
}

/// Splits what an action does to a layer 4 set by verdict: a refused TCP packet is answered by a reset,
/// any other by ICMP. The parts are to be tried in order.
pub(super) fn verdicts(action: Action, l4: &L4) -> Vec<(L4, Verdict)> {
    match action {
        Action::Allow => vec![(l4.clone(), Verdict::Accept)],
        Action::Drop => vec![(l4.clone(), Verdict::Drop)],
        Action::Reject => {
            let tcp = l4.intersection(&L4::protocols(ProtocolSet::one(protocol::TCP)));
            let rest = match l4.kind() {
                // TCP was decided by the part before.
                L4Kind::Any => Some(l4.clone()),
                _ => without_tcp(l4),
            };
            let tcp = tcp.map(|tcp| (tcp, Verdict::Reset));
            tcp.into_iter().chain(rest.map(|rest| (rest, Verdict::Prohibit))).collect()
        }
    }
}

fn without_tcp(l4: &L4) -> Option<L4> {
    let others = L4::protocols(ProtocolSet::one(protocol::TCP).complement());
    l4.intersection(&others)
}

/// Takes rules apart, in order.
///
/// # Errors
/// A rule that asks for ICMP types of the other family, which nft cannot say.
pub(super) fn pieces(rules: &[Rule]) -> Result<Vec<Piece<'_>>, Vec<Fault>> {
    let mut pieces = Vec::with_capacity(rules.len());
    let mut faults = Vec::new();
    for rule in rules {
        let verdicts = verdicts(rule.action, &rule.l4);
        for family in families(rule) {
            if let Some(fault) = foreign_icmp(rule, family) {
                faults.push(fault);
            }
            let piece = |(l4, verdict): &(L4, Verdict)| Piece {
                rule,
                family,
                l4: l4.clone(),
                verdict: *verdict,
            };
            pieces.extend(verdicts.iter().map(piece));
        }
    }
    if faults.is_empty() { Ok(pieces) } else { Err(faults) }
}

/// Returns the families that need nft rules of their own; `[None]` when one rule serves both.
fn families(rule: &Rule) -> Vec<Option<Family>> {
    let either = rule.source.is_all()
        && rule.destination.is_all()
        && rule.hop_limit == HopLimit::Any
        && !matches!(rule.l4.kind(), L4Kind::Icmp(_) | L4Kind::Icmpv6(_));
    if either {
        return vec![None];
    }
    let present = |family: &Family| rule.source.has(*family) && rule.destination.has(*family);
    Family::BOTH.into_iter().filter(present).map(Some).collect()
}

fn foreign_icmp(rule: &Rule, family: Option<Family>) -> Option<Fault> {
    let (own, name) = match rule.l4.kind() {
        L4Kind::Icmp(_) => (Family::V4, "ICMP"),
        L4Kind::Icmpv6(_) => (Family::V6, "ICMPv6"),
        _ => return None,
    };
    let other = family.filter(|family| *family != own)?;
    let message = format!("{other} packets with {name} types cannot be matched");
    Some(fault(message, rule.origins.first(), "give the rule addresses of one family"))
}

impl Piece<'_> {
    /// Returns the source addresses of the piece's family.
    pub(super) fn source(&self) -> &IpSet {
        &self.rule.source
    }

    /// Returns the destination addresses.
    pub(super) fn destination(&self) -> &IpSet {
        &self.rule.destination
    }

    /// Tells whether a match on the family itself is needed, for nothing else in the piece implies it.
    pub(super) fn needs_family(&self) -> bool {
        let full = |set: &IpSet| match self.family {
            Some(Family::V4) => set.v4.is_all(),
            Some(Family::V6) => set.v6.is_all(),
            None => false,
        };
        full(self.source())
            && full(self.destination())
            && self.rule.hop_limit == HopLimit::Any
            && !matches!(self.l4.kind(), L4Kind::Icmp(_) | L4Kind::Icmpv6(_))
    }
}

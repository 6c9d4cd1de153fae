//! A packet that two diagrams decide differently.

use super::diagram::Diagrams;
use super::field;
use super::terminal::Node;
use super::translate::Side;
use super::value::LEVELS;
use crate::ir::{Hook, Interface, Packet, Placement, State};
use crate::net::protocol;

/// Where and in what state packets meet a firewall.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Meeting {
    /// The hook.
    pub hook: Hook,
    /// The incoming interface; 0 where the hook has none.
    pub incoming: Interface,
    /// The outgoing interface; 0 where the hook has none.
    pub outgoing: Interface,
    /// What connection tracking says.
    pub state: State,
}

/// Finds a packet that two diagrams decide differently, or none when they are the same.
pub(super) fn difference<V: Side>(
    diagrams: &Diagrams<V>,
    placement: &Placement,
    a: Node,
    b: Node,
) -> Option<Packet> {
    if a == b {
        return None;
    }
    let mut values = usual::<V>(placement);
    if !walk(diagrams, a, b, &mut values) {
        values[usize::from(field::TCP_FLAGS)] = flags(&values);
    }
    Some(packet(&values))
}

/// The flags of a packet that opens a flow: SYN for TCP.
fn flags<V: Side>(values: &[V; LEVELS]) -> V {
    let tcp = values[usize::from(field::PROTOCOL)] == V::from_field(protocol::TCP.into());
    V::from_field(if tcp { SYN } else { 0 })
}

/// The flag of a first packet.
const SYN: u32 = 0x02;

/// Returns where packets usually meet a firewall.
pub(super) fn usual_meeting(placement: &Placement) -> Meeting {
    let state = State::New;
    match placement {
        Placement::Host => {
            let incoming = placement.other_interface();
            Meeting { hook: Hook::Input, incoming, outgoing: 0, state }
        }
        Placement::Gateway { .. } => {
            let outgoing = placement.other_interface();
            Meeting { hook: Hook::Forward, incoming: 1, outgoing, state }
        }
    }
}

/// What a field is where it does not matter.
fn usual<V: Side>(placement: &Placement) -> [V; LEVELS] {
    let mut values = [V::ZERO; LEVELS];
    let Meeting { hook, incoming, outgoing, .. } = usual_meeting(placement);
    let hook = Hook::ALL.iter().position(|known| *known == hook).unwrap_or_default();
    let mut set = |level: u8, value: u32| values[usize::from(level)] = V::from_field(value);
    set(field::HOOK, u32::try_from(hook).unwrap_or_default());
    set(field::INCOMING, incoming.into());
    set(field::OUTGOING, outgoing.into());
    set(field::PROTOCOL, protocol::UDP.into());
    // An initiator's port, wherever it does not matter (RFC 6335 6).
    set(field::SOURCE_PORT, 49152);
    set(field::HOP_LIMIT, 64);
    values
}

/// Goes down to where the two part, and tells whether they look at TCP flags there. Equal nodes are one
/// node, so below children that differ there is always a packet that differs.
fn walk<V: Side>(diagrams: &Diagrams<V>, a: Node, b: Node, values: &mut [V; LEVELS]) -> bool {
    let (left, right) = (diagrams.edges(a), diagrams.edges(b));
    let level = match (&left, &right) {
        (Some((left, _)), Some((right, _))) => *left.min(right),
        (Some((one, _)), None) | (None, Some((one, _))) => *one,
        (None, None) => return false,
    };
    let maximum = diagrams.maximum(level);
    let at_level = |edges: Option<(u8, _)>, whole| match edges {
        Some((own, edges)) if own == level => Vec::from_iter(edges),
        _ => vec![(maximum, whole)],
    };
    let (left, right) = (at_level(left, a), at_level(right, b));
    let looks = level == field::TCP_FLAGS;
    let usual = if looks { flags(values) } else { values[usize::from(level)] };
    let (mut i, mut j, mut low) = (0, 0, V::ZERO);
    let mut found = None;
    while let (Some((high_a, child_a)), Some((high_b, child_b))) = (left.get(i), right.get(j)) {
        let high = *high_a.min(high_b);
        if child_a != child_b {
            let holds = (low..=high).contains(&usual);
            if found.is_none() || holds {
                found = Some((if holds { usual } else { low }, *child_a, *child_b));
            }
        }
        i += usize::from(*high_a == high);
        j += usize::from(*high_b == high);
        low = high.next().unwrap_or(high);
    }
    if let Some((value, child_a, child_b)) = found {
        values[usize::from(level)] = value;
        return walk(diagrams, child_a, child_b, values) || looks;
    }
    looks
}

fn packet<V: Side>(values: &[V; LEVELS]) -> Packet {
    let wide = |level: u8| values[usize::from(level)].wide();
    let octet = |level| u8::try_from(wide(level)).unwrap_or(u8::MAX);
    let word = |level| u16::try_from(wide(level)).unwrap_or(u16::MAX);
    let index = |level| usize::try_from(wide(level)).unwrap_or_default();
    let hook = Hook::ALL.get(index(field::HOOK)).copied().unwrap_or(Hook::Input);
    Packet {
        hook,
        incoming: word(field::INCOMING),
        outgoing: word(field::OUTGOING),
        state: State::ALL.get(index(field::STATE)).copied().unwrap_or(State::New),
        source: V::address(values[usize::from(field::SOURCE)]),
        destination: V::address(values[usize::from(field::DESTINATION)]),
        protocol: octet(field::PROTOCOL),
        source_port: word(field::SOURCE_PORT),
        destination_port: word(field::DESTINATION_PORT),
        tcp_flags: octet(field::TCP_FLAGS),
        hop_limit: octet(field::HOP_LIMIT),
    }
}

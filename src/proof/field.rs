//! The levels of the diagrams: the order of a packet's fields.
//!
//! The order decides how large diagrams become. Protocol, destination, source, destination port, source
//! port was never bad on access lists of 10,000 rules; ports before addresses once took a hundred times as
//! much.

use super::value::LEVELS;
use crate::ir::{Hook, State};
use crate::net::Family;
use crate::program::Field;

pub(super) const HOOK: u8 = 0;
pub(super) const INCOMING: u8 = 1;
pub(super) const OUTGOING: u8 = 2;
pub(super) const STATE: u8 = 3;
pub(super) const PROTOCOL: u8 = 4;
pub(super) const DESTINATION: u8 = 5;
pub(super) const SOURCE: u8 = 6;
pub(super) const DESTINATION_PORT: u8 = 7;
pub(super) const SOURCE_PORT: u8 = 8;
pub(super) const TCP_FLAGS: u8 = 9;
pub(super) const HOP_LIMIT: u8 = 10;

/// Every level, in order.
pub(super) const ALL: [u8; LEVELS] = [
    HOOK,
    INCOMING,
    OUTGOING,
    STATE,
    PROTOCOL,
    DESTINATION,
    SOURCE,
    DESTINATION_PORT,
    SOURCE_PORT,
    TCP_FLAGS,
    HOP_LIMIT,
];

/// Every field that is not an address, by level.
pub(super) const FIELDS: [Field; 9] = [
    Field::Hook,
    Field::Incoming,
    Field::Outgoing,
    Field::State,
    Field::Protocol,
    Field::DestinationPort,
    Field::SourcePort,
    Field::TcpFlags,
    Field::HopLimit,
];

/// Returns the level of a field that is not an address.
pub(super) fn level(field: Field) -> u8 {
    match field {
        Field::Hook => HOOK,
        Field::Incoming => INCOMING,
        Field::Outgoing => OUTGOING,
        Field::State => STATE,
        Field::Protocol => PROTOCOL,
        Field::SourcePort => SOURCE_PORT,
        Field::DestinationPort => DESTINATION_PORT,
        Field::TcpFlags => TCP_FLAGS,
        Field::HopLimit => HOP_LIMIT,
    }
}

/// Returns the largest value of each level in a family.
pub(super) fn maxima(family: Family) -> [u128; LEVELS] {
    let address = match family {
        Family::V4 => u128::from(u32::MAX),
        Family::V6 => u128::MAX,
    };
    let last = |count: usize| u128::try_from(count).unwrap_or_default().saturating_sub(1);
    let (octet, word) = (u128::from(u8::MAX), u128::from(u16::MAX));
    [
        last(Hook::ALL.len()),
        word,
        word,
        last(State::ALL.len()),
        octet,
        address,
        address,
        word,
        word,
        octet,
        octet,
    ]
}

//! Conditions on several fields at once, and the keys of maps.

use super::condition::{Condition, Context, ELEMENT, Lists, implied, key};
use super::field::{Field, Look};
use super::flags;
use super::values::Values;
use crate::firewall::nftables::syntax::{Element, Expression};
use crate::program::Match;

impl<'t, 'a> Context<'_, 't, 'a> {
    /// Reads the values of joined fields.
    pub(super) fn joined(
        &self,
        looks: &[Look],
        operator: &str,
        right: &Expression<'t, 'a>,
    ) -> Option<Condition> {
        let negated = match operator {
            "" | "==" => false,
            "!=" => true,
            _ => return None,
        };
        let lists = match self.lists(looks, right) {
            Ok(lists) => lists,
            Err(why) => return Some(Condition::unclear(implied(looks), why)),
        };
        let why = match (negated, as_multiport(looks, &lists)) {
            (_, true) => "`multiport` of iptables is listed so without its `!` and its ranges",
            (true, _) => "the other values of joined fields are not understood",
            _ => return Some(self.any_of(looks, &lists)),
        };
        Some(Condition::unclear(implied(looks), why))
    }

    /// Elements that differ in their last value alone become one product.
    fn any_of(&self, looks: &[Look], lists: &Lists<'_, 't, 'a>) -> Condition {
        let bare: Vec<_> = looks.iter().map(Look::bare).collect();
        let (mut any, mut unclear): (Vec<Vec<Match>>, _) = (Vec::new(), None);
        let mut before: Vec<&str> = Vec::new();
        lists.each(|element| {
            let parts = key(element).unwrap_or_default();
            let first = parts.split_last().map_or(&[][..], |(_, first)| first);
            let mut one = self.parts(&bare, parts, lists.interval());
            let same = !before.is_empty() && one.unclear.is_none() && is_said(first, &before);
            before.clear();
            if let (true, Some(known), Some(more)) =
                (same, any.last_mut().and_then(|when| when.last_mut()), one.when.last())
                && widen(known, more)
            {
                before.extend(first.iter().filter_map(said));
                return true;
            }
            if one.unclear.is_none() {
                before.extend(first.iter().filter_map(said));
            }
            unclear = unclear.take().or(one.unclear.take());
            any.push(one.when);
            true
        });
        let when = looks.iter().filter_map(Look::carried).chain([Match::AnyOf(any)]).collect();
        Condition { when, unclear }
    }

    /// Returns the condition that packets have the values of a key.
    pub(super) fn parts(
        &self,
        looks: &[Look],
        parts: &[Expression<'_, 'a>],
        interval: bool,
    ) -> Condition {
        if parts.len() != looks.len() {
            return Condition::unclear(implied(looks), ELEMENT);
        }
        let mut all = Condition::exact(Vec::with_capacity(looks.len()));
        for (look, part) in looks.iter().zip(parts) {
            all.add(self.part(look, part, interval));
        }
        all
    }

    fn part(&self, look: &Look, part: &Expression<'_, 'a>, interval: bool) -> Condition {
        let read = match (look.field, part) {
            // In a set, flags are compared as a whole.
            (Field::Flags, part) => {
                flags::operand(part).map(|at| self.of(look, Values::Numbers(vec![(at, at)])))
            }
            (Field::Incoming | Field::Outgoing, Expression::Value(word)) => {
                Some(self.of_interfaces(look.field, &[*word], false))
            }
            (_, Expression::Value(word)) if word.text == "*" => {
                Some(Condition::exact(look.implied()))
            }
            (_, Expression::Value(word)) => {
                let mut values = Values::none(look.field);
                values.add(look.field, word.text, interval).map(|()| self.of(look, values))
            }
            _ => None,
        };
        read.unwrap_or_else(|| Condition::unclear(look.implied(), ELEMENT))
    }
}

fn said<'a>(part: &Expression<'_, 'a>) -> Option<&'a str> {
    match part {
        Expression::Value(word) => Some(word.text),
        _ => None,
    }
}

fn is_said(parts: &[Expression<'_, '_>], before: &[&str]) -> bool {
    parts.len() == before.len()
        && parts.iter().zip(before).all(|(part, text)| said(part) == Some(text))
}

/// Adds the values of a match to another one on the same field; false when it is of another.
fn widen(one: &mut Match, more: &Match) -> bool {
    match (one, more) {
        (Match::Source4(one), Match::Source4(more)) => one.extend(more),
        (Match::Source6(one), Match::Source6(more)) => one.extend(more),
        (Match::Destination4(one), Match::Destination4(more)) => one.extend(more),
        (Match::Destination6(one), Match::Destination6(more)) => one.extend(more),
        (Match::Field(of, one), Match::Field(other, more)) if of == other => one.extend(more),
        _ => return false,
    }
    true
}

/// Tells whether joined ports are what nft makes of `-m multiport --ports`.
fn as_multiport(looks: &[Look], lists: &Lists<'_, '_, '_>) -> bool {
    let ports = match looks {
        [first, second] => match (first.field, second.field) {
            (Field::SourcePort(from), Field::DestinationPort(to)) => from == to,
            _ => false,
        },
        _ => false,
    };
    let any_port = |element: &Element<'_, '_>| {
        key(element).unwrap_or_default().iter().any(|part| said(part) == Some("0-65535"))
    };
    ports && !lists.each(|element| !any_port(element))
}

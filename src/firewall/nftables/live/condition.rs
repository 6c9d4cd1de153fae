//! Matches: what is looked at, which values, and what that means at a stage.

use super::elements::{Element, elements, skip_one, value};
use super::flags::octets;
use super::names::plain;
use super::ruleset::{Set, Table};
use super::stage::{Has, Stage};
use crate::firewall::nftables::read::lex::Kind;
use crate::firewall::nftables::read::parse::Cursor;
use crate::firewall::nftables::read::syntax::{Field, Word};
use crate::firewall::nftables::read::translate::{any_header, kind, with_ports};
use crate::firewall::nftables::read::values::{self, element, listed};
use crate::ir::Placement;
use crate::net::{Family, protocol};
use crate::program::{self, Match, Ranges};
use std::collections::HashSet;

/// What the rules of a chain are read against.
#[derive(Clone, Copy)]
pub(super) struct Context<'c, 't, 'a> {
    /// Where the firewall stands.
    pub(super) placement: &'c Placement,
    /// The table of the chain.
    pub(super) table: &'c Table<'t, 'a>,
    /// The table's sets that rules change.
    pub(super) changing: &'c HashSet<&'a str>,
    /// From where the chain was reached.
    pub(super) stage: Stage,
}

/// Something that a match looks at; `ip protocol` is a protocol and a family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    field: Field,
    family: Option<Family>,
}

/// A condition, and why it is not exact where it is not.
pub(super) struct Condition {
    /// A conjunction.
    pub(super) when: Vec<Match>,
    /// What is not understood of it.
    pub(super) unclear: Option<String>,
}

impl Condition {
    fn exact(when: Vec<Match>) -> Self {
        Condition { when, unclear: None }
    }

    fn unclear(mut when: Vec<Match>, why: impl Into<String>) -> Self {
        when.push(Match::Unknown);
        Condition { when, unclear: Some(why.into()) }
    }
}

/// Reads what a match looks at, several joined by dots; the cursor stays where it was when that is not known.
pub(super) fn looks(cursor: &mut Cursor<'_, '_>) -> Option<Vec<Look>> {
    let start = cursor.at;
    let mut all = Vec::new();
    loop {
        match look(cursor) {
            Some(look) => all.push(look),
            None => {
                cursor.at = start;
                return None;
            }
        }
        if !cursor.next_is(Kind::Word(".")) {
            return Some(all);
        }
    }
}

fn look(cursor: &mut Cursor<'_, '_>) -> Option<Look> {
    let plain = |field| Some(Look { field, family: None });
    let word = |at: usize| match cursor.tokens.get(cursor.at + at).map(|token| token.kind) {
        Some(Kind::Word(word)) => word,
        _ => "",
    };
    let (first, second) = (word(0), word(1));
    let named = match first {
        "meta" => second,
        other => other,
    };
    let interface = match named {
        "iif" | "iifname" => Some(Field::Incoming),
        "oif" | "oifname" => Some(Field::Outgoing),
        _ => None,
    };
    if let Some(field) = interface {
        cursor.at += if first == "meta" { 2 } else { 1 };
        return plain(field);
    }
    let (field, family) = match (first, second) {
        ("meta", "protocol") => (Field::Family, None),
        ("ip", "protocol") => (Field::Protocol, Some(Family::V4)),
        ("ip6", "nexthdr") => (Field::Protocol, Some(Family::V6)),
        _ => return plain(cursor.field().ok()?),
    };
    cursor.at += 2;
    Some(Look { field, family })
}

impl Look {
    /// Tells whether it looks at a value that a rule can write into packets.
    pub(super) fn is_of_packet(&self) -> bool {
        of_packet(self.field)
    }

    /// Tells whether it is a port of no protocol in particular.
    pub(super) fn any_header(&self) -> bool {
        any_header(&self.field)
    }

    /// The conditions that looking there brings by itself (`nft --debug=netlink`).
    fn implied(&self) -> Vec<Match> {
        let of = |number: u8| vec![protocols(&[number])];
        let family = |family| vec![Match::Family(family)];
        let mut when = match self.field {
            Field::Source(of) | Field::Destination(of) | Field::HopLimit(of) => family(of),
            Field::SourcePort(Some(number)) | Field::DestinationPort(Some(number)) => of(number),
            Field::IcmpType(of) | Field::IcmpCode(of) => {
                let number = if of == Family::V4 { protocol::ICMP } else { protocol::ICMPV6 };
                vec![Match::Family(of), protocols(&[number])]
            }
            Field::Flags => of(protocol::TCP),
            _ => Vec::new(),
        };
        when.extend(self.family.map(Match::Family));
        when
    }

    fn unknown(&self, why: impl Into<String>) -> Condition {
        Condition::unclear(self.implied(), why)
    }
}

/// The condition that a packet is of one of some protocols.
pub(super) fn protocols(numbers: &[u8]) -> Match {
    let ranges = numbers.iter().map(|number| (u32::from(*number), u32::from(*number)));
    Match::Field(program::Field::Protocol, ranges.collect())
}

/// Ports are read from any header: what stands there is a port only for some protocols, and for the others
/// the match may hold.
pub(super) fn ports_of_any(when: Vec<Match>) -> Vec<Match> {
    if with_ports(&when) {
        return when;
    }
    let ported = protocols(&protocol::WITH_PORTS);
    let others: Vec<u8> = (0..=u8::MAX).filter(|number| !protocol::has_ports(*number)).collect();
    let of_port = |one: &Match| {
        use program::Field::{DestinationPort, SourcePort};
        matches!(one, Match::Field(SourcePort | DestinationPort, _))
    };
    let (ports, mut rest): (Vec<_>, Vec<_>) = when.into_iter().partition(of_port);
    let ports = [vec![ported], ports].concat();
    rest.push(Match::AnyOf(vec![ports, vec![protocols(&others), Match::Unknown]]));
    rest
}

impl<'t, 'a> Context<'_, 't, 'a> {
    /// Reads the rest of a match: an operator and values. `None` when it is none that is known here.
    pub(super) fn condition(
        &self,
        looks: &[Look],
        cursor: &mut Cursor<'t, 'a>,
    ) -> Option<Condition> {
        let [look] = looks else { return self.joined(looks, cursor) };
        if look.field == Field::Flags {
            return self.flags(look, cursor);
        }
        if let Some(compared) = self.compared(look, cursor) {
            return compared;
        }
        // `!` says that a packet has none of the states; `!=` compares all bits at once.
        let none = look.field == Field::State && cursor.next_is(Kind::Symbol("!"));
        let negated = none || cursor.next_is(Kind::Symbol("!="));
        if !negated {
            cursor.next_is(Kind::Symbol("=="));
        }
        if cursor.peek() == Some(Kind::Symbol("{")) {
            let list = elements(cursor).ok()?;
            return Some(self.of_elements(look, &list, negated));
        }
        let first = value(cursor)?;
        if let Some(name) = first.text.strip_prefix('@') {
            return Some(match self.set(name) {
                Ok(set) => self.of_elements(look, &set.elements, negated),
                Err(why) => look.unknown(why),
            });
        }
        let mut words = vec![first];
        while cursor.next_is(Kind::Symbol(",")) {
            words.push(value(cursor)?);
        }
        // A mask, a shift, a range of quoted values.
        if matches!(cursor.peek(), Some(Kind::Symbol(_) | Kind::Word("/" | "-"))) {
            return None;
        }
        if negated && !none && words.len() > 1 {
            return Some(look.unknown("the other values of several bits are not understood"));
        }
        Some(self.of_words(look, &words, negated))
    }

    fn flags(&self, look: &Look, cursor: &mut Cursor<'t, 'a>) -> Option<Condition> {
        let ranges: Ranges<u32> = octets(cursor)?.into_iter().map(|at| (at, at)).collect();
        let when = values::Set::Numbers(ranges).matching(look.field)?;
        Some(Condition::exact(when))
    }

    /// Reads `> 1024` and its like; for rules of iptables nft lists `lt 64`.
    fn compared(&self, look: &Look, cursor: &mut Cursor<'t, 'a>) -> Option<Option<Condition>> {
        let operator = match cursor.peek() {
            Some(Kind::Symbol(operator @ ("<" | ">" | "<=" | ">="))) => operator,
            Some(Kind::Word("lt")) => "<",
            Some(Kind::Word("gt")) => ">",
            _ => return None,
        };
        cursor.at += 1;
        let word = value(cursor);
        Some(word.and_then(|word| {
            if !matches!(
                look.field,
                Field::SourcePort(_) | Field::DestinationPort(_) | Field::HopLimit(_)
            ) {
                return None;
            }
            let Ok(values::Set::Numbers(ranges)) =
                listed(look.field, &[plain(look.field, word)], |_| None)
            else {
                return None;
            };
            let [(low, high)] = ranges[..] else { return None };
            let most = u32::from(u16::MAX);
            let range = match operator {
                "<" => low.checked_sub(1).map(|below| (0, below)),
                "<=" => Some((0, low)),
                ">" => high.checked_add(1).map(|above| (above, most)),
                _ => Some((high, most)),
            };
            let range = range.filter(|(low, high)| low <= high).into_iter().collect();
            Some(self.of_set(look, values::Set::Numbers(range)))
        }))
    }

    /// Returns a set whose elements stay, or why nothing can be said of it.
    pub(super) fn set(&self, name: &str) -> Result<&Set<'t, 'a>, String> {
        match self.table.sets.get(name) {
            None => Err(format!("there is no set `{name}`")),
            Some(set) if set.changing || self.changing.contains(name) => {
                Err(format!("elements of `{name}` come and go"))
            }
            Some(set) => Ok(set),
        }
    }

    fn of_elements(&self, look: &Look, list: &[Element<'t, 'a>], negated: bool) -> Condition {
        let mut words = Vec::with_capacity(list.len());
        for element in list {
            match element.key[..] {
                [word] if !element.unclear => words.push(word),
                _ => return look.unknown("an element of a set is not understood"),
            }
        }
        let interface = matches!(look.field, Field::Incoming | Field::Outgoing);
        if !interface && words.iter().any(|word| word.text == "*") {
            let mut when = look.implied();
            when.extend(negated.then_some(Match::AnyOf(Vec::new())));
            return Condition::exact(when);
        }
        self.of_words(look, &words, negated)
    }

    /// Returns the condition that a field has one of the values, or none of them.
    pub(super) fn of_words(&self, look: &Look, words: &[Word<'_>], negated: bool) -> Condition {
        if matches!(look.field, Field::Incoming | Field::Outgoing) {
            return self.of_interfaces(look.field, words, negated);
        }
        let words: Vec<_> = words.iter().map(|word| plain(look.field, *word)).collect();
        let read = match (kind(look.field), words.as_slice()) {
            (Some(kind), [word]) => element(kind, *word, true),
            _ => listed(look.field, &words, |_| None),
        };
        let set = match read {
            Ok(set) => set,
            Err(error) => return look.unknown(error.reason),
        };
        let set = if negated { set.negated(look.field, 0) } else { set };
        self.of_set(look, set)
    }

    fn of_set(&self, look: &Look, set: values::Set) -> Condition {
        let stage = self.stage;
        let hidden = match look.field {
            Field::State if !stage.tracked => Some("`ct state` is not known before tracking"),
            Field::Source(_) | Field::SourcePort(_) if !stage.source => {
                Some("the source may be a translated one here")
            }
            Field::Destination(_) | Field::DestinationPort(_) if !stage.destination => {
                Some("the destination may be translated later")
            }
            field if stage.changed && of_packet(field) => {
                Some("a rule writes another value into packets")
            }
            Field::HopLimit(_) if stage.unrouted() => {
                Some("packets that are forwarded lose a hop behind this chain")
            }
            _ => None,
        };
        if let Some(why) = hidden {
            return look.unknown(why);
        }
        match (set, look.family) {
            (values::Set::Numbers(ranges), Some(Family::V6)) if look.field == Field::Protocol => {
                first_header(&ranges)
            }
            (set, _) => Self::matching(look, set),
        }
    }

    fn matching(look: &Look, set: values::Set) -> Condition {
        match set.matching(look.field) {
            Some(mut when) => {
                when.extend(look.family.map(Match::Family));
                Condition::exact(when)
            }
            None => look.unknown("a set has values of another kind"),
        }
    }

    /// Interfaces by name: those that the policy names are told apart; any other one may be meant.
    fn of_interfaces(&self, field: Field, names: &[Word<'_>], negated: bool) -> Condition {
        let (has, field) = match field {
            Field::Incoming => (self.stage.incoming, program::Field::Incoming),
            _ => (self.stage.outgoing, program::Field::Outgoing),
        };
        match has {
            Has::Yes => {}
            Has::No if !negated => return Condition::exact(vec![Match::AnyOf(Vec::new())]),
            Has::No | Has::Perhaps => {
                return Condition::unclear(Vec::new(), "whether packets have the interface here");
            }
        }
        let index = |name: &Word<'_>| name.text.bytes().all(|b| b.is_ascii_digit());
        if names.iter().any(index) {
            let why = "which interface has the index is not known here";
            return Condition::unclear(Vec::new(), why);
        }
        let other = u32::from(self.placement.other_interface());
        let known = self.placement.interfaces();
        let fits = |known: &str| names.iter().any(|name| is_named(known, name.text));
        let chosen = (0u32..).zip(&known).filter(|(_, known)| fits(known) != negated);
        let mut sure: Ranges<u32> = chosen.map(|(at, _)| (at, at)).collect();
        let everything = names.iter().any(|name| name.text == "*");
        let foreign = names.iter().find(|name| !known.contains(&name.text));
        let Some(foreign) = foreign.filter(|_| !everything) else {
            sure.extend((everything != negated).then_some((other, other)));
            return Condition::exact(vec![Match::Field(field, sure)]);
        };
        let why = format!("the policy does not name the interface `{}`", foreign.text);
        let perhaps = vec![Match::Field(field, vec![(other, other)]), Match::Unknown];
        let either = Match::AnyOf(vec![vec![Match::Field(field, sure)], perhaps]);
        Condition { when: vec![either], unclear: Some(why) }
    }

    /// Reads the values of joined fields.
    fn joined(&self, looks: &[Look], cursor: &mut Cursor<'t, 'a>) -> Option<Condition> {
        let negated = cursor.next_is(Kind::Symbol("!="));
        if !negated {
            cursor.next_is(Kind::Symbol("=="));
        }
        let read;
        let list = if cursor.peek() == Some(Kind::Symbol("{")) {
            read = elements(cursor).ok()?;
            &read
        } else {
            let name = value(cursor)?.text.strip_prefix('@')?;
            match self.set(name) {
                Ok(set) => &set.elements,
                Err(why) => return Some(Condition::unclear(implied(looks), why)),
            }
        };
        if as_multiport(looks, list) {
            let why = "`multiport` of iptables is listed so without its `!` and its ranges";
            return Some(Condition::unclear(implied(looks), why));
        }
        if negated {
            let why = "the other values of joined fields are not understood";
            return Some(Condition::unclear(implied(looks), why));
        }
        let mut unclear = None;
        let mut any = Vec::with_capacity(list.len());
        for element in list {
            let one = self.key(looks, element);
            unclear = unclear.or(one.unclear);
            any.push(one.when);
        }
        Some(Condition { when: vec![Match::AnyOf(any)], unclear })
    }

    /// Returns the condition that packets have the values of a key.
    pub(super) fn key(&self, looks: &[Look], element: &Element<'t, 'a>) -> Condition {
        if element.unclear || element.key.len() != looks.len() {
            return Condition::unclear(implied(looks), "an element of a set is not understood");
        }
        let mut all = Condition::exact(Vec::new());
        for (look, word) in looks.iter().zip(&element.key) {
            let one = match (look.field, word.text) {
                (Field::Flags, text) if !self.stage.changed => octet(look, text),
                (Field::Incoming | Field::Outgoing, _) => self.of_words(look, &[*word], false),
                (_, "*") => Condition::exact(look.implied()),
                _ => self.of_words(look, &[*word], false),
            };
            all.when.extend(one.when);
            all.unclear = all.unclear.or(one.unclear);
        }
        if looks.iter().any(Look::any_header) {
            all.when = ports_of_any(all.when);
        }
        all
    }
}

/// Tells whether a field is a value that a rule can write into packets.
fn of_packet(field: Field) -> bool {
    !matches!(
        field,
        Field::Family | Field::Protocol | Field::State | Field::Incoming | Field::Outgoing
    )
}

/// Protocols that are headers with another one behind them (`ipv6_ext_hdr`).
const EXTENSIONS: [u8; 5] = [0, 43, 44, 51, 60];

/// Returns what `ip6 nexthdr` says of a packet's protocol, which may stand behind headers that it does not pass.
fn first_header(ranges: &Ranges<u32>) -> Condition {
    let said = |number: &u8| {
        let number = u32::from(*number);
        ranges.iter().any(|(low, high)| (*low..=*high).contains(&number))
    };
    let (inside, outside): (Vec<u8>, Vec<u8>) = (0..=u8::MAX).partition(said);
    let mut any = vec![vec![protocols(&inside)]];
    if EXTENSIONS.iter().any(said) {
        any.push(vec![protocols(&outside), Match::Unknown]);
    }
    if !EXTENSIONS.iter().all(said) {
        any.iter_mut().for_each(|when| when.push(Match::Unknown));
    }
    Condition {
        when: vec![Match::Family(Family::V6), Match::AnyOf(any)],
        unclear: Some("`ip6 nexthdr` does not look behind extension headers".to_owned()),
    }
}

/// Tells whether joined ports are what nft makes of `-m multiport --ports`.
fn as_multiport(looks: &[Look], list: &[Element<'_, '_>]) -> bool {
    let ports = match looks {
        [first, second] => match (first.field, second.field) {
            (Field::SourcePort(from), Field::DestinationPort(to)) => from == to,
            _ => false,
        },
        _ => false,
    };
    let any_port = |element: &Element<'_, '_>| element.key.iter().any(|w| w.text == "0-65535");
    ports && list.iter().any(any_port)
}

/// In a set, flags are compared as a whole.
fn octet(look: &Look, text: &str) -> Condition {
    let exactly = values::flag(text).map(|at| values::Set::Numbers(vec![(at, at)]));
    match exactly.and_then(|set| set.matching(look.field)) {
        Some(when) => Condition::exact(when),
        None => look.unknown("an element of a set is not understood"),
    }
}

/// The conditions that looking at fields brings by itself.
pub(super) fn implied(looks: &[Look]) -> Vec<Match> {
    looks.iter().flat_map(Look::implied).collect()
}

/// Tells whether an interface of that name is meant; a `*` at the end stands for anything.
fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// Passes what stands behind `set`: a value that a packet or its flow is given.
pub(super) fn pass_value(cursor: &mut Cursor<'_, '_>) {
    loop {
        match cursor.peek() {
            Some(Kind::Word("ct" | "meta" | "rt" | "ip" | "ip6" | "tcp" | "udp" | "th")) => {
                cursor.at = cursor.tokens.len().min(cursor.at + 2);
            }
            Some(_) => skip_one(cursor),
            None => return,
        }
        match cursor.peek() {
            Some(
                Kind::Symbol("&" | "|" | "^" | "<<" | ">>" | ",")
                | Kind::Word("and" | "or" | "xor" | "lshift" | "rshift" | "map" | "." | ":"),
            ) => cursor.at += 1,
            _ => return,
        }
    }
}

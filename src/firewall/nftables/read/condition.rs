//! Conditions: which packets they hold for at a stage.

use super::field::{Field, Look, brought, looks, protocols};
use super::flags::octets;
use super::stage::Stage;
use super::tables::{CHANGING, Set, Table};
use super::values::Values;
use crate::firewall::nftables::syntax::{Element, Elements, Expression, Token, Word, texts};
use crate::ir::Placement;
use crate::net::Family;
use crate::program::{Match, Ranges};

/// What the rules of a chain are read against.
#[derive(Clone, Copy)]
pub(super) struct Context<'c, 't, 'a> {
    /// Where the firewall stands.
    pub(super) placement: &'c Placement,
    /// The table of the chain.
    pub(super) table: &'c Table<'t, 'a>,
    /// From where the chain was reached.
    pub(super) stage: Stage,
}

/// A condition, and why it is not exact where it is not.
pub(super) struct Condition {
    /// A conjunction.
    pub(super) when: Vec<Match>,
    /// What is not understood of it.
    pub(super) unclear: Option<String>,
}

impl Condition {
    pub(super) fn exact(when: Vec<Match>) -> Self {
        Condition { when, unclear: None }
    }

    /// A condition that may hold for the packets for which others hold.
    pub(super) fn unclear(mut when: Vec<Match>, why: impl Into<String>) -> Self {
        when.push(Match::Unknown);
        Condition { when, unclear: Some(why.into()) }
    }

    pub(super) fn add(&mut self, other: Condition) {
        self.when.extend(other.when);
        if let Some(why) = other.unclear {
            self.unclear.get_or_insert(why);
        }
    }
}

/// The lists of elements that a match or map looks into, and whether they may be ranges.
pub(super) struct Lists<'c, 't, 'a> {
    lists: &'c [Elements<'t, 'a>],
    named: Option<&'c Set<'t, 'a>>,
}

impl<'a> Lists<'_, '_, 'a> {
    /// Hands over each element, until one is not taken.
    pub(super) fn each(&self, mut take: impl FnMut(&Element<'_, 'a>) -> bool) -> bool {
        self.lists.iter().all(|list| list.each(&mut take))
    }

    pub(super) fn interval(&self) -> bool {
        self.named.is_none_or(|set| set.interval)
    }
}

/// Why an element makes its set doubtful.
pub(super) const ELEMENT: &str = "an element of a set is not understood";

/// Returns the words of an element's key, if nothing but them decides: `None` for one that comes and goes.
pub(super) fn key<'e, 'a>(element: &'e Element<'_, 'a>) -> Option<&'e [Expression<'e, 'a>]>
where
    'a: 'e,
{
    let key = element.key.as_ref().filter(|_| is_harmless(element.further))?;
    match key {
        Expression::Concatenation(list) => Some(list),
        one => Some(std::slice::from_ref(one)),
    }
}

/// Tells whether what stands behind a key only counts or comments.
fn is_harmless(further: &[Token<'_>]) -> bool {
    let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit());
    match texts(further).as_slice() {
        [] | ["counter"] | ["comment", _] | ["counter", "comment", _] => true,
        ["counter", "packets", a, "bytes", b] => number(a) && number(b),
        ["counter", "packets", a, "bytes", b, "comment", _] => number(a) && number(b),
        _ => false,
    }
}

impl<'c, 't, 'a> Context<'c, 't, 'a> {
    /// Returns what a match asks.
    pub(super) fn condition(
        &self,
        words: &[Token<'a>],
        (left, operator, right): (&Expression<'t, 'a>, &str, &Expression<'t, 'a>),
    ) -> Condition {
        let read = match looks(left).as_deref() {
            Some([look]) if look.field == Field::Flags => self.flags(look, None, operator, right),
            Some([look]) => self.single(look, operator, right),
            Some(looks) => self.joined(looks, operator, right),
            None => self.masked(left, operator, right),
        };
        read.unwrap_or_else(|| {
            let said = texts(words).join(" ");
            let said = said.get(..60).map_or(said.clone(), |start| format!("{start} …"));
            Condition::unclear(brought(left), format!("what `{said}` matches is not known here"))
        })
    }

    /// Reads a match of flags under a mask, and the two ports that nft merges.
    fn masked(
        &self,
        left: &Expression<'t, 'a>,
        operator: &str,
        right: &Expression<'t, 'a>,
    ) -> Option<Condition> {
        match left {
            Expression::Binary("&", pair) => match looks(&pair.0)?.as_slice() {
                [look] if look.field == Field::Flags => {
                    self.flags(look, Some(&pair.1), operator, right)
                }
                _ => None,
            },
            Expression::Of(words)
                if texts(words) == BOTH_PORTS && ["", "=="].contains(&operator) =>
            {
                let Expression::Value(word) = right else { return None };
                let value = match word.text.strip_prefix("0x") {
                    Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                    None => word.text.parse().ok()?,
                };
                let look = |field| Look { field, family: None };
                let of = |field, at: u32| self.of(&look(field), Values::Numbers(vec![(at, at)]));
                let mut both = of(Field::SourcePort(None), value >> 16);
                both.add(of(Field::DestinationPort(None), value & 0xffff));
                Some(both)
            }
            _ => None,
        }
    }

    fn flags(
        &self,
        look: &Look,
        mask: Option<&Expression<'t, 'a>>,
        operator: &str,
        right: &Expression<'t, 'a>,
    ) -> Option<Condition> {
        let octets = octets(mask, operator, right)?;
        Some(self.of(look, Values::Numbers(octets.into_iter().map(|at| (at, at)).collect())))
    }

    fn single(&self, look: &Look, operator: &str, right: &Expression<'t, 'a>) -> Option<Condition> {
        let bits = look.field == Field::State;
        let negated = match operator {
            "" | "==" => false,
            "!=" => true,
            // It says that a packet has none of the states; `!=` compares all bits at once.
            "!" if bits => true,
            "<" | ">" | "<=" | ">=" => return self.compared(look, operator, right),
            _ => return None,
        };
        match right {
            Expression::Value(word) => Some(self.of_words(look, &[*word], negated)),
            Expression::List(list) if bits && ["", "!"].contains(&operator) => {
                let word = |one: &Expression<'t, 'a>| match one {
                    Expression::Value(word) => Some(*word),
                    _ => None,
                };
                let words: Vec<_> = list.iter().map(word).collect::<Option<_>>()?;
                Some(self.of_words(look, &words, negated))
            }
            Expression::Set(_) | Expression::Named(_) => Some(match self.lists(&[*look], right) {
                Ok(lists) => self.of_lists(look, &lists, negated),
                Err(why) => Condition::unclear(look.implied(), why),
            }),
            _ => None,
        }
    }

    /// Reads `> 1024` and its like.
    fn compared(
        &self,
        look: &Look,
        operator: &str,
        right: &Expression<'t, 'a>,
    ) -> Option<Condition> {
        let Expression::Value(word) = right else { return None };
        let most = match look.field {
            Field::SourcePort(_) | Field::DestinationPort(_) => u32::from(u16::MAX),
            Field::HopLimit(_) => 255,
            _ => return None,
        };
        let mut values = Values::none(look.field);
        values.add(look.field, word.text, false)?;
        let Values::Numbers(ranges) = values else { return None };
        let [(at, _)] = ranges[..] else { return None };
        let range = match operator {
            "<" => at.checked_sub(1).map(|below| (0, below)),
            "<=" => Some((0, at)),
            ">" => Some((at + 1, most)),
            _ => Some((at, most)),
        };
        let range = range.filter(|(low, high)| low <= high).into_iter().collect();
        Some(self.of(look, Values::Numbers(range)))
    }

    /// Returns the elements of a set or map, or why nothing can be said of them.
    pub(super) fn lists<'e>(
        &self,
        looks: &[Look],
        expression: &'e Expression<'t, 'a>,
    ) -> Result<Lists<'e, 't, 'a>, String>
    where
        'c: 'e,
    {
        let table: &'c Table<'t, 'a> = self.table;
        match expression {
            Expression::Set(elements) => {
                Ok(Lists { lists: std::slice::from_ref(elements), named: None })
            }
            Expression::Named(name) => match table.sets.get(name) {
                None => Err(format!("there is no set `{name}`")),
                Some(_) if table.changing.contains(name) => Err(CHANGING.to_owned()),
                Some(Set { unclear: Some(why), .. }) => Err(why.clone()),
                Some(set) if set.is_of_another_type(looks) => {
                    Err(format!("the set `{name}` is of another type"))
                }
                Some(set) => Ok(Lists { lists: &set.elements, named: Some(set) }),
            },
            _ => Err("a set is not understood".to_owned()),
        }
    }

    fn of_lists(&self, look: &Look, lists: &Lists<'_, 't, 'a>, negated: bool) -> Condition {
        if matches!(look.field, Field::Incoming | Field::Outgoing) {
            let mut names = Vec::new();
            let whole = lists.each(|element| match key(element) {
                Some([Expression::Value(word)]) => {
                    names.push(*word);
                    true
                }
                _ => false,
            });
            return match whole {
                true => self.of_interfaces(look.field, &names, negated),
                false => Condition::unclear(look.implied(), ELEMENT),
            };
        }
        let read = match lists.named {
            None => values(look, lists),
            Some(set) => {
                let mut known = set.read.borrow_mut();
                match &*known {
                    Some((kind, values)) if *kind == look.kind() => values.clone(),
                    _ => {
                        let values = values(look, lists);
                        *known = Some((look.kind(), values.clone()));
                        values
                    }
                }
            }
        };
        match read {
            Some(values) if negated => self.of(look, values.negated(look.field)),
            Some(values) => self.of(look, values),
            None => Condition::unclear(look.implied(), ELEMENT),
        }
    }

    /// Returns the condition that a field has one of the values, or none of them.
    pub(super) fn of_words(&self, look: &Look, words: &[Word<'a>], negated: bool) -> Condition {
        if matches!(look.field, Field::Incoming | Field::Outgoing) {
            return self.of_interfaces(look.field, words, negated);
        }
        let mut values = Values::none(look.field);
        for word in words {
            if values.add(look.field, word.text, true).is_none() {
                let why = format!("`{}` is not a value here", word.text);
                return Condition::unclear(look.implied(), why);
            }
        }
        self.of(look, if negated { values.negated(look.field) } else { values })
    }

    /// Returns the condition that a field has one of the values, as far as it can be seen at the stage.
    pub(super) fn of(&self, look: &Look, values: Values) -> Condition {
        if let Some(why) = self.hidden(look) {
            return Condition::unclear(look.implied(), why);
        }
        match (values, look.family) {
            (Values::Numbers(ranges), Some(Family::V6)) => first_header(&ranges),
            (Values::Numbers(ranges), _) if look.field == Field::State => {
                let when = self.stage.written.of_states(ranges);
                let doubt = matches!(when, Match::AnyOf(_)).then(|| WRITTEN.to_owned());
                Condition { when: vec![when], unclear: doubt }
            }
            (values, family) => {
                let mut when = values.matching(look.field);
                when.extend(family.map(Match::Family));
                Condition::exact(when)
            }
        }
    }

    /// Tells why the field of a packet is not the one that a policy speaks of.
    fn hidden(&self, look: &Look) -> Option<&'static str> {
        let stage = self.stage;
        match look.field {
            Field::State if !stage.tracked => Some("`ct state` is not known before tracking"),
            Field::Source(_) | Field::SourcePort(_) if !stage.source => {
                Some("the source may be a translated one here")
            }
            Field::Destination(_) | Field::DestinationPort(_) if !stage.destination => {
                Some("the destination may be translated later")
            }
            _ if stage.written.has(look.written()) => Some(WRITTEN),
            Field::HopLimit(_) if stage.unrouted() => {
                Some("packets that are forwarded lose a hop behind this chain")
            }
            _ => None,
        }
    }
}

/// What nft makes of `th sport A th dport B`: it merges two neighbours that are compared with one value
/// each, and lists the raw 32 bits, for it knows no name for both [measured, nft 1.0.6].
const BOTH_PORTS: [&str; 5] = ["@th", ",", "0", ",", "32"];

/// Why a condition is doubtful.
pub(super) const WRITTEN: &str = "a rule writes another value into packets";

/// Reads all elements as values of a field; `*` stands for every other one.
fn values(look: &Look, lists: &Lists<'_, '_, '_>) -> Option<Values> {
    let mut values = Values::none(look.field);
    let mut all = false;
    let whole = lists.each(|element| match key(element) {
        Some([Expression::Value(word)]) if word.text == "*" => {
            all = true;
            true
        }
        Some([Expression::Value(word)]) => {
            values.add(look.field, word.text, lists.interval()).is_some()
        }
        _ => false,
    });
    let values = whole.then(|| values.sorted())?;
    Some(if all { Values::none(look.field).negated(look.field) } else { values })
}

/// Protocols that are headers with another one behind them (`ipv6_ext_hdr`).
const EXTENSIONS: [u8; 5] = [0, 43, 44, 51, 60];

/// Returns what `ip6 nexthdr` says of a packet's protocol, which may stand behind headers that it does not
/// pass.
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

/// The conditions that looking at fields brings by itself.
pub(super) fn implied(looks: &[Look]) -> Vec<Match> {
    looks.iter().flat_map(Look::implied).collect()
}

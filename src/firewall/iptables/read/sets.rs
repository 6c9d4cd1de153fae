//! What `ipset save` lists, and what `ipset restore` makes of a file.
//!
//! A step that is not understood makes the set unclear: every rule that looks it up is in doubt.

use super::condition::{ends, prefix, span};
use super::{names, refuse};
use crate::firewall::ReadError;
use crate::firewall::iptables::syntax::{Line, split};
use crate::net::Family;
use crate::net::protocol::{self, ICMP, ICMPV6, TCP, UDP};
use crate::program::sets::others;
use crate::program::{Field, Match, Place, Ranges};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

/// The sets by name.
#[derive(Default)]
pub(super) struct Sets {
    sets: BTreeMap<String, Set>,
    /// What was not understood.
    pub(super) unclear: Vec<ReadError>,
}

/// One set.
#[derive(Clone, Default, PartialEq, Eq)]
struct Set {
    family: Option<Family>,
    dimensions: Vec<Dimension>,
    /// Elements unless it is told more (`ipset(8)`, hash types).
    most: Option<usize>,
    /// The parts of every element, one element after the other.
    parts: Vec<Part>,
    members: Vec<String>,
    /// Why its elements are not known for sure.
    unclear: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Dimension {
    Address,
    /// A prefix, of which there is none of length 0.
    Net,
    Port,
    /// A port without a protocol (`bitmap:port`).
    BarePort,
    Set,
}

/// What an element says of one dimension.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Part {
    /// First and last address.
    Addresses(IpAddr, IpAddr),
    /// Protocol, first and last port or ICMP word.
    Port(u8, u16, u16),
    /// A port of TCP or UDP.
    BarePort(u16, u16),
}

/// Elements of a set unless it is told more.
const MOST: usize = 65_536;
/// Bytes of a set's name (`IPSET_MAXNAMELEN` less one).
const NAME: usize = 31;

/// What is known while the lines are read: which elements each set has already.
type Known = BTreeMap<String, HashSet<Vec<Part>>>;

/// Reads the sets.
///
/// # Errors
/// The first line that is none of ipset's.
pub(super) fn read(lines: &[Line<'_>]) -> Result<Sets, ReadError> {
    let (mut sets, mut known) = (Sets::default(), Known::new());
    for (place, line) in lines {
        let words = split(line).ok_or_else(|| refuse(*place, "a quote is not closed"))?;
        let words: Vec<&str> = words.iter().map(|word: &Cow<'_, str>| &**word).collect();
        sets.step(&words, *place, &mut known).map_err(|reason| refuse(*place, reason))?;
    }
    Ok(sets)
}

impl Sets {
    fn step(&mut self, words: &[&str], place: Place, known: &mut Known) -> Result<(), String> {
        match words {
            ["create", name, kind, options @ ..] => self.create(name, kind, options, place),
            ["add", name, element, options @ ..] => {
                let set = self.sets.get_mut(*name).ok_or_else(|| missing(name))?;
                let why = add(set, name, element, options, known).err();
                self.doubt(name, why, place);
                Ok(())
            }
            ["flush", name] => {
                let set = self.sets.get_mut(*name).ok_or_else(|| missing(name))?;
                set.parts.clear();
                set.members.clear();
                known.remove(*name);
                Ok(())
            }
            ["swap", one, other] => self.swap(one, other, place, known),
            ["destroy", name] => {
                known.remove(*name);
                self.sets.remove(*name).map(drop).ok_or_else(|| missing(name))
            }
            _ => Err(format!("`{}` is nothing that ipset lists", words.join(" "))),
        }
    }

    fn create(
        &mut self,
        name: &str,
        kind: &str,
        options: &[&str],
        place: Place,
    ) -> Result<(), String> {
        let mut set = create(kind, options);
        if name.len() > NAME {
            set.unclear = Some(format!("a set's name has at most {NAME} bytes"));
        }
        let why = set.unclear.clone();
        match self.sets.get(name) {
            None => drop(self.sets.insert(name.to_owned(), set)),
            Some(old) if options.contains(&"-exist") => {
                let same = old.dimensions == set.dimensions && old.family == set.family;
                if !same || old.most != set.most {
                    self.doubt(name, Some("it exists and is different".to_owned()), place);
                }
            }
            Some(_) => return Err(format!("the set `{name}` is there twice")),
        }
        self.unclear.extend(why.map(|why| refuse(place, why)));
        Ok(())
    }

    /// Two sets of one kind take each other's names.
    fn swap(
        &mut self,
        one: &str,
        other: &str,
        place: Place,
        known: &mut Known,
    ) -> Result<(), String> {
        let a = self.sets.remove(one).ok_or_else(|| missing(one))?;
        let b = self.sets.remove(other).ok_or_else(|| missing(other))?;
        let alike = a.family == b.family && a.dimensions == b.dimensions;
        self.sets.insert(one.to_owned(), b);
        self.sets.insert(other.to_owned(), a);
        let (a, b) = (known.remove(one), known.remove(other));
        known.extend(b.map(|b| (one.to_owned(), b)));
        known.extend(a.map(|a| (other.to_owned(), a)));
        for name in [one, other].into_iter().filter(|_| !alike) {
            self.doubt(name, Some("sets of two kinds are swapped".to_owned()), place);
        }
        Ok(())
    }

    /// Makes a set unclear where there is a reason.
    fn doubt(&mut self, name: &str, why: Option<String>, place: Place) {
        let Some(why) = why else { return };
        if let Some(set) = self.sets.get_mut(name) {
            set.unclear.get_or_insert_with(|| why.clone());
        }
        self.unclear.push(refuse(place, why));
    }

    /// Takes note of a rule that changes a set (`-j SET --add-set NAME src`): what is in it is then not known.
    pub(super) fn changed_by(&mut self, rule: &str) {
        if !rule.contains("-set") {
            return;
        }
        let words: Vec<_> = rule.split_whitespace().collect();
        for pair in words.windows(2) {
            if let ["--add-set" | "--del-set" | "--map-set", name] = pair
                && let Some(set) = self.sets.get_mut(*name)
            {
                set.unclear.get_or_insert_with(|| "rules change what is in the set".to_owned());
            }
        }
    }

    /// Returns the packets that `--match-set NAME src,dst` finds.
    pub(super) fn matching(
        &self,
        family: Family,
        name: &str,
        sides: &str,
        negated: bool,
    ) -> Result<Match, String> {
        let side = |side: &str| match side {
            "src" => Ok(true),
            "dst" => Ok(false),
            _ => Err(format!("`{side}` is no direction")),
        };
        let sides = sides.split(',').map(side).collect::<Result<Vec<bool>, _>>()?;
        let mut elements = Vec::new();
        self.elements(name, family, sides.len(), &mut elements)?;
        if elements.iter().all(|element| matches!(element, [Part::Addresses(..)])) {
            let spans = elements.iter().copied().flatten().filter_map(|part| match part {
                Part::Addresses(low, high) => Some((*low, *high)),
                _ => None,
            });
            return ends(family, sides.first() == Some(&true), &spans.collect::<Vec<_>>(), negated);
        }
        match negated {
            false => {
                Ok(Match::AnyOf(elements.iter().map(|parts| product(parts, &sides)).collect()))
            }
            true => outside(&elements, &sides),
        }
    }

    /// Adds the elements that a lookup of one family may find; a list has those of all its members.
    fn elements<'s>(
        &'s self,
        name: &str,
        family: Family,
        sides: usize,
        found: &mut Vec<&'s [Part]>,
    ) -> Result<(), String> {
        let set = self.sets.get(name).ok_or_else(|| missing(name))?;
        if let Some(why) = &set.unclear {
            return Err(format!("the set `{name}`: {why}"));
        }
        let is_list = |set: &Set| set.dimensions == [Dimension::Set];
        for member in &set.members {
            // A list has no lists (the kernel refuses them).
            if self.sets.get(member).is_some_and(is_list) {
                return Err(format!("the list `{name}` has the list `{member}`"));
            }
            self.elements(member, family, sides, found)?;
        }
        // A lookup with too few directions, or in the other family, finds nothing (ip_set_test).
        if sides >= set.dimensions.len() && set.family.is_none_or(|of| of == family) {
            found.extend(set.parts.chunks(set.dimensions.len().max(1)));
        }
        Ok(())
    }
}

fn missing(name: &str) -> String {
    format!("the set `{name}` is not given: add the output of `ipset save`")
}

fn create(kind: &str, options: &[&str]) -> Set {
    let (_, dimensions) = kind.split_once(':').unwrap_or((kind, ""));
    let bare = kind.starts_with("bitmap");
    let dimension = |word: &str| match word {
        "ip" => Some(Dimension::Address),
        "net" => Some(Dimension::Net),
        "port" if bare => Some(Dimension::BarePort),
        "port" => Some(Dimension::Port),
        "set" => Some(Dimension::Set),
        _ => None,
    };
    let mut set = Set::default();
    match dimensions.split(',').map(dimension).collect() {
        Some(known) => set.dimensions = known,
        None => set.unclear = Some(format!("sets of type `{kind}` are not understood")),
    }
    let addresses = |d: &Dimension| matches!(d, Dimension::Address | Dimension::Net);
    set.family = set.dimensions.iter().any(addresses).then_some(Family::V4);
    set.most = kind.starts_with("hash").then_some(MOST);
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().copied().unwrap_or_default();
        match *option {
            "family" => match value() {
                "inet" => {}
                "inet6" if set.family.is_some() => set.family = Some(Family::V6),
                other => set.unclear = Some(format!("the family `{other}` is not understood")),
            },
            "maxelem" if set.most.is_some() => match value().parse() {
                Ok(most) => set.most = Some(most),
                Err(_) => set.unclear = Some("`maxelem` is a number".to_owned()),
            },
            // Of how it is stored, and what it counts.
            "hashsize" | "bucketsize" | "initval" | "size" | "range" => drop(value()),
            "counters" | "comment" | "-exist" => {}
            "timeout" => {
                value();
                set.unclear = Some("its elements come and go".to_owned());
            }
            option => set.unclear = Some(format!("`{option}` is not understood")),
        }
    }
    set
}

fn add(
    set: &mut Set,
    name: &str,
    element: &str,
    options: &[&str],
    known: &mut Known,
) -> Result<(), String> {
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "nomatch" => return Err("exceptions in a set are not understood".to_owned()),
            "-exist" => {}
            // The set says that it has them; they decide nothing, or make it unclear already.
            "packets" | "bytes" | "comment" | "timeout" => drop(rest.next()),
            option => return Err(format!("`{option}` is not understood")),
        }
    }
    if set.dimensions == [Dimension::Set] {
        set.members.push(element.to_owned());
        return Ok(());
    }
    let words: Vec<_> = element.split(',').collect();
    if words.len() != set.dimensions.len() {
        return Err(format!("`{element}` is no element of this set"));
    }
    let family = set.family.unwrap_or(Family::V4);
    let parts = words.iter().zip(&set.dimensions).map(|(word, dimension)| {
        let found = part(word, *dimension, family);
        found.ok_or_else(|| format!("`{word}` is no element of this set"))
    });
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    if !known.contains_key(name) {
        known.insert(name.to_owned(), HashSet::new());
    }
    let fresh = known.get_mut(name).is_some_and(|known| known.insert(parts.clone()));
    if !fresh && !options.contains(&"-exist") {
        return Err(format!("`{element}` is in the set already"));
    }
    set.parts.extend(parts);
    match set.most {
        Some(most) if set.parts.len() > most.saturating_mul(words.len()) => {
            Err("the set is full".to_owned())
        }
        _ => Ok(()),
    }
}

/// Returns what an element says of a dimension.
fn part(word: &str, dimension: Dimension, family: Family) -> Option<Part> {
    match dimension {
        Dimension::Set => None,
        Dimension::Port => port(word, family),
        Dimension::BarePort => port_range(word).map(|(low, high)| Part::BarePort(low, high)),
        Dimension::Address | Dimension::Net => {
            let (low, high) = if word.contains('-') { span(word)? } else { prefix(word)? };
            // `hash:net` has no /0, and the kernel cuts host bits off.
            let whole = dimension == Dimension::Net && word.ends_with("/0");
            let fits = low.is_ipv4() == (family == Family::V4) && !whole;
            fits.then_some(Part::Addresses(low, high))
        }
    }
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

/// Returns `tcp:80`, `udp:5060-5061`, `icmp:echo-request`, or a port of TCP.
fn port(text: &str, family: Family) -> Option<Part> {
    let (protocol, port) = text.split_once(':').unwrap_or(("tcp", text));
    let number = names::protocol(protocol)?;
    if (number, family) == (ICMP, Family::V4) || (number, family) == (ICMPV6, Family::V6) {
        let numbers = names::icmp(family, port);
        let (ty, code) = numbers.split_once('/').unwrap_or((numbers, "0"));
        let word = u16::from(ty.parse::<u8>().ok()?) << 8 | u16::from(code.parse::<u8>().ok()?);
        return Some(Part::Port(number, word, word));
    }
    let (low, high) = port_range(port)?;
    protocol::has_ports(number).then_some(Part::Port(number, low, high))
}

/// Returns the packets of one element.
fn product(parts: &[Part], sides: &[bool]) -> Vec<Match> {
    parts.iter().zip(sides).flat_map(|(part, source)| one(*part, *source, false)).collect()
}

/// Returns the packets of one dimension of an element; or outside it, as alternatives of which one has to
/// hold.
fn one(part: Part, source: bool, negated: bool) -> Vec<Match> {
    let field = |number: u8| match source && protocol::has_ports(number) {
        true => Field::SourcePort,
        false => Field::DestinationPort,
    };
    let protocols = |numbers: &[u8]| -> Ranges<u32> {
        let ranges: Ranges<u32> = numbers.iter().map(|n| (u32::from(*n), u32::from(*n))).collect();
        if negated { others(&ranges, 255) } else { ranges }
    };
    let ports = |low: u16, high: u16| -> Ranges<u32> {
        let ranges = vec![(u32::from(low), u32::from(high))];
        if negated { others(&ranges, 0xffff) } else { ranges }
    };
    match part {
        Part::Addresses(low, high) => {
            let found = ends(Family::of(low), source, &[(low, high)], negated);
            vec![found.unwrap_or(Match::Unknown)]
        }
        Part::Port(number, low, high) => vec![
            Match::Field(Field::Protocol, protocols(&[number])),
            Match::Field(field(number), ports(low, high)),
        ],
        Part::BarePort(low, high) => vec![
            Match::Field(Field::Protocol, protocols(&[TCP, UDP])),
            Match::Field(field(TCP), ports(low, high)),
        ],
    }
}

/// The most elements of several dimensions whose outside is worked out: each is one condition more.
const OUTSIDE: usize = 1000;

/// Returns the packets of no element: of each, one dimension fails.
fn outside(elements: &[&[Part]], sides: &[bool]) -> Result<Match, String> {
    if elements.len() > OUTSIDE {
        return Err("what is outside so large a set is not worked out".to_owned());
    }
    let fails = |parts: &[Part]| -> Vec<Vec<Match>> {
        let all = parts.iter().zip(sides).flat_map(|(part, source)| one(*part, *source, true));
        all.map(|one| vec![one]).collect()
    };
    let all: Vec<Match> = elements.iter().map(|parts| Match::AnyOf(fails(parts))).collect();
    Ok(Match::AnyOf(vec![all]))
}

//! What `ipset save` lists.

use super::super::read::{
    condition::{ranges4, ranges6},
    refuse,
    table::Line,
};
use super::names;
use crate::firewall::ReadError;
use crate::net::Family;
use crate::net::protocol::{self, ICMP, ICMPV6, TCP, UDP};
use crate::program::sets::{self, others};
use crate::program::{Field, Match, Place, Ranges};
use ipnet::IpNet;
use std::collections::BTreeMap;

/// The sets by name.
#[derive(Default)]
pub(super) struct Sets {
    sets: BTreeMap<String, Set>,
}

/// One set.
#[derive(Clone, Default)]
struct Set {
    family: Option<Family>,
    dimensions: Vec<Dimension>,
    elements: Vec<Vec<Part>>,
    members: Vec<String>,
    /// Why its elements are not known for sure.
    unclear: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Address,
    Port,
    /// A port without a protocol (`bitmap:port`).
    BarePort,
    Set,
}

/// What an element says of one dimension.
#[derive(Clone, Copy)]
enum Part {
    Net(IpNet),
    V4(u32, u32),
    V6(u128, u128),
    /// Protocol, first and last port or ICMP word.
    Port(u8, u16, u16),
    /// A port of TCP or UDP.
    BarePort(u16, u16),
}

/// Reads the sets.
///
/// # Errors
/// The first line that is none of a listing.
pub(super) fn read(lines: &[Line<'_>], unclear: &mut Vec<ReadError>) -> Result<Sets, ReadError> {
    let mut sets = Sets::default();
    for (place, line) in lines {
        let words: Vec<_> = line.split_whitespace().collect();
        sets.step(&words, *place, unclear).map_err(|reason| refuse(*place, reason))?;
    }
    Ok(sets)
}

impl Sets {
    fn step(
        &mut self,
        words: &[&str],
        place: Place,
        unclear: &mut Vec<ReadError>,
    ) -> Result<(), String> {
        match words {
            ["create", name, kind, options @ ..] => {
                let set = create(kind, options);
                let why = set.unclear.iter().map(|why| refuse(place, why.clone()));
                unclear.extend(why);
                match self.sets.insert((*name).to_owned(), set) {
                    Some(_) => Err(format!("the set `{name}` is there twice")),
                    None => Ok(()),
                }
            }
            ["add", name, element, options @ ..] => {
                let set = self.sets.get_mut(*name);
                let set = set.ok_or_else(|| format!("there is no set `{name}`"))?;
                if set.unclear.is_some() {
                    return Ok(());
                }
                if let Err(why) = set.add(element, options) {
                    unclear.push(refuse(place, why.clone()));
                    set.unclear = Some(why);
                }
                Ok(())
            }
            ["flush", name] => {
                self.sets.get_mut(*name).ok_or("there is no such set")?.elements.clear();
                Ok(())
            }
            _ => Err(format!("`{}` is nothing that is listed", words.join(" "))),
        }
    }

    /// Takes note of a rule that changes a set (`-j SET --add-set NAME src`): what is in it is then not known.
    pub(super) fn changed_by(&mut self, rule: &str) {
        let words: Vec<_> = rule.split_whitespace().collect();
        for pair in words.windows(2) {
            if let ["--add-set" | "--del-set" | "--map-set", name] = pair
                && let Some(set) = self.sets.get_mut(*name)
            {
                set.unclear.get_or_insert_with(|| "rules change what is in the set".to_owned());
            }
        }
    }

    /// Reads `--match-set NAME src,dst`.
    pub(super) fn matching(
        &self,
        family: Family,
        values: &[&str],
        negated: bool,
    ) -> Result<Match, String> {
        let [name, sides] = values else { return Err("a set and its directions".to_owned()) };
        let side = |side: &str| match side {
            "src" => Ok(true),
            "dst" => Ok(false),
            _ => Err(format!("`{side}` is no direction")),
        };
        let sides = sides.split(',').map(side).collect::<Result<Vec<bool>, _>>()?;
        let elements = self.elements(name, family, &sides)?;
        if elements.iter().all(|element| element.len() == 1) && addresses(&elements) {
            return Ok(address(&elements, family, sides.first() == Some(&true), negated));
        }
        match negated {
            false => {
                Ok(Match::AnyOf(elements.iter().map(|parts| product(parts, &sides)).collect()))
            }
            true => outside(&elements, &sides),
        }
    }

    /// The elements that a lookup of one family may find; a list has those of all its members.
    fn elements(
        &self,
        name: &str,
        family: Family,
        sides: &[bool],
    ) -> Result<Vec<Vec<Part>>, String> {
        let set = self.sets.get(name).ok_or_else(|| {
            format!("the set `{name}` is not given: add the output of `ipset save`")
        })?;
        if let Some(why) = &set.unclear {
            return Err(format!("the set `{name}`: {why}"));
        }
        let mut elements = Vec::new();
        if set.dimensions == [Dimension::Set] {
            for member in &set.members {
                // A list has no lists (the kernel refuses them).
                if self.sets.get(member).is_some_and(|set| set.dimensions == [Dimension::Set]) {
                    return Err(format!("the list `{name}` has the list `{member}`"));
                }
                elements.extend(self.elements(member, family, sides)?);
            }
            return Ok(elements);
        }
        // A lookup with too few directions, or in the other family, finds nothing (ip_set_test).
        if sides.len() >= set.dimensions.len() && set.family.is_none_or(|of| of == family) {
            elements.clone_from(&set.elements);
        }
        Ok(elements)
    }
}

fn create(kind: &str, options: &[&str]) -> Set {
    let (_, dimensions) = kind.split_once(':').unwrap_or((kind, ""));
    let bare = kind.starts_with("bitmap");
    let dimension = |word: &str| match word {
        "ip" | "net" => Some(Dimension::Address),
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
    let addresses = set.dimensions.contains(&Dimension::Address);
    set.family = addresses.then_some(Family::V4);
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        match *option {
            "family" if addresses && rest.clone().next() == Some(&"inet6") => {
                set.family = Some(Family::V6);
            }
            "timeout" => set.unclear = Some("its elements come and go".to_owned()),
            "netmask" | "bitmask" | "markmask" => {
                set.unclear = Some(format!("`{option}` is not understood"));
            }
            _ => {}
        }
    }
    set
}

impl Set {
    fn add(&mut self, element: &str, options: &[&str]) -> Result<(), String> {
        if options.contains(&"nomatch") {
            return Err("exceptions in a set are not understood".to_owned());
        }
        if self.dimensions == [Dimension::Set] {
            self.members.push(element.to_owned());
            return Ok(());
        }
        let words: Vec<_> = element.split(',').collect();
        if words.len() != self.dimensions.len() {
            return Err(format!("`{element}` is no element of this set"));
        }
        let family = self.family.unwrap_or(Family::V4);
        let parts = words.iter().zip(&self.dimensions).map(|(word, dimension)| {
            let part = match dimension {
                Dimension::Address => net(word),
                Dimension::BarePort => {
                    port_range(word).map(|(low, high)| Part::BarePort(low, high))
                }
                _ => port(word, family),
            };
            part.ok_or_else(|| format!("`{word}` is not understood"))
        });
        self.elements.push(parts.collect::<Result<_, _>>()?);
        Ok(())
    }
}

fn net(text: &str) -> Option<Part> {
    if let Some((low, high)) = text.split_once('-') {
        return match (low.parse().ok()?, high.parse().ok()?) {
            (std::net::IpAddr::V4(low), std::net::IpAddr::V4(high)) if low <= high => {
                Some(Part::V4(low.to_bits(), high.to_bits()))
            }
            (std::net::IpAddr::V6(low), std::net::IpAddr::V6(high)) if low <= high => {
                Some(Part::V6(low.to_bits(), high.to_bits()))
            }
            _ => None,
        };
    }
    let net = match text.contains('/') {
        true => text.parse::<IpNet>().ok()?,
        false => text.parse::<std::net::IpAddr>().ok()?.into(),
    };
    Some(Part::Net(net.trunc()))
}

fn port_range(text: &str) -> Option<(u16, u16)> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (low, high) = (low.parse().ok()?, high.parse().ok()?);
    (low <= high).then_some((low, high))
}

/// `tcp:80`, `udp:5060-5061`, `icmp:echo-request`, or a port of TCP.
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

fn addresses(elements: &[Vec<Part>]) -> bool {
    let address = |part: &Part| matches!(part, Part::Net(_) | Part::V4(..) | Part::V6(..));
    elements.iter().flatten().all(address)
}

/// The match of single addresses, as one set of ranges.
fn address(elements: &[Vec<Part>], family: Family, source: bool, negated: bool) -> Match {
    let parts = || elements.iter().flatten();
    match family {
        Family::V4 => {
            let nets = parts().filter_map(|part| match part {
                Part::Net(IpNet::V4(net)) => Some(*net),
                _ => None,
            });
            let mut ranges = sets::v4(nets);
            ranges.extend(parts().filter_map(|part| match part {
                Part::V4(low, high) => Some((*low, *high)),
                _ => None,
            }));
            ranges.sort_unstable();
            ranges4(source, ranges, negated)
        }
        Family::V6 => {
            let nets = parts().filter_map(|part| match part {
                Part::Net(IpNet::V6(net)) => Some(*net),
                _ => None,
            });
            let mut ranges = sets::v6(nets);
            ranges.extend(parts().filter_map(|part| match part {
                Part::V6(low, high) => Some((*low, *high)),
                _ => None,
            }));
            ranges.sort_unstable();
            ranges6(source, ranges, negated)
        }
    }
}

/// The packets of one element.
fn product(parts: &[Part], sides: &[bool]) -> Vec<Match> {
    parts.iter().zip(sides).flat_map(|(part, source)| one(*part, *source, false)).collect()
}

/// The packets of one dimension of an element; or outside it, as alternatives of which one has to hold.
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
        Part::Net(IpNet::V4(net)) => vec![ranges4(source, sets::v4([net]), negated)],
        Part::Net(IpNet::V6(net)) => vec![ranges6(source, sets::v6([net]), negated)],
        Part::V4(low, high) => vec![ranges4(source, vec![(low, high)], negated)],
        Part::V6(low, high) => vec![ranges6(source, vec![(low, high)], negated)],
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
const MOST: usize = 1000;

/// The packets of no element: of each, one dimension fails.
fn outside(elements: &[Vec<Part>], sides: &[bool]) -> Result<Match, String> {
    if elements.len() > MOST {
        return Err("what is outside so large a set is not worked out".to_owned());
    }
    let fails = |parts: &Vec<Part>| -> Vec<Vec<Match>> {
        let all = parts.iter().zip(sides).flat_map(|(part, source)| one(*part, *source, true));
        all.map(|one| vec![one]).collect()
    };
    let all: Vec<Match> = elements.iter().map(|parts| Match::AnyOf(fails(parts))).collect();
    Ok(Match::AnyOf(vec![all]))
}

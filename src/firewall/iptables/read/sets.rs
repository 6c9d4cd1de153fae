//! What `ipset restore` makes of the sets' file.

use super::refuse;
use crate::firewall::{File, ReadError};
use crate::program::Place;
use crate::program::sets;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::collections::{BTreeMap, BTreeSet};

/// Elements of a set unless it is told more.
const MAXELEM: usize = 65_536;

/// One set as loaded.
#[derive(Clone, Debug)]
struct Set {
    v6: bool,
    maxelem: usize,
    elements: BTreeSet<IpNet>,
}

/// The ranges of a set.
#[derive(Clone, Debug)]
pub(super) enum Addresses {
    V4(Vec<(u32, u32)>),
    V6(Vec<(u128, u128)>),
}

/// The sets by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Sets {
    ranges: BTreeMap<String, Addresses>,
}

impl Sets {
    pub(super) fn get(&self, name: &str) -> Option<&Addresses> {
        self.ranges.get(name)
    }
}

/// Runs the file line by line.
pub(super) fn read((file, text): (usize, &File)) -> Result<Sets, ReadError> {
    let mut sets = BTreeMap::new();
    for (number, line) in text.text.lines().enumerate() {
        let place = Place { file, line: number + 1 };
        let words: Vec<_> = line.split_whitespace().collect();
        if words.first().is_none_or(|word| word.starts_with('#')) {
            continue;
        }
        step(&words, &mut sets).map_err(|reason| refuse(place, reason))?;
    }
    let ranges = sets.into_iter().map(|(name, set)| (name, addresses(set))).collect();
    Ok(Sets { ranges })
}

fn addresses(set: Set) -> Addresses {
    if set.v6 {
        let v6 = |net| if let IpNet::V6(net) = net { Some(net) } else { None };
        Addresses::V6(sets::v6(set.elements.into_iter().filter_map(v6).collect::<Vec<Ipv6Net>>()))
    } else {
        let v4 = |net| if let IpNet::V4(net) = net { Some(net) } else { None };
        Addresses::V4(sets::v4(set.elements.into_iter().filter_map(v4).collect::<Vec<Ipv4Net>>()))
    }
}

fn step(words: &[&str], sets: &mut BTreeMap<String, Set>) -> Result<(), String> {
    match words {
        ["create", name, "hash:net", options @ ..] => {
            let set = options_of(options)?;
            if name.len() > 31 {
                return Err("a set's name has at most 31 bytes".to_owned());
            }
            match sets.get(*name) {
                Some(known) if known.v6 == set.v6 && known.maxelem == set.maxelem => {}
                Some(_) => return Err(format!("`{name}` exists and is different")),
                None => drop(sets.insert((*name).to_owned(), set)),
            }
            Ok(())
        }
        ["flush", name] => known(sets, name).map(|set| set.elements.clear()),
        ["add", name, element] => add(known(sets, name)?, element),
        ["swap", one, other] => {
            let (a, b) = (known(sets, one)?.clone(), known(sets, other)?.clone());
            if a.v6 != b.v6 {
                return Err("sets of two families cannot be swapped".to_owned());
            }
            sets.insert((*one).to_owned(), b);
            sets.insert((*other).to_owned(), a);
            Ok(())
        }
        ["destroy", name] => {
            known(sets, name)?;
            sets.remove(*name);
            Ok(())
        }
        _ => Err(format!("`{}` is not understood", words.join(" "))),
    }
}

fn known<'a>(sets: &'a mut BTreeMap<String, Set>, name: &str) -> Result<&'a mut Set, String> {
    sets.get_mut(name).ok_or_else(|| format!("there is no set `{name}`"))
}

fn options_of(options: &[&str]) -> Result<Set, String> {
    let mut set = Set { v6: false, maxelem: MAXELEM, elements: BTreeSet::new() };
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().copied().unwrap_or_default();
        match *option {
            "-exist" => {}
            "family" => match value() {
                "inet" => set.v6 = false,
                "inet6" => set.v6 = true,
                other => return Err(format!("there is no family `{other}`")),
            },
            "maxelem" => set.maxelem = value().parse().map_err(|_| "maxelem is a number")?,
            "hashsize" | "bucketsize" | "initval" => drop(value()),
            other => return Err(format!("the option `{other}` is not understood")),
        }
    }
    Ok(set)
}

fn add(set: &mut Set, element: &str) -> Result<(), String> {
    let net = match element.contains('/') {
        true => element.parse::<IpNet>().ok(),
        false => element.parse::<std::net::IpAddr>().ok().map(IpNet::from),
    };
    let net = net.ok_or_else(|| format!("`{element}` is no prefix"))?;
    if net.addr() != net.network() {
        return Err(format!("`{element}` has host bits"));
    }
    if matches!(net, IpNet::V6(_)) != set.v6 {
        return Err(format!("`{element}` is of the other family"));
    }
    if net.prefix_len() == 0 {
        return Err("hash:net takes no /0".to_owned());
    }
    if !set.elements.insert(net) {
        return Err(format!("`{element}` is in the set already"));
    }
    if set.elements.len() > set.maxelem {
        return Err("the hash is full".to_owned());
    }
    Ok(())
}

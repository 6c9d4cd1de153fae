//! What clouds' own tools, Terraform and CloudFormation say: values with places, and doubts about them.
//!
//! A value that is not understood becomes a condition that may hold, and is noted; a text that is not of
//! the shape at all is an error.

pub(in crate::firewall) mod copies;
pub(in crate::firewall) mod terraform;

use super::aws::one;
use super::document::{self, Node, Value};
use crate::firewall::{File, ReadError};
use crate::net::Family;
use crate::net::protocol::{self, ICMP, ICMPV6, TCP, UDP};
use crate::program::{Field, Match, Place};
use ipnet::IpNet;

/// The texts that were given, and what is written in them.
pub(in crate::firewall) struct Texts {
    /// As given, or spelled out where a text was one line.
    pub(in crate::firewall) files: Vec<File>,
    roots: Vec<Node>,
}

impl Texts {
    /// Reads each of them in the language that its name ends in.
    pub(in crate::firewall) fn read(files: &[File]) -> Result<Self, ReadError> {
        Self::read_by(files, document::read)
    }

    /// Reads each of them in its own language: `language` gives the text, spelled out, and what it says.
    pub(in crate::firewall) fn read_by(
        files: &[File],
        language: fn(&File) -> Result<(String, Node), ReadError>,
    ) -> Result<Self, ReadError> {
        let mut texts = Texts { files: Vec::new(), roots: Vec::new() };
        for (index, file) in files.iter().enumerate() {
            let (text, root) = language(file).map_err(|mut error| {
                error.place.file = index;
                error
            })?;
            texts.files.push(File { text, ..file.clone() });
            texts.roots.push(root);
        }
        Ok(texts)
    }

    /// Returns what is written in each file.
    pub(in crate::firewall) fn roots(&self) -> Vec<At<'_>> {
        self.roots.iter().enumerate().map(|(file, node)| At { file, node }).collect()
    }

    /// Reads an artifact: one file with nothing but what this program writes.
    pub(in crate::firewall) fn artifact(
        files: &[File],
        rows: &[document::Row],
    ) -> Result<Self, ReadError> {
        let texts = Self::read(files)?;
        let [root] = texts.roots.as_slice() else {
            return Err(document::refuse(1, "the artifact is one file"));
        };
        document::profile(root, rows)?;
        Ok(texts)
    }

    /// Returns the name of a file without its folder and its ending.
    pub(in crate::firewall) fn stem(&self, file: usize) -> &str {
        let path = self.files.get(file).map_or("", |file| file.path.as_str());
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        name.strip_suffix(".json").unwrap_or(name)
    }
}

/// A value of one of the texts.
#[derive(Clone, Copy)]
pub(in crate::firewall) struct At<'a> {
    file: usize,
    node: &'a Node,
}

impl<'a> At<'a> {
    /// Returns the index of its file.
    pub(in crate::firewall) fn file(self) -> usize {
        self.file
    }

    /// Returns where it stands.
    pub(in crate::firewall) fn place(self) -> Place {
        Place { file: self.file, line: self.node.line }
    }

    /// Makes the error for this place.
    pub(in crate::firewall) fn refuse(self, reason: impl Into<String>) -> ReadError {
        ReadError { place: self.place(), reason: reason.into() }
    }

    /// Returns the value.
    pub(in crate::firewall) fn value(self) -> &'a Value {
        &self.node.value
    }

    /// Returns a member that is there and not null.
    pub(in crate::firewall) fn get(self, key: &str) -> Option<At<'a>> {
        let node = self.node.get(key).filter(|node| node.value != Value::Null)?;
        Some(At { node, ..self })
    }

    /// Returns the one member that has one of these names; two say nothing that is sure.
    pub(in crate::firewall) fn any(self, keys: &[&str]) -> Option<At<'a>> {
        let mut found = keys.iter().filter_map(|key| self.get(key));
        found.next().filter(|_| found.next().is_none())
    }

    /// Tells whether anything is said: null and what is empty say nothing.
    pub(in crate::firewall) fn says(self) -> bool {
        match self.value() {
            Value::Null => false,
            Value::Text(text) => !text.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Map(members) => !members.is_empty(),
            _ => true,
        }
    }

    /// Returns the members of a map.
    pub(in crate::firewall) fn members(
        self,
    ) -> Result<impl Iterator<Item = (&'a str, At<'a>)>, ReadError> {
        let Value::Map(members) = self.value() else {
            return Err(self.refuse("a map is expected here"));
        };
        Ok(members.iter().map(move |(key, node)| (key.as_str(), At { node, ..self })))
    }

    /// Returns the items of a list.
    pub(in crate::firewall) fn items(self) -> Result<impl Iterator<Item = At<'a>>, ReadError> {
        let Value::List(items) = self.value() else {
            return Err(self.refuse("a list is expected here"));
        };
        Ok(items.iter().map(move |node| At { node, ..self }))
    }

    /// Returns the items of a member that is a list, where it is there.
    pub(in crate::firewall) fn list(self, key: &str) -> Result<Vec<At<'a>>, ReadError> {
        match self.get(key) {
            Some(list) => Ok(list.items()?.collect()),
            None => Ok(Vec::new()),
        }
    }

    /// Returns a text that is not empty.
    pub(in crate::firewall) fn text(self) -> Option<&'a str> {
        self.node.text().ok().filter(|text| !text.is_empty())
    }

    /// Returns a member that is a text and not empty.
    pub(in crate::firewall) fn text_of(self, key: &str) -> Option<&'a str> {
        self.get(key)?.text()
    }

    /// Returns a truth.
    pub(in crate::firewall) fn bool(self) -> Option<bool> {
        self.node.bool().ok()
    }

    /// Returns a whole number, which some tools print as text.
    pub(in crate::firewall) fn number(self) -> Option<i64> {
        match self.value() {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Returns a prefix; AWS leaves host bits out of account (API reference of EC2,
    /// `AuthorizeSecurityGroupIngress` and `CreateNetworkAclEntry`).
    pub(in crate::firewall) fn net(self) -> Option<IpNet> {
        let net: IpNet = self.text()?.parse().ok()?;
        Some(net.trunc())
    }
}

/// What was not understood.
#[derive(Default)]
pub(in crate::firewall) struct Doubts {
    list: Vec<ReadError>,
}

impl Doubts {
    /// Notes what is not understood at a place.
    pub(in crate::firewall) fn note(&mut self, at: At<'_>, reason: impl Into<String>) {
        self.list.push(at.refuse(reason));
    }

    /// Notes it, and gives the condition that may hold.
    pub(in crate::firewall) fn unknown(&mut self, at: At<'_>, reason: impl Into<String>) -> Match {
        self.note(at, reason);
        Match::Unknown
    }

    /// Notes what is not understood at a place that is known only by its line.
    pub(in crate::firewall) fn note_at(&mut self, place: Place, reason: impl Into<String>) {
        self.list.push(ReadError { place, reason: reason.into() });
    }

    /// Returns the members of a map that are none of these, but for null, and notes them.
    pub(in crate::firewall) fn strange<'a>(
        &mut self,
        at: At<'a>,
        known: &[&[&str]],
    ) -> Result<Vec<At<'a>>, ReadError> {
        let unknown = |(key, node): &(&str, At<'_>)| {
            *node.value() != Value::Null && !known.iter().any(|keys| keys.contains(key))
        };
        let strange: Vec<_> = at.members()?.filter(unknown).collect();
        for (key, node) in &strange {
            self.note(*node, format!("`{key}` is not understood"));
        }
        Ok(strange.into_iter().map(|(_, node)| node).collect())
    }

    /// Returns the notes in the order of the texts, each once.
    pub(in crate::firewall) fn sorted(mut self) -> Vec<ReadError> {
        self.list.sort_by(|a, b| (a.place, &a.reason).cmp(&(b.place, &b.reason)));
        self.list.dedup();
        self.list
    }
}

/// Which of the two a rule belongs to, where AWS reads the same words differently.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::firewall) enum Of {
    Group,
    Acl,
}

/// What a rule says of protocol, ports and ICMP.
#[derive(Clone, Copy)]
pub(in crate::firewall) struct Service<'a> {
    pub(in crate::firewall) of: Of,
    pub(in crate::firewall) at: At<'a>,
    pub(in crate::firewall) protocol: Option<At<'a>>,
    /// First and last.
    pub(in crate::firewall) ports: [Option<At<'a>>; 2],
    /// Type and code.
    pub(in crate::firewall) icmp: [Option<At<'a>>; 2],
}

/// A protocol as a rule names it.
#[derive(Clone, Copy)]
enum Named {
    All,
    One(u8),
}

impl Service<'_> {
    /// Returns what it asks of a packet; the family is that of the rule's addresses, where it is known.
    pub(in crate::firewall) fn conditions(
        &self,
        family: Option<Family>,
        doubts: &mut Doubts,
    ) -> Vec<Match> {
        let number = match self.protocol.and_then(named) {
            Some(Named::All) => return Vec::new(),
            Some(Named::One(number)) => number,
            None => {
                let at = self.protocol.unwrap_or(self.at);
                return vec![doubts.unknown(at, "the protocol is not known")];
            }
        };
        let mut when = vec![one(Field::Protocol, number.into())];
        match number {
            TCP | UDP => when.extend(self.ports(doubts)),
            ICMP | ICMPV6 => when.extend(self.types(number, family, doubts)),
            // Whatever ports are given: AWS leaves them out of account.
            _ => {}
        }
        when
    }

    fn ports(&self, doubts: &mut Doubts) -> Option<Match> {
        let port = |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok());
        match self.ports.map(|end| port(end.and_then(At::number))) {
            [Some(0), Some(u16::MAX)] => None,
            [Some(from), Some(to)] if from <= to => {
                Some(Match::Field(Field::DestinationPort, vec![(from.into(), to.into())]))
            }
            _ => {
                let at = self.ports.into_iter().flatten().next().unwrap_or(self.at);
                let reason = "ports are two numbers from 0 to 65535, the lower one first";
                Some(doubts.unknown(at, reason))
            }
        }
    }

    fn types(&self, number: u8, family: Option<Family>, doubts: &mut Doubts) -> Option<Match> {
        let own = if number == ICMP { Family::V4 } else { Family::V6 };
        let foreign = family.is_some_and(|family| family != own);
        // API reference of EC2: IpPermission, and CreateNetworkAclEntry.
        match self.of {
            Of::Acl if number == ICMPV6 && foreign => return None,
            Of::Group if number == ICMPV6 && self.icmp.iter().all(Option::is_none) => return None,
            _ => {}
        }
        let octet = |value: Option<i64>| Some(u32::from(u8::try_from(value?).ok()?));
        let said = self.icmp.map(|at| at.and_then(At::number));
        let words = match (said, said.map(octet)) {
            ([Some(-1), Some(-1)], _) => return None,
            ([_, Some(-1)], [Some(ty), _]) if !foreign => (ty << 8, ty << 8 | 0xff),
            (_, [Some(ty), Some(code)]) if !foreign => (ty << 8 | code, ty << 8 | code),
            _ => {
                let at = self.icmp.into_iter().flatten().next().unwrap_or(self.at);
                return Some(doubts.unknown(at, "this is no ICMP type and code of the family"));
            }
        };
        Some(Match::Field(Field::DestinationPort, vec![words]))
    }
}

fn named(at: At<'_>) -> Option<Named> {
    if let Some(number) = at.number() {
        return match number {
            -1 => Some(Named::All),
            _ => u8::try_from(number).ok().map(Named::One),
        };
    }
    match at.text()?.to_ascii_lowercase().as_str() {
        "all" => Some(Named::All),
        "ipv6-icmp" => Some(Named::One(ICMPV6)),
        name => protocol::number(name).map(Named::One),
    }
}

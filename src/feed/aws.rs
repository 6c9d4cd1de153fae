//! The format of AWS's `ip-ranges.json`.
//!
//! <https://docs.aws.amazon.com/vpc/latest/userguide/aws-ip-syntax.html>. Unknown keys are skipped,
//! because the vendor adds some now and then (`network_border_group` in 2020); declared ones must be there, with
//! the right type. A download that went wrong is refused as a whole, with a reason that tells a person what
//! arrived instead.

use super::{Feed, Prefix, Row};
use crate::net::{Family, PrefixError, parse_prefix};
use ipnet::IpNet;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The vendor's name in selectors.
pub const NAME: &str = "aws";

/// The shortest IPv4 prefix that is believed: registries never gave out more than a /8 at once.
const SHORTEST_V4: u8 = 8;
/// The shortest IPv6 prefix that is believed: a /19 is the largest usual allocation of a registry.
const SHORTEST_V6: u8 = 19;
/// The longest name of a service, region or border group that is believed.
const LONGEST_NAME: usize = 64;

/// Why bytes are not a usable `ip-ranges.json`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FormatError {
    /// There is nothing, or only white space.
    Empty,
    /// Another kind of document arrived.
    Other(&'static str),
    /// The JSON ends in the middle.
    Truncated {
        /// Counted from 1.
        line: usize,
    },
    /// Not JSON, or not the declared keys and types.
    Malformed {
        /// The keys that lead there, such as `prefixes[3].region`; `.` for the whole.
        path: String,
        /// The JSON reader's words, with line and column.
        reason: String,
    },
    /// There are no rows at all.
    NoRows,
    /// The rows of one family are gone altogether.
    NoFamily(Family),
    /// `syncToken` is missing or is not a number, so that versions could not be put in order.
    Token(String),
    /// One row is at fault.
    Row {
        /// The row, such as `prefixes[3]`.
        path: String,
        /// What it says.
        text: String,
        /// What is wrong with that.
        fault: RowFault,
    },
}

/// What is wrong with one row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RowFault {
    /// Not a prefix, or one with host bits.
    Prefix(PrefixError),
    /// An address without a length.
    NoLength,
    /// The prefix is of the other family than its list.
    Family(Family),
    /// The prefix is shorter than any that the vendor can own.
    TooShort(u8),
    /// The addresses are private or reserved, so that they cannot be the vendor's.
    NotPublic,
    /// A service, region or border group that is empty, too long or has unusual characters.
    Name,
    /// This row has a border group and another one has none.
    BorderGroup,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty, not ip-ranges.json"),
            Self::Other(what) => write!(f, "this is {what}, not ip-ranges.json"),
            Self::Truncated { line } => {
                write!(f, "the file ends too early, in line {line}: the download was cut off")
            }
            Self::Malformed { path, reason } => {
                write!(f, "this is not the format of ip-ranges.json: at `{path}`: {reason}")
            }
            Self::NoRows => f.write_str("the file has no prefixes at all"),
            Self::NoFamily(family) => write!(f, "the file has no {family} prefixes at all"),
            Self::Token(text) if text.is_empty() => f.write_str("the file has no `syncToken`"),
            Self::Token(text) => write!(f, "`syncToken` is `{text}`, which is not a number"),
            Self::Row { path, text, fault } => write!(f, "`{path}`: `{text}` {fault}"),
        }
    }
}

impl std::error::Error for FormatError {}

impl fmt::Display for RowFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix(error) => write!(f, "cannot be read: {error}"),
            Self::NoLength => f.write_str("has no prefix length"),
            Self::Family(family) => write!(f, "is not an {family} prefix"),
            Self::TooShort(shortest) => {
                write!(f, "is wider than a /{shortest}, more than the vendor can own")
            }
            Self::NotPublic => f.write_str("has private or reserved addresses"),
            Self::Name => f.write_str("is not a name"),
            Self::BorderGroup => f.write_str(
                "has no border group although other rows do, or has one although they do not",
            ),
        }
    }
}

#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "syncToken", borrow, default)]
    sync_token: Cow<'a, str>,
    #[serde(rename = "createDate", borrow, default)]
    create_date: Cow<'a, str>,
    #[serde(borrow, default)]
    prefixes: Vec<Object<V4<'a>>>,
    #[serde(borrow, default)]
    ipv6_prefixes: Vec<Object<V6<'a>>>,
}

#[derive(Deserialize)]
struct V4<'a> {
    #[serde(borrow)]
    ip_prefix: Cow<'a, str>,
    #[serde(borrow)]
    region: Cow<'a, str>,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow, default)]
    network_border_group: Cow<'a, str>,
}

#[derive(Deserialize)]
struct V6<'a> {
    #[serde(borrow)]
    ipv6_prefix: Cow<'a, str>,
    #[serde(borrow)]
    region: Cow<'a, str>,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow, default)]
    network_border_group: Cow<'a, str>,
}

/// A JSON object: serde's own structs would also take an array of the values in order.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Only<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Only<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Only(PhantomData))
    }
}

/// Reads the bytes of an `ip-ranges.json`.
///
/// # Errors
/// The first reason why it is not one that can be relied upon.
pub fn parse(bytes: &[u8]) -> Result<Feed, FormatError> {
    sniff(bytes)?;
    let Object(file): Object<File<'_>> =
        serde_json::from_slice(bytes).map_err(|error| malformed(bytes, &error))?;
    match (file.prefixes.is_empty(), file.ipv6_prefixes.is_empty()) {
        (true, true) => return Err(FormatError::NoRows),
        (true, false) => return Err(FormatError::NoFamily(Family::V4)),
        (false, true) => return Err(FormatError::NoFamily(Family::V6)),
        (false, false) => {}
    }
    let version = version(&file.sync_token)?;
    let rows = rows(&file)?;
    Ok(Feed::from_rows(version, &shown(&file.create_date), &rows))
}

/// Returns what arrived when it is plainly not JSON: mirrors have stored all of these as the feed.
fn sniff(bytes: &[u8]) -> Result<(), FormatError> {
    const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
    let marked = bytes.starts_with(UTF8_MARK);
    let text = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes).trim_ascii_start();
    let start: Vec<u8> = text.iter().take(5).map(u8::to_ascii_lowercase).collect();
    if text.is_empty() {
        Err(FormatError::Empty)
    } else if start == b"<?xml" {
        Err(FormatError::Other("an XML document"))
    } else if start.starts_with(b"<") {
        Err(FormatError::Other("an HTML page"))
    } else if start.starts_with(b"\x1f\x8b") {
        Err(FormatError::Other("a gzip archive"))
    } else if marked {
        Err(FormatError::Other("a text with a byte order mark"))
    } else if !start.starts_with(b"{") {
        Err(FormatError::Other("not a JSON object"))
    } else {
        Ok(())
    }
}

/// Finds the path to the fault by reading once more, which the good case need not pay for.
fn malformed(bytes: &[u8], error: &serde_json::Error) -> FormatError {
    if error.is_eof() {
        return FormatError::Truncated { line: error.line() };
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let found: Result<Object<File<'_>>, _> = serde_path_to_error::deserialize(&mut json);
    let path = found.err().map(|fault| fault.path().to_string()).filter(|path| path != "?");
    let path = path.map_or_else(|| ".".to_owned(), |path| shown(&path));
    FormatError::Malformed { path, reason: error.to_string() }
}

/// Decimal digits without a leading zero, so that the number gives the text back.
fn version(token: &str) -> Result<u64, FormatError> {
    let number = token.parse::<u64>().ok().filter(|number| number.to_string() == token);
    number.ok_or_else(|| FormatError::Token(shown(token)))
}

/// One row as it is in the file, from either list.
struct Raw<'a> {
    prefix: &'a str,
    region: &'a str,
    service: &'a str,
    border_group: &'a str,
}

fn rows<'a>(file: &'a File<'_>) -> Result<Vec<Row<'a>>, FormatError> {
    let v4 = file.prefixes.iter().map(|Object(row)| Raw {
        prefix: &row.ip_prefix,
        region: &row.region,
        service: &row.service,
        border_group: &row.network_border_group,
    });
    let v6 = file.ipv6_prefixes.iter().map(|Object(row)| Raw {
        prefix: &row.ipv6_prefix,
        region: &row.region,
        service: &row.service,
        border_group: &row.network_border_group,
    });
    let v4 = v4.enumerate().map(|(at, row)| ("prefixes", at, Family::V4, row));
    let v6 = v6.enumerate().map(|(at, row)| ("ipv6_prefixes", at, Family::V6, row));
    let mut grouped = None;
    let mut check = |(list, at, family, row): (&str, usize, Family, Raw<'a>)| {
        let grouped = *grouped.get_or_insert(!row.border_group.is_empty());
        checked(&row, family, grouped).map_err(|(text, fault)| FormatError::Row {
            path: format!("{list}[{at}]"),
            text: shown(text),
            fault,
        })
    };
    v4.chain(v6).map(&mut check).collect()
}

/// Checks a row; `grouped` tells whether the file's rows have border groups.
fn checked<'a>(
    row: &Raw<'a>,
    family: Family,
    grouped: bool,
) -> Result<Row<'a>, (&'a str, RowFault)> {
    let Raw { region, service, border_group, .. } = *row;
    let prefix = prefix(row.prefix, family).map_err(|fault| (row.prefix, fault))?;
    for name in [service, region] {
        if name.is_empty() || !is_name(name) {
            return Err((name, RowFault::Name));
        }
    }
    if !is_name(border_group) {
        return Err((border_group, RowFault::Name));
    }
    // The key came to every row in one version: a mixture means that rows were lost or made up.
    if border_group.is_empty() == grouped {
        return Err((row.prefix, RowFault::BorderGroup));
    }
    Ok(Row { service, region, border_group, prefix })
}

/// Letters, digits and `-_.`, as names are printed in listings; the empty text counts.
fn is_name(name: &str) -> bool {
    let usual = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    name.len() <= LONGEST_NAME && name.bytes().all(usual)
}

/// Cuts and escapes a stranger's text for a message.
fn shown(text: &str) -> String {
    text.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect()
}

fn prefix(text: &str, family: Family) -> Result<Prefix, RowFault> {
    if !text.bytes().all(|b| b.is_ascii_hexdigit() || b".:/".contains(&b)) {
        return Err(RowFault::Prefix(PrefixError::NotAnAddress(shown(text))));
    }
    if !text.contains('/') {
        return Err(RowFault::NoLength);
    }
    let net = parse_prefix(text).map_err(RowFault::Prefix)?;
    let shortest = match family {
        Family::V4 => SHORTEST_V4,
        Family::V6 => SHORTEST_V6,
    };
    if Family::of(net.addr()) != family {
        return Err(RowFault::Family(family));
    }
    if net.prefix_len() < shortest {
        return Err(RowFault::TooShort(shortest));
    }
    if !is_public(&net) {
        return Err(RowFault::NotPublic);
    }
    Ok(match net {
        IpNet::V4(net) => Prefix::V4(net.network().to_bits(), net.prefix_len()),
        IpNet::V6(net) => Prefix::V6(net.network().to_bits(), net.prefix_len()),
    })
}

/// What can never belong to a vendor: first address and length, from RFC 6890 and RFC 1112 (multicast).
/// The ranges for documentation are left out, so that tests can use them.
const RESERVED_V4: [(u32, u8); 9] = [
    (0x0000_0000, 8),  // this network
    (0x0a00_0000, 8),  // private use
    (0x6440_0000, 10), // shared address space
    (0x7f00_0000, 8),  // loopback
    (0xa9fe_0000, 16), // link local
    (0xac10_0000, 12), // private use
    (0xc0a8_0000, 16), // private use
    (0xe000_0000, 4),  // multicast
    (0xf000_0000, 4),  // reserved
];

/// Tells whether none of the addresses is private or reserved; for IPv6, whether all are global
/// unicast (2000::/3, RFC 4291 2.4).
fn is_public(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => {
            let address = net.network().to_bits();
            RESERVED_V4.iter().all(|(reserved, length)| {
                let shorter = net.prefix_len().min(*length);
                (address ^ reserved).leading_zeros() < u32::from(shorter)
            })
        }
        IpNet::V6(net) => net.network().to_bits() >> 125 == 0b001,
    }
}

//! Strict parsing of addresses and prefixes.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv6Addr};

/// Why a text is not an address or a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixError {
    /// Not an IPv4 or IPv6 address at all.
    NotAnAddress(String),
    /// A dotted address with a leading zero, which some systems read as octal.
    LeadingZero(String),
    /// The part after `/` is not a decimal number without leading zeros.
    BadLength(String),
    /// The length is above 32 or 128.
    LengthTooLong {
        /// The length as written.
        length: u16,
        /// The most that the family allows.
        most: u8,
    },
    /// Bits are set to the right of the length.
    HostBits {
        /// The prefix that was probably meant.
        network: IpNet,
        /// The address alone.
        host: IpAddr,
    },
    /// An IPv4 address written as IPv6 (`::ffff:192.0.2.1`, RFC 4291 2.5.5.2).
    V4Mapped(IpAddr),
    /// An IPv6 zone (`fe80::1%eth0`, RFC 4007): an interface, not an address.
    Zone(String),
}

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnAddress(text) => write!(f, "`{text}` is not an IP address or prefix"),
            Self::LeadingZero(text) => {
                write!(f, "`{text}` has a leading zero, which some systems read as octal")
            }
            Self::BadLength(text) => write!(f, "`/{text}` is not a prefix length"),
            Self::LengthTooLong { length, most } => {
                write!(f, "prefix length {length} is greater than {most}")
            }
            Self::HostBits { network, .. } => {
                write!(
                    f,
                    "host bits are set to the right of the prefix length {}",
                    network.prefix_len()
                )
            }
            Self::V4Mapped(_) => f.write_str("this is an IPv4 address in IPv6 notation"),
            Self::Zone(text) => write!(f, "`{text}` names an interface after `%`"),
        }
    }
}

impl PrefixError {
    /// Returns what to write instead, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::LeadingZero(text) => {
                let plain: Vec<_> = text
                    .split('.')
                    .map(|part| part.trim_start_matches('0'))
                    .map(|part| if part.is_empty() { "0" } else { part })
                    .collect();
                Some(format!("write `{}` if you mean decimal", plain.join(".")))
            }
            Self::HostBits { network, host } => {
                Some(format!("write `{network}` for the network, or `{host}` for the one host"))
            }
            Self::V4Mapped(v4) => Some(format!("write `{v4}`")),
            Self::Zone(text) => {
                Some(format!("write `{}`", text.split('%').next().unwrap_or_default()))
            }
            Self::BadLength(_) | Self::LengthTooLong { .. } | Self::NotAnAddress(_) => None,
        }
    }
}

/// Appends a prefix to a text; a host without its length, where `hosts` says so. It is what `Display` writes,
/// fast enough for lists of a million.
pub fn push_prefix(text: &mut String, net: IpNet, hosts: bool) {
    match net.addr() {
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                if at > 0 {
                    text.push('.');
                }
                push_decimal(text, octet);
            }
        }
        // Writing to a text cannot fail.
        IpAddr::V6(address) => drop(write!(text, "{address}")),
    }
    if !hosts || net.prefix_len() < net.max_prefix_len() {
        text.push('/');
        push_decimal(text, net.prefix_len());
    }
}

fn push_decimal(text: &mut String, number: u8) {
    if number >= 100 {
        text.push(char::from(b'0' + number / 100));
    }
    if number >= 10 {
        text.push(char::from(b'0' + number / 10 % 10));
    }
    text.push(char::from(b'0' + number % 10));
}

/// Splits a text at the first occurrence of an ASCII byte: `str::split_once`, for texts of few bytes.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Parses one address; leading zeros, zones and v4-mapped addresses are refused.
///
/// # Errors
/// [`PrefixError`], with what to write instead where that is known.
pub fn parse_address(text: &str) -> Result<IpAddr, PrefixError> {
    if text.bytes().any(|b| b == b'%') {
        return Err(PrefixError::Zone(text.to_owned()));
    }
    let address: IpAddr = text.parse().map_err(|_| {
        let octal = |part: &str| part.len() > 1 && part.starts_with('0');
        let dotted = text.split('.').count() == 4
            && text.split('.').all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
        if dotted && text.split('.').any(octal) {
            PrefixError::LeadingZero(text.to_owned())
        } else {
            PrefixError::NotAnAddress(text.to_owned())
        }
    })?;
    match address {
        IpAddr::V6(v6) => match mapped(v6) {
            Some(v4) => Err(PrefixError::V4Mapped(v4)),
            None => Ok(address),
        },
        IpAddr::V4(_) => Ok(address),
    }
}

fn mapped(address: Ipv6Addr) -> Option<IpAddr> {
    address.to_ipv4_mapped().map(IpAddr::V4)
}

/// Parses a prefix (`10.0.0.0/8`, `2001:db8::/32`) or an address, which is a prefix of full length.
///
/// # Errors
/// [`PrefixError`]; host bits are refused, never cleared silently.
pub fn parse_prefix(text: &str) -> Result<IpNet, PrefixError> {
    let (address, length) = match split_at_byte(text, b'/') {
        Some((address, length)) => (parse_address(address)?, Some(length)),
        None => (parse_address(text)?, None),
    };
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        Some(digits) => parse_length(digits, most)?,
        None => most,
    };
    let net = match address {
        IpAddr::V4(a) => Ipv4Net::new(a, length).map(IpNet::V4),
        IpAddr::V6(a) => Ipv6Net::new(a, length).map(IpNet::V6),
    };
    let net = net.map_err(|_| PrefixError::LengthTooLong { length: length.into(), most })?;
    if net.addr() == net.network() {
        Ok(net)
    } else {
        Err(PrefixError::HostBits { network: net.trunc(), host: address })
    }
}

fn parse_length(digits: &str, most: u8) -> Result<u8, PrefixError> {
    let plain = !digits.is_empty()
        && digits.len() <= 4
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    let length = plain.then(|| digits.parse::<u16>().ok()).flatten();
    let length = length.ok_or_else(|| PrefixError::BadLength(digits.to_owned()))?;
    match u8::try_from(length) {
        Ok(length) if length <= most => Ok(length),
        _ => Err(PrefixError::LengthTooLong { length, most }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_a_prefix_is_read() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/32", "::/0"] {
            assert_eq!(parse_prefix(text).expect(text).to_string(), text);
        }
        assert_eq!(parse_prefix("192.0.2.1").expect("host").to_string(), "192.0.2.1/32");
        assert_eq!(parse_prefix("2001:db8::1").expect("host").to_string(), "2001:db8::1/128");
    }

    proptest! {
        #[test]
        fn prefixes_are_written_as_others_write_them(v4: u32, v6: u128, length in 0u8..=128) {
            let v4 = Ipv4Net::new(v4.into(), length.min(32)).expect("a length");
            let v6 = Ipv6Net::new(v6.into(), length).expect("a length");
            for net in [IpNet::V4(v4), IpNet::V6(v6)] {
                let (mut whole, mut short) = ("x".to_owned(), "x".to_owned());
                push_prefix(&mut whole, net, false);
                push_prefix(&mut short, net, true);
                prop_assert_eq!(&whole, &format!("x{net}"));
                let host = net.prefix_len() == net.max_prefix_len();
                let wanted = if host { format!("x{}", net.addr()) } else { whole };
                prop_assert_eq!(short, wanted);
            }
        }
    }

    #[test]
    fn what_others_accept_is_refused_with_what_to_write() {
        let refused = [
            ("010.0.0.1", "write `10.0.0.1` if you mean decimal"),
            ("10.1.2.3/8", "write `10.0.0.0/8` for the network, or `10.1.2.3` for the one host"),
            ("::ffff:192.0.2.1", "write `192.0.2.1`"),
            ("fe80::1%eth0", "write `fe80::1`"),
        ];
        for (text, help) in refused {
            assert_eq!(parse_prefix(text).expect_err(text).help().as_deref(), Some(help));
        }
        for text in [
            "10.0.0.0/08",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0",
            "",
            "/8",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "10.0.0.0/999999",
        ] {
            assert!(parse_prefix(text).is_err(), "{text} was accepted");
        }
    }
}

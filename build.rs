//! Packs the AWS snapshot of the `aws-ip-ranges` crate into one small table for `src/feed/snapshot.rs`.
//!
//! As constants the same data takes seconds to compile and most of a millisecond at each start.

#[path = "src/feed/table.rs"]
pub mod table;

use aws_ip_ranges::IP_RANGES;
use std::error::Error;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use table::{Feed, Prefix, Row};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/feed/table.rs");
    let mut rows = Vec::new();
    for row in IP_RANGES.prefixes {
        let prefix = v4(row.ip_prefix).ok_or(row.ip_prefix)?;
        let border_group = row.network_border_group;
        rows.push(Row { service: row.service, region: row.region, border_group, prefix });
    }
    for row in IP_RANGES.ipv6_prefixes {
        let prefix = v6(row.ipv6_prefix).ok_or(row.ipv6_prefix)?;
        let border_group = row.network_border_group;
        rows.push(Row { service: row.service, region: row.region, border_group, prefix });
    }
    let feed = Feed::from_rows(IP_RANGES.sync_token.parse()?, IP_RANGES.create_date, &rows);
    let bytes: &'static [u8] = feed.encode().ok_or("the snapshot is too large")?.leak();
    if Feed::decode(bytes).as_ref() != Some(&feed) {
        return Err("the packed snapshot does not read back".into());
    }
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("aws.feed"), bytes)?;
    Ok(())
}

fn v4(text: &str) -> Option<Prefix> {
    let (address, length) = text.split_once('/')?;
    let bits = address.parse::<Ipv4Addr>().ok()?.to_bits();
    let length: u8 = length.parse().ok().filter(|length| *length <= 32)?;
    let host = u32::MAX.checked_shr(length.into()).unwrap_or(0);
    (bits & host == 0).then_some(Prefix::V4(bits, length))
}

fn v6(text: &str) -> Option<Prefix> {
    let (address, length) = text.split_once('/')?;
    let bits = address.parse::<Ipv6Addr>().ok()?.to_bits();
    let length: u8 = length.parse().ok().filter(|length| *length <= 128)?;
    let host = u128::MAX.checked_shr(length.into()).unwrap_or(0);
    (bits & host == 0).then_some(Prefix::V6(bits, length))
}

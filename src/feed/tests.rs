use super::aws::{FormatError, RowFault, parse};
use super::{Count, Feed, Feeds, Prefix, Row, SelectError, Selector};
use crate::net::IpSet;
use proptest::prelude::*;

/// A small file in the vendor's format. Its rows are made up, save for the two siblings of Amazon
/// Connect and EC2 that must never become one /18.
const SMALL: &str = include_str!("testdata/small.json");
/// The same format as it was before 2020, without border groups.
const OLD: &str = include_str!("testdata/old.json");

fn small() -> Feed {
    parse(SMALL.as_bytes()).expect("the fixture is good")
}

fn selector(service: &str, regions: &[&str], border_groups: &[&str]) -> Selector {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Selector {
        feed: "aws".into(),
        service: service.into(),
        regions: owned(regions),
        border_groups: owned(border_groups),
    }
}

fn spelled(set: &IpSet) -> Vec<String> {
    set.prefixes().map(|prefix| prefix.to_string()).collect()
}

fn refused(text: &str) -> FormatError {
    parse(text.as_bytes()).expect_err("a bad file was accepted")
}

#[test]
fn a_file_is_read_whole() {
    let feed = small();
    assert_eq!((feed.version(), feed.created()), (1_700_000_000, "2023-11-14-22-13-20"));
    assert_eq!(feed.rows(), Count { v4: 8, v6: 3 });
    let services: Vec<_> = feed.services().collect();
    assert_eq!(services[0], ("AMAZON_CONNECT", Count { v4: 2, v6: 1 }));
    assert_eq!(feed.services().map(|(_, n)| n.v4 + n.v6).sum::<usize>(), 11);
    assert_eq!(feed.regions().map(|(_, n)| n.v4 + n.v6).sum::<usize>(), 11);
}

#[test]
fn regions_are_a_union_and_none_means_all() {
    let feed = small();
    let ask = |s: &Selector| spelled(&feed.select(s).expect("addresses"));
    let both = ["192.0.2.0/25", "198.51.100.0/24", "2001:db8:1::/48"];
    assert_eq!(ask(&selector("EC2", &["GLOBAL", "us-east-1"], &[]))[1..], both);
    assert_eq!(
        ask(&selector("CLOUDFRONT", &["GLOBAL"], &[])),
        ["203.0.113.0/25", "2001:db8:9::/48"]
    );
    assert_eq!(ask(&selector("CLOUDFRONT", &[], &[])), ["203.0.113.0/24", "2001:db8:9::/48"]);
}

#[test]
fn siblings_of_two_services_are_never_one_prefix() {
    let feed = small();
    let connect = feed.select(&selector("AMAZON_CONNECT", &["GLOBAL"], &[])).expect("addresses");
    let ec2 = feed.select(&selector("EC2", &["GLOBAL"], &[])).expect("addresses");
    assert_eq!(spelled(&connect)[0], "15.193.0.0/19");
    assert_eq!(spelled(&ec2)[0], "15.193.32.0/19");
    assert!(connect.is_disjoint(&ec2));
}

#[test]
fn border_groups_narrow_a_region() {
    let feed = small();
    let lax = feed.select(&selector("EC2", &[], &["us-west-2-lax-1"])).expect("addresses");
    assert_eq!(spelled(&lax), ["192.0.2.128/25"]);
    let error = feed.select(&selector("EC2", &["us-east-1"], &["us-west-2-lax-1"]));
    let error = error.expect_err("nothing there");
    assert_eq!(
        error.to_string(),
        "the feed (version 1700000000 of 2023-11-14) has no rows of `EC2` there"
    );
    assert_eq!(error.help().as_deref(), Some("its rows are in `us-east-1`"));
}

#[test]
fn an_unknown_name_is_an_error_with_the_near_ones() {
    let feeds = Feeds::bundled().with("aws", small());
    let ask = |s: &Selector| feeds.select(s).expect_err("an unknown name");
    let cases = [
        (selector("ec2", &[], &[]), "service `ec2`", Some("did you mean `EC2`")),
        (selector("CONNECT", &[], &[]), "service `CONNECT`", Some("did you mean `AMAZON_CONNECT`")),
        (
            selector("EC2", &["us-east1"], &[]),
            "region `us-east1`",
            Some("did you mean `us-east-1`"),
        ),
        (selector("EC2", &["moon"], &[]), "region `moon`", None),
        (selector("EC2", &[], &[""]), "border group ``", None),
        (selector("S3", &["us-east-1"], &[]), "service `S3`", None),
    ];
    for (selector, what, help) in cases {
        let error = ask(&selector);
        assert_eq!(
            error.to_string(),
            format!("the feed (version 1700000000 of 2023-11-14) has no {what}")
        );
        assert_eq!(error.help().as_deref(), help, "{what}");
    }
    let other = Selector { feed: "azure".into(), ..selector("EC2", &[], &[]) };
    assert_eq!(ask(&other).to_string(), "there is no feed `azure`");
    assert_eq!(ask(&other).help().as_deref(), Some("the feeds are `aws`"));
}

#[test]
fn known_names_without_a_common_row_are_an_error_too() {
    let error = small().select(&selector("CLOUDFRONT", &["us-west-2"], &[])).expect_err("no row");
    assert!(matches!(&error, SelectError::Nothing { .. }));
    assert_eq!(error.help().as_deref(), Some("its rows are in `GLOBAL` and `us-east-1`"));
}

#[test]
fn a_file_from_before_border_groups_is_read() {
    let feed = parse(OLD.as_bytes()).expect("the fixture is good");
    assert_eq!(feed.border_groups().count(), 0);
    assert!(feed.select(&selector("EC2", &["us-east-1"], &[])).is_ok());
    let error = feed.select(&selector("EC2", &[], &["us-east-1"])).expect_err("no groups");
    assert!(matches!(error, SelectError::UnknownBorderGroup { .. }));
}

#[test]
fn what_is_not_the_file_is_refused_with_what_it_is() {
    let cases = [
        ("", "the file is empty, not ip-ranges.json"),
        (" \r\n", "the file is empty, not ip-ranges.json"),
        ("<!DOCTYPE html><p>no", "this is an HTML page, not ip-ranges.json"),
        ("\n<HTML>", "this is an HTML page, not ip-ranges.json"),
        ("\u{feff}<?xml version='1.0'?>", "this is an XML document, not ip-ranges.json"),
        ("\u{feff}{}", "this is a text with a byte order mark, not ip-ranges.json"),
        ("\u{1f}\u{8b}", "this is not a JSON object, not ip-ranges.json"),
        ("[]", "this is not a JSON object, not ip-ranges.json"),
        ("{}", "the file has no prefixes at all"),
        (r#"{"prefixes": [], "ipv6_prefixes": []}"#, "the file has no prefixes at all"),
    ];
    for (text, reason) in cases {
        assert_eq!(refused(text).to_string(), reason, "{text:?}");
    }
    let gzip = parse(b"\x1f\x8b\x08\x00").expect_err("gzip");
    assert_eq!(gzip.to_string(), "this is a gzip archive, not ip-ranges.json");
}

#[test]
fn every_way_to_break_the_file_is_refused() {
    let cases: &[(&str, &str, &str)] = &[
        (r#""1700000000""#, "1700000000", "at `syncToken`: invalid type: integer `1700000000`"),
        (r#""1700000000""#, r#""17e8""#, "`syncToken` is `17e8`, which is not a number"),
        (r#""1700000000""#, r#""0170""#, "`syncToken` is `0170`, which is not a number"),
        (r#""syncToken""#, r#""token""#, "the file has no `syncToken`"),
        (r#""ipv6_prefixes""#, r#""v6""#, "the file has no IPv6 prefixes at all"),
        (r#""prefixes""#, r#""v4""#, "the file has no IPv4 prefixes at all"),
        (r#""ip_prefix""#, r#""ipv4Prefix""#, "at `prefixes[0]`: missing field `ip_prefix`"),
        (r#""15.193.0.0/19""#, "null", "at `prefixes[0].ip_prefix`: invalid type: null"),
        (r#""GLOBAL""#, "7", "at `prefixes[0].region`: invalid type: integer `7`"),
        (r#""us-west-2-lax-1""#, "null", "at `prefixes[7].network_border_group`: invalid type"),
        ("15.193.0.0/19", "15.193.0.1/19", "`prefixes[0]`: `15.193.0.1/19` cannot be read"),
        ("15.193.0.0/19", "015.193.0.0/19", "`prefixes[0]`: `015.193.0.0/19` cannot be read"),
        ("15.193.0.0/19", "15.193.0.0", "`prefixes[0]`: `15.193.0.0` has no prefix length"),
        ("15.193.0.0/19", "14.0.0.0/7", "`prefixes[0]`: `14.0.0.0/7` is wider than a /8"),
        ("15.193.0.0/19", "0.0.0.0/0", "`prefixes[0]`: `0.0.0.0/0` is wider than a /8"),
        ("15.193.0.0/19", "10.0.0.0/8", "`10.0.0.0/8` has private or reserved addresses"),
        ("15.193.0.0/19", "100.64.7.0/24", "has private or reserved addresses"),
        ("15.193.0.0/19", "100.0.0.0/8", "has private or reserved addresses"),
        ("15.193.0.0/19", "2001:db8::/32", "`2001:db8::/32` is not an IPv4 prefix"),
        ("2600:f0f2:7100::/40", "2600::/18", "`2600::/18` is wider than a /19"),
        ("2600:f0f2:7100::/40", "fc00::/19", "`fc00::/19` has private or reserved addresses"),
        ("2600:f0f2:7100::/40", "192.0.2.0/24", "`192.0.2.0/24` is not an IPv6 prefix"),
        ("15.193.0.0/19", r"\u001b[2J", r"`\u{1b}[2J` cannot be read: `\u{1b}[2J` is not an IP"),
        (r#""AMAZON_CONNECT""#, r#""""#, "`prefixes[0]`: `` is not a name"),
        (r#""AMAZON_CONNECT""#, r#""A\u001b[2J""#, r"`A\u{1b}[2J` is not a name"),
        (r#""GLOBAL""#, r#""a b""#, "`prefixes[0]`: `a b` is not a name"),
        (
            r#""us-west-2-lax-1""#,
            r#""""#,
            "`prefixes[7]`: `192.0.2.128/25` has no border group although other rows do",
        ),
        ("{", "{{", "this is not the format of ip-ranges.json: at `.`: key must be a string"),
    ];
    for (good, bad, reason) in cases {
        let broken = SMALL.replacen(good, bad, 1);
        assert_ne!(broken, SMALL, "`{good}` is not in the fixture");
        let said = refused(&broken).to_string();
        assert!(said.contains(reason), "{bad}: {said}");
    }
}

#[test]
fn arrays_in_the_place_of_objects_are_refused() {
    let row = r#"{"syncToken": "1", "createDate": "", "ipv6_prefixes": [], "prefixes": [
        ["192.0.2.0/24", "us-east-1", "EC2", "us-east-1"]]}"#;
    let error = refused(row).to_string();
    assert!(error.contains("`prefixes[0]`: invalid type: sequence, expected an object"), "{error}");
}

#[test]
fn what_follows_the_file_or_stands_twice_is_refused() {
    assert!(refused(&format!("{SMALL} {{}}")).to_string().contains("trailing characters"));
    let twice = SMALL.replacen('{', r#"{"syncToken": "5", "#, 1);
    assert!(refused(&twice).to_string().contains("duplicate field `syncToken`"));
}

/// Whatever a download lost at its end is noticed.
#[test]
fn every_truncation_is_refused() {
    let whole = SMALL.trim_end();
    for end in 0..whole.len() {
        let error = refused(&whole[..end]);
        let expected = matches!(error, FormatError::Empty | FormatError::Truncated { .. });
        assert!(expected, "{end}: {error}");
    }
}

#[test]
fn no_prefix_at_the_border_of_a_reserved_range_is_refused_in_error() {
    for good in ["11.0.0.0/8", "9.0.0.0/8", "100.128.0.0/9", "172.32.0.0/11", "223.255.255.255/32"]
    {
        let file = SMALL.replacen("15.193.0.0/19", good, 1);
        assert!(parse(file.as_bytes()).is_ok(), "{good}");
    }
    for bad in ["172.31.255.255/32", "224.0.0.0/32", "255.255.255.255/32", "0.0.0.1/32"] {
        let file = SMALL.replacen("15.193.0.0/19", bad, 1);
        let error = parse(file.as_bytes()).expect_err(bad);
        assert!(matches!(error, FormatError::Row { fault: RowFault::NotPublic, .. }), "{bad}");
    }
}

fn prefixes() -> impl Strategy<Value = Prefix> {
    let edge4 = prop_oneof![Just(0), Just(1), Just(u32::MAX - 1), Just(u32::MAX), any::<u32>()];
    let edge6 = prop_oneof![Just(0), Just(1), Just(u128::MAX - 1), Just(u128::MAX), any::<u128>()];
    let cut4 = |address: u32, length: u8| {
        Prefix::V4(address & !u32::MAX.checked_shr(length.into()).unwrap_or(0), length)
    };
    let cut6 = |address: u128, length: u8| {
        Prefix::V6(address & !u128::MAX.checked_shr(length.into()).unwrap_or(0), length)
    };
    prop_oneof![
        (edge4, 0..=32u8).prop_map(move |(a, l)| cut4(a, l)),
        (edge6, 0..=128u8).prop_map(move |(a, l)| cut6(a, l)),
    ]
}

fn net(prefix: Prefix) -> ipnet::IpNet {
    match prefix {
        Prefix::V4(a, l) => ipnet::Ipv4Net::new(a.into(), l).expect("a length").into(),
        Prefix::V6(a, l) => ipnet::Ipv6Net::new(a.into(), l).expect("a length").into(),
    }
}

proptest! {
    /// A selection is the union of exactly the rows whose names fit, and packing loses nothing.
    #[test]
    fn selections_agree_with_a_scan_of_the_rows(
        rows in proptest::collection::vec((0..3usize, 0..3usize, 0..2usize, prefixes()), 1..40),
        service in 0..3usize, regions in proptest::collection::vec(0..3usize, 0..3), group in 0..3usize,
    ) {
        const NAMES: [&str; 3] = ["a", "b", "c"];
        let row = |(s, r, g, prefix): &(usize, usize, usize, Prefix)| Row {
            service: NAMES[*s], region: NAMES[*r], border_group: NAMES[*g], prefix: *prefix,
        };
        let feed = Feed::from_rows(7, "then", &rows.iter().map(row).collect::<Vec<_>>());
        let bytes: &'static [u8] = feed.encode().expect("small").leak();
        let read = Feed::decode(bytes).expect("own bytes");
        prop_assert_eq!(&read, &feed);
        let mut backwards = rows.clone();
        backwards.reverse();
        let again = Feed::from_rows(7, "then", &backwards.iter().map(row).collect::<Vec<_>>());
        prop_assert_eq!(&again, &feed);

        let names: Vec<_> = regions.iter().map(|r| NAMES[*r]).collect();
        let groups: Vec<_> = NAMES.get(group).filter(|_| group < 2).copied().into_iter().collect();
        let fits = |(s, r, g, _): &&(usize, usize, usize, Prefix)| {
            *s == service && (regions.is_empty() || regions.contains(r)) && (group == 2 || group == *g)
        };
        let expected = IpSet::from_prefixes(rows.iter().filter(fits).map(|(.., p)| net(*p)));
        match read.select(&selector(NAMES[service], &names, &groups)) {
            Ok(set) => prop_assert_eq!(set, expected),
            Err(SelectError::UnknownService { .. }) => {
                prop_assert!(rows.iter().all(|(s, ..)| *s != service));
            }
            Err(SelectError::UnknownRegion { name, .. }) => {
                prop_assert!(rows.iter().all(|(_, r, ..)| NAMES[*r] != name));
            }
            Err(SelectError::UnknownBorderGroup { name, .. }) => {
                prop_assert!(rows.iter().all(|(_, _, g, _)| NAMES[*g] != name));
            }
            Err(_) => prop_assert!(expected.is_empty()),
        }
    }

    #[test]
    fn no_bytes_make_the_reader_of_packed_feeds_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Feed::decode(bytes.clone().leak());
        let magic = b"pcfeed1\n";
        bytes.splice(0..0, magic.iter().copied());
        let _ = Feed::decode(bytes.leak());
    }

    #[test]
    fn no_bytes_make_the_reader_of_files_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = parse(&bytes);
    }

    /// A damaged byte is either refused, in a line that is safe to print, or only changes what a row
    /// says; it never loses a family.
    #[test]
    fn no_damage_makes_the_reader_of_files_panic(at in 0..SMALL.len(), byte in any::<u8>()) {
        let mut bytes = SMALL.as_bytes().to_vec();
        bytes[at] = byte;
        match parse(&bytes) {
            Ok(feed) => prop_assert!(feed.rows().v4 > 0 && feed.rows().v6 > 0),
            Err(error) => prop_assert!(!error.to_string().contains(char::is_control), "{error:?}"),
        }
    }
}

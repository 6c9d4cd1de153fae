//! Real files that vendors published, and what mirrors stored when a download went wrong.
//!
//! The project does not ship them. `PORTCULLIS_FEEDS` names a folder that has them: `aws/` (good
//! files), `bad/` (whatever is no feed at all) and `merged/` (`NAME.txt` and its shortest spelling,
//! `NAME_merged.txt`). Without it these tests check nothing, and say so.

#![expect(clippy::expect_used, reason = "a test may panic to say what is wrong")]

use ipnet::IpNet;
use portcullis::feed::{Feed, Feeds, Selector, aws};
use portcullis::net::{IpSet, parse_prefix};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Returns the files of a folder in order; none, and a line that no test harness hides, when absent.
fn files(folder: &str) -> Vec<PathBuf> {
    let root = std::env::var_os("PORTCULLIS_FEEDS").map(PathBuf::from);
    let Some(entries) = root.and_then(|root| fs::read_dir(root.join(folder)).ok()) else {
        let message = format!("SKIPPED: no vendor files: set PORTCULLIS_FEEDS to check `{folder}`");
        writeln!(std::io::stderr(), "{message}").expect("standard error");
        return Vec::new();
    };
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "`{folder}` is there, but has no file");
    files
}

fn name(path: &Path) -> String {
    path.file_name().expect("a file name").to_string_lossy().into_owned()
}

fn select(feed: &Feed, service: &str, regions: &[&str]) -> IpSet {
    let regions = regions.iter().map(|r| (*r).to_owned()).collect();
    let selector =
        Selector { feed: "aws".into(), service: service.into(), regions, ..Default::default() };
    feed.select(&selector).expect("addresses")
}

#[test]
fn every_published_file_is_read_whole_and_in_order() {
    let mut versions = Vec::new();
    for path in files("aws") {
        let bytes = fs::read(&path).expect("a readable file");
        let feed = aws::parse(&bytes).unwrap_or_else(|error| panic!("{}: {error}", name(&path)));
        // Counted without the reader: one such key a row, and none of the files repeats a row.
        let text = String::from_utf8(bytes).expect("text");
        let rows = feed.rows();
        assert_eq!(rows.v4, text.matches("\"ip_prefix\"").count(), "{}", name(&path));
        assert_eq!(rows.v6, text.matches("\"ipv6_prefix\"").count(), "{}", name(&path));
        assert!(text.contains(&format!("\"{}\"", feed.version())));
        assert!(!select(&feed, "EC2", &["GLOBAL", "us-east-1"]).v4.is_empty());
        assert!(!select(&feed, "CLOUDFRONT", &[]).v6.is_empty());
        versions.push(feed.version());
    }
    assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
}

#[test]
fn connect_keeps_its_sibling_out_in_every_version() {
    let connect_block: IpNet = "15.193.0.0/19".parse().expect("a prefix");
    let bundled = Feeds::bundled();
    let bundled = bundled.get("aws").expect("bundled").clone();
    let parsed = files("aws")
        .into_iter()
        .map(|path| aws::parse(&fs::read(&path).expect("a readable file")).expect("a good file"));
    for feed in parsed.chain([bundled]) {
        let set = select(&feed, "AMAZON_CONNECT", &["GLOBAL", "us-east-1"]);
        let block = IpSet::from_prefixes([connect_block]);
        let has_block = block.v4.is_subset(&set.v4);
        // The /19 was published on 17 December 2019.
        assert_eq!(has_block, feed.version() >= 1_576_623_790, "{feed:?}");
        assert!(!set.contains("15.193.32.0".parse().expect("an address")), "{feed:?}");
    }
}

#[test]
fn what_mirrors_stored_as_feeds_is_refused_with_a_reason() {
    for path in files("bad") {
        let (file, bytes) = (name(&path), fs::read(&path).expect("a readable file"));
        let reason = aws::parse(&bytes).expect_err(&file).to_string();
        let expected = match path.extension().and_then(|e| e.to_str()) {
            Some("html") => "this is an HTML page, not ip-ranges.json",
            Some("xml") => "this is an XML document, not ip-ranges.json",
            _ if bytes.is_empty() => "the file is empty, not ip-ranges.json",
            _ => "the file has no prefixes at all",
        };
        assert_eq!(reason, expected, "{file}");
    }
}

/// Other vendors' feeds are not AWS's, however much their JSON looks like it.
#[test]
fn other_vendors_files_are_refused() {
    for folder in ["azure", "gcp", "oracle", "fastly", "github", "cloudflare"] {
        for path in files(folder) {
            let bytes = fs::read(&path).expect("a readable file");
            assert!(aws::parse(&bytes).is_err(), "{}", name(&path));
        }
    }
}

#[test]
fn half_a_download_is_refused() {
    for path in files("aws") {
        let bytes = fs::read(&path).expect("a readable file");
        for part in [1, 2, 3] {
            let reason = aws::parse(&bytes[..bytes.len() * part / 4]).expect_err("a part");
            assert!(reason.to_string().contains("ends too early"), "{reason}");
        }
    }
}

fn prefixes(path: &Path) -> Vec<IpNet> {
    let text = fs::read_to_string(path).expect("a readable file");
    text.lines().map(|line| parse_prefix(line.trim()).expect(line)).collect()
}

/// The shortest lists come from another tool, and were held against Python's `ipaddress`.
#[test]
fn real_lists_are_spelled_as_short_as_another_tool_does() {
    for merged in files("merged") {
        let Some(raw) = name(&merged).strip_suffix("_merged.txt").map(|n| format!("{n}.txt"))
        else {
            continue;
        };
        let set = IpSet::from_prefixes(prefixes(&merged.with_file_name(raw)));
        let mut expected = prefixes(&merged);
        expected.sort();
        assert_eq!(set.prefixes().collect::<Vec<_>>(), expected, "{}", name(&merged));
    }
}

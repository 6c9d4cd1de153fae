//! Tables: as the rules define them, or as they are shown.

use crate::firewall::pf::syntax::{Cursor, Word, refuse};
use crate::firewall::{File, ReadError};
use crate::net::Family;
use crate::program::sets;
use crate::program::{Match, Place};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use iprange::IpRange;
use std::collections::HashMap;

/// What is known of a table.
#[derive(Default)]
pub(super) struct Table {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    /// Why its addresses are not known.
    unclear: Option<String>,
}

/// The tables by name.
#[derive(Default)]
pub(super) struct Tables {
    tables: HashMap<String, Table>,
}

/// Returns the name of a file without folders and ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// Tells whether a file is what `pfctl -t NAME -T show` prints: nothing but addresses.
pub(super) fn is_shown(file: &File, files: &[File]) -> bool {
    let lines = || file.text.lines().map(str::trim).filter(|line| !line.is_empty());
    if lines().next().is_none() {
        // An empty table, if any rule asks for it.
        let name = format!("<{}>", stem(&file.path));
        return files.iter().any(|other| other.text.contains(&name));
    }
    lines().all(|line| line.starts_with('#') || entry(line).is_some())
        && lines().any(|line| !line.starts_with('#'))
}

/// An address or prefix, and whether it is an exception.
fn entry(text: &str) -> Option<(IpNet, bool)> {
    let (text, negated) = text.strip_prefix('!').map_or((text, false), |rest| (rest.trim(), true));
    Some((prefix(text)?, negated))
}

/// Reads an address or a prefix; `10/8` is short for `10.0.0.0/8`.
pub(super) fn prefix(text: &str) -> Option<IpNet> {
    let Some((base, length)) = text.split_once('/') else {
        return text.parse::<std::net::IpAddr>().ok().map(IpNet::from);
    };
    let octets = base.split('.').count();
    let short = !base.contains(':') && octets < 4;
    let base = if short { format!("{base}{}", ".0".repeat(4 - octets)) } else { base.to_owned() };
    IpNet::new(base.parse().ok()?, length.parse().ok()?).ok().map(|net| net.trunc())
}

impl Tables {
    /// Reads every definition.
    pub(super) fn read(words: &[Word<'_>]) -> Result<Self, ReadError> {
        let mut tables = Tables::default();
        let mut cursor = Cursor { words, at: 0 };
        let mut fresh = true;
        while let Some(word) = cursor.next() {
            if fresh && !word.quoted && word.text == "table" {
                let (name, table) = define(&mut cursor)?;
                tables.tables.insert(name, table);
            }
            fresh = word.text.is_empty();
        }
        Ok(tables)
    }

    /// Takes what a table is shown to have: that is what it has now.
    pub(super) fn add_shown(&mut self, at: usize, file: &File) -> Result<(), ReadError> {
        let mut entries = Vec::new();
        for (number, line) in file.text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = Place { file: at, line: number + 1 };
            let wrong = || ReadError { place, reason: format!("`{line}` is no address") };
            entries.push(entry(line).ok_or_else(wrong)?);
        }
        self.tables.insert(stem(&file.path).to_owned(), Table::of(&entries));
        Ok(())
    }

    /// Takes note of the tables that rules fill (`overload <name>`).
    pub(super) fn filled_by(&mut self, words: &[Word<'_>]) {
        for three in words.windows(3) {
            if let [first, sign, name] = three
                && (first.text, sign.text) == ("overload", "<")
                && let Some(table) = self.tables.get_mut(name.text)
            {
                table.unclear = Some(format!("rules add to the table `{}`", name.text));
            }
        }
    }

    /// Returns the packets from or to a table's addresses, or to others.
    pub(super) fn matching(
        &self,
        name: &str,
        (source, negated): (bool, bool),
        family: Option<Family>,
    ) -> Result<Vec<Vec<Match>>, String> {
        let table = self.tables.get(name).ok_or_else(|| missing(name))?;
        match &table.unclear {
            Some(why) => Err(why.clone()),
            None => {
                let of = |which| family.is_none_or(|family| family == which);
                let v4 = || vec![super::hosts::ranges4(&table.v4, source, negated)];
                let v6 = || vec![super::hosts::ranges6(&table.v6, source, negated)];
                let both = [of(Family::V4).then(v4), of(Family::V6).then(v6)];
                Ok(both.into_iter().flatten().collect())
            }
        }
    }
}

fn missing(name: &str) -> String {
    format!(
        "the table `{name}` is not given: add the output of `pfctl -t {name} -T show`, named `{name}`"
    )
}

/// `table <name> persist { … }`, behind its first word.
fn define(cursor: &mut Cursor<'_, '_>) -> Result<(String, Table), ReadError> {
    cursor.need("<")?;
    let name = cursor.value()?.to_owned();
    cursor.need(">")?;
    let (mut entries, mut listed, mut unclear) = (Vec::new(), false, None);
    while !cursor.peek().is_empty() {
        if !cursor.skip("{") {
            let option = cursor.value()?;
            match option {
                "persist" | "const" | "counters" => {}
                "file" => {
                    cursor.value()?;
                    unclear = Some(missing(&name));
                }
                other => unclear = Some(format!("`{other}` of the table `{name}` is not known")),
            }
            continue;
        }
        listed = true;
        while !cursor.skip("}") {
            let line = cursor.line();
            let word = cursor.next().ok_or_else(|| refuse(line, "this table does not end"))?;
            let negated = word.text == "!" && !word.quoted;
            let text = if negated { cursor.value()? } else { word.text };
            match entry(text) {
                _ if matches!(text, "" | ",") => {}
                Some((net, exception)) => entries.push((net, negated != exception)),
                None => unclear = Some(format!("`{text}` in the table `{name}` is no address")),
            }
        }
    }
    let mut table = Table::of(&entries);
    // One that starts empty is filled while it runs.
    table.unclear = unclear.or_else(|| (!listed).then(|| missing(&name)));
    Ok((name, table))
}

impl Table {
    /// The addresses of which the longest prefix that has them is no exception.
    fn of(entries: &[(IpNet, bool)]) -> Self {
        let v4: Vec<(Ipv4Net, bool)> = entries
            .iter()
            .filter_map(
                |(net, not)| if let IpNet::V4(net) = net { Some((*net, *not)) } else { None },
            )
            .collect();
        let v6: Vec<(Ipv6Net, bool)> = entries
            .iter()
            .filter_map(
                |(net, not)| if let IpNet::V6(net) = net { Some((*net, *not)) } else { None },
            )
            .collect();
        Table { v4: sets::v4(longest(&v4)), v6: sets::v6(longest(&v6)), unclear: None }
    }
}

/// Takes the prefixes by their length: a longer one says more than a shorter one.
fn longest<N>(entries: &[(N, bool)]) -> Vec<N>
where
    N: iprange::IpNet + iprange::ToNetwork<N> + Clone + Copy,
{
    if entries.iter().all(|(_, not)| !not) {
        return entries.iter().map(|(net, _)| *net).collect();
    }
    let mut sorted = entries.to_vec();
    sorted.sort_by_key(|(net, _)| net.prefix_len());
    let mut all = IpRange::new();
    for level in sorted.chunk_by(|a, b| a.0.prefix_len() == b.0.prefix_len()) {
        let of = |wanted: bool| level.iter().filter(move |(_, not)| *not == wanted);
        all = all.merge(&of(false).map(|(net, _)| *net).collect());
        all = all.exclude(&of(true).map(|(net, _)| *net).collect());
    }
    all.iter().collect()
}

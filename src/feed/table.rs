//! A feed's rows, packed: what every vendor's file becomes, and what the build script embeds.
//!
//! `build.rs` includes this file, so it names nothing of the crate and uses the standard library only.
//! Rows with one service, region and border group stand together in a block: a selection reads the
//! blocks that it wants and never touches the rest.

use std::borrow::Cow;
use std::ops::Range;

/// One row of a vendor's file.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The service that the addresses belong to.
    pub service: &'a str,
    /// The region, or a word such as `GLOBAL`.
    pub region: &'a str,
    /// The network border group; empty where the vendor has none.
    pub border_group: &'a str,
    /// The addresses.
    pub prefix: Prefix,
}

/// The first address and the length of a prefix; all bits after the length are zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Prefix {
    /// IPv4.
    V4(u32, u8),
    /// IPv6.
    V6(u128, u8),
}

/// An IPv4 prefix: four octets of address, one of length.
pub(super) type PackedV4 = [u8; 5];
/// An IPv6 prefix: sixteen octets of address, one of length.
pub(super) type PackedV6 = [u8; 17];

/// What a vendor publishes: prefixes by service, region and network border group.
// INVARIANT: names are sorted and distinct; blocks are sorted by their names and are not empty; the
// rows of a block are sorted and distinct, so equal feeds are equal values and equal bytes.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Feed {
    pub(super) version: u64,
    pub(super) created: String,
    pub(super) services: Vec<String>,
    pub(super) regions: Vec<String>,
    pub(super) border_groups: Vec<String>,
    pub(super) blocks: Vec<Block>,
    pub(super) v4: Cow<'static, [PackedV4]>,
    pub(super) v6: Cow<'static, [PackedV6]>,
}

/// The rows that share service, region and border group (indices into the lists of names).
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) service: usize,
    pub(super) region: usize,
    pub(super) border_group: usize,
    pub(super) v4: Range<usize>,
    pub(super) v6: Range<usize>,
}

/// The first octets of an encoded feed; the digit is the version of this layout.
const MAGIC: &[u8] = b"pcfeed1\n";

fn names<'a>(of: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = of.collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn owned(names: Vec<&str>) -> Vec<String> {
    names.into_iter().map(str::to_owned).collect()
}

impl Feed {
    /// Makes a feed from rows in any order; a row that stands twice counts once.
    ///
    /// `version` is the vendor's number that grows with each publication, `created` the vendor's own
    /// text for the time.
    pub fn from_rows(version: u64, created: &str, rows: &[Row<'_>]) -> Self {
        let services = names(rows.iter().map(|row| row.service));
        let regions = names(rows.iter().map(|row| row.region));
        let border_groups = names(rows.iter().map(|row| row.border_group));
        let index = |names: &[&str], name: &str| names.partition_point(|known| *known < name);
        let key = |row: &Row<'_>| {
            let (service, region) = (index(&services, row.service), index(&regions, row.region));
            ([service, region, index(&border_groups, row.border_group)], row.prefix)
        };
        let mut keyed: Vec<_> = rows.iter().map(key).collect();
        keyed.sort_unstable();
        keyed.dedup();
        let mut feed = Feed { version, created: created.to_owned(), ..Feed::default() };
        for block in keyed.chunk_by(|a, b| a.0 == b.0) {
            feed.push(block);
        }
        feed.services = owned(services);
        feed.regions = owned(regions);
        feed.border_groups = owned(border_groups);
        feed
    }

    fn push(&mut self, rows: &[([usize; 3], Prefix)]) {
        let Some(([service, region, border_group], _)) = rows.first().copied() else { return };
        let (v4, v6) = (self.v4.to_mut(), self.v6.to_mut());
        let (from_v4, from_v6) = (v4.len(), v6.len());
        for (_, prefix) in rows {
            match *prefix {
                Prefix::V4(address, length) => v4.push(pack(address.to_be_bytes(), length)),
                Prefix::V6(address, length) => v6.push(pack(address.to_be_bytes(), length)),
            }
        }
        let (v4, v6) = (from_v4..v4.len(), from_v6..v6.len());
        self.blocks.push(Block { service, region, border_group, v4, v6 });
    }

    /// Writes the feed as bytes that [`Feed::decode`] reads; the same feed gives the same bytes.
    ///
    /// `None` when a count is above `u32::MAX`.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let mut out = MAGIC.to_vec();
        out.extend(self.version.to_be_bytes());
        put_text(&mut out, &self.created)?;
        for names in [&self.services, &self.regions, &self.border_groups] {
            put(&mut out, names.len())?;
            names.iter().try_for_each(|name| put_text(&mut out, name))?;
        }
        put(&mut out, self.blocks.len())?;
        for block in &self.blocks {
            for number in [block.service, block.region, block.border_group] {
                put(&mut out, number)?;
            }
            put(&mut out, block.v4.len())?;
            put(&mut out, block.v6.len())?;
        }
        out.extend(self.v4.iter().flatten());
        out.extend(self.v6.iter().flatten());
        Some(out)
    }

    /// Reads what [`Feed::encode`] wrote, without copying the rows.
    ///
    /// `None` when the bytes are something else.
    pub fn decode(bytes: &'static [u8]) -> Option<Self> {
        let mut reader = Reader(bytes.strip_prefix(MAGIC)?);
        let mut feed = Feed {
            version: reader.version()?,
            created: reader.text()?,
            services: reader.texts()?,
            regions: reader.texts()?,
            border_groups: reader.texts()?,
            ..Feed::default()
        };
        let (mut v4, mut v6) = (0, 0);
        for _ in 0..reader.number()? {
            let block = reader.block(v4, v6)?;
            (v4, v6) = (block.v4.end, block.v6.end);
            feed.blocks.push(block);
        }
        feed.v4 = Cow::Borrowed(reader.rows(v4)?);
        feed.v6 = Cow::Borrowed(reader.rows(v6)?);
        reader.0.is_empty().then_some(feed)
    }
}

fn pack<const ADDRESS: usize, const ROW: usize>(address: [u8; ADDRESS], length: u8) -> [u8; ROW] {
    let mut row = [length; ROW];
    row.iter_mut().zip(address).for_each(|(octet, from)| *octet = from);
    row
}

fn put(out: &mut Vec<u8>, number: usize) -> Option<()> {
    out.extend(u32::try_from(number).ok()?.to_be_bytes());
    Some(())
}

fn put_text(out: &mut Vec<u8>, text: &str) -> Option<()> {
    put(out, text.len())?;
    out.extend(text.as_bytes());
    Some(())
}

/// What is left to read.
struct Reader(&'static [u8]);

impl Reader {
    fn take(&mut self, count: usize) -> Option<&'static [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn version(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number()?;
        Some(std::str::from_utf8(self.take(length)?).ok()?.to_owned())
    }

    fn texts(&mut self) -> Option<Vec<String>> {
        (0..self.number()?).map(|_| self.text()).collect()
    }

    fn block(&mut self, v4: usize, v6: usize) -> Option<Block> {
        let (service, region, border_group) = (self.number()?, self.number()?, self.number()?);
        let v4 = v4..v4.checked_add(self.number()?)?;
        let v6 = v6..v6.checked_add(self.number()?)?;
        Some(Block { service, region, border_group, v4, v6 })
    }

    fn rows<const ROW: usize>(&mut self, count: usize) -> Option<&'static [[u8; ROW]]> {
        Some(self.take(count.checked_mul(ROW)?)?.as_chunks::<ROW>().0)
    }
}

//! The machine's files: what is read stays inside a folder, and what is written too.
//!
//! This room may not know policies or firewalls. A path that somebody else wrote (in a policy, a manifest, a
//! checkout with links in it) is looked up beneath a folder and never leads out of it. A path that the caller
//! of the program wrote is the caller's choice; but a relative one names something in a checkout, whose links
//! are not the caller's, so it is looked up beneath the working folder.
//!
//! Whatever is read must be a regular file and is read up to a limit; only the caller may name a pipe.

mod lock;
mod read;
mod staged;
mod tree;

pub(crate) use read::{Content, Root, Seen, Unread, given, is_folder, listed, standard_input};
pub(crate) use tree::{Standing, Tree, is_inside};

/// The most bytes that are read from each sort of file.
pub(crate) mod most {
    /// A policy, a library, a file of tests, or a list of prefixes: the language has smaller bounds of its own.
    pub(crate) const POLICY: u64 = 64 << 20;
    /// A vendor's address feed.
    pub(crate) const FEED: u64 = 256 << 20;
    /// A template.
    pub(crate) const TEMPLATE: u64 = 1 << 20;
    /// A manifest.
    pub(crate) const MANIFEST: u64 = 16 << 20;
    /// An artifact or a listing.
    pub(crate) const ARTIFACT: u64 = 512 << 20;
}

//! No text makes the front end panic, and what it accepts resolves or is refused.
#![no_main]

use portcullis::diag::{Diags, human};
use portcullis::feed::Feeds;
use portcullis::policy::{self, Loader};
use portcullis::source::SourceMap;

struct Nothing;

impl Loader for Nothing {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        Err(format!("{path}: there are no files here"))
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    if let Some(policy) = policy::load("fuzz.yaml", bytes, &Nothing, &mut sources, &mut diags) {
        let _ = portcullis::pass::resolve::resolve(&policy, &Feeds::bundled(), &mut diags);
    }
    let _ = human::render(diags.list(), &sources, false);
});

//! No text makes the front end panic, and what it accepts resolves or is refused.
#![no_main]

use portcullis::diag::{Diags, Format, render};
use portcullis::feed::Feeds;
use portcullis::policy::{self, Loader};
use portcullis::source::SourceMap;

struct Only<'a>(&'a [u8]);

impl Loader for Only<'_> {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        if path == "fuzz.yaml" { Ok(self.0.to_vec()) } else { Err("no such file".to_owned()) }
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut sources, mut diags) = (SourceMap::default(), Diags::default());
    if let Some(policy) = policy::load("fuzz.yaml", &Only(bytes), &mut sources, &mut diags) {
        let _ = portcullis::pass::resolve::resolve(&policy, &Feeds::bundled(), &mut diags);
    }
    let _ = render(diags.list(), &sources, Format::Human { color: false });
});

//! No text makes the packet syntax panic, and what is pointed at is inside the text.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Err(error) = portcullis::ir::syntax::parse(text) {
        assert!(text.get(error.at).is_some());
    }
});

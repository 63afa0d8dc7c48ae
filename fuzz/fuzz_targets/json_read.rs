//! JSON from any text: what is read has one canonical text.
#![no_main]

use contexta::contract::json::read::parse;
use contexta::contract::json::write::canonical;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(value) = parse(text) {
        let written = canonical(&value).expect("what was read is finite");
        let again = parse(&written).expect("canonical text is JSON");
        assert_eq!(canonical(&again).expect("finite"), written);
    }
});

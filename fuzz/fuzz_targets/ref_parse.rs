//! Refs and times from any text: what is accepted prints as it was written.
#![no_main]

use contexta::contract::{StableRef, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(parsed) = StableRef::parse(text) {
        assert_eq!(parsed.as_str(), text);
    }
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
    }
});

//! A generation file, block by block and through a projector. What must hold is in `fuzz/bodies/generation.rs`.
#![no_main]

#[path = "../bodies/generation.rs"]
mod generation;

// A panic in redb is damage, which the projector catches and answers; the fuzzer would end at it.
libfuzzer_sys::fuzz_target!(
    init: {
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.location().is_some_and(|at| at.file().contains("redb-")) {
                end(panic);
            }
        }));
    },
    |data: &[u8]| generation::run(data)
);

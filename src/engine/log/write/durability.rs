//! The durability of an append, and the possible losses of each level.
//!
//! | | a killed process loses | a power cut loses |
//! |---|---|---|
//! | `fsync` | nothing acknowledged | nothing acknowledged |
//! | `flush` | nothing acknowledged | data not yet written by the kernel: some seconds |
//! | `batched` | entries not yet written, limited by [`BatchOptions`] | the same, plus what `flush` can lose |

use std::fmt;
use std::str::FromStr;

/// The guarantee that an append gives when it returns. The text form of a durability is [`Durability::name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// The entries are buffered in this process. They are written when the batch reaches a limit of [`BatchOptions`],
    /// with the next append of a higher durability, by [`Engine::flush`](crate::engine::Engine::flush) or
    /// [`Engine::sync`](crate::engine::Engine::sync), and when the engine is closed or dropped. Entries not yet written
    /// are lost when the process dies.
    Batched,
    /// The entries are written to the kernel: they survive the death of the process, but not a crash of the machine.
    Flush,
    /// The entries are synced to disk: they survive a power cut, if the disk reports syncs truthfully.
    Fsync,
}

impl Durability {
    /// Returns the stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Batched => "batched",
            Durability::Flush => "flush",
            Durability::Fsync => "fsync",
        }
    }
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error of parsing a text that is not the name of a durability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a durability: use `batched`, `flush` or `fsync`")]
pub struct UnknownDurability {
    /// The first 200 characters of the text.
    pub text: String,
}

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Durability, UnknownDurability> {
        let all = [Durability::Batched, Durability::Flush, Durability::Fsync];
        let found = all.into_iter().find(|durability| durability.name() == text);
        found.ok_or_else(|| UnknownDurability { text: text.chars().take(200).collect() })
    }
}

/// Limits at which batched entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// The sum of the payload lengths, in bytes, at which the batch is written.
    pub bytes_max: usize,
    /// The age of the first entry, in nanoseconds, at which the batch is written.
    pub age_max: u64,
    /// True if a background thread checks the age of the batch. If false, only the next append checks the age.
    pub in_background: bool,
}

impl Default for BatchOptions {
    /// Returns 64 KiB and 200 ms, checked in the background.
    fn default() -> BatchOptions {
        BatchOptions { bytes_max: 64 << 10, age_max: 200_000_000, in_background: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_is_parsed_from_its_text_form() {
        for durability in [Durability::Batched, Durability::Flush, Durability::Fsync] {
            assert_eq!(durability.to_string().parse(), Ok(durability));
        }
        let error = "Flush".parse::<Durability>().unwrap_err();
        assert_eq!(error.to_string(), "`Flush` is not a durability: use `batched`, `flush` or `fsync`");
    }
}

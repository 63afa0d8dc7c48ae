//! The named promises of an append, and what each can lose.
//!
//! | | a killed process loses | a power cut loses |
//! |---|---|---|
//! | `fsync` | nothing acknowledged | nothing acknowledged |
//! | `flush` | nothing acknowledged | what the kernel had not written yet: some seconds |
//! | `batched` | what was not handed over yet: at most [`BatchOptions`] | that, and what `flush` loses |

/// When an append may return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// Kept in this process, and handed to the kernel together with others: by size, by age, with the next append
    /// that promises more, at [`crate::engine::log::Log::flush`] and when the log is closed or dropped. What was
    /// not handed over yet dies with the process.
    Batched,
    /// Handed to the kernel: survives the death of the process, not of the machine.
    Flush,
    /// On disk: survives a power cut, as far as the disk keeps its word about a sync.
    Fsync,
}

impl Durability {
    /// The stable lower-case name.
    pub fn name(self) -> &'static str {
        match self {
            Durability::Batched => "batched",
            Durability::Flush => "flush",
            Durability::Fsync => "fsync",
        }
    }

    /// The durability of this name.
    pub fn parse(name: &str) -> Option<Durability> {
        [Durability::Batched, Durability::Flush, Durability::Fsync].into_iter().find(|d| d.name() == name)
    }
}

/// When batched entries are handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOptions {
    /// As soon as their payloads together reach so many bytes.
    pub bytes_max: usize,
    /// As soon as the first of them is so old, in nanoseconds.
    pub age_max: u64,
    /// Whether a thread sees to the age; otherwise the next append does.
    pub in_background: bool,
}

impl Default for BatchOptions {
    /// 64 KiB, 200 ms, in the background.
    fn default() -> BatchOptions {
        BatchOptions { bytes_max: 64 << 10, age_max: 200_000_000, in_background: true }
    }
}

//! The named promises of an append, and what each can lose.

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
}

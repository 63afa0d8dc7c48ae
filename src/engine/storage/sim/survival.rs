//! The unsynced changes that survive a power cut.

/// Number of bytes that a disk writes atomically.
pub(super) const SECTOR: usize = 512;

/// The selection of unsynced changes that survive a power cut. Changes of contents and of names are treated equally,
/// in the order in which they were made. Synced changes always survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// No unsynced change.
    Dropped,
    /// All unsynced changes.
    Kept,
    /// The first N unsynced changes survive. If the next change is a write, the first half of its bytes survives too.
    First(usize),
    /// A pseudo-random subset that the seed determines. All sectors of a write survive, or some sectors, or none.
    Subset(u64),
}

/// The part of one unsynced change that survives a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Nothing,
    FrontHalf,
    SomeSectors,
    Whole,
}

/// The choice, for one power cut, of the part of each unsynced change that survives.
pub(super) struct Selection {
    survival: Survival,
    /// With [`Survival::First`], the ordinal number of the first change that does not survive completely. `None` if
    /// there is no such change, and with any other [`Survival`].
    ends_at: Option<u64>,
    coins: blake3::OutputReader,
}

impl Selection {
    /// Creates the selection. `orders` contains the ordinal numbers of all unsynced changes, in any order.
    pub(super) fn new(survival: Survival, mut orders: Vec<u64>) -> Selection {
        orders.sort_unstable();
        let (ends_at, seed) = match survival {
            Survival::First(count) => (orders.get(count).copied(), 0),
            Survival::Subset(seed) => (None, seed),
            Survival::Dropped | Survival::Kept => (None, 0),
        };
        let coins = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        Selection { survival, ends_at, coins }
    }

    pub(super) fn coin(&mut self) -> bool {
        let mut byte = [0u8];
        self.coins.fill(&mut byte);
        byte[0] & 1 == 1
    }

    pub(super) fn part(&mut self, order: u64) -> Part {
        match (self.survival, self.ends_at) {
            (Survival::Dropped, _) => Part::Nothing,
            (Survival::First(_), Some(end)) if order == end => Part::FrontHalf,
            (Survival::First(_), Some(end)) if order > end => Part::Nothing,
            (Survival::First(_) | Survival::Kept, _) => Part::Whole,
            (Survival::Subset(_), _) => match (self.coin(), self.coin()) {
                (true, true) => Part::Whole,
                (true, false) => Part::SomeSectors,
                (false, _) => Part::Nothing,
            },
        }
    }
}

//! What a power cut leaves of the changes that no sync covered.

/// The bytes that a disk writes as one.
pub(super) const SECTOR: usize = 512;

/// Which unsynced changes are on the disk after a power cut. File contents and names count alike, in the order in
/// which they were made; what a sync covered is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// None of them.
    Dropped,
    /// All of them.
    Kept,
    /// The first so many, and the front half of the next one if that is a write.
    First(usize),
    /// For each the seed decides whether it is there, and for a write, sector by sector, how much of it: any subset,
    /// in order.
    Subset(u64),
}

/// How much of one change survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Nothing,
    FrontHalf,
    SomeSectors,
    Whole,
}

/// Decides change by change.
pub(super) struct Judge {
    survival: Survival,
    /// The change at which a [`Survival::First`] ends, if it ends before the last.
    ends_at: Option<u64>,
    coins: blake3::OutputReader,
}

impl Judge {
    /// `orders`: the numbers of all unsynced changes, in any order.
    pub(super) fn new(survival: Survival, mut orders: Vec<u64>) -> Judge {
        orders.sort_unstable();
        let (ends_at, seed) = match survival {
            Survival::First(count) => (orders.get(count).copied(), 0),
            Survival::Subset(seed) => (None, seed),
            Survival::Dropped | Survival::Kept => (None, 0),
        };
        let coins = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        Judge { survival, ends_at, coins }
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

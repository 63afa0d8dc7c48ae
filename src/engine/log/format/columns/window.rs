//! Windows: eight adjacent columns of a matrix whose bytes are one little-endian integer in each row, such as a time.
//! A window is stored as the differences between the integers of adjacent rows.

/// The number of columns of a window.
pub(super) const WINDOW_LEN: usize = 8;

/// The greatest number of pairs of rows from which the gain of a window is estimated.
const SAMPLES_MAX: usize = 64;
/// The gain in bits per row from which on a window is used.
const GAIN_MIN: f32 = 2.0;

/// Chooses the windows of a matrix. Returns their first columns in ascending order. The windows do not overlap.
///
/// `rows` returns the integer that begins in a column, for two adjacent rows. `bits` is the cost of each column in
/// bits per row if the column is stored alone; 0 for a constant column.
pub(super) fn choose(bits: &[f32], rows: usize, pair: impl Fn(usize, usize) -> (u64, u64)) -> Vec<usize> {
    let step = (rows / SAMPLES_MAX).max(1);
    let gain = |column: usize| -> f32 {
        let alone: f32 = bits.iter().skip(column).take(WINDOW_LEN).sum();
        if alone < GAIN_MIN {
            return 0.0;
        }
        let (mut sum, mut count) = (0u32, 0u32);
        for row in (1..rows).step_by(step) {
            let (before, value) = pair(row, column);
            sum += u64::BITS - zigzag(value.wrapping_sub(before)).leading_zeros();
            count += 1;
        }
        alone - sum as f32 / count.max(1) as f32
    };
    let last = bits.len().saturating_sub(WINDOW_LEN - 1);
    // A window that begins with a constant column is never better than the window after this column.
    let is_candidate = |column: &usize| bits.get(*column).is_some_and(|bits| *bits > 0.0);
    let mut gains: Vec<(usize, f32)> = (0..last)
        .filter(is_candidate)
        .map(|column| (column, gain(column)))
        .filter(|g| g.1 > GAIN_MIN)
        .collect();
    gains.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut chosen: Vec<usize> = Vec::new();
    for (column, _) in gains {
        if chosen.iter().all(|other| other.abs_diff(column) >= WINDOW_LEN) {
            chosen.push(column);
        }
    }
    chosen.sort_unstable();
    chosen
}

/// Maps differences near zero, negative ones included, to small integers.
pub(super) fn zigzag(difference: u64) -> u64 {
    let sign = (difference as i64 >> (i64::BITS - 1)) as u64;
    difference << 1 ^ sign
}

/// The inverse function of [`zigzag`].
pub(super) fn unzigzag(value: u64) -> u64 {
    value >> 1 ^ (value & 1).wrapping_neg()
}

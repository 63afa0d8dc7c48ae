//! Windows of a matrix. A window is a group of eight adjacent columns. In each row, the eight bytes are one
//! little-endian integer, such as a time. The differences between the integers of adjacent rows are stored.

/// The number of columns of a window.
pub(super) const WINDOW_LEN: usize = 8;

/// The maximum number of row pairs in the sample for the estimate of a window's gain.
const SAMPLES_MAX: usize = 64;
/// The gain in bits per row that a window must exceed to be used.
const GAIN_MIN: f32 = 2.0;

/// Chooses the windows of a matrix. Returns their first columns in ascending order. The windows do not overlap.
///
/// `pair` returns the integers that begin in a column, in the previous row and in a row. Its arguments are
/// the row and the column. `bits` contains the cost of each column that is stored alone, in bits per row. The
/// cost of a constant column is 0.
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

/// Maps positive and negative differences near zero to small integers.
pub(super) fn zigzag(difference: u64) -> u64 {
    let sign = (difference as i64 >> (i64::BITS - 1)) as u64;
    difference << 1 ^ sign
}

/// The inverse function of [`zigzag`].
pub(super) fn unzigzag(value: u64) -> u64 {
    value >> 1 ^ (value & 1).wrapping_neg()
}

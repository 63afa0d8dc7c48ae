//! Statistics of a few numbers, computed without the functions of contexta.

/// Returns the mean of finite numbers. A compensated sum keeps the small terms.
pub(super) fn mean(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0f64, 0.0f64);
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    if sum.is_finite() {
        return (sum + lost) / values.len() as f64;
    }
    let scaled: Vec<f64> = values.iter().map(|value| value / 1024.0).collect();
    mean(&scaled) * 1024.0
}

/// Returns the standard deviation of a population. Returns `None` if a square overflows, which is an error in
/// Python.
pub(super) fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return Some(0.0);
    }
    let centre = mean(values);
    let squares: Vec<f64> = values.iter().map(|value| (value - centre).powi(2)).collect();
    squares.iter().all(|square| square.is_finite()).then(|| mean(&squares).sqrt())
}

/// Returns the value at a quantile, with linear interpolation. Returns 0 if there are no values.
pub(super) fn quantile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (values.len().saturating_sub(1)) as f64 * q;
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    match (sorted.get(low), sorted.get(high)) {
        (Some(low), Some(high)) => low + (high - low) * (at - at.floor()),
        _ => 0.0,
    }
}

#[test]
fn statistics_of_large_and_small_numbers_are_finite() {
    assert_eq!(mean(&[1e16, 1.0, -1e16]), 1.0 / 3.0);
    assert_eq!(mean(&[f64::MAX, f64::MAX]), f64::MAX);
    assert_eq!(
        (deviation(&[1.0, 3.0]), deviation(&[7.0]), deviation(&[1e300, -1e300])),
        (Some(1.0), Some(0.0), None)
    );
    assert_eq!([0.0, 0.25, 1.0].map(|q| quantile(&[3.0, 1.0, 2.0], q)), [1.0, 1.5, 3.0]);
    assert_eq!(quantile(&[], 0.5), 0.0);
}

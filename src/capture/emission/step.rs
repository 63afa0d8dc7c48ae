//! The number of a training step.

/// The number of a training step, from any integer type. Numbers outside the range of `i64` become the least or
/// greatest `i64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(pub i64);

/// Implements the conversion from integer types. `$limit` returns the step for a number that `i64` cannot represent.
macro_rules! steps {
    ($limit:expr, $($type:ty),*) => {$(
        impl From<$type> for Step {
            fn from(n: $type) -> Step {
                let limit: fn($type) -> i64 = $limit;
                Step(i64::try_from(n).unwrap_or_else(|_| limit(n)))
            }
        }
    )*};
}

steps!(|n| if n < 0 { i64::MIN } else { i64::MAX }, i8, i16, i32, i64, i128, isize);
steps!(|_| i64::MAX, u8, u16, u32, u64, u128, usize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_type_is_a_step() {
        assert_eq!([Step::from(7u8), Step::from(7usize), Step::from(7i128)], [Step(7); 3]);
        assert_eq!((Step::from(u64::MAX), Step::from(i128::MIN)), (Step(i64::MAX), Step(i64::MIN)));
    }
}

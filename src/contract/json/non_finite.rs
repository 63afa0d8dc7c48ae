//! The text forms of the three numbers that JSON cannot represent: `NaN`, `Infinity` and `-Infinity`.

/// The text of a value that is not a number.
const NAN: &str = "NaN";
/// The text of positive infinity.
pub(crate) const INFINITY: &str = "Infinity";
/// The text of negative infinity.
const NEGATIVE_INFINITY: &str = "-Infinity";

/// Returns the text form of a number that is not finite; `None` for a finite number.
pub(crate) fn text_of(number: f64) -> Option<&'static str> {
    match number {
        n if n.is_nan() => Some(NAN),
        f64::INFINITY => Some(INFINITY),
        f64::NEG_INFINITY => Some(NEGATIVE_INFINITY),
        _ => None,
    }
}

/// Returns the number with this text form; `None` for any other text.
pub(crate) fn number_of(text: &str) -> Option<f64> {
    match text {
        NAN => Some(f64::NAN),
        INFINITY => Some(f64::INFINITY),
        NEGATIVE_INFINITY => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_read_back_as_the_same_number() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let read = number_of(text_of(number).unwrap()).unwrap();
            assert!(read.total_cmp(&number).is_eq(), "{number}");
        }
        assert_eq!(text_of(0.5), None);
        for text in ["nan", "inf", "Inf", "+Infinity", "0.5", ""] {
            assert_eq!(number_of(text), None, "{text}");
        }
    }
}

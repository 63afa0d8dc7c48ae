//! Traces: ids of traces and spans, and the header `traceparent`.
//!
//! Format of ids and header: W3C Trace Context, level 1, section 3.2, <https://www.w3.org/TR/trace-context-1/>.

use std::fmt;
use std::str::FromStr;

/// Declares an id of a fixed number of bytes, with a text form of lower-case hexadecimal digits.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident[$len:literal];)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; $len]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        /// Parses lower-case hexadecimal digits that are not all zero.
        impl FromStr for $name {
            type Err = InvalidTraceparent;

            fn from_str(text: &str) -> Result<$name, InvalidTraceparent> {
                let mut id = [0u8; $len];
                let plain = |b: &u8| b.is_ascii_digit() || (b'a'..=b'f').contains(b);
                let digits = text.as_bytes();
                if digits.len() != 2 * $len || !digits.iter().all(plain) {
                    return Err(InvalidTraceparent);
                }
                for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
                    let pair = std::str::from_utf8(pair).map_err(|_| InvalidTraceparent)?;
                    *byte = u8::from_str_radix(pair, 16).map_err(|_| InvalidTraceparent)?;
                }
                if id == [0; $len] { Err(InvalidTraceparent) } else { Ok($name(id)) }
            }
        }
    )*};
}

ids! {
    /// The id of a trace.
    TraceId[16];
    /// The id of a span.
    SpanId[8];
}

/// The error for a text that is no `traceparent` header, or no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent header of the form 00-TRACE-SPAN-FLAGS (W3C Trace Context)")]
pub struct InvalidTraceparent;

/// A trace, and the span in it that is the parent of new spans. The text form is the header `traceparent`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The id of the trace.
    pub trace_id: TraceId,
    /// The id of the parent span.
    pub span_id: SpanId,
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-01", self.trace_id, self.span_id)
    }
}

/// Parses a header. As the standard requires, a header of a later version is accepted if it begins with the fields of
/// version 00, and the version `ff` is refused.
impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<TraceContext, InvalidTraceparent> {
        let mut fields = text.trim().split('-');
        let mut next = || fields.next().ok_or(InvalidTraceparent);
        let (version, trace, span, flags) = (next()?, next()?, next()?, next()?);
        let hex = |field: &str| {
            field.len() == 2 && field.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let ends = version != "00" || fields.next().is_none();
        if !hex(version) || !hex(flags) || version == "ff" || !ends {
            return Err(InvalidTraceparent);
        }
        Ok(TraceContext { trace_id: trace.parse()?, span_id: span.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn header_of_the_standard_reads_back() {
        let context: TraceContext = HEADER.parse().unwrap();
        assert_eq!(context.to_string(), HEADER);
        assert_eq!(context.span_id.to_string(), "b7ad6b7169203331");
        let later = HEADER.replacen("00", "01", 1) + "-more";
        assert_eq!(later.parse::<TraceContext>().unwrap(), context);
    }

    #[test]
    fn malformed_headers_are_refused() {
        let upper = HEADER.to_uppercase();
        let zero_trace = HEADER.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32));
        let zero_span = HEADER.replace("b7ad6b7169203331", &"0".repeat(16));
        let version_ff = HEADER.replacen("00", "ff", 1);
        let more = format!("{HEADER}-00");
        for text in
            ["", "00", &upper, &zero_trace, &zero_span, &version_ff, &more, &HEADER[..54], "00-é-é-01"]
        {
            assert_eq!(text.parse::<TraceContext>(), Err(InvalidTraceparent), "{text}");
        }
    }
}

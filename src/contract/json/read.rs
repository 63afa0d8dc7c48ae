//! A strict JSON reader. The text must be exactly one value, without repeated keys or unpaired surrogates. The depth
//! and the size are limited.

use crate::contract::error::code::ErrorCode;
use crate::contract::error::contract_error::{ContractError, Result};
use crate::contract::json::non_finite::INFINITY;
use crate::contract::json::value::Value;
use crate::contract::space::trim;
use std::collections::BTreeMap;

pub use crate::contract::json::limits::{DEPTH_MAX, DIGITS_MAX, TEXT_BYTES_MAX, VALUES_MAX};

/// Reads exactly one JSON value (RFC 8259). White space around the value is allowed. Errors: the text is empty or not
/// JSON, an object repeats a key, a number is too large for a float, or a limit of this module is exceeded.
///
/// The tokens `NaN`, `Infinity` and `-Infinity` are read as floats. RFC 8259 does not allow them, but the JSON writers
/// of several languages write them.
pub fn parse(text: &str) -> Result<Value> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("{} bytes of JSON exceed the limit of {TEXT_BYTES_MAX}", text.len());
        return Err(ContractError::new(ErrorCode::JsonTooLarge, message));
    }
    let mut parser = Parser { bytes: text.as_bytes(), text, at: 0, values: 0 };
    parser.spaces();
    if parser.peek().is_none() {
        return Err(ContractError::new(ErrorCode::JsonBlank, "the text is empty; expected a JSON value"));
    }
    let value = parser.value(0)?;
    parser.spaces();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.fail("unexpected text after the value")),
    }
}

/// Parses the JSON text of a model. `name` is the name of the model; the error for an empty text contains this name.
pub(crate) fn parse_for(name: &str, text: &str) -> Result<Value> {
    if trim(text).is_empty() {
        return Err(ContractError::new(ErrorCode::JsonBlank, format!("the text is empty; expected {name}")));
    }
    parse(text)
}

struct Parser<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    values: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn fail(&self, what: &str) -> ContractError {
        ContractError::new(ErrorCode::JsonSyntax, format!("{what}, at byte {}", self.at))
    }

    fn spaces(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.fail("not a JSON value"))
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > DEPTH_MAX {
            let message = format!("nested more than {DEPTH_MAX} levels deep");
            return Err(ContractError::new(ErrorCode::JsonTooLarge, message));
        }
        self.values += 1;
        if self.values > VALUES_MAX {
            let message = format!("more than {VALUES_MAX} values");
            return Err(ContractError::new(ErrorCode::JsonTooLarge, message));
        }
        match self.peek() {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'N') => self.word("NaN", Value::Float(f64::NAN)),
            Some(b'I') => self.word(INFINITY, Value::Float(f64::INFINITY)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.fail("not a JSON value")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.spaces();
        if self.eat(b']') {
            return Ok(Value::List(items));
        }
        loop {
            self.spaces();
            items.push(self.value(depth + 1)?);
            self.spaces();
            if self.eat(b']') {
                return Ok(Value::List(items));
            }
            if !self.eat(b',') {
                return Err(self.fail("expected , or ] in an array"));
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value> {
        self.at += 1;
        let mut members = BTreeMap::new();
        self.spaces();
        if self.eat(b'}') {
            return Ok(Value::Map(members));
        }
        loop {
            self.spaces();
            if self.peek() != Some(b'"') {
                return Err(self.fail("expected a key in an object"));
            }
            let key = self.string()?;
            self.spaces();
            if !self.eat(b':') {
                return Err(self.fail("expected : after a key"));
            }
            self.spaces();
            let value = self.value(depth + 1)?;
            if members.insert(key, value).is_some() {
                return Err(self.fail("a key occurs twice in one object"));
            }
            self.spaces();
            if self.eat(b'}') {
                return Ok(Value::Map(members));
            }
            if !self.eat(b',') {
                return Err(self.fail("expected , or } in an object"));
            }
        }
    }

    fn string(&mut self) -> Result<String> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|b| b != b'"' && b != b'\\' && b >= b' ') {
                self.at += 1;
            }
            // The text before `at` ends at a quote, backslash or control character. These are ASCII, so the cut is
            // between characters.
            out.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.fail("a control character in a string")),
                None => return Err(self.fail("a string without end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char> {
        self.at += 1;
        let byte = self.peek().ok_or_else(|| self.fail("a string without end"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let high = self.hex4()?;
                let code = match high {
                    0xd800..=0xdbff => {
                        if !(self.eat(b'\\') && self.eat(b'u')) {
                            return Err(self.fail("half a surrogate pair"));
                        }
                        let low = self.hex4()?;
                        if !(0xdc00..=0xdfff).contains(&low) {
                            return Err(self.fail("half a surrogate pair"));
                        }
                        0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                    }
                    code => code,
                };
                char::from_u32(code).ok_or_else(|| self.fail("half a surrogate pair"))?
            }
            _ => return Err(self.fail("not a valid escape sequence")),
        })
    }

    fn hex4(&mut self) -> Result<u32> {
        let digits = self.bytes.get(self.at..self.at + 4).filter(|d| d.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|d| std::str::from_utf8(d).ok());
        let code = digits.and_then(|d| u32::from_str_radix(d, 16).ok());
        self.at += 4;
        code.ok_or_else(|| self.fail("not four hexadecimal digits"))
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Result<Value> {
        let start = self.at;
        if self.eat(b'-') && self.peek() == Some(b'I') {
            return self.word(INFINITY, Value::Float(f64::NEG_INFINITY));
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        if whole == 0 || (leading_zero && whole > 1) {
            return Err(self.fail("not a number"));
        }
        let mut float = false;
        if self.eat(b'.') {
            float = true;
            if self.digits() == 0 {
                return Err(self.fail("a number without digits after the decimal point"));
            }
        }
        if let Some(b'e' | b'E') = self.peek() {
            float = true;
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(self.fail("a number without digits in its exponent"));
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        if !float {
            if whole > DIGITS_MAX {
                let message = format!("an integer of {whole} digits exceeds the limit of {DIGITS_MAX}");
                return Err(ContractError::new(ErrorCode::JsonTooLarge, message));
            }
            return Ok(text.parse().map_or_else(|_| Value::Big(text.to_owned()), Value::Int));
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Float(number)),
            _ => Err(self.fail("a number too large for a float")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json::write::canonical;

    #[test]
    fn canonical_text_reads_back_to_itself() {
        for text in [
            r#"{"a":[1,-0.0,1e-05,123456789012345678901234567890],"b":{"c":"\u0001\"é"},"d":true}"#,
            "[]",
            "\"\"",
            "null",
            "-5",
        ] {
            assert_eq!(canonical(&parse(text).unwrap()).unwrap(), text);
        }
        assert_eq!(parse(r#""\ud83d\ude00""#).unwrap(), Value::text("😀"));
    }

    #[test]
    fn numbers_that_are_not_finite_are_read_as_floats() {
        let Value::List(read) = parse("[NaN, Infinity,-Infinity]").unwrap() else { panic!() };
        for (value, number) in read.iter().zip([f64::NAN, f64::INFINITY, f64::NEG_INFINITY]) {
            assert!(matches!(value, Value::Float(f) if f.total_cmp(&number).is_eq()), "{value:?}");
        }
    }

    #[test]
    fn what_is_not_json_is_refused_with_its_code() {
        for bad in [
            "{",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "01",
            "1.",
            ".5",
            "+1",
            "1e",
            "nan",
            "NaNs",
            "-NaN",
            "+Infinity",
            "Inf",
            "-Inf",
            "nul",
            "\"\\x\"",
            "\"\u{1}\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"abc",
            "{\"a\":1,\"a\":2}",
            "1 2",
            "'a'",
            "1e999",
            "\"\\u12\"",
            "\u{feff}1",
            "[1}",
        ] {
            assert_eq!(parse(bad).map_err(|e| e.code), Err(ErrorCode::JsonSyntax), "{bad}");
        }
        assert_eq!(parse(" \n").map_err(|e| e.code), Err(ErrorCode::JsonBlank));
        assert_eq!(parse(&"[".repeat(100_000)).map_err(|e| e.code), Err(ErrorCode::JsonTooLarge));
        let many = format!("[{}0]", "0,".repeat(VALUES_MAX));
        assert_eq!(parse(&many).map_err(|e| e.code), Err(ErrorCode::JsonTooLarge));
        assert_eq!(parse(&"9".repeat(DIGITS_MAX + 1)).map_err(|e| e.code), Err(ErrorCode::JsonTooLarge));
    }
}

//! The members of a short line, which are taken one after the other.

use crate::client::ingest::problem::Refusal;
use crate::contract::json::read::parse;
use crate::contract::{Members, MetricValue, Timestamp, Value};
use std::collections::BTreeMap;
use std::str::FromStr;

/// The members of a line that are not taken yet, and the members that could not be used.
#[derive(Debug)]
pub(super) struct LineMembers {
    rest: Members,
    pub(super) refused: Vec<Refusal>,
}

impl LineMembers {
    /// Parses a line. Errors: the line is not a JSON object.
    pub(super) fn parse(text: &str) -> Result<LineMembers, Refusal> {
        match parse(text)? {
            Value::Map(rest) => Ok(LineMembers { rest, refused: Vec::new() }),
            other => {
                let message = format!("the line is {}, not a JSON object", other.type_name());
                Err(Refusal::new("ingest_invalid_line", message)
                    .hint("docs/INGEST.md has an example of each line"))
            }
        }
    }

    /// Returns `true` if the line has this member and the member is not taken yet.
    pub(super) fn has(&self, key: &str) -> bool {
        self.rest.contains_key(key)
    }

    /// Takes a member. A member that is null counts as missing.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.rest.remove(key).filter(|value| *value != Value::Null)
    }

    /// Takes a member, and converts it. A member that cannot be converted is refused, and counts as missing.
    fn take_as<T>(&mut self, key: &str, convert: impl FnOnce(Value) -> Result<T, String>) -> Option<T> {
        match convert(self.take(key)?) {
            Ok(value) => Some(value),
            Err(what) => {
                self.refused.push(Refusal::invalid(key, what));
                None
            }
        }
    }

    /// Takes a text. A number or a boolean is converted to text.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.take_as(key, |value| {
            text_of(&value).ok_or_else(|| format!("is {}, not a text", value.type_name()))
        })
    }

    /// Takes a text that names a value of the type.
    pub(super) fn word<T: FromStr>(&mut self, key: &str) -> Option<T>
    where
        T::Err: std::fmt::Display,
    {
        let text = self.text(key)?;
        match text.to_ascii_lowercase().parse() {
            Ok(word) => Some(word),
            Err(e) => {
                self.refused.push(Refusal::invalid(key, format!("cannot be used: {e}")));
                None
            }
        }
    }

    /// Takes a whole number. A float without a fraction is a whole number.
    pub(super) fn integer(&mut self, key: &str) -> Option<i64> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        self.take_as(key, |value| match value {
            Value::Int(n) => Ok(n),
            Value::Float(x) if x.fract() == 0.0 && x.abs() <= EXACT_MAX => Ok(x as i64),
            other => Err(format!("is {}, not a whole number of 64 bits", other.type_name())),
        })
    }

    /// Takes a finite number that is not negative.
    pub(super) fn seconds(&mut self, key: &str) -> Option<f64> {
        self.take_as(key, |value| match value {
            Value::Int(n) if n >= 0 => Ok(n as f64),
            Value::Float(x) if x >= 0.0 && x.is_finite() => Ok(x),
            _ => Err("is not a number of seconds".to_owned()),
        })
    }

    /// Takes a time in the format of ISO 8601.
    pub(super) fn time(&mut self, key: &str) -> Option<Timestamp> {
        self.take_as(key, |value| match value.as_str() {
            Some(text) => Timestamp::parse(text).map_err(|e| format!("is not a time: {}", e.message)),
            None => Err(format!("is {}, not a time such as \"2024-01-31T12:00:00Z\"", value.type_name())),
        })
    }

    /// Takes an object; an empty object if the member is missing.
    pub(super) fn object(&mut self, key: &str) -> Members {
        let object = self.take_as(key, |value| match value {
            Value::Map(members) => Ok(members),
            other => Err(format!("is {}, not an object", other.type_name())),
        });
        object.unwrap_or_default()
    }

    /// Takes an object of texts. A member of the object that is no text, number or boolean is refused.
    pub(super) fn texts(&mut self, key: &str) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for (name, value) in self.object(key) {
            match text_of(&value) {
                Some(text) => drop(texts.insert(name, text)),
                None => {
                    let what = format!("is {}, not a text", value.type_name());
                    self.refused.push(Refusal::invalid(&format!("{key}.{name}"), what));
                }
            }
        }
        texts
    }

    /// Takes the numbers of `metric` and `value`, and of `metrics`. An object within `metrics` is a group: the keys of
    /// its members begin with the key of the group and a slash.
    pub(super) fn metrics(&mut self) -> Vec<(String, MetricValue)> {
        let mut found = Vec::new();
        if let Some(key) = self.text("metric") {
            match self.take("value") {
                Some(value) => self.add_metric(key, value, &mut found),
                None => self.refused.push(Refusal::invalid("metric", "needs the member \"value\"")),
            }
        }
        for (key, value) in self.object("metrics") {
            self.add_metric(key, value, &mut found);
        }
        found
    }

    fn add_metric(&mut self, key: String, value: Value, found: &mut Vec<(String, MetricValue)>) {
        let number = match value {
            Value::Map(group) => {
                for (name, value) in group {
                    self.add_metric(format!("{key}/{name}"), value, found);
                }
                return;
            }
            Value::Int(n) => MetricValue::Int(n),
            Value::Float(x) => MetricValue::Float(x),
            Value::Big(digits) => MetricValue::Big(digits.into()),
            Value::Text(text) if text == "NaN" => MetricValue::Float(f64::NAN),
            Value::Text(text) if text == "Infinity" => MetricValue::Float(f64::INFINITY),
            Value::Text(text) if text == "-Infinity" => MetricValue::Float(f64::NEG_INFINITY),
            other => {
                let refusal = Refusal::invalid(&key, format!("is {}, not a number", other.type_name()));
                self.refused.push(refusal);
                return;
            }
        };
        found.push((key, number));
    }

    /// Takes the parameters of `param` and `value`, and of `params`.
    pub(super) fn params(&mut self) -> Members {
        let mut params = self.object("params");
        if let Some(key) = self.text("param") {
            match self.take("value") {
                Some(value) => drop(params.insert(key, value)),
                None => self.refused.push(Refusal::invalid("param", "needs the member \"value\"")),
            }
        }
        params
    }

    /// Discards the members that were not taken. They are not refused again, because the refusal of another member covers
    /// them.
    pub(super) fn discard_rest(&mut self) {
        self.rest.clear();
    }

    /// Refuses the members that were not taken and are not null.
    pub(super) fn refuse_rest(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        for (key, _) in rest.into_iter().filter(|(_, value)| *value != Value::Null) {
            let message = format!("the line has no use for the member {key:?}");
            let hint = "docs/INGEST.md lists the members of each line; the rest of the line is recorded";
            self.refused.push(Refusal::new("ingest_unknown_member", message).hint(hint));
        }
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) => {
            crate::contract::json::write::canonical(value).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> LineMembers {
        LineMembers::parse(text).unwrap()
    }

    #[test]
    fn metrics_of_a_line_are_numbers_in_groups() {
        let mut line =
            line(r#"{"metric":"a","value":1,"metrics":{"t":{"x":0.5,"y":"Infinity"},"z":true,"n":"NaN"}}"#);
        let metrics: Vec<(String, f64)> =
            line.metrics().into_iter().map(|(key, n)| (key, n.as_f64())).collect();
        let keys: Vec<&str> = metrics.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["a", "n", "t/x", "t/y"]);
        assert!(metrics[1].1.is_nan());
        assert_eq!((metrics[2].1, metrics[3].1), (0.5, f64::INFINITY));
        let refused: Vec<&str> = line.refused.iter().map(|r| r.message.as_str()).collect();
        assert_eq!(refused, ["the member \"z\" is a boolean, not a number"]);
    }

    #[test]
    fn member_of_a_wrong_type_is_refused_alone() {
        let mut line = line(r#"{"step":"3","seconds":-1,"unit":7,"tags":{"a":1,"b":[]},"x":1,"at":null}"#);
        assert_eq!((line.integer("step"), line.seconds("seconds"), line.time("at")), (None, None, None));
        assert_eq!(line.text("unit").as_deref(), Some("7"));
        assert_eq!(line.texts("tags"), BTreeMap::from([("a".to_owned(), "1".to_owned())]));
        line.refuse_rest();
        let codes: Vec<&str> = line.refused.iter().map(|r| r.code).collect();
        let invalid = "ingest_invalid_member";
        assert_eq!(codes, [invalid, invalid, invalid, "ingest_unknown_member"]);
    }

    #[test]
    fn step_that_is_a_float_without_fraction_is_a_whole_number() {
        assert_eq!(line(r#"{"step":3.0}"#).integer("step"), Some(3));
        assert_eq!(line(r#"{"step":3.5}"#).integer("step"), None);
        assert_eq!(line(r#"{"step":1e300}"#).integer("step"), None);
    }
}

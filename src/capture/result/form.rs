//! The object form of results: JSON whose members have a fixed order.

use crate::contract::json::write::canonical;
use crate::contract::{Result, Value};

/// A JSON value in which objects keep the order of their members. Members that are null are kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    Value(Value),
    Object(Vec<(&'static str, Form)>),
    List(Vec<Form>),
}

impl<T: Into<Value>> From<T> for Form {
    fn from(value: T) -> Form {
        Form::Value(value.into())
    }
}

impl Form {
    pub(super) fn texts(texts: &[String]) -> Form {
        Form::List(texts.iter().map(|text| text.as_str().into()).collect())
    }

    /// Returns the value without the order of members.
    pub(super) fn into_value(self) -> Value {
        match self {
            Form::Value(value) => value,
            Form::List(items) => Value::List(items.into_iter().map(Form::into_value).collect()),
            Form::Object(members) => Value::Map(
                members.into_iter().map(|(key, form)| (key.to_owned(), form.into_value())).collect(),
            ),
        }
    }

    /// Returns compact JSON. Errors: a number is not finite.
    pub(super) fn to_json(&self) -> Result<String> {
        let mut out = String::new();
        self.write(&mut out)?;
        Ok(out)
    }

    fn write(&self, out: &mut String) -> Result<()> {
        match self {
            Form::Value(value) => out.push_str(&canonical(value)?),
            Form::List(items) => {
                out.push('[');
                for (n, item) in items.iter().enumerate() {
                    out.push_str(if n > 0 { "," } else { "" });
                    item.write(out)?;
                }
                out.push(']');
            }
            Form::Object(members) => {
                out.push('{');
                for (n, (key, member)) in members.iter().enumerate() {
                    out.push_str(if n > 0 { ",\"" } else { "\"" });
                    out.push_str(key);
                    out.push_str("\":");
                    member.write(out)?;
                }
                out.push('}');
            }
        }
        Ok(())
    }
}

//! Conversions between values of the contract and the plain types of payloads.

use crate::contract::json::{read, write};
use crate::contract::{Canonical, ContractError, ErrorCode, Members, StableRef, Timestamp, Value};

pub(super) type Result<T> = std::result::Result<T, ContractError>;

/// Returns the error for malformed data in a payload: data that this build never writes.
pub(super) fn broken(message: String) -> ContractError {
    ContractError::new(ErrorCode::JsonSyntax, message)
}

/// Converts microseconds since the epoch to a time.
pub(super) fn time(micros: i64) -> Result<Timestamp> {
    Timestamp::from_micros(micros)
        .ok_or_else(|| broken(format!("{micros} microseconds are outside the range of times")))
}

/// Returns the canonical text of a map; the empty text for an empty map.
pub(super) fn json_text(map: &Members) -> Result<String> {
    if map.is_empty() {
        return Ok(String::new());
    }
    write::canonical(&Value::Map(map.clone()))
}

/// Reads a canonical JSON text. A text that is not canonical is refused, because it may be shorter than the canonical
/// text. The canonical text could then exceed the limit of a payload.
pub(super) fn canonical(text: &str) -> Result<Value> {
    let value = read::parse(text)?;
    if write::canonical(&value)? == text {
        Ok(value)
    } else {
        Err(broken("the JSON text is not in canonical form".into()))
    }
}

/// Reads a JSON text that [`write::with_nulls`] wrote. A text in another form is refused.
pub(super) fn exact_json(text: &str) -> Result<Value> {
    let value = read::parse(text)?;
    if write::with_nulls(&value)? == text {
        Ok(value)
    } else {
        Err(broken("the JSON text is not in canonical form".into()))
    }
}

/// Reads the text that [`json_text`] writes.
pub(super) fn json_map(text: &str) -> Result<Members> {
    if text.is_empty() {
        return Ok(Members::new());
    }
    match canonical(text)? {
        value if value.has_null_member() => Err(broken("a member of the JSON object is null".into())),
        Value::Map(map) => Ok(map),
        _ => Err(broken("not a JSON object".into())),
    }
}

/// Checks that `text` is the canonical text of `model`, which was read from `text`.
pub(super) fn check_form(model: &impl Canonical, text: &str) -> Result<()> {
    if model.to_json()? == text {
        Ok(())
    } else {
        Err(broken("the JSON text is not in canonical form".into()))
    }
}

/// Reads an optional ref.
pub(super) fn optional<R: TryFrom<StableRef, Error: Into<ContractError>>>(
    text: &Option<String>,
) -> Result<Option<R>> {
    text.as_deref().map(parse).transpose()
}

/// Reads a ref.
pub(super) fn parse<R: TryFrom<StableRef, Error: Into<ContractError>>>(text: &str) -> Result<R> {
    StableRef::parse(text)?.try_into().map_err(Into::into)
}

/// Returns the text of an optional ref.
pub(super) fn text_of<R: std::ops::Deref<Target = StableRef>>(r: &Option<R>) -> Option<String> {
    r.as_ref().map(|r| r.as_str().to_owned())
}

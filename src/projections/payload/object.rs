//! Payloads of objects, ends, parameters, artifacts and imports.

use crate::contract::fact::{Ended, Import, Param, WriterId};
use crate::contract::json::write::with_nulls;
use crate::contract::model::{Model, from_value};
use crate::contract::{
    ArtifactManifest, Canonical, Fact, Object, ObjectKind, RunStatus, StableRef, Valid, Value,
};
use crate::projections::payload::codes::Code;
use crate::projections::payload::convert::{Result, broken, canonical, check_form, exact_json, parse, time};
use serde::{Deserialize, Serialize};

/// The value of a parameter.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) enum ParamValueV1 {
    Int(i64),
    Float(f64),
    Text(String),
    Bool(bool),
    Big(String),
    /// Null, a list or an object, as JSON text.
    Json(String),
}

impl ParamValueV1 {
    /// Returns the value. Errors: the payload has data that this build never writes.
    fn into_value(self) -> Result<Value> {
        Ok(match self {
            ParamValueV1::Int(n) => Value::Int(n),
            ParamValueV1::Float(f) if f.is_finite() => Value::Float(f),
            ParamValueV1::Float(f) => {
                return Err(broken(format!("the parameter {f} is not in its text form")));
            }
            ParamValueV1::Text(t) => Value::Text(t),
            ParamValueV1::Bool(b) => Value::Bool(b),
            ParamValueV1::Big(digits) => Value::Big(digits),
            ParamValueV1::Json(text) => match exact_json(&text)? {
                value @ (Value::Null | Value::List(_) | Value::Map(_)) => value,
                other => return Err(broken(format!("{} is not stored as JSON text", other.type_name()))),
            },
        })
    }
}

/// Converts the value of a parameter to its payload.
fn param_value(value: &Value) -> Result<ParamValueV1> {
    Ok(match value {
        Value::Bool(b) => ParamValueV1::Bool(*b),
        Value::Int(n) => ParamValueV1::Int(*n),
        Value::Float(f) => ParamValueV1::Float(*f),
        Value::Text(t) => ParamValueV1::Text(t.clone()),
        Value::Big(digits) => ParamValueV1::Big(digits.clone()),
        Value::Null | Value::List(_) | Value::Map(_) => ParamValueV1::Json(with_nulls(value)?),
    })
}

/// An object of the contract, as its canonical JSON text.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct ObjectV1 {
    json: String,
}

/// The end of an execution that has no message, reason or writer.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct EndedV1 {
    subject: String,
    status: u8,
    ended_at: i64,
}

/// The end of an execution that has a message, a reason or a writer.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct EndedV2 {
    end: EndedV1,
    message: Option<String>,
    reason: Option<String>,
    writer: Option<[u8; 8]>,
}

/// A parameter of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct ParamV1 {
    run_ref: String,
    key: String,
    value: ParamValueV1,
}

/// An artifact: the canonical JSON text of its manifest, and the BLAKE3 digest of its body if the workspace has the
/// body.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct ArtifactV1 {
    json: String,
    body: Option<[u8; 32]>,
}

/// An import.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct ImportV1 {
    id: [u8; 16],
    source: String,
    format: String,
    started_at: i64,
}

impl ObjectV1 {
    pub(in crate::projections) fn of(object: &Object) -> Result<ObjectV1> {
        Ok(ObjectV1 { json: object.to_json()? })
    }

    pub(in crate::projections) fn into_fact(self, kind: ObjectKind) -> Result<Fact> {
        let object = Object::from_value(kind, canonical(&self.json)?)?;
        check_form(&object, &self.json)?;
        Ok(Fact::Object(object))
    }
}

impl EndedV1 {
    pub(in crate::projections) fn of(e: &Ended) -> EndedV1 {
        EndedV1 {
            subject: e.subject().to_string(),
            status: e.status().byte(),
            ended_at: e.ended_at().micros(),
        }
    }

    fn into_ended(self) -> Result<Ended> {
        let (subject, status) = (StableRef::parse(&self.subject)?, RunStatus::of(self.status)?);
        Ended::new(subject, status, time(self.ended_at)?)
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        self.into_ended().map(Fact::Ended)
    }
}

impl EndedV2 {
    /// Returns the payload of version 2. Returns `None` if the end has no message, reason or writer; such an end has a
    /// payload of version 1.
    pub(in crate::projections) fn of(e: &Ended) -> Option<EndedV2> {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let (message, reason) = (text(e.message()), text(e.reason()));
        let writer = e.writer().map(|writer| writer.0);
        e.has_details().then(|| EndedV2 { end: EndedV1::of(e), message, reason, writer })
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        let texts = (self.message.clone(), self.reason.clone());
        let mut ended = self.end.into_ended()?.because(self.message, self.reason)?;
        if let Some(writer) = self.writer {
            ended = ended.of_writer(WriterId(writer));
        }
        if !ended.has_details() {
            return Err(broken("an end without message, reason and writer has version 1".into()));
        }
        // A text of another form is refused, so that the payload is the one that this build writes.
        match (ended.message(), ended.reason()) == (texts.0.as_deref(), texts.1.as_deref()) {
            true => Ok(Fact::Ended(ended)),
            false => Err(broken("the message or the reason begins or ends with white space".into())),
        }
    }
}

impl ParamV1 {
    pub(in crate::projections) fn of(p: &Param) -> Result<ParamV1> {
        let value = param_value(p.value())?;
        Ok(ParamV1 { run_ref: p.run_ref().to_string(), key: p.key().to_owned(), value })
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        Ok(Fact::Param(Param::new(parse(&self.run_ref)?, &self.key, self.value.into_value()?)?))
    }
}

impl ImportV1 {
    pub(in crate::projections) fn of(i: &Import) -> ImportV1 {
        ImportV1 {
            id: i.id,
            source: i.source.clone(),
            format: i.format.clone(),
            started_at: i.started_at.micros(),
        }
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        let started_at = time(self.started_at)?;
        Ok(Fact::Import(Import { id: self.id, source: self.source, format: self.format, started_at }))
    }
}
impl ArtifactV1 {
    pub(in crate::projections) fn of(m: &ArtifactManifest, body: Option<[u8; 32]>) -> Result<ArtifactV1> {
        Ok(ArtifactV1 { json: m.to_json()?, body })
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        let manifest: Valid<ArtifactManifest> = from_value(canonical(&self.json)?)
            .map_err(|_| broken(format!("{} breaks a rule", ArtifactManifest::NAME)))?;
        check_form(&*manifest, &self.json)?;
        Ok(Fact::Artifact(Box::new(manifest), self.body))
    }
}
#[cfg(test)]
impl ObjectV1 {
    /// Returns a payload with this JSON text, which need not be canonical.
    pub(in crate::projections) fn of_text(json: &str) -> ObjectV1 {
        ObjectV1 { json: json.to_owned() }
    }
}

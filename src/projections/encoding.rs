//! Payload bytes of facts: a header with the replaced entries and the origin, then the encoded fact.

use crate::contract::fact::ImportOrigin;
use crate::contract::{ArtifactManifest, ContractError, Fact, Object};
use crate::engine::codec::{self, CodecError, PAYLOAD_BYTES_MAX};
use crate::engine::entry::{Seq, Stamp, StreamId};
use crate::projections::payload::{
    AnnotationV1, ArtifactV1, DegradedV1, EndedV1, EndedV2, ErasureV1, EventV1, ImportV1, MetricV1, MetricV2,
    ObjectV1, ParamV1, ProcessV1, RecordV1, SpanV1, WriterV1,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The stamp of a replaced entry: time, stream, sequence number.
type StampV1 = (u64, [u8; 16], u64);
/// The origin of an imported fact: id of the import, number of the line.
type OriginV1 = ([u8; 16], u64);

fn unwritable(e: ContractError) -> CodecError {
    CodecError::Encode(e.to_string())
}

/// Appends a payload to `out`: the header, then the bytes that `encode_body` appends. After an error, `out` is
/// unchanged.
pub(super) fn encode_payload(
    replaces: &[Stamp],
    origin: Option<ImportOrigin>,
    out: &mut Vec<u8>,
    encode_body: impl FnOnce(&mut Vec<u8>) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let start = out.len();
    let encoded = encode_header(replaces, origin, out).and_then(|()| {
        let header_len = out.len() - start;
        encode_body(out).map_err(|e| match e {
            CodecError::TooLarge { len } => CodecError::TooLarge { len: header_len + len },
            e => e,
        })
    });
    let len = out.len() - start;
    let result = match encoded {
        Ok(()) if len > PAYLOAD_BYTES_MAX => Err(CodecError::TooLarge { len }),
        result => result,
    };
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Appends the header of a payload to `out`.
pub(super) fn encode_header(
    replaces: &[Stamp],
    origin: Option<ImportOrigin>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    let replaces: Vec<StampV1> = replaces.iter().map(|s| (s.time, s.stream.0, s.seq.0)).collect();
    let origin: Option<OriginV1> = origin.map(|o| (o.import, o.line));
    codec::encode(&(replaces, origin), out)
}

/// Appends an encoded fact to `out`.
pub(super) fn encode_body(fact: &Fact, out: &mut Vec<u8>) -> Result<(), CodecError> {
    match fact {
        Fact::Object(object) => encode_object(object, out),
        Fact::Ended(e) => match EndedV2::of(e) {
            Some(with_details) => codec::encode(&with_details, out),
            None => codec::encode(&EndedV1::of(e), out),
        },
        Fact::Param(p) => codec::encode(&ParamV1::of(p).map_err(unwritable)?, out),
        Fact::Event(d) => encode_record(RecordV1::of(d, EventV1::of(&d.payload).map_err(unwritable)?), out),
        Fact::Metric(d) => match MetricV2::of(d) {
            Some(plain) => codec::encode(&plain, out),
            None => encode_record(RecordV1::of(d, MetricV1::of(&d.payload)), out),
        },
        Fact::Degraded(d) => {
            encode_record(RecordV1::of(d, DegradedV1::of(&d.payload).map_err(unwritable)?), out)
        }
        Fact::Span(d) => encode_record(RecordV1::of(d, SpanV1::of(&d.payload).map_err(unwritable)?), out),
        Fact::Artifact(manifest, body) => encode_artifact(manifest, *body, out),
        Fact::Annotation(a) => codec::encode(&AnnotationV1::of(a), out),
        Fact::Process(p) => codec::encode(&ProcessV1::of(p), out),
        Fact::Writer(w) => codec::encode(&WriterV1::of(w), out),
        Fact::Import(i) => codec::encode(&ImportV1::of(i), out),
        Fact::Erasure(e) => codec::encode(&ErasureV1::of(e), out),
    }
}

/// Appends an encoded object to `out`.
pub(super) fn encode_object(object: &Object, out: &mut Vec<u8>) -> Result<(), CodecError> {
    codec::encode(&ObjectV1::of(object).map_err(unwritable)?, out)
}

/// Appends an encoded artifact to `out`. `body` is the digest of the artifact's body.
pub(super) fn encode_artifact(
    manifest: &ArtifactManifest,
    body: Option<[u8; 32]>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    codec::encode(&ArtifactV1::of(manifest, body).map_err(unwritable)?, out)
}

fn encode_record<P: Serialize>(
    record: Result<RecordV1<P>, ContractError>,
    out: &mut Vec<u8>,
) -> Result<(), CodecError> {
    codec::encode(&record.map_err(unwritable)?, out)
}

/// The content of a payload: replaced entries, origin, fact.
pub(super) type Decoded = (Vec<Stamp>, Option<ImportOrigin>, Fact);

/// Decodes a payload whose fact is encoded as a `T`.
pub(super) fn decode_payload<T: DeserializeOwned>(
    payload: &[u8],
    into_fact: impl FnOnce(T) -> Result<Fact, ContractError>,
) -> Result<Decoded, CodecError> {
    let (replaces, origin, body): (Vec<StampV1>, Option<OriginV1>, T) = codec::decode(payload)?;
    let stamp = |(time, stream, seq)| Stamp { time, stream: StreamId(stream), seq: Seq(seq) };
    let fact = into_fact(body).map_err(|e| CodecError::Decode(e.to_string()))?;
    let origin = origin.map(|(import, line)| ImportOrigin { import, line });
    Ok((replaces.into_iter().map(stamp).collect(), origin, fact))
}

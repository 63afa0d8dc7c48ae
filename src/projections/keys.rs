//! Keys of rows, as bytes. A zero byte separates the parts of a key. Refs contain no zero byte. Metric keys contain
//! none either, because the contract excludes control characters from them. A key therefore has a certain ref as its
//! first part if and only if it begins with this ref and a zero byte. Names of runs and digests may contain zero bytes.

use crate::contract::nfc::nfc;
use crate::contract::{AggregationScope, RecordRef, RecordType, RunRef, StableRef, StageRef};
use crate::engine::checksum::Digest;

/// Joins parts with zero bytes between them.
pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&0u8)
}

/// Returns the key of an attribute of an object.
pub(crate) fn attribute(subject: &StableRef, name: &str) -> Vec<u8> {
    join(&[subject.as_str().as_bytes(), name.as_bytes()])
}

/// Returns the prefix of the keys whose first part is this ref.
pub(crate) fn of_ref(subject: &StableRef) -> Vec<u8> {
    join(&[subject.as_str().as_bytes(), b""])
}

/// Returns the parts of a key after its first part. Returns `None` if the first part is not the ref `subject`.
pub(crate) fn after_ref<'k>(key: &'k [u8], subject: &StableRef) -> Option<&'k [u8]> {
    key.strip_prefix(subject.as_str().as_bytes())?.strip_prefix(&[0])
}

/// Returns the bytes with which the refs of one kind under a parent begin, such as the refs of the stages of a run.
pub(crate) fn under(kind: &str, parent: &StableRef) -> Vec<u8> {
    format!("{kind}:{}.", parent.value()).into_bytes()
}

/// Returns the key of a run in the table of names. `text` is the name of the run, or the last component of its ref. The
/// key contains the composed form (NFC) of the name, so the composed and the decomposed form of a name have one key.
pub(crate) fn run_name(text: &str, run: &RunRef) -> Vec<u8> {
    join(&[nfc(text).as_bytes(), run.as_str().as_bytes()])
}

/// Returns the prefix of the keys of all runs with this name, or with this last component of the ref. Keys of longer
/// names that contain a zero byte can have the same prefix.
pub(crate) fn runs_named(text: &str) -> Vec<u8> {
    join(&[nfc(text).as_bytes(), b""])
}

/// Splits a key of the table of names; `None` if the key does not end with the ref of a run. A name may contain zero
/// bytes.
pub(crate) fn named_run(key: &[u8]) -> Option<(&str, RunRef)> {
    let at = key.iter().rposition(|byte| *byte == 0)?;
    let (name, run) = (key.get(..at)?, key.get(at + 1..)?);
    Some((std::str::from_utf8(name).ok()?, RunRef::parse(std::str::from_utf8(run).ok()?).ok()?))
}

/// Returns the key of the records of one family in a stage of a run, or outside any stage.
pub(crate) fn records(run: &RunRef, family: &str, stage: Option<&StageRef>) -> Vec<u8> {
    let stage = stage.map_or("", |stage| stage.as_str());
    join(&[run.as_str().as_bytes(), family.as_bytes(), stage.as_bytes()])
}

/// Returns the family name of a second listing. The listing contains the records of `family` that have a
/// degradation marker.
pub(crate) fn marked(family: RecordType) -> String {
    format!("marked-{}", family.as_str())
}

/// Returns the prefix of the keys of the records of one family of a run.
pub(crate) fn records_of_family(run: &RunRef, family: &str) -> Vec<u8> {
    join(&[run.as_str().as_bytes(), family.as_bytes(), b""])
}

/// Returns the prefix of the keys of all metric series of a run.
pub(crate) fn series_of(run: &RunRef) -> Vec<u8> {
    join(&[run.as_str().as_bytes(), b""])
}

/// Returns a prefix of series keys. The prefix selects the metric series of a run that have the given metric
/// key.
pub(crate) fn series_with_key(run: &RunRef, metric_key: &str) -> Vec<u8> {
    join(&[run.as_str().as_bytes(), metric_key.as_bytes(), b""])
}

/// Returns the key of the row that states the scope and the unit of points of a series. `series` is the key of the
/// series.
pub(crate) fn series_unit(series: &[u8], scope: AggregationScope, unit: Option<&str>) -> Vec<u8> {
    join(&[series, scope.as_str().as_bytes(), unit.unwrap_or_default().as_bytes()])
}

/// Returns the key of an imported fact: the ref that the fact is about, and the digest of the fact.
pub(crate) fn imported(subject: &StableRef, digest: &[u8; 16]) -> Vec<u8> {
    join(&[subject.as_str().as_bytes(), digest])
}

/// Returns the key that states that an import contains points of a series. `series` is the key of the series.
pub(crate) fn imported_series(series: &[u8], import: &[u8; 16]) -> Vec<u8> {
    join(&[series, import])
}

/// Returns eight bytes of the digest of a record's ref. The points and positions of imported records contain these
/// bytes, by which readers recognise duplicates.
pub(crate) fn ref_digest(record: &RecordRef) -> [u8; 8] {
    let Digest(whole) = Digest::of(record.as_str().as_bytes());
    whole.first_chunk().copied().unwrap_or_default()
}

/// Splits a key into `N` parts; the last part is the rest of the key. Returns `None` if the key has fewer parts, or if
/// a part is not text.
pub(crate) fn split<const N: usize>(key: &[u8]) -> Option<[&str; N]> {
    let mut parts = key.splitn(N, |b| *b == 0);
    let mut out = [""; N];
    for slot in &mut out {
        *slot = std::str::from_utf8(parts.next()?).ok()?;
    }
    Some(out)
}

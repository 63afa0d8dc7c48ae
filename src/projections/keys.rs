//! Key bytes. Parts are joined by a zero byte, which no ref, metric key or attribute name before the last part
//! can hold; so a ref with its zero is a prefix of exactly its own keys.

use crate::contract::{RecordRef, RunRef, StableRef, StageRef};
use crate::engine::checksum::Digest;

/// Joins parts with zero bytes between.
pub(crate) fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.join(&0u8)
}

/// An attribute of a thing.
pub(crate) fn attribute(subject: &StableRef, name: &str) -> Vec<u8> {
    join(&[subject.as_str().as_bytes(), name.as_bytes()])
}

/// All attributes of a thing.
pub(crate) fn attributes_of(subject: &StableRef) -> Vec<u8> {
    join(&[subject.as_str().as_bytes(), b""])
}

/// Everything of one kind directly or indirectly under a parent, such as the stages of a run.
pub(crate) fn under(kind: &str, parent: &StableRef) -> Vec<u8> {
    format!("{kind}:{}.", parent.value()).into_bytes()
}

/// A run by its name or the last component of its ref.
pub(crate) fn run_name(text: &str, run: &RunRef) -> Vec<u8> {
    join(&[text.as_bytes(), run.as_str().as_bytes()])
}

/// The beginning of the keys of all runs with this name or last component.
pub(crate) fn runs_named(text: &str) -> Vec<u8> {
    join(&[text.as_bytes(), b""])
}

/// A family of records of a run.
pub(crate) fn records(run: &RunRef, family: &str) -> Vec<u8> {
    join(&[run.as_str().as_bytes(), family.as_bytes()])
}

/// A metric series of a run, in a stage or outside any.
pub(crate) fn series(run: &RunRef, stage: Option<&StageRef>, metric_key: &str) -> Vec<u8> {
    let stage = stage.map_or("", |s| s.as_str());
    join(&[run.as_str().as_bytes(), stage.as_bytes(), metric_key.as_bytes()])
}

/// All metric series of a run.
pub(crate) fn series_of(run: &RunRef) -> Vec<u8> {
    join(&[run.as_str().as_bytes(), b""])
}

/// A fact that was imported: what it is about, and a digest of what it says.
pub(crate) fn imported(subject: &StableRef, digest: &[u8; 16]) -> Vec<u8> {
    join(&[subject.as_str().as_bytes(), digest])
}

/// An import that brought points into a series.
pub(crate) fn brought(series: &[u8], import: &[u8; 16]) -> Vec<u8> {
    join(&[series, import])
}

/// Eight bytes that tell a record's ref from others: what points and positions of imported records carry.
pub(crate) fn ref_digest(record: &RecordRef) -> [u8; 8] {
    let Digest(whole) = Digest::of(record.as_str().as_bytes());
    whole.first_chunk().copied().unwrap_or_default()
}

/// Splits a key into its parts, at most `N` of them; the last keeps what is left.
pub(crate) fn split<const N: usize>(key: &[u8]) -> Option<[&str; N]> {
    let mut parts = key.splitn(N, |b| *b == 0);
    let mut out = [""; N];
    for slot in &mut out {
        *slot = std::str::from_utf8(parts.next()?).ok()?;
    }
    Some(out)
}

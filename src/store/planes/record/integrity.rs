//! The integrity check of the log.

use crate::engine::verify::{LogCheck, LogNote, Outcome, verify_log};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::store::error::Result;
use crate::store::note::Note;
use crate::store::planes::record::filter::ScanFilter;
use crate::store::planes::record::gap::{IntegrityState, KnownGap};
use crate::store::planes::record::item::ScanItem;
use crate::store::planes::record::scan::RecordScan;
use crate::store::planes::shared::Planes;

/// The greatest number of issues in a report. Further issues are counted.
const ISSUES_MAX: usize = 10_000;

/// The result of a check of the log. The check covers frames, checksums, the chain over the entries, missing
/// sequence numbers, and payloads.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IntegrityReport {
    /// `true` if the state is [`IntegrityState::Healthy`].
    pub healthy: bool,
    /// The state.
    pub state: IntegrityState,
    /// The damaged parts of the log, and the streams that could not be read. The list contains at most 10,000
    /// damaged parts.
    pub issues: Vec<KnownGap>,
    /// The number of damaged parts that are not in `issues`.
    pub issues_omitted: u64,
    /// The number of streams.
    pub stream_count: u64,
    /// The number of segments.
    pub segment_count: u64,
    /// The number of intact entries.
    pub entry_count: u64,
    /// The number of records.
    pub record_count: u64,
    /// The codes of the recommended next steps: `plan_repairs`, or `merge` with an intact copy.
    pub recommendations: Vec<&'static str>,
    /// Notes of the check, such as notes on streams in use and on streams that were not closed.
    pub notes: Vec<Note>,
}

/// Checks the log. Does not count the records.
pub(in crate::store::planes) fn check_log(planes: &Planes) -> Result<IntegrityReport> {
    planes.journal().flush()?;
    let check = LogCheck { problems_max: ISSUES_MAX, ..LogCheck::default() };
    let found = verify_log::<Captured>(planes.storage(), planes.journal().log_dir(), DOMAIN, &check)?;
    let state = match found.outcome() {
        Outcome::Whole => IntegrityState::Healthy,
        Outcome::WholeExceptKnownLosses | Outcome::Unchecked => IntegrityState::Degraded,
        _ => IntegrityState::Corrupted,
    };
    let mut issues: Vec<KnownGap> = found.problems.iter().map(KnownGap::from).collect();
    issues.extend(found.notes.iter().filter_map(unchecked));
    let mut recommendations = Vec::new();
    if state == IntegrityState::Corrupted {
        recommendations.push("plan_repairs");
    }
    if issues.iter().any(|issue| issue.start_sequence.is_some()) {
        recommendations.push("merge");
    }
    Ok(IntegrityReport {
        healthy: state == IntegrityState::Healthy,
        state,
        issues,
        issues_omitted: found.omitted,
        stream_count: found.streams.len() as u64,
        segment_count: found.streams.iter().map(|stream| stream.segments as u64).sum(),
        entry_count: found.entries(),
        record_count: 0,
        recommendations,
        notes: found.notes.iter().map(Note::from).collect(),
    })
}

/// Checks the log and counts the records.
pub(super) fn check_integrity(planes: &Planes) -> Result<IntegrityReport> {
    let mut report = check_log(planes)?;
    for item in RecordScan::begin(planes, &ScanFilter::default())? {
        report.record_count += u64::from(matches!(item?, ScanItem::Record(_)));
    }
    Ok(report)
}

/// Returns the gap for a stream that could not be read.
fn unchecked(note: &LogNote) -> Option<KnownGap> {
    let LogNote::StreamUnchecked { stream, .. } = note else { return None };
    Some(KnownGap { stream: Some(*stream), ..KnownGap::new(note.code(), note.to_string()) })
}

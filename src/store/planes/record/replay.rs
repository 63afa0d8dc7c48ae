//! The replay of records. A replay checks the log, and then scans the records.

use crate::contract::words::word_enum;
use crate::store::error::{Error, Result};
use crate::store::planes::error::PlaneError;
use crate::store::planes::record::filter::ScanFilter;
use crate::store::planes::record::gap::{IntegrityState, KnownGap};
use crate::store::planes::record::integrity::check_log;
use crate::store::planes::record::item::{MalformedRecord, SalvagedRecord, ScanItem, StoredRecord};
use crate::store::planes::record::salvage::salvaged;
use crate::store::planes::record::scan::RecordScan;
use crate::store::planes::shared::Planes;
use std::str::FromStr;

word_enum! {
    /// The behaviour of a replay if the log is damaged. The text form of a mode is its name in lower case.
    #[derive(Default)]
    ReplayMode {
        /// The replay returns an error for the first damage. The error names the position of the damage.
        #[default]
        Strict = "strict",
        /// Readable records are returned, and damage is reported as known gaps.
        Tolerant = "tolerant",
        /// Readable records, malformed payloads, and entries that were found in damaged bytes are returned.
        /// Damage is reported as known gaps.
        Lenient = "lenient",
    }
}

impl FromStr for ReplayMode {
    type Err = Error;

    fn from_str(text: &str) -> Result<ReplayMode> {
        let found = ReplayMode::ALL.iter().copied().find(|mode| mode.as_str() == text);
        found.ok_or_else(|| PlaneError::ReplayModeUnknown { name: text.to_owned() }.into())
    }
}

/// The result of a replay.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReplayResult {
    /// The records. The list has the order in which the records were appended. After an export, the list is
    /// empty.
    pub records: Vec<StoredRecord>,
    /// The number of records.
    pub record_count: u64,
    /// The mode.
    pub mode: ReplayMode,
    /// The state of the log.
    pub integrity_state: IntegrityState,
    /// The damaged parts of the log. The list contains at most about 10,000 of them. Damage of any part of
    /// the log is listed, because it is unknown which records were lost.
    pub known_gaps: Vec<KnownGap>,
    /// The texts of the known gaps, and then the texts of the malformed entries. The last texts contain the
    /// numbers of damaged parts and entries that are not listed.
    pub warnings: Vec<String>,
    /// The intact entries that cannot be read as records. The list is empty unless the mode is
    /// [`ReplayMode::Lenient`].
    pub malformed: Vec<MalformedRecord>,
    /// The entries that were found in damaged bytes. The list is empty unless the mode is
    /// [`ReplayMode::Lenient`].
    pub salvaged: Vec<SalvagedRecord>,
}

/// The greatest number of malformed entries in a result. Further entries are counted in a warning.
const MALFORMED_MAX: u64 = 10_000;

/// Replays records. `receive` is called with each record that the filter accepts. The result contains no
/// records.
pub(super) fn replay_into(
    planes: &Planes,
    filter: &ScanFilter,
    mode: ReplayMode,
    mut receive: impl FnMut(StoredRecord) -> Result<()>,
) -> Result<ReplayResult> {
    filter.check()?;
    let check = check_log(planes)?;
    let mut result = ReplayResult {
        records: Vec::new(),
        record_count: 0,
        mode,
        integrity_state: check.state,
        known_gaps: check.issues,
        warnings: Vec::new(),
        malformed: Vec::new(),
        salvaged: Vec::new(),
    };
    let is_strict = mode == ReplayMode::Strict;
    if is_strict && let Some(first) = result.known_gaps.first() {
        return Err(unhealthy(first, result.known_gaps.len() as u64 - 1 + check.issues_omitted));
    }
    let (mut malformed, mut texts) = (0, Vec::new());
    for item in RecordScan::begin(planes, filter)? {
        match item? {
            ScanItem::Record(stored) => {
                result.record_count += 1;
                receive(*stored)?;
            }
            ScanItem::Gap(gap) if result.known_gaps.iter().any(|known| known.is_same_loss(&gap)) => {}
            ScanItem::Gap(gap) if is_strict => return Err(unhealthy(&gap, 0)),
            ScanItem::Gap(gap) => {
                result.integrity_state = IntegrityState::Corrupted;
                result.known_gaps.push(*gap);
            }
            ScanItem::Malformed(entry) if is_strict => return Err(unreadable(&entry)),
            ScanItem::Malformed(entry) => {
                malformed += 1;
                let state =
                    if entry.is_unknown { IntegrityState::Degraded } else { IntegrityState::Corrupted };
                result.integrity_state = result.integrity_state.max(state);
                if malformed <= MALFORMED_MAX {
                    texts.push(format!(
                        "the {} at {} cannot be read: {}",
                        entry.kind, entry.position, entry.reason
                    ));
                    result.malformed.extend((mode == ReplayMode::Lenient).then_some(*entry));
                }
            }
        }
    }
    result.warnings = result.known_gaps.iter().map(ToString::to_string).chain(texts).collect();
    if check.issues_omitted > 0 {
        result.warnings.push(format!("{} further damaged places are not listed", check.issues_omitted));
    }
    if malformed > MALFORMED_MAX {
        result
            .warnings
            .push(format!("{} further malformed entries are not listed", malformed - MALFORMED_MAX));
    }
    if mode == ReplayMode::Lenient {
        let (found, further) = salvaged(planes, &result.known_gaps)?;
        result.salvaged = found;
        if further > 0 {
            result.warnings.push(format!("{further} further salvaged entries are not listed"));
        }
    }
    Ok(result)
}

fn unhealthy(first: &KnownGap, more: u64) -> Error {
    let KnownGap { stream, segment, offset, .. } = *first;
    PlaneError::ReplayUnhealthy { stream, segment, offset, message: first.to_string(), more }.into()
}

fn unreadable(entry: &MalformedRecord) -> Error {
    PlaneError::ReplayUnhealthy {
        stream: Some(entry.position.stream),
        segment: None,
        offset: None,
        message: format!("the {} at {} cannot be read: {}", entry.kind, entry.position, entry.reason),
        more: 0,
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_of_an_unknown_mode_names_all_modes() {
        for mode in ReplayMode::ALL {
            assert_eq!(mode.as_str().parse::<ReplayMode>().unwrap(), *mode);
        }
        let Error::Plane(error) = "Strict".parse::<ReplayMode>().unwrap_err() else {
            panic!("another error")
        };
        assert_eq!(error.code(), "record_store_invalid_replay_mode");
        let hint = error.hint().unwrap();
        assert!(ReplayMode::ALL.iter().all(|mode| hint.contains(mode.as_str())), "{hint}");
    }
}

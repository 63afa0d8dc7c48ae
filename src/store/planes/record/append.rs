//! Appends of records that already have refs.

use crate::contract::json::write::canonical;
use crate::contract::{AnyRecord, Canonical, Fact, RecordRef, RecordType, RunRef, StableRef};
use crate::engine::entry::Position;
use crate::engine::log::Durability;
use crate::store::error::{Error, Result};
use crate::store::planes::shared::Planes;
use crate::store::view::StoreView;
use std::collections::HashMap;

/// The greatest number of records in a commit. The records of a commit are compared with one view of the
/// workspace.
const ROUND_RECORDS: usize = 4096;

/// The receipt of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendReceipt {
    /// The ref of the record.
    pub record_ref: RecordRef,
    /// The family of the record.
    pub record_type: RecordType,
    /// The run of the record.
    pub run_ref: RunRef,
    /// The position of the record in the log.
    pub position: Position,
    /// `false` if the log contained the same record already.
    pub is_new: bool,
}

/// A record that was not appended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendRejection {
    /// The index of the record in the call. The first record has the index 0.
    pub index: usize,
    /// The stable code of the reason.
    pub code: &'static str,
    /// The reason.
    pub message: String,
    /// The ref of the record.
    pub record_ref: RecordRef,
    /// The family of the record.
    pub record_type: RecordType,
}

/// The result of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendResult {
    /// The receipts. The list has the order of the records.
    pub accepted: Vec<AppendReceipt>,
    /// The records that were not appended.
    pub rejected: Vec<AppendRejection>,
    /// The durability of the new records.
    pub durability: Durability,
}

impl AppendResult {
    /// Returns `true` if no record was rejected.
    pub fn success(&self) -> bool {
        self.rejected.is_empty()
    }
}

/// Appends records. Each commit contains at most 4,096 of them.
pub(super) fn append_all(
    planes: &Planes,
    records: impl IntoIterator<Item = AnyRecord>,
) -> Result<AppendResult> {
    Planes::check_writable(planes.writes().records, "the records", "record_store_read_only")?;
    let durability = planes.durability();
    let mut result = AppendResult { accepted: Vec::new(), rejected: Vec::new(), durability };
    let mut records = records.into_iter().enumerate();
    loop {
        let round: Vec<(usize, AnyRecord)> = records.by_ref().take(ROUND_RECORDS).collect();
        if round.is_empty() {
            return Ok(result);
        }
        planes.decide(|| append_round(planes, round, &mut result))?;
    }
}

/// The canonical text and the position of an earlier record. The position is `None` if the earlier record is
/// in the same commit.
type Earlier = (String, Option<Position>);

fn append_round(planes: &Planes, round: Vec<(usize, AnyRecord)>, result: &mut AppendResult) -> Result<()> {
    let mut known = planes.judge(|view| earlier(view, &round))?;
    // The receipts of repeated records are added after the append, when the position of the first record is
    // known.
    let (mut new, mut repeated) = (Vec::new(), Vec::new());
    for (index, record) in round {
        let own = record.envelope().record_ref.clone();
        let text = canonical(&record.to_value())?;
        match known.get(&own) {
            None => {
                known.insert(own, (text, None));
                new.push((index, record));
            }
            Some((same, position)) if *same == text => repeated.push((index, record, *position)),
            Some(_) => result.reject(
                index,
                &record,
                "record_store_ref_conflict",
                format!("another record has the ref {own}"),
            ),
        }
    }
    let mut receipts = append_new(planes, new, result)?;
    for (index, record, position) in repeated {
        let own = &record.envelope().record_ref;
        let of_round =
            || receipts.iter().find(|(_, receipt)| receipt.record_ref == *own).map(|(_, r)| r.position);
        match position.or_else(of_round) {
            Some(position) => receipts.push((index, receipt(&record, position, false))),
            None => result.reject(
                index,
                &record,
                "record_store_rejected",
                "the equal record was rejected".to_owned(),
            ),
        }
    }
    receipts.sort_by_key(|(index, _)| *index);
    result.accepted.extend(receipts.into_iter().map(|(_, receipt)| receipt));
    result.rejected.sort_by_key(|rejection| rejection.index);
    Ok(())
}

/// Returns the records in the workspace that have refs of this round. The records are read together, because a read of
/// one entry reads its whole commit.
fn earlier(view: &StoreView<'_>, round: &[(usize, AnyRecord)]) -> Result<HashMap<RecordRef, Earlier>> {
    let mut places: Vec<(&RecordRef, Position)> = Vec::new();
    for (_, record) in round {
        let own = &record.envelope().record_ref;
        // A captured record precedes an imported record with the same ref.
        places.extend(view.captured_position(own)?.map(|position| (own, position)));
        places.extend(view.first_imported(&StableRef::from(own))?.map(|stamp| (own, stamp.position())));
    }
    let positions: Vec<Position> = places.iter().map(|(_, position)| *position).collect();
    let mut known: HashMap<RecordRef, Earlier> = HashMap::new();
    for ((own, position), record) in places.into_iter().zip(view.records_at(&positions)?) {
        if let Some(record) = record.filter(|record| record.envelope().record_ref == *own)
            && !known.contains_key(own)
        {
            known.insert(own.clone(), (canonical(&record.to_value())?, Some(position)));
        }
    }
    Ok(known)
}

/// Appends new records in one commit. If a record is too large, every record is appended in a separate
/// commit. Records that are too large are rejected.
fn append_new(
    planes: &Planes,
    new: Vec<(usize, AnyRecord)>,
    result: &mut AppendResult,
) -> Result<Vec<(usize, AppendReceipt)>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let facts =
        new.iter().map(|(_, record)| Ok(record.clone().into_fact()?)).collect::<Result<Vec<Fact>>>()?;
    match planes.journal().append(facts, planes.durability()) {
        Ok(done) => {
            let receipts = new
                .iter()
                .enumerate()
                .map(|(n, (index, record))| (*index, receipt(record, done.stamp(n as u64).position(), true)));
            Ok(receipts.collect())
        }
        Err(Error::FactTooLarge { what, bytes, limit }) => match <[_; 1]>::try_from(new) {
            Ok([(index, record)]) => {
                let message = Error::FactTooLarge { what, bytes, limit }.to_string();
                result.reject(index, &record, "entry_too_large", message);
                Ok(Vec::new())
            }
            Err(new) => {
                let mut receipts = Vec::new();
                for one in new {
                    receipts.extend(append_new(planes, vec![one], result)?);
                }
                Ok(receipts)
            }
        },
        Err(e) => Err(e),
    }
}

fn receipt(record: &AnyRecord, position: Position, is_new: bool) -> AppendReceipt {
    let envelope = record.envelope();
    AppendReceipt {
        record_ref: envelope.record_ref.clone(),
        record_type: envelope.record_type,
        run_ref: envelope.observation.run_ref.clone(),
        position,
        is_new,
    }
}

impl AppendResult {
    fn reject(&mut self, index: usize, record: &AnyRecord, code: &'static str, message: String) {
        let envelope = record.envelope();
        self.rejected.push(AppendRejection {
            index,
            code,
            message,
            record_ref: envelope.record_ref.clone(),
            record_type: envelope.record_type,
        });
    }
}

//! The export of records as JSON lines.

use crate::contract::Canonical;
use crate::contract::json::write::canonical;
use crate::engine;
use crate::engine::storage::replace::{FileReplacement, remove_stale};
use crate::store::error::Result;
use crate::store::planes::record::filter::ScanFilter;
use crate::store::planes::record::replay::{ReplayMode, ReplayResult, replay_into};
use crate::store::planes::shared::Planes;
use std::io::{BufWriter, Write};
use std::path::Path;

/// The prefix of the names of temporary files.
const TEMPORARY_STEM: &str = "records";

/// Replays records, and writes them to a file. Each line of the file is the canonical text of one record.
pub(super) fn export_jsonl(
    planes: &Planes,
    path: &Path,
    filter: &ScanFilter,
    mode: ReplayMode,
) -> Result<ReplayResult> {
    let failed = |e| engine::Error::io("write", path, e);
    let out = FileReplacement::create(planes.storage(), path, TEMPORARY_STEM).map_err(failed)?;
    remove_stale(planes.storage().as_ref(), out.dir(), TEMPORARY_STEM);
    let mut out = BufWriter::new(out);
    let result = replay_into(planes, filter, mode, |stored| {
        let mut line = canonical(&stored.record.to_value())?;
        line.push('\n');
        Ok(out.write_all(line.as_bytes()).map_err(failed)?)
    })?;
    let out = out.into_inner().map_err(|e| failed(e.into_error()))?;
    out.publish().map_err(failed)?;
    Ok(result)
}

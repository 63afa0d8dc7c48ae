//! The search for the newest generation, while other processes publish generations.

use crate::engine::checksum::Digest;
use crate::engine::error::{Error, Result};
use crate::engine::projection::generation::{Found, Generation, list};
use crate::engine::projection::note::RebuildReason;
use crate::engine::projection::site::Site;
use std::fmt::Display;
use std::io;
use std::path::Path;

/// The number of times that the directory is listed, if each time another process removes the newest generation before
/// it is opened.
const LIST_ATTEMPTS: usize = 8;

/// The newest generation.
pub(super) enum Newest {
    /// The generation was opened. Contains its number.
    Opened(Generation, u64),
    /// The tables must be rebuilt. Contains the number of the newest generation; 0 if there is none.
    Rebuild(RebuildReason, u64),
    /// The generation cannot be read, and must be set aside before the tables are rebuilt. Contains its number.
    Unreadable(RebuildReason, u64),
}

impl Newest {
    /// Opens the newest generation of a site. A generation with another fingerprint than `fingerprint` is not used. A
    /// damaged generation is an error.
    pub(super) fn of(site: &Site, fingerprint: Digest) -> Result<Newest> {
        let mut newest = Newest::listed(site, fingerprint)?;
        for _ in 1..LIST_ATTEMPTS {
            if newest.is_some() {
                break;
            }
            newest = Newest::listed(site, fingerprint)?;
        }
        Ok(newest.unwrap_or(Newest::Rebuild(RebuildReason::Absent, 0)))
    }

    /// Lists the generations, and opens the newest one. Returns `None` if another process has removed it in the meantime.
    /// The other process has then published a newer generation, or has set the generation aside.
    fn listed(site: &Site, fingerprint: Digest) -> Result<Option<Newest>> {
        let storage = site.storage.as_ref();
        let generations = match list(storage, &site.dir) {
            Ok(generations) => generations,
            Err(Error::Io { source, .. }) => {
                return Ok(Some(Newest::Rebuild(unreadable(&site.dir, &source), 0)));
            }
            Err(e) => return Err(e),
        };
        let Some(Found { number, path, is_file }) = generations.first() else {
            return Ok(Some(Newest::Rebuild(RebuildReason::Absent, 0)));
        };
        if !is_file {
            // The file is not opened, because opening a pipe may block forever.
            let reason = unreadable(path, &"it is not a regular file");
            return Ok(Some(Newest::Unreadable(reason, *number)));
        }
        Ok(match Generation::open(storage, path) {
            Ok(base) if base.fingerprint() == fingerprint => Some(Newest::Opened(base, *number)),
            Ok(_) => Some(Newest::Rebuild(RebuildReason::Version, *number)),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => None,
            Err(Error::Io { source, .. }) => Some(Newest::Unreadable(unreadable(path, &source), *number)),
            Err(e) => return Err(e),
        })
    }
}

fn unreadable(path: &Path, reason: &dyn Display) -> RebuildReason {
    RebuildReason::Unreadable(format!("{}: {reason}", path.display()))
}

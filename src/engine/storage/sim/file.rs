//! An open file of a simulated process.

use crate::engine::storage::interface::{File, FileInfo, Mapping};
use crate::engine::storage::sim::disk::SimDisk;
use crate::engine::storage::sim::node::{SharedNode, guard};
use crate::engine::storage::sim::plan::{Life, OperationClass};
use crate::engine::storage::sim::state::DiskState;
use std::io;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) life: Arc<Life>,
    pub(super) node: SharedNode,
    pub(super) handle: u64,
    pub(super) writable: bool,
}

#[derive(Debug)]
struct SimMapping {
    bytes: Arc<Vec<u8>>,
}

impl Mapping for SimMapping {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl SimFile {
    fn may_change(&self, state: &DiskState) -> io::Result<()> {
        if !self.writable || state.read_only {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(())
    }

    /// Returns an error if the file system has no locks.
    fn may_lock(&self) -> io::Result<()> {
        if guard(&self.disk.state).without_locks {
            return Err(io::ErrorKind::Unsupported.into());
        }
        Ok(())
    }

    fn read_part(&self, offset: u64, out: &mut [u8]) -> usize {
        let bytes = Arc::clone(guard(&self.node).content.seen());
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        let bytes = bytes.get(start..).unwrap_or_default();
        let n = bytes.len().min(out.len());
        if let (Some(to), Some(from)) = (out.get_mut(..n), bytes.get(..n)) {
            to.copy_from_slice(from);
        }
        n
    }

    fn write_part(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut node = guard(&self.node);
        // Only bytes beyond the end of the file need space.
        let more = (start + data.len()).saturating_sub(node.content.len());
        let n = data.len().saturating_sub(more - state.reserve_space(more));
        if n == 0 && !data.is_empty() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let order = state.change();
        state.writes += 1;
        node.touch(state.now);
        node.content.write(order, start, data.get(..n).unwrap_or_default());
        Ok(n)
    }

    fn set_content_len(&self, len: u64) -> io::Result<()> {
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let order = state.change();
        let mut node = guard(&self.node);
        node.touch(state.now);
        state.release_space(node.content.len().saturating_sub(len));
        node.content.set_len(order, len);
        Ok(())
    }

    fn extend_content(&self, len: u64) -> io::Result<()> {
        let mut state = guard(&self.disk.state);
        self.may_change(&state)?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut node = guard(&self.node);
        let before = node.content.len();
        let more = len.saturating_sub(before);
        if more == 0 {
            return Ok(());
        }
        let granted = state.reserve_space(more);
        let order = state.change();
        node.touch(state.now);
        node.content.set_len(order, before + granted);
        if granted < more { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync_content(&self) -> io::Result<()> {
        let mut state = guard(&self.disk.state);
        let mut node = guard(&self.node);
        state.syncs_after_failure += u64::from(node.sync_failed);
        if state.failing_syncs {
            return Err(io::Error::other("simulated failure of a sync"));
        }
        node.content.sync();
        Ok(())
    }

    /// Discards the data that a failed sync did not make durable, as Linux does. `counts` is true if
    /// [`SimDisk::syncs_after_failure`] must still count this sync.
    fn fail_sync(&self, counts: bool) {
        let mut state = guard(&self.disk.state);
        let mut node = guard(&self.node);
        state.syncs_after_failure += u64::from(node.sync_failed && counts);
        node.content.fail_sync();
        node.sync_failed = true;
    }
}

impl SimFile {
    fn release_lock(&self) {
        let mut node = guard(&self.node);
        if node.holder.as_ref().is_some_and(|(_, handle)| *handle == self.handle) {
            node.holder = None;
        }
        node.sharers.retain(|(_, handle)| *handle != self.handle);
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.release_lock();
    }
}

impl File for SimFile {
    fn read_at(&self, offset: u64, out: &mut [u8]) -> io::Result<usize> {
        self.life.perform(OperationClass::Read, |extent| {
            let len = extent.of(out.len());
            Ok(self.read_part(offset, out.get_mut(..len).unwrap_or_default()))
        })
    }

    fn write_at(&self, offset: u64, data: &[u8]) -> io::Result<usize> {
        self.life.perform(OperationClass::Write, |extent| {
            self.write_part(offset, data.get(..extent.of(data.len())).unwrap_or_default())
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.life.perform(OperationClass::Query, |_| Ok(guard(&self.node).content.len() as u64))
    }

    fn info(&self) -> io::Result<FileInfo> {
        self.life.perform(OperationClass::Query, |_| Ok(guard(&self.disk.state).info(&self.node)))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.life.perform(OperationClass::Change, |_| self.set_content_len(len))
    }

    fn allocate(&self, len: u64) -> io::Result<()> {
        self.life.perform(OperationClass::Change, |_| self.extend_content(len))
    }

    fn sync(&self) -> io::Result<()> {
        let mut begun = false;
        let result = self.life.perform(OperationClass::Change, |_| {
            begun = true;
            self.sync_content()
        });
        if self.life.is_alive() && result.is_err() {
            self.fail_sync(!begun);
        }
        result
    }

    fn try_lock(&self) -> io::Result<bool> {
        self.life.perform(OperationClass::Query, |_| {
            self.may_lock()?;
            let mut node = guard(&self.node);
            let mine = node.holder.as_ref().is_some_and(|(_, handle)| *handle == self.handle);
            if node.is_locked() && !mine || node.is_shared(self.handle) {
                return Ok(false);
            }
            node.sharers.clear();
            node.holder = Some((Arc::clone(&self.life), self.handle));
            Ok(true)
        })
    }

    fn try_lock_shared(&self) -> io::Result<bool> {
        self.life.perform(OperationClass::Query, |_| {
            self.may_lock()?;
            let mut node = guard(&self.node);
            if node.is_locked() {
                return Ok(false);
            }
            node.sharers.push((Arc::clone(&self.life), self.handle));
            Ok(true)
        })
    }

    fn unlock(&self) -> io::Result<()> {
        self.life.perform(OperationClass::Query, |_| {
            self.release_lock();
            Ok(())
        })
    }

    fn is_locked(&self) -> io::Result<bool> {
        self.life.perform(OperationClass::Query, |_| {
            self.may_lock()?;
            Ok(guard(&self.node).is_locked())
        })
    }

    fn map(&self) -> Option<Arc<dyn Mapping>> {
        Some(Arc::new(SimMapping { bytes: Arc::clone(guard(&self.node).content.seen()) }))
    }
}

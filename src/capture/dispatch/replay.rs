//! Replays: the delivery of waiting facts to sinks, and the copying of spilled facts into the log.

use crate::capture::dispatch::dispatcher::Dispatcher;
use crate::capture::dispatch::in_sink::InSink;
use crate::capture::dispatch::replay_options::ReplayOptions;
use crate::capture::dispatch::replay_result::{ReplayBatchResult, ReplayEntry, SinkReplay, Skipped};
use crate::capture::dispatch::replay_sink::Replay;
use crate::capture::dispatch::sink_state::{Identity, SinkState};
use crate::capture::error::{Error, Result};
use crate::capture::result::{DeliveryStatus, PayloadFamily};
use crate::capture::sink::{Sink, SinkRequest};
use crate::store::{LetterState, Position, Seq, SinkCursor, SpillReplay, StreamId, chain, cursor_rows};
use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};

impl Dispatcher {
    /// Syncs the facts that this process has written to the outbox to the disk.
    pub(in crate::capture) fn sync_outbox(&self) -> Result<()> {
        Ok(self.spill.sync()?)
    }

    /// Copies the facts in the outbox into the log.
    pub(in crate::capture) fn replay_outbox(&self) -> Result<SpillReplay> {
        let sinks = self.lock_for_replay()?;
        let replayed =
            self.spill.replay(self.shared.journal.log_dir(), self.shared.options.quarantine.clone())?;
        for stream in self.spill.streams()? {
            for sink in sinks.iter().filter(|sink| !sink.cursors.contains_key(&stream)) {
                // `open` creates the cursor if it could not be created when the facts were spilled.
                SinkCursor::open(self.shared.journal.storage(), &sink.dir, stream, Seq::FIRST)
                    .map_err(|e| Error::Store(e.into()))?;
            }
        }
        Ok(replayed)
    }

    /// Returns the number of facts in the outbox that the log does not contain.
    pub(in crate::capture) fn pending_spill(&self) -> Result<u64> {
        Ok(self.spill.pending(self.shared.journal.log_dir())?)
    }

    /// Offers to each sink the facts that wait for it.
    pub(in crate::capture) fn replay_sinks(&self, options: &ReplayOptions) -> Result<Vec<SinkReplay>> {
        let mut sinks = self.lock_for_replay()?;
        self.shared.journal.flush()?;
        let mut replay = Replay { shared: &self.shared, options, remaining: options.limit };
        let mut reports = Vec::new();
        let Some(others) = &options.sinks else {
            let names = sinks.iter().map(|sink| (sink.name.clone(), sink.dir_name()));
            check_target(options, names.collect())?;
            for sink in sinks.iter_mut().filter(|sink| is_target(options, &sink.name, &sink.dir_name())) {
                reports.push(replay.replay_sink(sink)?);
            }
            return Ok(reports);
        };
        let mut identities = identities(others)?;
        // A target can be the name of a directory, if the name of the sink is not known.
        let cursors = &self.shared.options.cursors;
        let listed = cursor_rows(self.shared.journal.storage().as_ref(), cursors)?;
        for own in &mut identities {
            if options.target.as_ref() == Some(&own.name) && listed.iter().any(|row| row.sink == own.name) {
                own.dir.clone_from(&own.name);
            }
        }
        let names = identities.iter().map(|own| (own.name.clone(), own.dir.clone()));
        check_target(options, names.collect())?;
        for (other, own) in others.iter().zip(identities) {
            if !is_target(options, &own.name, &own.dir) {
                continue;
            }
            // A sink of the session with the same name holds the cursors.
            let dir = cursors.join(&own.dir);
            let report = match sinks.iter_mut().find(|sink| sink.dir == dir) {
                Some(state) => state.with_sink(other, |state| replay.replay_sink(state))?,
                None => {
                    let mut state = SinkState::new(other, cursors)?;
                    state.dir = dir;
                    replay.replay_sink(&mut state)?
                }
            };
            reports.push(report);
        }
        Ok(reports)
    }

    /// Copies the facts in the outbox into the log. Also offers to each sink the facts that wait for this
    /// sink. The sinks receive the facts even if the log cannot append them.
    pub(in crate::capture) fn replay(&self, options: &ReplayOptions) -> Result<ReplayBatchResult> {
        let mut warnings = Vec::new();
        let added = match self.replay_outbox() {
            Ok(replayed) => replayed.added,
            Err(error @ Error::ReplayInSink) => return Err(error),
            Err(error) => {
                warnings.push(format!("facts in the outbox were not added to the log: {}", chain(&error)));
                0
            }
        };
        let sinks = self.replay_sinks(options)?;
        let skipped =
            if options.target.is_none() { self.skipped(options, &sinks)? } else { Skipped::default() };
        match self.dead_letters() {
            Ok(letters) if letters.unreadable > 0 => {
                let path = self.shared.letter_file().path().display().to_string();
                warnings.push(format!("{} lines of {path} cannot be read", letters.unreadable));
            }
            Ok(_) => {}
            Err(error) => warnings.push(format!("dead letters were not read: {}", chain(&error))),
        }
        Ok(ReplayBatchResult::of(sinks, skipped, added, warnings))
    }

    /// Returns skipped entries for the sinks that did not take part in the replay. Each stream with waiting
    /// facts has one entry, and each queued letter has one entry. If another process has locked the cursor of
    /// a stream, the stream is included only if a delivery failed.
    fn skipped(&self, options: &ReplayOptions, sinks: &[SinkReplay]) -> Result<Skipped> {
        let replayed = match &options.sinks {
            Some(others) => identities(others)?,
            None => identities(self.sinks())?,
        };
        let names: BTreeSet<&str> = replayed.iter().map(|own| own.name.as_str()).collect();
        let busy: BTreeSet<StreamId> = sinks.iter().flat_map(|sink| sink.busy.iter().copied()).collect();
        let mut skipped = Skipped::default();
        for pending in self.pending()?.into_iter().filter(|pending| pending.facts > 0) {
            let detail = if !names.contains(pending.sink.as_str()) {
                "no sink with this name takes part in the replay"
            } else if busy.contains(&pending.next.stream) && pending.failures > 0 {
                "another process delivers the facts of this stream"
            } else {
                continue;
            };
            skipped.facts += pending.facts;
            skipped.entries.push(self.skipped_entry(pending.next, pending.sink, detail, pending.failures));
        }
        let letters = self.dead_letters().unwrap_or_default().letters;
        let queued = letters.into_iter().filter(|letter| letter.state == LetterState::Queued);
        for letter in queued.filter(|letter| !names.contains(letter.sink.as_str())) {
            let detail = "no sink with this name takes part in the replay";
            skipped.facts += 1;
            skipped.entries.push(self.skipped_entry(letter.replay_ref, letter.sink, detail, letter.attempts));
        }
        Ok(skipped)
    }

    fn skipped_entry(&self, fact: Position, target: String, detail: &str, attempts: u32) -> ReplayEntry {
        let family = match self.shared.fact(fact) {
            Ok(Some((stamp, captured))) => SinkRequest::new(&captured.fact, stamp).family(),
            _ => PayloadFamily::Record,
        };
        let (status, detail) = (DeliveryStatus::Skipped, detail.to_owned());
        ReplayEntry { replay_ref: fact, family, target, status, detail, attempts }
    }

    /// Locks the sinks. Error: the calling thread executes code of a sink. The sinks are already locked in
    /// this case.
    fn lock_for_replay(&self) -> Result<MutexGuard<'_, Vec<SinkState>>> {
        if InSink::is_entered() { Err(Error::ReplayInSink) } else { Ok(self.lock()) }
    }
}

/// Reads the names of sinks. Error: a name is blank or occurs twice.
fn identities(sinks: &[Arc<dyn Sink>]) -> Result<Vec<Identity>> {
    let mut found: Vec<Identity> = Vec::new();
    for sink in sinks {
        let own = Identity::of(sink)?;
        if found.iter().any(|other| other.dir == own.dir) {
            let what = "has the name of another sink".to_owned();
            return Err(Error::Sink { name: own.name, what });
        }
        found.push(own);
    }
    Ok(found)
}

fn is_target(options: &ReplayOptions, name: &str, dir: &str) -> bool {
    options.target.as_ref().is_none_or(|target| target == name || target == dir)
}

/// Returns an error if the options name a target, and no sink has this name.
fn check_target(options: &ReplayOptions, names: Vec<(String, String)>) -> Result<()> {
    match &options.target {
        Some(target) if !names.iter().any(|(name, dir)| is_target(options, name, dir)) => {
            let sinks = names.into_iter().map(|(name, _)| name).collect();
            Err(Error::ReplayTargetMissing { target: target.clone(), sinks })
        }
        _ => Ok(()),
    }
}

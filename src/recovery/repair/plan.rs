//! The plan of a repair. Planning writes nothing.

use crate::engine::checksum::Digest;
use crate::engine::entry::{Seq, StreamId};
use crate::engine::fault::chain;
use crate::engine::progress::Progress;
use crate::engine::repair::{
    RepairPlan as LogPlan, RepairSite, RepairStep, Unrepaired, plan_repair as plan_log,
};
use crate::engine::storage::Storage;
use crate::engine::verify::{KnownEnd, LogCheck, LogReport, verify_log};
use crate::projections::DOMAIN;
use crate::projections::entry::Captured;
use crate::recovery::error::Result;
use crate::recovery::known::{Known, KnownFile, KnownState};
use crate::recovery::repair::bodies::{BodyAction, BodyRepair, BodyState, examine_bodies};
use crate::recovery::repair::source::{Copies, RepairSource};
use crate::recovery::repair::streams::{Comparison, StreamHeal, healed_streams};
use crate::recovery::workspace_dirs::WorkspaceDirs;
use crate::store::{Note, Severity, Store};
use std::sync::Arc;

/// The workspace of a repair, and the choices of the user.
#[derive(Debug)]
pub(crate) struct RepairRequest<'a> {
    pub(crate) storage: &'a Arc<dyn Storage>,
    pub(crate) dirs: &'a WorkspaceDirs,
    pub(crate) store: &'a Store,
    /// The source of intact copies.
    pub(crate) source: Option<RepairSource>,
    /// `true` to forget known streams and bodies that are gone.
    pub(crate) forget: bool,
}

/// A known stream or body that is gone, and that the repair forgets. Later checks do not report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Forgotten {
    /// A stream that is gone, is shorter than before, or contains other entries.
    Stream {
        /// The stream.
        stream: StreamId,
        /// The last entry that an earlier read has seen.
        last: Seq,
    },
    /// A body to which no readable entry refers.
    Body {
        /// The digest that names the body.
        digest: Digest,
    },
}

/// The plan of a repair. A plan is applied only if the workspace and the source are unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "a plan changes nothing until it is applied"]
pub struct RepairPlan {
    /// The digest of the plan without the steps for tables. Equal plans have equal fingerprints.
    pub fingerprint: Digest,
    /// The description of the source; `None` if the repair uses no source.
    pub source: Option<String>,
    /// The streams that the source heals. They are healed before the steps are applied. The plan contains no
    /// steps for streams that are healed completely.
    pub heals: Vec<StreamHeal>,
    /// The damaged streams whose copies in the source cannot be read. The repair does not change these streams, records
    /// no loss of their entries, and does not forget them. A later repair may be able to read the copies.
    pub unread: Vec<StreamId>,
    /// The steps that remove the remaining damage of the log and of the tables.
    pub steps: Vec<RepairStep>,
    /// The damage that stays, and the streams that are not changed, for example because a process writes to them.
    pub unrepaired: Vec<Unrepaired>,
    /// The damaged and missing bodies, with the action for each.
    pub bodies: Vec<BodyRepair>,
    /// The known streams and bodies that are forgotten.
    pub forgets: Vec<Forgotten>,
    /// Notes about copies that are not used, and about bodies that cannot be read.
    pub notes: Vec<Note>,
}

impl RepairPlan {
    /// Returns `true` if the plan changes nothing. The workspace may nevertheless have damage that stays.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let is_idle = |body: &BodyRepair| body.action == BodyAction::None;
        self.heals.is_empty()
            && self.steps.is_empty()
            && self.forgets.is_empty()
            && self.bodies.iter().all(is_idle)
    }

    /// Returns the digest of the plan without the steps for tables. Tables are derived from the log, and any process can
    /// replace them at any time.
    fn compute_fingerprint(&self) -> Digest {
        let RepairPlan { source, heals, unread, unrepaired, bodies, forgets, .. } = self;
        let steps: Vec<&RepairStep> = self.steps.iter().filter(|step| step.stream.is_some()).collect();
        let text = format!("{source:?} {heals:?} {unread:?} {steps:?} {unrepaired:?} {bodies:?} {forgets:?}");
        Digest::of(text.as_bytes())
    }
}

impl RepairRequest<'_> {
    /// Returns access to the file of the known streams and bodies.
    pub(super) fn known(&self) -> KnownFile {
        KnownFile::of(self.storage, &self.dirs.root)
    }

    pub(super) fn site(&self) -> RepairSite {
        RepairSite::new(DOMAIN, &self.dirs.log, &self.dirs.projections, &self.dirs.quarantine)
    }

    pub(super) fn copies(&self) -> Result<Option<Copies>> {
        self.source.as_ref().map(|source| source.open(self.storage, self.dirs)).transpose()
    }
}

/// Plans the repair of a workspace. Changes nothing.
///
/// Cost: reads the log about three times, every body once, and a damaged stream and its copy about three times. Errors: a
/// directory cannot be listed, a stream belongs to another program, or the source cannot be used.
pub(crate) fn plan_repair(request: &RepairRequest<'_>, progress: Progress<'_>) -> Result<RepairPlan> {
    let (storage, log) = (request.storage, request.dirs.log.as_path());
    let state = request.known().load()?;
    let mut known = state.clone().into_known();
    // Damaged tables are no evidence of streams.
    for (stream, seq) in request.store.gone_streams().unwrap_or_default() {
        if seq > Seq(0) {
            known.see_stream(KnownEnd { stream, seq, link: None });
        }
    }
    let check = LogCheck {
        known: known.all_ends().collect(),
        progress,
        problems_max: usize::MAX,
        ..LogCheck::default()
    };
    let found = verify_log::<Captured>(storage, log, DOMAIN, &check)?;
    let copies = request.copies()?;
    let Comparison { heals, unread, mut notes } = match &copies {
        Some(copies) => healed_streams(storage.as_ref(), log, &found, &state, copies)?,
        None => Comparison::default(),
    };
    if let KnownState::Damaged(reason) = &state {
        let message = format!("the file of the known streams and bodies is damaged: {reason}");
        notes.push(Note::new(Severity::Warning, "known_unusable", message));
    }
    let planned = plan_log_without(request, &unread)?;
    let is_whole = |stream: StreamId| heals.iter().any(|heal| heal.stream == stream && heal.missing == 0);
    let mut steps = planned.steps;
    steps.retain(|step| !step.stream.is_some_and(is_whole));
    let mut unrepaired = planned.unrepaired;
    unrepaired.retain(|left| !is_whole(left.stream()) || matches!(left, Unrepaired::Held { .. }));
    let (bodies, more) = examine_bodies(request.store, &known, copies.as_ref().map(|copies| &copies.bodies))?;
    notes.extend(more);
    let is_kept = |stream: StreamId| is_whole(stream) || unread.contains(&stream);
    let forgets = if request.forget { forgets(&known, &found, &bodies, is_kept) } else { Vec::new() };
    let source = copies.map(|copies| copies.name);
    let empty = Digest([0; 32]);
    let mut plan =
        RepairPlan { fingerprint: empty, source, heals, unread, steps, unrepaired, bodies, forgets, notes };
    plan.fingerprint = plan.compute_fingerprint();
    Ok(plan)
}

/// Plans the repair of the log without the streams in `unread`.
pub(super) fn plan_log_without(request: &RepairRequest<'_>, unread: &[StreamId]) -> Result<LogPlan> {
    let mut planned = plan_log(request.storage, &request.site())?;
    planned.steps.retain(|step| !step.stream.is_some_and(|stream| unread.contains(&stream)));
    planned.unrepaired.retain(|left| !unread.contains(&left.stream()));
    Ok(planned)
}

/// Returns the known streams and bodies that the repair forgets. A stream is forgotten if it is gone, shorter
/// or different, and is not healed. A body is forgotten if it is gone.
fn forgets(
    known: &Known,
    found: &LogReport,
    bodies: &[BodyRepair],
    is_healed: impl Fn(StreamId) -> bool,
) -> Vec<Forgotten> {
    let reaches = |stream: StreamId, last: Seq| {
        let differs = |code: &str| matches!(code, "head_differs" | "stream_missing" | "entries_missing");
        let is_refuted =
            found.problems.iter().any(|problem| problem.stream == Some(stream) && differs(problem.code));
        found.streams.iter().any(|report| report.stream == stream && report.last >= last) && !is_refuted
    };
    // A stream that could not be read may still exist.
    let is_unread = |stream: StreamId| {
        let is_known = found.streams.iter().any(|report| report.stream == stream);
        let is_missing = found
            .problems
            .iter()
            .any(|problem| problem.stream == Some(stream) && problem.code == "stream_missing");
        !is_known && !is_missing
    };
    let streams = known
        .ends()
        .filter(|end| !reaches(end.stream, end.seq) && !is_healed(end.stream) && !is_unread(end.stream))
        .map(|end| Forgotten::Stream { stream: end.stream, last: end.seq });
    let is_gone = |body: &&BodyRepair| {
        !body.is_referenced && body.state == BodyState::Missing && body.action == BodyAction::None
    };
    let bodies = bodies.iter().filter(is_gone).map(|body| Forgotten::Body { digest: body.digest });
    streams.chain(bodies).collect()
}

/// Returns a note which states that a part of a repair failed.
pub(super) fn failed(code: &'static str, what: &str, e: &dyn std::error::Error) -> Note {
    Note::new(Severity::Error, code, format!("{what}: {}", chain(e)))
}

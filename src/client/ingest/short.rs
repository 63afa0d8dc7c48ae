//! Short lines (docs/INGEST.md): each member that names a fact is recorded in the run or stage that the line belongs to.

use crate::capture::{
    self, AnyScope, ArtifactRegistration, ArtifactRole, Emission, EventEmission, IngestMode, MetricEmission,
    RunScope, ScopeSpec, Session, SpanEmission, StageScope,
};
use crate::client::ingest::members::LineMembers;
use crate::client::ingest::problem::Refusal;
use crate::client::ingest::runs::Runs;
use crate::contract::{EventLevel, RunRef, RunStatus, Timestamp, Value};

/// The values of the members `start` and `end`. The members of the same names contain the names of the run and the stage.
const RUN: &str = "run";
const STAGE: &str = "stage";
/// The kind of an artifact whose line names no kind.
const FILE: &str = "file";

/// The members that record something in a run or stage.
const RECORDED: [&str; 8] = ["param", "params", "metric", "metrics", "event", "span", "artifact", "end"];

/// Returns `true` if the line has members that record something.
pub(super) fn records_more(line: &LineMembers) -> bool {
    RECORDED.iter().any(|member| line.has(member))
}

/// Records a short line. Adds the run that the line starts to `started`, and the members that cannot be recorded to the
/// refused members of the line. `now` is the time at which a span without an end has ended. Errors: nothing more of the
/// line can be recorded, because it belongs to no open run, or because the run that it names cannot be started.
pub(super) fn record(
    line: &mut LineMembers,
    runs: &mut Runs,
    session: &Session,
    now: Timestamp,
    started: &mut Vec<(String, RunRef)>,
) -> Result<(), Refusal> {
    if !line.has("start") && RECORDED.iter().all(|member| !line.has(member)) {
        let message = "the line has no member that can be recorded";
        return Err(Refusal::new("ingest_nothing_to_record", message)
            .hint(r#"such as {"metric":"loss","value":0.5,"step":1}; docs/INGEST.md lists all lines"#));
    }
    let is_outside = line.has(STAGE);
    let run = line.text(RUN);
    let stage = line.text(STAGE);
    let is_outside = is_outside && stage.is_none();
    match line.text("start").as_deref() {
        Some(RUN) => started.push(start_run(line, runs, session, run.as_deref())?),
        Some(STAGE) => {
            runs.get(run.as_deref())?;
            let started = start_stage(line, runs, run.as_deref(), stage.as_deref());
            keep(line, started);
        }
        Some(other) => line.refused.push(not_a_scope("start", other)),
        None => {}
    }
    let end = line.text("end");
    if let Some(other) = end.as_deref().filter(|end| ![RUN, STAGE].contains(end)) {
        line.refused.push(not_a_scope("end", other));
    }
    let open = runs.get(run.as_deref())?;
    for (key, value) in line.params() {
        keep(line, open.scope.param(&key, value));
    }
    let mut has_scope = true;
    if ["metric", "metrics", "event", "span", "artifact"].iter().any(|member| line.has(member)) {
        match open.scope_for(stage.as_deref(), is_outside) {
            Ok(scope) => records(line, &scope, now),
            Err(refusal) => {
                line.refused.push(refusal);
                has_scope = false;
            }
        }
    }
    match end.as_deref() {
        Some(STAGE) => {
            let how = How::take(line);
            let ended = open.end_stage(stage.as_deref(), |stage| how.end_stage(stage));
            keep(line, ended);
        }
        Some(RUN) => {
            let how = How::take(line);
            let ended = runs.end(run.as_deref(), |run| how.end_run(run));
            keep(line, ended);
        }
        _ => {}
    }
    if !has_scope {
        line.discard_rest();
    }
    Ok(())
}

fn not_a_scope(member: &str, text: &str) -> Refusal {
    Refusal::invalid(member, format!("is {text:?}; expected \"run\" or \"stage\""))
}

/// Adds an error to the refused members of the line.
fn keep<T, E: Into<Refusal>>(line: &mut LineMembers, recorded: Result<T, E>) {
    if let Err(e) = recorded {
        line.refused.push(e.into());
    }
}

/// Captures a record. If the capture fails, or if a degraded marker replaces the record, adds an error to the
/// refused members of the line.
fn emit(line: &mut LineMembers, scope: &AnyScope, emission: impl Into<Emission>) {
    let recorded = scope.emit(emission).map_err(Refusal::from).and_then(|result| {
        match result.error_message().filter(|_| result.record_type().is_none()) {
            Some(message) => Err(Refusal::new("ingest_record_left_out", message)),
            None => Ok(()),
        }
    });
    keep(line, recorded);
}

fn start_run(
    line: &mut LineMembers,
    runs: &mut Runs,
    session: &Session,
    name: Option<&str>,
) -> Result<(String, RunRef), Refusal> {
    let example = r#"such as {"start":"run","run":"NAME"}"#;
    let Some(name) = name else {
        return Err(Refusal::invalid(RUN, "with the name of the new run is missing").hint(example));
    };
    runs.check_free(name)?;
    let session = match line.text("project") {
        Some(project) => runs.session(session, &project)?,
        None => session.clone(),
    };
    let mut run = session.run(name);
    if let Some(id) = line.text("id") {
        run = run.run_id(&id);
    }
    if let Some(text) = line.text("description") {
        run = run.description(&text);
    }
    if let Some(revision) = line.text("revision") {
        run = run.code_revision(&revision);
    }
    if let Some(dataset) = line.text("dataset") {
        run = run.dataset_ref(&dataset);
    }
    if let Some(command) = line.text("command") {
        run = run.command(&command);
    }
    for (key, text) in line.texts("tags") {
        run = run.tag(&key, &text);
    }
    for (key, value) in line.object("metadata") {
        run = run.metadata(&key, value);
    }
    for (name, version) in line.texts("packages") {
        run = run.package(&name, &version);
    }
    if let Some((name, version)) = line.texts("runtime").pop_first() {
        run = run.runtime(&name, &version);
    }
    let scope = run.start()?;
    let started = (name.to_owned(), scope.run_ref().clone());
    runs.add(name, scope);
    Ok(started)
}

fn start_stage(
    line: &mut LineMembers,
    runs: &mut Runs,
    run: Option<&str>,
    name: Option<&str>,
) -> Result<(), Refusal> {
    let Some(name) = name else {
        let example = r#"such as {"start":"stage","stage":"NAME"}"#;
        return Err(Refusal::invalid(STAGE, "with the name of the new stage is missing").hint(example));
    };
    let open = runs.get(run)?;
    let mut spec = ScopeSpec::new(name);
    for (key, value) in line.object("metadata") {
        spec = spec.metadata(&key, value);
    }
    open.start_stage(name.to_owned(), |run| run.stage(spec))
}

/// Records metrics, an event, a span and an artifact.
fn records(line: &mut LineMembers, scope: &AnyScope, now: Timestamp) {
    let metrics = line.metrics();
    let (event, span) = (line.text("event"), line.text("span"));
    let tags = match metrics.is_empty() && event.is_none() {
        true => Default::default(),
        false => line.texts("tags"),
    };
    let artifact = line.text("artifact");
    let step = match metrics.is_empty() && artifact.is_none() {
        true => None,
        false => line.integer("step"),
    };
    if !metrics.is_empty() {
        let unit = line.text("unit");
        for (key, value) in metrics {
            let metric = MetricEmission { step, unit: unit.clone(), ..MetricEmission::new(key, value) };
            emit(line, scope, MetricEmission { tags: tags.clone(), ..metric });
        }
    }
    let attributes = match event.is_some() || span.is_some() || artifact.is_some() {
        true => line.object("attributes"),
        false => Default::default(),
    };
    if let Some(key) = event {
        let message = line.text("message").unwrap_or_else(|| key.clone());
        let level = level(line).unwrap_or(EventLevel::Info);
        let event =
            EventEmission { attributes: attributes.clone(), tags, level, ..EventEmission::new(key, message) };
        emit(line, scope, event);
    }
    if let Some(name) = span {
        let mut span = SpanEmission { attributes: attributes.clone(), ..SpanEmission::new(name) };
        let seconds = line.seconds("seconds");
        span.ended_at = line.time("ended_at");
        let start = seconds.and_then(|seconds| before(span.ended_at.unwrap_or(now), seconds));
        span.started_at = line.time("started_at").or(start);
        span.status = line.word("status").unwrap_or(span.status);
        if artifact.is_none() {
            span.span_kind = line.word("kind").unwrap_or(span.span_kind);
        }
        emit(line, scope, span);
    }
    if let Some(path) = artifact {
        let kind = line.text("kind").unwrap_or_else(|| FILE.to_owned());
        let mut file = ArtifactRegistration { attributes, step, ..ArtifactRegistration::output(&kind, path) };
        // The file belongs to the program that writes the lines, so a default mode that removes files does not apply.
        file.ingest_mode = Some(IngestMode::Copy);
        file.key = line.text("key");
        file.role = line.word::<ArtifactRole>("role").unwrap_or(file.role);
        keep(line, scope.register(file).and_then(|registered| registered.check_stored()));
    }
}

/// Takes the level of an event. The names of other logging libraries are accepted.
fn level(line: &mut LineMembers) -> Option<EventLevel> {
    let text = line.text("level")?;
    match text.to_ascii_lowercase().as_str() {
        "warn" => return Some(EventLevel::Warning),
        "trace" => return Some(EventLevel::Debug),
        "fatal" => return Some(EventLevel::Critical),
        word => match word.parse() {
            Ok(level) => return Some(level),
            Err(e) => {
                let e: crate::contract::ContractError = e;
                line.refused.push(Refusal::invalid("level", format!("cannot be used: {}", e.message)));
            }
        },
    }
    None
}

fn before(end: Timestamp, seconds: f64) -> Option<Timestamp> {
    Timestamp::from_micros(end.micros().saturating_sub((seconds * 1e6) as i64))
}

/// The way in which a run or stage ends.
struct How {
    status: RunStatus,
    message: Option<String>,
}

impl How {
    fn take(line: &mut LineMembers) -> How {
        let message = line.text("message");
        let status = match line.take("status") {
            None if message.is_some() => RunStatus::Failed,
            None => RunStatus::Completed,
            Some(Value::Text(text)) if text == "cancelled" => RunStatus::Cancelled,
            Some(Value::Text(text)) if text == "failed" => RunStatus::Failed,
            Some(Value::Text(text)) if text == "completed" => RunStatus::Completed,
            Some(_) => {
                // The end is recorded in any case. A run with an unknown status did not end as expected.
                let what =
                    "is none of \"completed\", \"failed\" and \"cancelled\"; the end is recorded as failed";
                line.refused.push(Refusal::invalid("status", what));
                RunStatus::Failed
            }
        };
        How { status, message }
    }

    fn end_run(&self, run: &RunScope) -> capture::Result<()> {
        match self.status {
            RunStatus::Completed => run.complete(),
            RunStatus::Cancelled => run.cancel(),
            _ => run.fail(self.message.as_deref().unwrap_or_default()),
        }
        .map(drop)
    }

    fn end_stage(&self, stage: &StageScope) -> capture::Result<()> {
        match self.status {
            RunStatus::Completed => stage.complete(),
            RunStatus::Cancelled => stage.cancel(),
            _ => stage.fail(self.message.as_deref().unwrap_or_default()),
        }
        .map(drop)
    }
}

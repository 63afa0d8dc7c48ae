//! Projects, runs, stages, environments.
//!
//! A thing is the sum of its facts. An attribute's value is what no other version replaces, then the one with
//! the highest stamp; a closed status beats an open one; of times of beginning the first counts, of ending the last. Where
//! the versions that remain disagree, the attribute is named in the row's conflicts.

use crate::contract::json::read;
use crate::contract::rules::minor_of;
use crate::contract::{
    EnvironmentSnapshot, Object, ObjectKind, ProjectRef, RunRef, RunStatus, StableRef, StageRef, Timestamp,
    Value,
};
use crate::engine::entry::Stamp;
use crate::engine::projection::{KeyVersions, Version, current};
use crate::projections::metadata::{IMPORTED_MARK, PARAM_PREFIX, TAG_PREFIX};
use crate::projections::tables::{FACTS, RUN_NAMES};
use crate::projections::{keys, tables};
use crate::store::error::{Error, Result};
use crate::store::view::StoreView;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What was said of one thing, attribute by attribute.
#[derive(Debug, Default)]
pub(super) struct Said(BTreeMap<String, Vec<Version>>);

fn is_imported(version: &Version) -> bool {
    version.value.first() == Some(&IMPORTED_MARK)
}

impl Said {
    pub(super) fn add(&mut self, name: &str, versions: Vec<Version>) {
        self.0.insert(name.to_owned(), versions);
    }

    /// The attributes as they stand; `None`: a version is malformed.
    ///
    /// An import says all there is to say of a thing: what it replaces is gone, attributes that it does not name as well.
    pub(super) fn settle(self) -> Option<Attributes> {
        let gone: HashSet<Stamp> = self
            .0
            .values()
            .flatten()
            .filter(|version| is_imported(version))
            .flat_map(|version| version.replaces.iter().copied())
            .collect();
        let mut attributes = Attributes::default();
        for (name, mut versions) in self.0 {
            versions.retain(|version| !gone.contains(&version.stamp));
            if !versions.is_empty() {
                attributes.add(&name, versions)?;
            }
        }
        Some(attributes)
    }

    /// The stamps of all that stands.
    pub(super) fn stamps(self) -> Vec<Stamp> {
        let imported = self.0.values().flatten().filter(|version| is_imported(version));
        let gone: HashSet<Stamp> = imported.flat_map(|version| version.replaces.iter().copied()).collect();
        let standing = self.0.into_values().filter_map(current);
        let stamps =
            standing.flat_map(|c| c.rivals.into_iter().chain([c.version])).map(|version| version.stamp);
        stamps.filter(|stamp| !gone.contains(stamp)).collect()
    }
}

/// The attributes of one thing as they stand.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Attributes {
    values: BTreeMap<String, Value>,
    /// Attributes about which the facts disagree.
    pub conflicts: Vec<String>,
}

impl Attributes {
    /// All attributes by name.
    pub(super) fn values(&self) -> &BTreeMap<String, Value> {
        &self.values
    }

    /// Takes the versions of one attribute; `None`: one of them is malformed.
    fn add(&mut self, name: &str, versions: Vec<Version>) -> Option<()> {
        let read = |v: &Version| std::str::from_utf8(&v.value).ok().and_then(|t| read::parse(t).ok());
        let chosen = current(versions)?;
        // The newest first, and what was captured here before what an import said.
        let mut standing: Vec<&Version> =
            [&chosen.version].into_iter().chain(chosen.rivals.iter().rev()).collect();
        standing.sort_by_key(|version| is_imported(version));
        // What differs. A thousand processes may have said the same of one thing.
        let mut seen: HashSet<&[u8]> = HashSet::new();
        let mut distinct: Vec<Value> = Vec::new();
        let mut captured = 0;
        for version in standing {
            if seen.insert(version.value.strip_prefix(&[IMPORTED_MARK]).unwrap_or(&version.value)) {
                distinct.push(read(version)?);
                captured += usize::from(!is_imported(version));
            }
        }
        // Of what several processes captured, the rules below pick; an import changes nothing of it, but is named.
        if captured > 0 && captured < distinct.len() && name != "schema_version" {
            self.conflicts.push(name.to_owned());
            distinct.truncate(captured);
        }
        if name == "status" || name == "ended_at" {
            // An open status says only that no end was known then.
            let open = Value::text(RunStatus::Open);
            if distinct.iter().any(|value| *value != open) {
                distinct.retain(|value| *value != open);
            }
        }
        // Several processes may speak of one thing: it began when the first of them did, and ended when the last did.
        if matches!(name, "created_at" | "started_at" | "ended_at") {
            let times = distinct.iter().filter_map(|v| v.as_str()?.parse::<Timestamp>().ok());
            let time = if name == "ended_at" { times.max() } else { times.min() };
            self.values.insert(name.to_owned(), Value::text(time?));
            return Some(());
        }
        // Builds of several versions may speak of one thing: what any of them said can be read as the newest does.
        if name == "schema_version" {
            let minor = |v: &Value| v.as_str().and_then(minor_of);
            distinct.sort_by_key(|v| std::cmp::Reverse(minor(v)));
            distinct.truncate(1);
        }
        if distinct.len() > 1 && self.conflicts.last().is_none_or(|last| last != name) {
            self.conflicts.push(name.to_owned());
        }
        self.values.insert(name.to_owned(), distinct.into_iter().next()?);
        Some(())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.values.get(name)?.as_str().map(str::to_owned)
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        self.values.get(name)?.as_str()?.parse().ok()
    }

    fn with_prefix(&self, prefix: &str) -> BTreeMap<String, Value> {
        let named =
            |(name, value): (&String, &Value)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone()));
        self.values.iter().filter_map(named).collect()
    }

    fn tags(&self) -> BTreeMap<String, String> {
        let text = |(name, value): (String, Value)| Some((name, value.as_str()?.to_owned()));
        self.with_prefix(TAG_PREFIX).into_iter().filter_map(text).collect()
    }

    fn status(&self) -> RunStatus {
        self.text("status").and_then(|s| s.parse().ok()).unwrap_or(RunStatus::Open)
    }
}

/// A project.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectRow {
    /// Its ref.
    pub project_ref: ProjectRef,
    /// Its name; the last component of its ref if it was never said.
    pub name: String,
    /// When it was first heard of.
    pub created_at: Option<Timestamp>,
    /// In words.
    pub description: Option<String>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// Attributes about which the facts disagree.
    pub conflicts: Vec<String>,
}

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    /// Its ref.
    pub run_ref: RunRef,
    /// Its project.
    pub project_ref: ProjectRef,
    /// The project's name.
    pub project_name: String,
    /// Its name; the last component of its ref if its start is not in the log.
    pub name: String,
    /// How far it has come.
    pub status: RunStatus,
    /// When it began; `None`: its start is not in the log.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// In words.
    pub description: Option<String>,
    /// Hyper-parameters.
    pub params: BTreeMap<String, Value>,
    /// Labels.
    pub tags: BTreeMap<String, String>,
    /// The revision of the code.
    pub code_revision: Option<String>,
    /// What it was trained on.
    pub dataset_ref: Option<String>,
    /// The command line.
    pub command: Option<String>,
    /// Attributes about which the facts disagree.
    pub conflicts: Vec<String>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq)]
pub struct StageRow {
    /// Its ref.
    pub stage_ref: StageRef,
    /// Its name: the last component of its ref.
    pub name: String,
    /// How far it has come.
    pub status: RunStatus,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Its place among the stages of the run.
    pub order_index: Option<u64>,
    /// Attributes about which the facts disagree.
    pub conflicts: Vec<String>,
}

/// An environment snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentRow {
    /// The snapshot.
    pub snapshot: EnvironmentSnapshot,
}

impl StoreView<'_> {
    /// The attributes of everything whose ref begins with `prefix`, by ref.
    fn things(&self, prefix: &[u8]) -> Result<BTreeMap<StableRef, Attributes>> {
        let mut things: BTreeMap<StableRef, Said> = BTreeMap::new();
        let mut malformed = false;
        for fact in self.view.versions(FACTS, prefix)? {
            let KeyVersions { key, versions, .. } = fact?;
            let parts = keys::split::<2>(&key);
            match parts.and_then(|[subject, name]| Some((StableRef::parse(subject).ok()?, name))) {
                Some((subject, name)) => things.entry(subject).or_default().add(name, versions),
                None => malformed = true,
            }
        }
        let settled = things.into_iter().map(|(subject, said)| Some((subject, said.settle()?)));
        match settled.collect::<Option<BTreeMap<StableRef, Attributes>>>() {
            Some(things) if !malformed => Ok(things),
            _ => Err(self.broken_row(FACTS.name)),
        }
    }

    /// What was said of one thing.
    pub(super) fn said(&self, own: &StableRef) -> Result<Said> {
        let mut said = Said::default();
        let mut malformed = false;
        for fact in self.view.versions(FACTS, &keys::attributes_of(own))? {
            let KeyVersions { key, versions, .. } = fact?;
            match keys::split::<2>(&key) {
                Some([_, name]) => said.add(name, versions),
                None => malformed = true,
            }
        }
        if malformed { Err(self.broken_row(FACTS.name)) } else { Ok(said) }
    }

    /// All projects, by ref; also those known only by their runs.
    pub fn projects(&self) -> Result<Vec<ProjectRow>> {
        let mut rows = BTreeMap::new();
        for (subject, attributes) in self.things(b"project:")? {
            let Ok(project_ref) = ProjectRef::try_from(subject) else { continue };
            rows.insert(project_ref.clone(), project_row(project_ref, &attributes));
        }
        for run in self.run_refs(b"run:")? {
            if let Some(project_ref) = project_of(&run) {
                rows.entry(project_ref.clone())
                    .or_insert_with(|| project_row(project_ref, &Attributes::default()));
            }
        }
        Ok(rows.into_values().collect())
    }

    /// The project with this ref or name.
    pub fn find_project(&self, asked: &str) -> Result<ProjectRef> {
        let projects = self.projects()?;
        let found = projects.iter().find(|p| p.project_ref.as_str() == asked || p.name == asked);
        let found = found.or_else(|| projects.iter().find(|p| p.project_ref.value() == asked));
        found.map(|p| p.project_ref.clone()).ok_or_else(|| Error::ProjectNotFound { asked: asked.to_owned() })
    }

    /// Whether anything was said or measured about a run.
    pub(super) fn knows_run(&self, run: &RunRef) -> Result<bool> {
        Ok(self.run_refs(&keys::attributes_of(run))?.contains(run))
    }

    /// The runs that something was measured in and nothing was said about.
    pub(super) fn runs_without_facts(&self) -> Result<Vec<RunRef>> {
        let mut runs = Vec::new();
        for run in self.run_refs(b"run:")? {
            let first = self.view.rows(FACTS, &keys::attributes_of(&run))?.next().transpose()?;
            if first.is_none() {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// The refs of all runs that anything was said or measured about.
    pub(super) fn run_refs(&self, prefix: &[u8]) -> Result<BTreeSet<RunRef>> {
        let mut refs = BTreeSet::new();
        let mut add = |key: &[u8]| {
            let text = key.split(|b| *b == 0).next().and_then(|t| std::str::from_utf8(t).ok());
            refs.extend(text.and_then(|t| RunRef::parse(t).ok()));
        };
        for table in [FACTS, tables::SUMMARIES, tables::RECORDS] {
            // From one run on, skip to the next: no need to look at every row.
            let mut from = prefix.to_vec();
            while let Some(row) = self.view.rows_from(table, prefix, &from)?.next().transpose()? {
                let key = row.key();
                add(key);
                let end = key.iter().position(|b| *b == 0).unwrap_or(key.len());
                match key.get(..end) {
                    Some(run) => from = [run, &[1]].concat(),
                    None => break,
                }
            }
        }
        Ok(refs)
    }

    /// All runs, or those of a project, by project, start and ref.
    pub fn runs(&self, project: Option<&ProjectRef>) -> Result<Vec<RunRow>> {
        let prefix = project.map_or_else(|| b"run:".to_vec(), |p| keys::under("run", p));
        self.run_rows(&prefix)
    }

    fn run_rows(&self, prefix: &[u8]) -> Result<Vec<RunRow>> {
        let mut names: BTreeMap<ProjectRef, String> = BTreeMap::new();
        let mut things = self.things(prefix)?;
        let mut rows = Vec::new();
        for run_ref in self.run_refs(prefix)? {
            let Some(project_ref) = project_of(&run_ref) else { continue };
            let attributes = things.remove(&*run_ref).unwrap_or_default();
            let name = match names.get(&project_ref) {
                Some(name) => name.clone(),
                None => {
                    let name = self.project_name(&project_ref)?;
                    names.entry(project_ref.clone()).or_insert(name).clone()
                }
            };
            rows.push(run_row(run_ref, project_ref, name, attributes));
        }
        rows.sort_by(in_listing_order);
        Ok(rows)
    }

    /// The current attributes of one thing; none if no fact is about it.
    fn attributes(&self, own: &StableRef) -> Result<Attributes> {
        self.said(own)?.settle().ok_or_else(|| self.broken_row(FACTS.name))
    }

    /// The name of a project; the last component of its ref if no fact gives it one.
    fn project_name(&self, project: &ProjectRef) -> Result<String> {
        Ok(self.attributes(project)?.text("name").unwrap_or_else(|| project.value().to_owned()))
    }

    /// One run. Reads the rows of this run and of its project only.
    pub fn run(&self, run: &RunRef) -> Result<Option<RunRow>> {
        let Some(project_ref) = project_of(run) else { return Ok(None) };
        if !self.knows_run(run)? {
            return Ok(None);
        }
        let project_name = self.project_name(&project_ref)?;
        Ok(Some(run_row(run.clone(), project_ref, project_name, self.attributes(run)?)))
    }

    /// The runs whose name or last component of the ref is, or was once, `text`, in the order of [`StoreView::runs`].
    fn runs_called(&self, text: &str) -> Result<Vec<RunRow>> {
        let prefix = keys::runs_named(text);
        let mut refs = BTreeSet::new();
        for row in self.view.keys(RUN_NAMES, &prefix)? {
            let row = row?;
            let run = row.key().get(prefix.len()..).and_then(|run| std::str::from_utf8(run).ok());
            // A name with a zero byte in it may begin like this one.
            refs.extend(run.and_then(|run| RunRef::parse(run).ok()));
        }
        // The value of a ref, without its kind.
        refs.extend(RunRef::of(text));
        let rows = refs.iter().filter_map(|run| self.run(run).transpose());
        let mut rows = rows.collect::<Result<Vec<RunRow>>>()?;
        rows.sort_by(in_listing_order);
        Ok(rows)
    }

    /// The run that `asked` means: a full ref, an id (the last component of the ref), or a name that only one run has.
    pub fn find_run(&self, asked: &str) -> Result<RunRow> {
        let asked = crate::contract::rules::trim(asked);
        if asked.contains(':') {
            let run = RunRef::parse(asked)?;
            return match self.run(&run)? {
                Some(row) => Ok(row),
                None => Err(self.not_found(asked)?),
            };
        }
        let rows = self.runs_called(asked)?;
        for matches in [
            (|row: &RunRow, asked: &str| row.run_ref.last_component() == asked) as fn(&RunRow, &str) -> bool,
            |row, asked| row.run_ref.value() == asked,
            |row, asked| row.name == asked,
        ] {
            let mut found: Vec<&RunRow> = rows.iter().filter(|row| matches(row, asked)).collect();
            match (found.pop(), found.is_empty()) {
                (Some(row), true) => return Ok(row.clone()),
                (Some(row), false) => {
                    let all = found.into_iter().chain([row]).map(|r| r.run_ref.to_string()).collect();
                    return Err(Error::RunAmbiguous { asked: asked.to_owned(), candidates: all });
                }
                (None, _) => {}
            }
        }
        Err(self.not_found(asked)?)
    }

    fn not_found(&self, asked: &str) -> Result<Error> {
        let id = asked.rsplit(['.', ':']).next().unwrap_or(asked).to_lowercase();
        let similar = |row: &RunRow| {
            let own = row.run_ref.last_component();
            !id.is_empty() && (own.contains(&id) || id.contains(own) || row.name.to_lowercase().contains(&id))
        };
        let rows = self.runs(None)?;
        let near = rows.iter().filter(|r| similar(r)).take(3).map(|r| r.run_ref.to_string()).collect();
        Ok(Error::RunNotFound { asked: asked.to_owned(), near })
    }

    /// The stages of a run, by order index (those without one last), start and ref.
    pub fn stages(&self, run: &RunRef) -> Result<Vec<StageRow>> {
        let mut rows = Vec::new();
        for (subject, attributes) in self.things(&keys::under("stage", run))? {
            let Ok(stage_ref) = StageRef::try_from(subject) else { continue };
            rows.push(StageRow {
                name: stage_ref.last_component().to_owned(),
                stage_ref,
                status: attributes.status(),
                started_at: attributes.time("started_at"),
                ended_at: attributes.time("ended_at"),
                order_index: match attributes.values.get("order_index") {
                    Some(Value::Int(n)) => u64::try_from(*n).ok(),
                    _ => None,
                },
                conflicts: attributes.conflicts,
            });
        }
        rows.sort_by(|a, b| {
            let key = |s: &StageRow| (s.order_index.unwrap_or(u64::MAX), s.started_at);
            (key(a), &a.stage_ref).cmp(&(key(b), &b.stage_ref))
        });
        Ok(rows)
    }

    /// The environment snapshots of a run, by time and ref.
    pub fn environments(&self, run: &RunRef) -> Result<Vec<EnvironmentRow>> {
        let mut rows = Vec::new();
        let prefix = keys::under("environment", run);
        self.objects(ObjectKind::Environment, &String::from_utf8_lossy(&prefix), |item| {
            if let Ok(Object::Environment(e)) = item {
                rows.push(EnvironmentRow { snapshot: e.into_inner() });
            }
            Ok(true)
        })?;
        rows.sort_by_key(|e| e.snapshot.captured_at);
        Ok(rows)
    }
}

fn in_listing_order(a: &RunRow, b: &RunRow) -> std::cmp::Ordering {
    (&a.project_ref, a.started_at, &a.run_ref).cmp(&(&b.project_ref, b.started_at, &b.run_ref))
}

fn project_of(run: &RunRef) -> Option<ProjectRef> {
    ProjectRef::of(run.components().next()?).ok()
}

fn project_row(project_ref: ProjectRef, attributes: &Attributes) -> ProjectRow {
    ProjectRow {
        name: attributes.text("name").unwrap_or_else(|| project_ref.value().to_owned()),
        project_ref,
        created_at: attributes.time("created_at"),
        description: attributes.text("description"),
        tags: attributes.tags(),
        conflicts: attributes.conflicts.clone(),
    }
}

fn run_row(run_ref: RunRef, project_ref: ProjectRef, project_name: String, attributes: Attributes) -> RunRow {
    RunRow {
        name: attributes.text("name").unwrap_or_else(|| run_ref.last_component().to_owned()),
        run_ref,
        project_ref,
        project_name,
        status: attributes.status(),
        started_at: attributes.time("started_at"),
        ended_at: attributes.time("ended_at"),
        description: attributes.text("description"),
        params: attributes.with_prefix(PARAM_PREFIX),
        tags: attributes.tags(),
        code_revision: attributes.text("code_revision"),
        dataset_ref: attributes.text("dataset_ref"),
        command: attributes.text("command"),
        conflicts: attributes.conflicts,
    }
}

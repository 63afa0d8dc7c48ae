//! Methods of `StoreView` that read projects, runs, stages and environments.

use crate::contract::nfc::nfc;
use crate::contract::{Object, ObjectKind, ProjectRef, RunRef, StableRef, StageRef, Value};
use crate::engine::projection::KeyVersions;
use crate::projections::metadata::METADATA_PREFIX;
use crate::projections::tables::{FACTS, IMPORTED, RUN_NAMES};
use crate::projections::{keys, tables};
use crate::store::attributes::{AttributeVersions, Attributes};
use crate::store::error::{Error, Result};
use crate::store::objects::ListedObject;
use crate::store::rows::{EnvironmentRow, ProjectRow, RunRow, StageRow, project_of, project_row, run_row};
use crate::store::view::StoreView;
use crate::store::writers::{Lifecycle, lifecycle_of};
use std::collections::{BTreeMap, BTreeSet};

impl StoreView<'_> {
    /// Returns the status of a run that follows from its writers, and sets it in the attributes of the run.
    pub(super) fn lifecycle(&self, run: &RunRef, versions: &mut AttributeVersions) -> Result<Lifecycle> {
        let lifecycle = lifecycle_of(&self.writers(run)?, versions.newest_end());
        versions.set_lifecycle(&lifecycle);
        Ok(lifecycle)
    }

    /// Returns all versions of the attributes of all objects whose ref begins with `prefix`, by ref.
    fn versions_with_prefix(&self, prefix: &[u8]) -> Result<BTreeMap<StableRef, AttributeVersions>> {
        let mut objects: BTreeMap<StableRef, AttributeVersions> = BTreeMap::new();
        let mut malformed = false;
        for fact in self.view.versions(FACTS, prefix)? {
            let KeyVersions { key, versions, .. } = fact?;
            let parts = keys::split::<2>(&key);
            match parts.and_then(|[subject, name]| Some((StableRef::parse(subject).ok()?, name))) {
                Some((subject, name)) => objects.entry(subject).or_default().add(name, versions),
                None => malformed = true,
            }
        }
        if malformed { Err(self.malformed_row(FACTS.name)) } else { Ok(objects) }
    }

    /// Returns the attributes of all objects whose ref begins with `prefix`, by ref.
    fn objects_with_prefix(&self, prefix: &[u8]) -> Result<BTreeMap<StableRef, Attributes>> {
        let objects = self.versions_with_prefix(prefix)?;
        let resolved = objects.into_iter().map(|(subject, versions)| Some((subject, versions.resolve()?)));
        resolved.collect::<Option<_>>().ok_or_else(|| self.malformed_row(FACTS.name))
    }

    /// Returns all versions of the attributes of one object.
    pub(super) fn attribute_versions(&self, subject: &StableRef) -> Result<AttributeVersions> {
        let mut attributes = AttributeVersions::default();
        let mut malformed = false;
        for fact in self.view.versions(FACTS, &keys::of_ref(subject))? {
            let KeyVersions { key, versions, .. } = fact?;
            match keys::split::<2>(&key) {
                Some([_, name]) => attributes.add(name, versions),
                None => malformed = true,
            }
        }
        if malformed { Err(self.malformed_row(FACTS.name)) } else { Ok(attributes) }
    }

    /// Returns all projects, ordered by ref, including projects that occur only in the refs of runs.
    pub fn projects(&self) -> Result<Vec<ProjectRow>> {
        let mut rows = BTreeMap::new();
        for (subject, attributes) in self.objects_with_prefix(b"project:")? {
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

    /// Returns the project with this ref, with or without `project:`, or with this name in composed or decomposed form.
    /// Error: [`Error::ProjectNotFound`].
    pub fn find_project(&self, asked: &str) -> Result<ProjectRef> {
        if let Ok(project) = ProjectRef::parse(asked)
            && self.knows_project(&project)?
        {
            return Ok(project);
        }
        let projects = self.projects()?;
        let found = projects.iter().find(|p| p.project_ref.as_str() == asked || nfc(&p.name) == nfc(asked));
        let found = found.or_else(|| projects.iter().find(|p| p.project_ref.value() == asked));
        found.map(|p| p.project_ref.clone()).ok_or_else(|| Error::ProjectNotFound { asked: asked.to_owned() })
    }

    fn knows_project(&self, project: &ProjectRef) -> Result<bool> {
        let runs = keys::under("run", project);
        let sources = [(FACTS, keys::of_ref(project)), (FACTS, runs.clone())];
        let by_records = [tables::SUMMARIES, tables::RECORDS].map(|table| (table, runs.clone()));
        for (table, prefix) in sources.iter().chain(&by_records) {
            if self.view.rows(*table, prefix)?.next().transpose()?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns `true` if any fact is about the run.
    pub(crate) fn knows_run(&self, run: &RunRef) -> Result<bool> {
        Ok(self.run_refs(&keys::of_ref(run))?.contains(run))
    }

    /// Returns the runs that have records and no attributes, because their start is not in the log.
    pub(crate) fn runs_without_facts(&self) -> Result<Vec<RunRef>> {
        let mut runs = Vec::new();
        for run in self.run_refs(b"run:")? {
            let first = self.view.rows(FACTS, &keys::of_ref(&run))?.next().transpose()?;
            if first.is_none() {
                runs.push(run);
            }
        }
        Ok(runs)
    }

    /// Returns the refs of the runs with attributes, metric series or records. Only refs that begin with `prefix` are
    /// returned.
    pub(super) fn run_refs(&self, prefix: &[u8]) -> Result<BTreeSet<RunRef>> {
        let mut refs = BTreeSet::new();
        let mut add = |key: &[u8]| {
            let text = key.split(|b| *b == 0).next().and_then(|t| std::str::from_utf8(t).ok());
            refs.extend(text.and_then(|t| RunRef::parse(t).ok()));
        };
        for table in [FACTS, tables::SUMMARIES, tables::RECORDS] {
            // After the first row of a run, reading continues at the next run. The other rows of the run are not read.
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

    /// Returns all runs, or the runs of a project, ordered by project, start and ref.
    pub fn runs(&self, project: Option<&ProjectRef>) -> Result<Vec<RunRow>> {
        let prefix = project.map_or_else(|| b"run:".to_vec(), |p| keys::under("run", p));
        self.run_rows(&prefix)
    }

    fn run_rows(&self, prefix: &[u8]) -> Result<Vec<RunRow>> {
        let mut names: BTreeMap<ProjectRef, String> = BTreeMap::new();
        let mut objects = self.versions_with_prefix(prefix)?;
        let mut rows = Vec::new();
        for run_ref in self.run_refs(prefix)? {
            let Some(project_ref) = project_of(&run_ref) else { continue };
            let mut versions = objects.remove(&*run_ref).unwrap_or_default();
            let name = match names.get(&project_ref) {
                Some(name) => name.clone(),
                None => {
                    let name = self.project_name(&project_ref)?;
                    names.entry(project_ref.clone()).or_insert(name).clone()
                }
            };
            let lifecycle = self.lifecycle(&run_ref, &mut versions)?;
            let attributes = versions.resolve().ok_or_else(|| self.malformed_row(FACTS.name))?;
            rows.push(run_row(run_ref, project_ref, name, attributes, &lifecycle));
        }
        rows.sort_by(in_listing_order);
        Ok(rows)
    }

    /// Returns the attributes of one object; an empty set if no fact is about the object.
    fn attributes(&self, subject: &StableRef) -> Result<Attributes> {
        self.attribute_versions(subject)?.resolve().ok_or_else(|| self.malformed_row(FACTS.name))
    }

    /// Returns the name of a project; the last component of the project's ref if no name was recorded. Every process
    /// records its project, so a name can have very many versions. Therefore only the newest version is read, unless an
    /// import has recorded the project too.
    fn project_name(&self, project: &ProjectRef) -> Result<String> {
        let imported = self.view.rows(IMPORTED, &keys::of_ref(project))?.next().transpose()?.is_some();
        let attributes = if imported {
            self.attributes(project)?
        } else {
            let mut name = AttributeVersions::default();
            // Only an import replaces versions, so the newest version is effective here.
            let newest = self.view.newest_version(FACTS, &keys::attribute(project, "name"))?;
            name.add("name", newest.into_iter().collect());
            name.resolve().ok_or_else(|| self.malformed_row(FACTS.name))?
        };
        Ok(attributes.text("name").unwrap_or_else(|| project.value().to_owned()))
    }

    /// Returns one run; `None` if no fact is about the run. Reads only rows of this run and of its project.
    pub fn run(&self, run: &RunRef) -> Result<Option<RunRow>> {
        let Some(project_ref) = project_of(run) else { return Ok(None) };
        if !self.knows_run(run)? {
            return Ok(None);
        }
        let project_name = self.project_name(&project_ref)?;
        let mut versions = self.attribute_versions(run)?;
        let lifecycle = self.lifecycle(run, &mut versions)?;
        let attributes = versions.resolve().ok_or_else(|| self.malformed_row(FACTS.name))?;
        Ok(Some(run_row(run.clone(), project_ref, project_name, attributes, &lifecycle)))
    }

    /// Returns the runs that have `text` as a current or former name, as the last component of their ref, or as their
    /// ref without `run:`. The runs are in the order of [`StoreView::runs`].
    pub(super) fn runs_called(&self, text: &str) -> Result<Vec<RunRow>> {
        let prefix = keys::runs_named(text);
        let mut refs = BTreeSet::new();
        for row in self.view.keys(RUN_NAMES, &prefix)? {
            let row = row?;
            let run = row.key().get(prefix.len()..).and_then(|run| std::str::from_utf8(run).ok());
            // The key of a longer name with a zero byte can begin with `prefix` as well. The rest of such a key is not
            // a ref.
            refs.extend(run.and_then(|run| RunRef::parse(run).ok()));
        }
        // `text` may be a ref without its kind.
        refs.extend(RunRef::of(text));
        self.rows_of(&refs)
    }

    /// Returns at most `limit` runs for which the current name, or the last component of the ref, begins with `text`.
    /// The runs are in the order of [`StoreView::runs`].
    pub(super) fn runs_beginning_with(&self, text: &str, limit: usize) -> Result<Vec<RunRow>> {
        let mut found = BTreeMap::new();
        let text = &*nfc(text);
        for row in self.view.keys(RUN_NAMES, text.as_bytes())? {
            let Some((_, run)) = keys::named_run(row?.key()) else { continue };
            if found.contains_key(&run) {
                continue;
            }
            let Some(row) = self.run(&run)? else { continue };
            if nfc(&row.name).starts_with(text) || run.last_component().starts_with(text) {
                found.insert(run, row);
            }
            if found.len() == limit {
                break;
            }
        }
        let mut rows: Vec<RunRow> = found.into_values().collect();
        rows.sort_by(in_listing_order);
        Ok(rows)
    }

    /// Returns at most `limit` runs for which `wanted` accepts a current or former name, or the last component of the
    /// ref. Reads only the names of the runs.
    pub(super) fn runs_with_names(
        &self,
        wanted: impl Fn(&str) -> bool,
        limit: usize,
    ) -> Result<BTreeSet<RunRef>> {
        let mut found = BTreeSet::new();
        for row in self.view.keys(RUN_NAMES, &[])? {
            let row = row?;
            found.extend(keys::named_run(row.key()).filter(|(name, _)| wanted(name)).map(|(_, run)| run));
            if found.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    fn rows_of(&self, refs: &BTreeSet<RunRef>) -> Result<Vec<RunRow>> {
        let rows = refs.iter().filter_map(|run| self.run(run).transpose());
        let mut rows = rows.collect::<Result<Vec<RunRow>>>()?;
        rows.sort_by(in_listing_order);
        Ok(rows)
    }

    /// Returns the stages of a run, ordered by order index, start and ref. Stages without an order index come last.
    pub fn stages(&self, run: &RunRef) -> Result<Vec<StageRow>> {
        let mut rows = Vec::new();
        for (subject, attributes) in self.objects_with_prefix(&keys::under("stage", run))? {
            let Ok(stage_ref) = StageRef::try_from(subject) else { continue };
            rows.push(StageRow {
                name: attributes.text("stage_name").unwrap_or_else(|| stage_ref.last_component().to_owned()),
                stage_ref,
                status: attributes.status(),
                started_at: attributes.time("started_at"),
                ended_at: attributes.time("ended_at"),
                is_interrupted: false,
                end_message: attributes.text("end_message"),
                end_reason: attributes.text("end_reason"),
                metadata: attributes.with_prefix(METADATA_PREFIX),
                order_index: match attributes.value("order_index") {
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

    /// Returns the environment snapshots of a run, ordered by time and ref.
    pub fn environments(&self, run: &RunRef) -> Result<Vec<EnvironmentRow>> {
        let mut rows = Vec::new();
        let prefix = keys::under("environment", run);
        for item in self.objects(ObjectKind::Environment, &String::from_utf8_lossy(&prefix))? {
            if let ListedObject::Object(Object::Environment(e)) = item? {
                rows.push(EnvironmentRow { snapshot: e.into_inner() });
            }
        }
        rows.sort_by_key(|e| e.snapshot.captured_at);
        Ok(rows)
    }
}

/// Compares runs in the order of [`StoreView::runs`].
fn in_listing_order(a: &RunRow, b: &RunRow) -> std::cmp::Ordering {
    (&a.project_ref, a.started_at, &a.run_ref).cmp(&(&b.project_ref, b.started_at, &b.run_ref))
}

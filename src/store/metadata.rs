//! [`MetadataStore`] and its types, and methods of `StoreView` that read projects, runs, stages and
//! environments.

use crate::contract::nfc::nfc;
use crate::contract::{Object, ObjectKind, ProjectRef, RunRef, StableRef, StageRef};
use crate::engine::projection::{TableKind, TableSpec, VersionRow};
use crate::projections::metadata::METADATA_PREFIX;
use crate::projections::tables::{FACTS, IMPORTED, RUN_NAMES};
use crate::projections::{keys, tables};
use crate::store::attributes::{AttributeVersions, Attributes};
use crate::store::error::{Error, Result};
use crate::store::objects::ListedObject;
use crate::store::rows::{EnvironmentRow, ProjectRow, RunRow, StageRow, project_of, project_row};
use crate::store::run_catalog::in_listing_order;
use crate::store::view::StoreView;
use std::collections::{BTreeMap, BTreeSet};

pub use crate::store::planes::metadata::{
    BatchRepository, DeploymentRepository, EnvironmentRepository, IntegrityDepth, IntegrityIssue,
    IntegrityReport, ListFilter, Listing, MetadataChange, MetadataPut, MetadataRunSnapshot, MetadataStore,
    MigrationPlan, MigrationResult, MigrationStep, OperationRepository, ProjectRepository,
    ProvenanceRepository, RelationRepository, RepairCandidate, RepairPlan, RepairPreview, RunRepository,
    SampleRepository, StageRepository,
};

impl StoreView<'_> {
    /// Returns the objects whose refs begin with `prefix`, ordered by ref, with all versions of their attributes.
    pub(super) fn versions_with_prefix(&self, prefix: &[u8]) -> Result<Vec<(StableRef, AttributeVersions)>> {
        let mut objects: Vec<(StableRef, AttributeVersions)> = Vec::new();
        self.view.version_rows(FACTS, prefix)?.try_for_each(|VersionRow { key, version }| {
            let malformed = || self.malformed_row(FACTS.name);
            // The rows of an object are adjacent, so its ref is parsed once.
            if let Some((last, attributes)) = objects.last_mut()
                && let Some(name) = keys::after_ref(key, last)
            {
                attributes.add(std::str::from_utf8(name).map_err(|_| malformed())?, version);
                return Ok::<_, Error>(());
            }
            let [subject, name] = keys::split(key).ok_or_else(malformed)?;
            let mut attributes = AttributeVersions::default();
            attributes.add(name, version);
            objects.push((StableRef::parse(subject).map_err(|_| malformed())?, attributes));
            Ok(())
        })?;
        Ok(objects)
    }

    /// Returns the objects whose refs begin with `prefix`, ordered by ref, with their effective attributes.
    fn objects_with_prefix(&self, prefix: &[u8]) -> Result<Vec<(StableRef, Attributes)>> {
        let objects = self.versions_with_prefix(prefix)?;
        let resolved = objects.into_iter().map(|(subject, versions)| Some((subject, versions.resolve()?)));
        resolved.collect::<Option<_>>().ok_or_else(|| self.malformed_row(FACTS.name))
    }

    /// Returns all versions of the attributes of one object.
    pub(super) fn attribute_versions(&self, subject: &StableRef) -> Result<AttributeVersions> {
        let mut attributes = AttributeVersions::default();
        self.view.version_rows(FACTS, &keys::of_ref(subject))?.try_for_each(
            |VersionRow { key, version }| {
                let [_, name] = keys::split(key).ok_or_else(|| self.malformed_row(FACTS.name))?;
                attributes.add(name, version);
                Ok::<_, Error>(())
            },
        )?;
        Ok(attributes)
    }

    /// Returns all projects, ordered by ref, including projects that occur only in the refs of runs.
    pub fn projects(&self) -> Result<Vec<ProjectRow>> {
        let mut rows = BTreeMap::new();
        for (subject, attributes) in self.objects_with_prefix(b"project:")? {
            let Ok(project_ref) = ProjectRef::try_from(subject) else { continue };
            rows.insert(project_ref.clone(), project_row(project_ref, attributes));
        }
        for run in self.run_refs(b"run:")? {
            if let Some(project_ref) = project_of(&run) {
                rows.entry(project_ref.clone())
                    .or_insert_with(|| project_row(project_ref, Attributes::default()));
            }
        }
        Ok(rows.into_values().collect())
    }

    /// Returns the project that `asked` identifies. `asked` is the ref of the project with or without `project:`, or
    /// the name of the project in composed or decomposed form. Error: [`Error::ProjectNotFound`].
    pub fn find_project(&self, asked: &str) -> Result<ProjectRef> {
        let asked = crate::contract::rules::trim(asked);
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
        if self.view.rows(FACTS, &keys::of_ref(project))?.next().transpose()?.is_some() {
            return Ok(true);
        }
        let runs = keys::under("run", project);
        for table in [FACTS, tables::SUMMARIES, tables::RECORDS] {
            if self.run_from(table, &runs, &runs)?.is_some() {
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
        for table in [FACTS, tables::SUMMARIES, tables::RECORDS] {
            self.for_each_run(table, prefix, |run| refs.extend(RunRef::parse(run).ok()))?;
        }
        Ok(refs)
    }

    /// Calls `f` with the ref of each run that has rows in a table, in the order of the refs. The keys of the table
    /// must begin with the ref of a run. Only keys that begin with `prefix` are considered, and only the first row of
    /// each run is read.
    pub(super) fn for_each_run(
        &self,
        table: TableSpec,
        prefix: &[u8],
        mut f: impl FnMut(&str),
    ) -> Result<()> {
        let mut from = prefix.to_vec();
        while let Some(run) = self.run_from(table, prefix, &from)? {
            f(&run);
            from = after_run(run.as_bytes());
        }
        Ok(())
    }

    /// Returns the ref of the first run that has a row in a table. Only rows whose key begins with `prefix`
    /// and is not less than `from` are read. Every key of the table must begin with the ref of a run.
    fn run_from(&self, table: TableSpec, prefix: &[u8], from: &[u8]) -> Result<Option<String>> {
        // Versions tables keep stamps, so they are read as of the stamp of the view.
        let view = if table.kind == TableKind::Versions { self.view } else { self.whole };
        let mut from = from.to_vec();
        while let Some(row) = view.rows_from(table, prefix, &from)?.next().transpose()? {
            let Some(run) = row.key().split(|byte| *byte == 0).next() else { break };
            if let Ok(text) = std::str::from_utf8(run)
                && (table.kind == TableKind::Versions || self.has_points(table, text)?)
            {
                return Ok(Some(text.to_owned()));
            }
            from = after_run(run);
        }
        Ok(None)
    }

    /// Returns `true` if a run has points as of the stamp of the view. `table` is
    /// [`SUMMARIES`](tables::SUMMARIES) or [`RECORDS`](tables::RECORDS). The table must contain rows of the
    /// run.
    fn has_points(&self, table: TableSpec, run: &str) -> Result<bool> {
        if self.as_of.is_none() {
            return Ok(true);
        }
        let points = if table == tables::SUMMARIES { tables::SERIES } else { table };
        let first = self.view.chunks(points, &keys::join(&[run.as_bytes(), b""]))?.next().transpose()?;
        Ok(first.is_some())
    }

    /// Returns the attributes of one object; an empty set if no fact is about the object.
    fn attributes(&self, subject: &StableRef) -> Result<Attributes> {
        self.attribute_versions(subject)?.resolve().ok_or_else(|| self.malformed_row(FACTS.name))
    }

    /// Returns the name of a project; the last component of the project's ref if no name was recorded. Every process
    /// records its project, so a name can have very many versions. Therefore only the newest version is read, unless an
    /// import has recorded the project too.
    pub fn name_of_project(&self, project: &ProjectRef) -> Result<String> {
        let imported = self.view.rows(IMPORTED, &keys::of_ref(project))?.next().transpose()?.is_some();
        let mut attributes = if imported {
            self.attributes(project)?
        } else {
            let mut name = AttributeVersions::default();
            // Only an import replaces versions, so the newest version is effective here.
            let newest = self.view.newest_version(FACTS, &keys::attribute(project, "name"))?;
            newest.into_iter().for_each(|version| name.add("name", version));
            name.resolve().ok_or_else(|| self.malformed_row(FACTS.name))?
        };
        Ok(attributes.take_text("name").unwrap_or_else(|| project.value().to_owned()))
    }

    /// Returns the runs that have `text` as a current or former name, as the last component of their ref, or as their
    /// ref without `run:`. The runs are in the order of [`StoreView::runs`].
    pub(super) fn runs_called(&self, text: &str) -> Result<Vec<RunRow>> {
        let prefix = keys::runs_named(text);
        let mut refs = BTreeSet::new();
        for row in self.whole.keys(RUN_NAMES, &prefix)? {
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
        for row in self.whole.keys(RUN_NAMES, text.as_bytes())? {
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
        for row in self.whole.keys(RUN_NAMES, &[])? {
            let row = row?;
            let Some((_, run)) = keys::named_run(row.key()).filter(|(name, _)| wanted(name)) else {
                continue;
            };
            // The table contains the names from all entries, also from entries after the stamp of the view.
            if self.as_of.is_none() || self.knows_run(&run)? {
                found.insert(run);
            }
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
        for (subject, mut attributes) in self.objects_with_prefix(&keys::under("stage", run))? {
            let Ok(stage_ref) = StageRef::try_from(subject) else { continue };
            rows.push(StageRow {
                name: attributes
                    .take_text("stage_name")
                    .unwrap_or_else(|| stage_ref.last_component().to_owned()),
                stage_ref,
                status: attributes.status(),
                started_at: attributes.time("started_at"),
                ended_at: attributes.time("ended_at"),
                is_interrupted: false,
                end_message: attributes.take_text("end_message"),
                end_reason: attributes.take_text("end_reason"),
                metadata: attributes.take_with_prefix(METADATA_PREFIX),
                order_index: attributes.integer("order_index").and_then(|n| u64::try_from(n).ok()),
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

/// Returns the least key after all keys of a run. The keys of a run continue with a zero byte.
fn after_run(run: &[u8]) -> Vec<u8> {
    [run, &[1]].concat()
}

"""The metadata store: projects, runs, the parts of runs, relations and provenance.

::

    from contexta.contract import Project
    from contexta.store.metadata import MetadataStore

    with MetadataStore(".contexta") as store:
        project = Project(project_ref="project:wine", name="wine", created_at="2024-06-01T12:00:00Z")
        store.projects.put_project(project)
        print(store.check_integrity().ok)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast

from contexta import _native
from contexta._model import FrozenMapping, Model
from contexta.errors import MetadataError, NotFoundError
from contexta.store._common import Listing, Note, Store, as_text, convert, plain_model, read_model, read_models
from contexta.store._frames import DuckDBAdapter, PandasAdapter, PolarsAdapter

if TYPE_CHECKING:
    from typing_extensions import Self

    from contexta.config import MetadataStoreConfig, UnifiedConfig
    from contexta.contract import (
        BatchExecution,
        DeploymentExecution,
        EnvironmentSnapshot,
        LineageEdge,
        OperationContext,
        Project,
        ProvenanceRecord,
        Run,
        SampleObservation,
        StableRef,
        StageExecution,
    )

__all__ = [
    "BatchRepository",
    "DeploymentRepository",
    "EnvironmentRepository",
    "IntegrityIssue",
    "IntegrityReport",
    "Listing",
    "MetadataStore",
    "MigrationPlan",
    "MigrationResult",
    "MigrationStep",
    "Note",
    "OperationRepository",
    "ProjectRepository",
    "ProvenanceRepository",
    "RelationRepository",
    "RepairCandidate",
    "RepairPlan",
    "RepairPreview",
    "RunRepository",
    "RunSnapshot",
    "SampleRepository",
    "StageRepository",
]

M = TypeVar("M")


# Results.


@dataclass(frozen=True, slots=True)
class IntegrityIssue(Model):
    """An issue of the metadata. ``ref`` is the object, or ``None`` if the issue is not about one object."""

    code: str
    message: str
    severity: str
    ref: str | None
    suggested_action: str
    details: Mapping[str, str] = field(default_factory=FrozenMapping)

    @property
    def category(self) -> str:
        """The category of the issue: ``integrity``."""
        return "integrity"

    @property
    def rule_id(self) -> str | None:
        """The rule that the issue breaks. Issues of the metadata have no rules."""
        return None


@dataclass(frozen=True, slots=True)
class IntegrityReport(Model):
    """The integrity of the metadata. ``ok`` is ``True`` if there is no issue; warnings count as issues."""

    ok: bool
    format_version: int
    checked_at: str
    issues: tuple[IntegrityIssue, ...] = ()
    issue_counts: Mapping[str, int] = field(default_factory=FrozenMapping)
    notes: tuple[Note, ...] = ()

    @property
    def store_schema_version(self) -> str:
        """The version of the file format, as text."""
        return str(self.format_version)


@dataclass(frozen=True, slots=True)
class RepairCandidate(Model):
    """A suggested repair. ``rationale`` is the description of the issue."""

    issue_code: str
    ref: str | None
    action: str
    rationale: str


@dataclass(frozen=True, slots=True)
class RepairPlan(Model):
    """A plan of repairs. ``log`` has one line for each step that removes damage of the log and the tables;
    :func:`contexta.recovery.repair` makes these steps.
    """

    ok: bool
    candidates: tuple[RepairCandidate, ...] = ()
    actions: tuple[str, ...] = ()
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairPreview(Model):
    """A plan of repairs and its description."""

    plan: RepairPlan
    summary_lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MigrationStep(Model):
    """A step of a migration."""

    step_id: str
    from_version: str
    to_version: str
    description: str


@dataclass(frozen=True, slots=True)
class MigrationPlan(Model):
    """The plan of a migration. ``current_version`` is ``None`` if the log has no readable segment."""

    current_version: str | None
    target_version: str
    steps: tuple[MigrationStep, ...] = ()
    requires_migration: bool = False


@dataclass(frozen=True, slots=True)
class MigrationResult(Model):
    """The result of a migration."""

    current_version: str | None
    target_version: str
    applied_steps: tuple[MigrationStep, ...] = ()
    dry_run: bool = False
    changed: bool = False
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunSnapshot(Model):
    """The metadata of one run. Records and artifacts are not included; see :meth:`contexta.Contexta.get_run_snapshot`.

    ``completeness_notes`` has the codes of missing parts, and ``scoped_refs`` the refs of all objects of the snapshot
    without the project.
    """

    project: Project | None
    run: Run
    deployments: tuple[DeploymentExecution, ...] = ()
    stages: tuple[StageExecution, ...] = ()
    batches: tuple[BatchExecution, ...] = ()
    samples: tuple[SampleObservation, ...] = ()
    environments: tuple[EnvironmentSnapshot, ...] = ()
    relations: tuple[LineageEdge, ...] = ()
    provenance: tuple[ProvenanceRecord, ...] = ()
    scoped_refs: tuple[str, ...] = ()
    completeness_notes: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        convert(
            self,
            project=read_model("project", self.project),
            run=read_model("run", self.run),
            deployments=read_models("deployment_execution", self.deployments),
            stages=read_models("stage_execution", self.stages),
            batches=read_models("batch_execution", self.batches),
            samples=read_models("sample_observation", self.samples),
            environments=read_models("environment_snapshot", self.environments),
            relations=read_models("relation", self.relations),
            provenance=read_models("provenance", self.provenance),
            scoped_refs=tuple(self.scoped_refs),
            completeness_notes=tuple(self.completeness_notes),
            notes=tuple(note if isinstance(note, Note) else Note.from_dict(note) for note in self.notes),
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunSnapshot:
        """Creates the snapshot from its plain form. Unknown members are ignored."""
        return cls(**{name: value for name, value in data.items() if name in cls.__slots__})


# Repositories.


class _Repository(Generic[M]):
    """The objects of one kind. A put raises :class:`contexta.errors.ConflictError` if there is an object with the same
    ref and other content. In the repository that :meth:`superseding` returns, a put replaces this object instead.
    """

    __slots__ = ("_native", "_supersedes")
    _kind: ClassVar[str]

    def __init__(self, native: _native.MetadataStore, supersedes: bool = False) -> None:
        self._native = native
        self._supersedes = supersedes

    def superseding(self) -> Self:
        """Returns a repository whose puts replace an object with the same ref and other content. The earlier content
        stays in the log.
        """
        return type(self)(self._native, True)

    def _put(self, model: M | Mapping[str, Any]) -> M:
        self._native.put(self._kind, plain_model(model), self._supersedes)
        return cast("M", read_model(self._kind, model))

    def _find(self, ref: str | StableRef) -> M | None:
        form = self._native.find(self._kind, as_text(ref))
        return None if form is None else cast("M", read_model(self._kind, form))

    def _get(self, ref: str | StableRef) -> M:
        found = self._find(ref)
        if found is None:
            details = {"kind": self._kind, "ref": as_text(ref)}
            hint = "list the objects of this kind, or check the ref"
            raise NotFoundError(f"there is no {ref}", code="metadata_row_not_found", details=details, hint=hint)
        return found

    def _exists(self, ref: str | StableRef) -> bool:
        return self._native.find(self._kind, as_text(ref)) is not None

    def _list(self, **refs: str | StableRef | None) -> Listing[M]:
        given = {name: as_text(ref) for name, ref in refs.items() if ref is not None}
        items, notes = self._native.list(self._kind, given)
        return Listing(read_models(self._kind, items), [Note.from_dict(note) for note in notes])


class ProjectRepository(_Repository["Project"]):
    """The projects of a workspace."""

    __slots__ = ()
    _kind = "project"

    def put_project(self, project: Project | Mapping[str, Any]) -> Project:
        """Records a project and returns it. The project is on disk when the method returns."""
        return self._put(project)

    def get_project(self, project_ref: str | StableRef) -> Project:
        """Returns the project with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(project_ref)

    def find_project(self, project_ref: str | StableRef) -> Project | None:
        """Returns the project with this ref; ``None`` if there is none."""
        return self._find(project_ref)

    def exists_project(self, project_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a project with this ref."""
        return self._exists(project_ref)

    def list_projects(self) -> Listing[Project]:
        """Returns all projects, ordered by name and ref."""
        return self._list()


class RunRepository(_Repository["Run"]):
    """The runs of a workspace."""

    __slots__ = ()
    _kind = "run"

    def put_run(self, run: Run | Mapping[str, Any]) -> Run:
        """Records a run and returns it. The project of the run must exist. If the run exists and is open, a put of the
        run with an end records the end. The run is on disk when the method returns.
        """
        return self._put(run)

    def get_run(self, run_ref: str | StableRef) -> Run:
        """Returns the run with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(run_ref)

    def find_run(self, run_ref: str | StableRef) -> Run | None:
        """Returns the run with this ref; ``None`` if there is none."""
        return self._find(run_ref)

    def exists_run(self, run_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a run with this ref."""
        return self._exists(run_ref)

    def list_runs(self, project_ref: str | StableRef | None = None) -> Listing[Run]:
        """Returns the runs, ordered by project, start and ref."""
        return self._list(project_ref=project_ref)


class DeploymentRepository(_Repository["DeploymentExecution"]):
    """The deployments of a workspace."""

    __slots__ = ()
    _kind = "deployment_execution"

    def put_deployment_execution(self, deployment: DeploymentExecution | Mapping[str, Any]) -> DeploymentExecution:
        """Records a deployment and returns it. The objects that the deployment names must exist."""
        return self._put(deployment)

    def get_deployment_execution(self, deployment_ref: str | StableRef) -> DeploymentExecution:
        """Returns the deployment with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(deployment_ref)

    def find_deployment_execution(self, deployment_ref: str | StableRef) -> DeploymentExecution | None:
        """Returns the deployment with this ref; ``None`` if there is none."""
        return self._find(deployment_ref)

    def exists_deployment_execution(self, deployment_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a deployment with this ref."""
        return self._exists(deployment_ref)

    def list_deployment_executions(
        self, project_ref: str | StableRef | None = None, run_ref: str | StableRef | None = None
    ) -> Listing[DeploymentExecution]:
        """Returns the deployments of a project and a run, ordered by name, position, start and ref."""
        return self._list(project_ref=project_ref, run_ref=run_ref)


class StageRepository(_Repository["StageExecution"]):
    """The stages of a workspace."""

    __slots__ = ()
    _kind = "stage_execution"

    def put_stage_execution(self, stage: StageExecution | Mapping[str, Any]) -> StageExecution:
        """Records a stage and returns it. The run of the stage must exist."""
        return self._put(stage)

    def get_stage_execution(self, stage_ref: str | StableRef) -> StageExecution:
        """Returns the stage with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(stage_ref)

    def find_stage_execution(self, stage_ref: str | StableRef) -> StageExecution | None:
        """Returns the stage with this ref; ``None`` if there is none."""
        return self._find(stage_ref)

    def exists_stage_execution(self, stage_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a stage with this ref."""
        return self._exists(stage_ref)

    def list_stage_executions(self, run_ref: str | StableRef | None = None) -> Listing[StageExecution]:
        """Returns the stages, ordered by run, position, start and ref."""
        return self._list(run_ref=run_ref)


class BatchRepository(_Repository["BatchExecution"]):
    """The batches of a workspace."""

    __slots__ = ()
    _kind = "batch_execution"

    def put_batch_execution(self, batch: BatchExecution | Mapping[str, Any]) -> BatchExecution:
        """Records a batch and returns it. The run and the stage of the batch must exist."""
        return self._put(batch)

    def get_batch_execution(self, batch_ref: str | StableRef) -> BatchExecution:
        """Returns the batch with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(batch_ref)

    def find_batch_execution(self, batch_ref: str | StableRef) -> BatchExecution | None:
        """Returns the batch with this ref; ``None`` if there is none."""
        return self._find(batch_ref)

    def exists_batch_execution(self, batch_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a batch with this ref."""
        return self._exists(batch_ref)

    def list_batch_executions(
        self, run_ref: str | StableRef | None = None, stage_ref: str | StableRef | None = None
    ) -> Listing[BatchExecution]:
        """Returns the batches, ordered by run, stage, position, start and ref."""
        return self._list(run_ref=run_ref, stage_ref=stage_ref)


class SampleRepository(_Repository["SampleObservation"]):
    """The samples of a workspace."""

    __slots__ = ()
    _kind = "sample_observation"

    def put_sample_observation(self, sample: SampleObservation | Mapping[str, Any]) -> SampleObservation:
        """Records a sample and returns it. The run, the stage and the batch of the sample must exist."""
        return self._put(sample)

    def get_sample_observation(self, sample_ref: str | StableRef) -> SampleObservation:
        """Returns the sample with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(sample_ref)

    def find_sample_observation(self, sample_ref: str | StableRef) -> SampleObservation | None:
        """Returns the sample with this ref; ``None`` if there is none."""
        return self._find(sample_ref)

    def exists_sample_observation(self, sample_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a sample with this ref."""
        return self._exists(sample_ref)

    def list_sample_observations(
        self,
        run_ref: str | StableRef | None = None,
        stage_ref: str | StableRef | None = None,
        batch_ref: str | StableRef | None = None,
    ) -> Listing[SampleObservation]:
        """Returns the samples, ordered by run, stage, batch, time of observation and ref."""
        return self._list(run_ref=run_ref, stage_ref=stage_ref, batch_ref=batch_ref)


class OperationRepository(_Repository["OperationContext"]):
    """The operations of a workspace."""

    __slots__ = ()
    _kind = "operation_context"

    def put_operation_context(self, operation: OperationContext | Mapping[str, Any]) -> OperationContext:
        """Records an operation and returns it. The objects that the operation names must exist."""
        return self._put(operation)

    def get_operation_context(self, operation_ref: str | StableRef) -> OperationContext:
        """Returns the operation with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(operation_ref)

    def find_operation_context(self, operation_ref: str | StableRef) -> OperationContext | None:
        """Returns the operation with this ref; ``None`` if there is none."""
        return self._find(operation_ref)

    def exists_operation_context(self, operation_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is an operation with this ref."""
        return self._exists(operation_ref)

    def list_operation_contexts(
        self,
        run_ref: str | StableRef | None = None,
        stage_ref: str | StableRef | None = None,
        batch_ref: str | StableRef | None = None,
    ) -> Listing[OperationContext]:
        """Returns the operations, ordered by run, stage, batch, time of observation and ref."""
        return self._list(run_ref=run_ref, stage_ref=stage_ref, batch_ref=batch_ref)


class EnvironmentRepository(_Repository["EnvironmentSnapshot"]):
    """The environment snapshots of a workspace."""

    __slots__ = ()
    _kind = "environment_snapshot"

    def put_environment_snapshot(self, environment: EnvironmentSnapshot | Mapping[str, Any]) -> EnvironmentSnapshot:
        """Records an environment snapshot and returns it. The run of the snapshot must exist."""
        return self._put(environment)

    def get_environment_snapshot(self, environment_ref: str | StableRef) -> EnvironmentSnapshot:
        """Returns the snapshot with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(environment_ref)

    def find_environment_snapshot(self, environment_ref: str | StableRef) -> EnvironmentSnapshot | None:
        """Returns the snapshot with this ref; ``None`` if there is none."""
        return self._find(environment_ref)

    def exists_environment_snapshot(self, environment_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a snapshot with this ref."""
        return self._exists(environment_ref)

    def list_environment_snapshots(self, run_ref: str | StableRef | None = None) -> Listing[EnvironmentSnapshot]:
        """Returns the snapshots, ordered by run, time and ref."""
        return self._list(run_ref=run_ref)


class RelationRepository(_Repository["LineageEdge"]):
    """The relations of a workspace."""

    __slots__ = ()
    _kind = "relation"

    def put_relation(self, relation: LineageEdge | Mapping[str, Any]) -> LineageEdge:
        """Records a relation and returns it. The source and the target must exist, unless they are artifacts or
        operations.
        """
        return self._put(relation)

    def get_relation(self, relation_ref: str | StableRef) -> LineageEdge:
        """Returns the relation with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(relation_ref)

    def find_relation(self, relation_ref: str | StableRef) -> LineageEdge | None:
        """Returns the relation with this ref; ``None`` if there is none."""
        return self._find(relation_ref)

    def exists_relation(self, relation_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a relation with this ref."""
        return self._exists(relation_ref)

    def list_relations(self) -> Listing[LineageEdge]:
        """Returns all relations, ordered by time of recording and ref."""
        return self._list()

    def list_relations_for_ref(self, ref: str | StableRef) -> Listing[LineageEdge]:
        """Returns the relations that begin or end at this object, ordered by time of recording and ref."""
        return self._list(subject=ref)

    def list_relations_for_source(self, source_ref: str | StableRef) -> Listing[LineageEdge]:
        """Returns the relations that begin at this object, ordered by time of recording and ref."""
        return self._list(source_ref=source_ref)

    def list_relations_for_target(self, target_ref: str | StableRef) -> Listing[LineageEdge]:
        """Returns the relations that end at this object, ordered by time of recording and ref."""
        return self._list(target_ref=target_ref)


class ProvenanceRepository(_Repository["ProvenanceRecord"]):
    """The provenance records of a workspace."""

    __slots__ = ()
    _kind = "provenance"

    def put_provenance(self, provenance: ProvenanceRecord | Mapping[str, Any]) -> ProvenanceRecord:
        """Records a provenance record and returns it. The relation of the record must exist."""
        return self._put(provenance)

    def get_provenance(self, provenance_ref: str | StableRef) -> ProvenanceRecord:
        """Returns the record with this ref. Raises :class:`contexta.errors.NotFoundError` if there is none."""
        return self._get(provenance_ref)

    def find_provenance(self, provenance_ref: str | StableRef) -> ProvenanceRecord | None:
        """Returns the record with this ref; ``None`` if there is none."""
        return self._find(provenance_ref)

    def exists_provenance(self, provenance_ref: str | StableRef) -> bool:
        """Returns ``True`` if there is a record with this ref."""
        return self._exists(provenance_ref)

    def list_provenance_for_relation(self, relation_ref: str | StableRef) -> Listing[ProvenanceRecord]:
        """Returns the records of a relation, ordered by time of assertion and ref."""
        return self._list(relation_ref=relation_ref)


# The store.

_DAMAGE_ACTIONS = {"repair_log", "rebuild_projections"}


class MetadataStore(Store):
    """The metadata of a workspace: typed reads and writes, checks, plans of repairs and migrations.

    ``config`` is a :class:`contexta.config.MetadataStoreConfig`, a whole :class:`contexta.config.UnifiedConfig`, or the
    path of a workspace. Without ``config``, the settings name the workspace. With a ``MetadataStoreConfig``, the
    directory above ``database_path`` is the workspace. A read-only store does not create a workspace.

    Supports use as a context manager::

        with MetadataStore(config) as store:
            report = store.check_integrity()
    """

    _section = "metadata"
    _path = "database_path"

    def __init__(self, config: MetadataStoreConfig | UnifiedConfig | str | os.PathLike[str] | None = None) -> None:
        super().__init__(config)

    def _open(self) -> None:
        self._native = self._workspace.metadata_store()

    # Repositories.

    @property
    def projects(self) -> ProjectRepository:
        """The projects."""
        return ProjectRepository(self._native)

    @property
    def runs(self) -> RunRepository:
        """The runs."""
        return RunRepository(self._native)

    @property
    def deployments(self) -> DeploymentRepository:
        """The deployments."""
        return DeploymentRepository(self._native)

    @property
    def stages(self) -> StageRepository:
        """The stages."""
        return StageRepository(self._native)

    @property
    def batches(self) -> BatchRepository:
        """The batches."""
        return BatchRepository(self._native)

    @property
    def samples(self) -> SampleRepository:
        """The samples."""
        return SampleRepository(self._native)

    @property
    def operations(self) -> OperationRepository:
        """The operations."""
        return OperationRepository(self._native)

    @property
    def environments(self) -> EnvironmentRepository:
        """The environment snapshots."""
        return EnvironmentRepository(self._native)

    @property
    def relations(self) -> RelationRepository:
        """The relations."""
        return RelationRepository(self._native)

    @property
    def provenance(self) -> ProvenanceRepository:
        """The provenance records."""
        return ProvenanceRepository(self._native)

    # Data frames.

    @property
    def duckdb(self) -> DuckDBAdapter:
        """Answers SQL queries with DuckDB. Raises :class:`contexta.errors.DependencyError` without the package."""
        return DuckDBAdapter(self._native)

    @property
    def pandas(self) -> PandasAdapter:
        """Returns data frames of pandas. Raises :class:`contexta.errors.DependencyError` without the package."""
        return PandasAdapter(self._native)

    @property
    def polars(self) -> PolarsAdapter:
        """Returns data frames of polars. Raises :class:`contexta.errors.DependencyError` without the package."""
        return PolarsAdapter(self._native)

    # Checks.

    def check_integrity(self, *, full: bool = True) -> IntegrityReport:
        """Checks the objects, and the existence of the objects that they name. With ``full``, also checks the log and
        compares the tables with the log. Changes nothing.
        """
        return IntegrityReport.from_dict(self._native.check_integrity(full))

    def plan_repairs(self, report: IntegrityReport | None = None) -> RepairPlan:
        """Derives a plan of repairs from a report. Without a report, makes a full check first. Changes nothing."""
        report = self.check_integrity() if report is None else report
        candidates = tuple(
            RepairCandidate(issue.code, issue.ref, issue.suggested_action, issue.message) for issue in report.issues
        )
        actions = tuple(dict.fromkeys(candidate.action for candidate in candidates))
        is_damaged = not _DAMAGE_ACTIONS.isdisjoint(actions)
        log = tuple(self._workspace.record_store().plan_repairs()) if is_damaged else ()
        return RepairPlan(not candidates, candidates, actions, log)

    def preview_repairs(self, plan: RepairPlan | None = None) -> RepairPreview:
        """Describes a plan of repairs. Without a plan, derives a plan from a full check first. Changes nothing."""
        plan = self.plan_repairs() if plan is None else plan
        first = "no repair is required" if plan.ok else f"{len(plan.candidates)} repair candidates"
        lines = [f"{item.action}: {item.ref or '<store>'} ({item.issue_code})" for item in plan.candidates]
        return RepairPreview(plan, (first, *lines, *plan.log))

    def build_run_snapshot(self, run_ref: str | StableRef) -> RunSnapshot:
        """Returns the metadata of one run. Raises :class:`contexta.errors.NotFoundError` if there is no such run."""
        return RunSnapshot.from_dict(self._native.build_run_snapshot(as_text(run_ref)))

    # Migrations.

    def plan_migration(self, *, target_version: str | None = None) -> MigrationPlan:
        """Plans the migration to a version of the file format; by default to the version of this package."""
        return MigrationPlan.from_dict(self._native.plan_migration(_version(target_version)))

    def dry_run_migration(self, *, target_version: str | None = None) -> MigrationResult:
        """Returns the result that :meth:`migrate` would have. Changes nothing."""
        return MigrationResult.from_dict(self._native.migrate(_version(target_version), True))

    def migrate(self, *, target_version: str | None = None) -> MigrationResult:
        """Migrates the workspace to a version of the file format; by default to the version of this package."""
        return MigrationResult.from_dict(self._native.migrate(_version(target_version), False))


def _version(text: str | int | None) -> int | None:
    """Reads a version of the file format."""
    if text is None:
        return None
    digits = str(text).strip()
    if not digits.isascii() or not digits.isdigit() or int(digits) > 65_535:
        message = f"there is no migration to format version {digits!r}"
        hint = "leave out the target version"
        raise MetadataError(message, code="metadata_migration_path_missing", hint=hint)
    return int(digits)

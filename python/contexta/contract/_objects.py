"""The models of objects: projects, runs and their parts, artifacts, lineage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from contexta._model import FrozenMapping
from contexta.contract._base import ContractModel, Time
from contexta.contract._extensions import ExtensionFieldSet
from contexta.contract._refs import StableRef
from contexta.contract._words import SCHEMA_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class Project(ContractModel):
    """A named collection of runs."""

    _KIND: ClassVar[str] = "Project"

    project_ref: StableRef
    """The ref, ``project:PROJECT``."""
    name: str
    """The name."""
    created_at: str
    """The time of creation."""
    description: str | None = None
    """A description for people."""
    tags: Mapping[str, str] = field(default_factory=FrozenMapping)
    """Tags: texts by name."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            project_ref: str,
            name: str,
            created_at: Time,
            description: str | None = ...,
            tags: Mapping[str, str] = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(ContractModel):
    """One execution of a training or evaluation program."""

    _KIND: ClassVar[str] = "Run"

    run_ref: StableRef
    """The ref, ``run:PROJECT.RUN``."""
    project_ref: StableRef
    """The project."""
    name: str
    """The name; several runs can have the same name."""
    status: str
    """The status, one of :data:`LIFECYCLE_STATUSES`."""
    started_at: str
    """The start."""
    ended_at: str | None = None
    """The end; present if and only if the status is not open."""
    description: str | None = None
    """A description for people."""
    params: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Hyper-parameters by name. A value can be null, a list or an object."""
    tags: Mapping[str, str] = field(default_factory=FrozenMapping)
    """Tags: texts by name."""
    metadata: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    notes: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Notes on the run. Each member has the id of a note as its name, and an object with the time ``at`` and the
    ``text`` of the note as its value.
    """
    archived: bool = False
    """``True`` if the run is archived."""
    starred: bool = False
    """``True`` if the run is starred."""
    code_revision: str | None = None
    """The revision of the code that ran."""
    dataset_ref: str | None = None
    """A free-text reference to the data set, such as a path, URL or digest."""
    command: str | None = None
    """The command line."""
    end_message: str | None = None
    """The message of the end, such as the text of an error."""
    end_reason: str | None = None
    """The reason of the end: a token such as ``scope_dropped``."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            run_ref: str,
            project_ref: str,
            name: str,
            status: str,
            started_at: Time,
            ended_at: Time | None = ...,
            description: str | None = ...,
            params: Mapping[str, Any] = ...,
            tags: Mapping[str, str] = ...,
            metadata: Mapping[str, Any] = ...,
            notes: Mapping[str, Any] = ...,
            archived: bool = ...,
            starred: bool = ...,
            code_revision: str | None = ...,
            dataset_ref: str | None = ...,
            command: str | None = ...,
            end_message: str | None = ...,
            end_reason: str | None = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentExecution(ContractModel):
    """A deployment of an artifact in a project."""

    _KIND: ClassVar[str] = "DeploymentExecution"

    deployment_execution_ref: StableRef
    """The ref, ``deployment:PROJECT.DEPLOYMENT``."""
    project_ref: StableRef
    """The project."""
    deployment_name: str
    """The name of the deployment. If the name can be a component of a ref, it must be the last component of
    ``deployment_execution_ref``.
    """
    status: str
    """The status, one of :data:`LIFECYCLE_STATUSES`."""
    started_at: str
    """The start."""
    ended_at: str | None = None
    """The end; present if and only if the status is not open."""
    order_index: int | None = None
    """The position among the deployments of the project."""
    run_ref: StableRef | None = None
    """The run that produced the deployed artifact, in the same project."""
    artifact_ref: StableRef | None = None
    """The deployed artifact, in the same project."""
    environment_snapshot_ref: StableRef | None = None
    """An environment snapshot of the run in ``run_ref``. If ``run_ref`` is ``None``, a snapshot of any run of the
    project.
    """
    metadata: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    end_message: str | None = None
    """The message of the end, such as the text of an error."""
    end_reason: str | None = None
    """The reason of the end: a token such as ``scope_dropped``."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            deployment_execution_ref: str,
            project_ref: str,
            deployment_name: str,
            status: str,
            started_at: Time,
            ended_at: Time | None = ...,
            order_index: int | None = ...,
            run_ref: str | None = ...,
            artifact_ref: str | None = ...,
            environment_snapshot_ref: str | None = ...,
            metadata: Mapping[str, Any] = ...,
            end_message: str | None = ...,
            end_reason: str | None = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StageExecution(ContractModel):
    """A phase of a run."""

    _KIND: ClassVar[str] = "StageExecution"

    stage_execution_ref: StableRef
    """The ref, ``stage:PROJECT.RUN.STAGE``."""
    run_ref: StableRef
    """The run."""
    stage_name: str
    """The name of the stage. If the name can be a component of a ref, it must be the last component of
    ``stage_execution_ref``.
    """
    status: str
    """The status, one of :data:`LIFECYCLE_STATUSES`."""
    started_at: str
    """The start."""
    ended_at: str | None = None
    """The end; present if and only if the status is not open."""
    order_index: int | None = None
    """The position among the stages of the run."""
    metadata: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    end_message: str | None = None
    """The message of the end, such as the text of an error."""
    end_reason: str | None = None
    """The reason of the end: a token such as ``scope_dropped``."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            stage_execution_ref: str,
            run_ref: str,
            stage_name: str,
            status: str,
            started_at: Time,
            ended_at: Time | None = ...,
            order_index: int | None = ...,
            metadata: Mapping[str, Any] = ...,
            end_message: str | None = ...,
            end_reason: str | None = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchExecution(ContractModel):
    """A unit of data that a stage processed."""

    _KIND: ClassVar[str] = "BatchExecution"

    batch_execution_ref: StableRef
    """The ref, ``batch:PROJECT.RUN.STAGE.BATCH``."""
    run_ref: StableRef
    """The run."""
    stage_execution_ref: StableRef
    """The stage."""
    batch_name: str
    """The name of the batch. If the name can be a component of a ref, it must be the last component of
    ``batch_execution_ref``.
    """
    status: str
    """The status, one of :data:`LIFECYCLE_STATUSES`."""
    started_at: str
    """The start."""
    ended_at: str | None = None
    """The end; present if and only if the status is not open."""
    order_index: int | None = None
    """The position among the batches of the stage."""
    metadata: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    end_message: str | None = None
    """The message of the end, such as the text of an error."""
    end_reason: str | None = None
    """The reason of the end: a token such as ``scope_dropped``."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            batch_execution_ref: str,
            run_ref: str,
            stage_execution_ref: str,
            batch_name: str,
            status: str,
            started_at: Time,
            ended_at: Time | None = ...,
            order_index: int | None = ...,
            metadata: Mapping[str, Any] = ...,
            end_message: str | None = ...,
            end_reason: str | None = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleObservation(ContractModel):
    """A sample: one observed example of the data of a stage or batch."""

    _KIND: ClassVar[str] = "SampleObservation"

    sample_observation_ref: StableRef
    """The ref, ``sample:PROJECT.RUN.STAGE[.BATCH].SAMPLE``."""
    run_ref: StableRef
    """The run."""
    stage_execution_ref: StableRef
    """The stage."""
    sample_name: str
    """The name of the sample: the last component of ``sample_observation_ref``."""
    observed_at: str
    """The time of observation."""
    batch_execution_ref: StableRef | None = None
    """The batch; ``None`` if the sample belongs to no batch."""
    retention_class: str | None = None
    """The name of the retention class: free text that contexta does not interpret."""
    redaction_profile: str | None = None
    """The name of the redaction profile: free text that contexta does not interpret."""
    status: str | None = None
    """The status, one of :data:`LIFECYCLE_STATUSES`; ``None`` if neither the start nor the end was captured by a
    scope.
    """
    ended_at: str | None = None
    """The end; present if and only if there is a status other than open."""
    metadata: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    end_message: str | None = None
    """The message of the end, such as the text of an error."""
    end_reason: str | None = None
    """The reason of the end: a token such as ``scope_dropped``."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            sample_observation_ref: str,
            run_ref: str,
            stage_execution_ref: str,
            sample_name: str,
            observed_at: Time,
            batch_execution_ref: str | None = ...,
            retention_class: str | None = ...,
            redaction_profile: str | None = ...,
            status: str | None = ...,
            ended_at: Time | None = ...,
            metadata: Mapping[str, Any] = ...,
            end_message: str | None = ...,
            end_reason: str | None = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationContext(ContractModel):
    """One operation within a stage or batch."""

    _KIND: ClassVar[str] = "OperationContext"

    operation_context_ref: StableRef
    """The ref, ``op:PROJECT.RUN.STAGE[.BATCH].OPERATION``."""
    run_ref: StableRef
    """The run."""
    stage_execution_ref: StableRef
    """The stage."""
    operation_name: str
    """The name of the operation: the last component of ``operation_context_ref``."""
    observed_at: str
    """The time of observation."""
    batch_execution_ref: StableRef | None = None
    """The batch; ``None`` if the operation belongs to no batch."""
    parent_operation_ref: StableRef | None = None
    """The operation that contains this operation, in the same stage and batch; ``None`` for an operation directly
    in a stage or batch.
    """
    status: str | None = None
    """The status, one of :data:`LIFECYCLE_STATUSES`; ``None`` if neither the start nor the end was captured by a
    scope.
    """
    ended_at: str | None = None
    """The end; present if and only if there is a status other than open."""
    metadata: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    end_message: str | None = None
    """The message of the end, such as the text of an error."""
    end_reason: str | None = None
    """The reason of the end: a token such as ``scope_dropped``."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            operation_context_ref: str,
            run_ref: str,
            stage_execution_ref: str,
            operation_name: str,
            observed_at: Time,
            batch_execution_ref: str | None = ...,
            parent_operation_ref: str | None = ...,
            status: str | None = ...,
            ended_at: Time | None = ...,
            metadata: Mapping[str, Any] = ...,
            end_message: str | None = ...,
            end_reason: str | None = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime(ContractModel):
    """A language runtime."""

    _KIND: ClassVar[str] = "Runtime"

    name: str
    """The name, such as ``rust``."""
    version: str
    """The version."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            name: str,
            version: str,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Device(ContractModel):
    """An accelerator."""

    _KIND: ClassVar[str] = "Device"

    name: str
    """The name that the driver of the device reports."""
    memory_bytes: int | None = None
    """The memory in bytes."""
    driver: str | None = None
    """The version of the device's driver."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            name: str,
            memory_bytes: int | None = ...,
            driver: str | None = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDescription(ContractModel):
    """The machine on which a run was captured."""

    _KIND: ClassVar[str] = "HostDescription"

    name: str | None = None
    """The name of the host."""
    os: str | None = None
    """The name of the operating system with its version."""
    kernel: str | None = None
    """The release of the kernel."""
    cpu: str | None = None
    """The model of the processor."""
    cpu_count: int | None = None
    """The number of logical processors."""
    memory_bytes: int | None = None
    """The size of the memory in bytes."""
    cpu_limit_millis: int | None = None
    """The processor limit of the container, in thousandths of a processor."""
    memory_limit_bytes: int | None = None
    """The memory limit of the container in bytes."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            name: str | None = ...,
            os: str | None = ...,
            kernel: str | None = ...,
            cpu: str | None = ...,
            cpu_count: int | None = ...,
            memory_bytes: int | None = ...,
            cpu_limit_millis: int | None = ...,
            memory_limit_bytes: int | None = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeState(ContractModel):
    """The state of the git repository that contains the code of a run. The revision is not included: it is a
    member of the run.
    """

    _KIND: ClassVar[str] = "CodeState"

    branch: str | None = None
    """The branch that is checked out."""
    remote: str | None = None
    """The URL of the remote repository, without credentials."""
    dirty: bool | None = None
    """``True`` if tracked files differ from the revision."""
    untracked: tuple[str, ...] = ()
    """The files and directories that are neither tracked nor ignored."""
    diff_left_out: str | None = None
    """The reason why the diff of the uncommitted changes was not recorded."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            branch: str | None = ...,
            remote: str | None = ...,
            dirty: bool | None = ...,
            untracked: Sequence[str] = ...,
            diff_left_out: str | None = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSnapshot(ContractModel):
    """The environment of a run."""

    _KIND: ClassVar[str] = "EnvironmentSnapshot"

    environment_snapshot_ref: StableRef
    """The ref, ``environment:PROJECT.RUN.KEY``."""
    run_ref: StableRef
    """The run."""
    captured_at: str
    """The time of the snapshot."""
    platform: str
    """Operating system and machine."""
    python_version: str | None = None
    """The version of the Python interpreter, if the run has a Python interpreter."""
    runtime: Runtime | None = None
    """The language runtime, such as ``rust``, and its version."""
    packages: Mapping[str, str] = field(default_factory=FrozenMapping)
    """The versions of packages, by name of the package."""
    environment_variables: Mapping[str, str] = field(default_factory=FrozenMapping)
    """The values of environment variables, by name. Capture records only the variables that the setting
    ``security.environment_variable_allowlist`` names.
    """
    devices: tuple[Device, ...] = ()
    """Accelerators, such as GPUs."""
    host: HostDescription | None = None
    """The machine on which the run was captured, and the limits of its container."""
    code: CodeState | None = None
    """The state of the git repository of the code."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            environment_snapshot_ref: str,
            run_ref: str,
            captured_at: Time,
            platform: str,
            python_version: str | None = ...,
            runtime: Runtime | Mapping[str, Any] | None = ...,
            packages: Mapping[str, str] = ...,
            environment_variables: Mapping[str, str] = ...,
            devices: Sequence[Device | Mapping[str, Any]] = ...,
            host: HostDescription | Mapping[str, Any] | None = ...,
            code: CodeState | Mapping[str, Any] | None = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactManifest(ContractModel):
    """The description of an artifact and the location of its body."""

    _KIND: ClassVar[str] = "ArtifactManifest"

    artifact_ref: StableRef
    """The ref, ``artifact:PROJECT.RUN.KEY``."""
    artifact_kind: str
    """The kind, such as ``model_bundle`` or ``dataset_snapshot``."""
    created_at: str
    """The time of creation."""
    producer_ref: str
    """The program that created the artifact: a token such as ``sdk.python.local``."""
    run_ref: StableRef
    """The run that the artifact belongs to."""
    location_ref: str
    """The location of the body: ``blake3:<digest>`` for a body that was captured in a workspace, or any text from
    an import.
    """
    deployment_execution_ref: StableRef | None = None
    """The deployment that the artifact belongs to, in the same project."""
    stage_execution_ref: StableRef | None = None
    """The stage that the artifact belongs to."""
    batch_execution_ref: StableRef | None = None
    """The batch that the artifact belongs to."""
    sample_observation_ref: StableRef | None = None
    """The sample that the artifact belongs to."""
    operation_context_ref: StableRef | None = None
    """The operation that the artifact belongs to."""
    hash_value: str | None = None
    """The SHA-256 digest of the body. Capture writes 64 lower-case hexadecimal digits; an import can have another
    text.
    """
    size_bytes: int | None = None
    """The length of the body in bytes."""
    attributes: Mapping[str, Any] = field(default_factory=FrozenMapping)
    """Additional data, as a JSON object."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            artifact_ref: str,
            artifact_kind: str,
            created_at: Time,
            producer_ref: str,
            run_ref: str,
            location_ref: str,
            deployment_execution_ref: str | None = ...,
            stage_execution_ref: str | None = ...,
            batch_execution_ref: str | None = ...,
            sample_observation_ref: str | None = ...,
            operation_context_ref: str | None = ...,
            hash_value: str | None = ...,
            size_bytes: int | None = ...,
            attributes: Mapping[str, Any] = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactAlias(ContractModel):
    """An alias: a name in a project, such as ``model:best``, that refers to an artifact. If the alias is recorded
    again with another artifact, the name refers to that artifact from then on.
    """

    _KIND: ClassVar[str] = "ArtifactAlias"

    alias_ref: StableRef
    """The ref, ``alias:PROJECT.KEY``."""
    project_ref: StableRef
    """The project."""
    name: str
    """The name, such as ``model:best``."""
    artifact_ref: StableRef
    """The artifact to which the name refers. The artifact can belong to another project."""
    recorded_at: str
    """The time at which the name was set."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            alias_ref: str,
            project_ref: str,
            name: str,
            artifact_ref: str,
            recorded_at: Time,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LineageEdge(ContractModel):
    """An edge of the lineage graph."""

    _KIND: ClassVar[str] = "LineageEdge"

    relation_ref: StableRef
    """The ref, ``relation:...``."""
    relation_type: str
    """The relation between source and target, one of :data:`RELATION_TYPES`."""
    source_ref: StableRef
    """The source."""
    target_ref: StableRef
    """The target; different from the source."""
    recorded_at: str
    """The time at which the edge was recorded."""
    origin_marker: str
    """The origin of the edge, one of :data:`LINEAGE_ORIGIN_MARKERS`."""
    confidence_marker: str
    """The confidence in the edge, one of :data:`CONFIDENCE_MARKERS`."""
    operation_context_ref: StableRef | None = None
    """The operation in which the edge was created."""
    evidence_refs: tuple[StableRef, ...] = ()
    """The refs of the objects and records that support the edge, in the order given by the caller."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            relation_ref: str,
            relation_type: str,
            source_ref: str,
            target_ref: str,
            recorded_at: Time,
            origin_marker: str,
            confidence_marker: str,
            operation_context_ref: str | None = ...,
            evidence_refs: Sequence[str] = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenanceRecord(ContractModel):
    """The provenance of a lineage edge: the mode, time, policy and evidence with which the edge was asserted."""

    _KIND: ClassVar[str] = "ProvenanceRecord"

    provenance_ref: StableRef
    """The ref, ``provenance:...``."""
    relation_ref: StableRef
    """The lineage edge."""
    assertion_mode: str
    """The way in which the edge was asserted, one of :data:`ASSERTION_MODES`."""
    asserted_at: str
    """The time of the assertion."""
    formation_context_ref: StableRef | None = None
    """The object or record in whose context the edge was asserted, such as a run or an operation."""
    policy_ref: str | None = None
    """The policy by which the edge was asserted: a token, not a ref."""
    evidence_bundle_ref: StableRef | None = None
    """An artifact with the evidence."""
    schema_version: str = SCHEMA_VERSION
    """Version of the schema."""
    extensions: tuple[ExtensionFieldSet, ...] = ()
    """Extensions: additional fields, grouped by namespace."""
    unknown: Mapping[str, Any] = field(default_factory=FrozenMapping, repr=False)
    """Members that only a newer minor version of the schema defines."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            provenance_ref: str,
            relation_ref: str,
            assertion_mode: str,
            asserted_at: Time,
            formation_context_ref: str | None = ...,
            policy_ref: str | None = ...,
            evidence_bundle_ref: str | None = ...,
            schema_version: str = ...,
            extensions: Sequence[ExtensionFieldSet | Mapping[str, Any]] = ...,
            unknown: Mapping[str, Any] = ...,
        ) -> None: ...

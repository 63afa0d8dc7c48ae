"""The classes of settings: one class for each section."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from contexta import _native
from contexta._model import FrozenMapping, freeze
from contexta.config._section import Derived, Section, kinds

ProfileName: TypeAlias = Literal["local", "test"]
"""The name of a profile."""

ProfileOverlayName: TypeAlias = Literal["debug", "forensic", "ci", "readonly"]
"""The name of an overlay: settings that are applied over a profile."""

PROFILE_NAMES: tuple[ProfileName, ...] = ("local", "test")
"""The names of all profiles."""

PROFILE_OVERLAY_NAMES: tuple[ProfileOverlayName, ...] = ("debug", "forensic", "ci", "readonly")
"""The names of all overlays, in the order in which they are applied."""


@dataclass(frozen=True, slots=True)
class WorkspaceConfig(Section):
    """Directories of the workspace. A directory that is ``None`` is derived from the workspace's root."""

    root_path: Path = Path(".contexta")
    """Root directory of the workspace."""
    metadata_path: Path | None = None
    """Directory for the tables that are derived from the log."""
    records_path: Path | None = None
    """Directory for the log."""
    artifacts_path: Path | None = None
    """Directory for artifact bodies."""
    reports_path: Path | None = None
    """Default directory for reports."""
    exports_path: Path | None = None
    """Default directory for exports."""
    cache_path: Path | None = None
    """Directory for cached files, which can be recreated."""
    create_missing_dirs: bool = True
    """Create the workspace if it does not exist."""
    _derived: Derived = field(default=(), repr=False, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ContractConfig(Section):
    """Validation of captured facts."""

    schema_version: str = "1.0.0"
    """Version of the schema of captured facts."""
    validation_mode: Literal["strict", "lenient"] = "strict"
    """Action if a captured record breaks a rule: an error, or a degraded marker instead of the record."""
    compatibility_mode: Literal["strict", "lenient"] = "strict"
    """Action if an imported line has another version of the schema: refuse it, or import it as version 1.0.0."""
    deterministic_serialization: bool = True
    """Write equal facts as identical JSON."""


@dataclass(frozen=True, slots=True)
class CaptureConfig(Section):
    """Capture of facts."""

    producer_ref: str = "sdk.python.local"
    """Name of the program that produces the records: lower-case words joined by dots."""
    capture_environment_snapshot: bool = True
    """Record the environment of a run: platform, runtime, packages, environment variables on the allow list."""
    capture_installed_packages: bool = True
    """Include packages and their versions in the recorded environment."""
    capture_code_revision: bool = True
    """Record the code revision of the repository that contains the current directory."""
    capture_config_snapshot: bool = True
    """Store the configuration that a program gives for a run as an artifact of the run."""
    retry_attempts: int = 0
    """Number of times that a failed delivery of a record to a sink (a receiver of captured records) is retried."""
    retry_backoff_seconds: float = 0.0
    """Seconds before the first retry. The time doubles with each retry, up to one hour."""
    dispatch_failure_mode: Literal["raise", "outbox"] = "raise"
    """Action if a sink or the log cannot append a record: return an error, or keep the record for a replay."""
    write_degraded_marker_on_partial_failure: bool = True
    """Capture a degraded record about data that some sinks, or the log, could not take."""
    sinks: tuple[str, ...] = ()
    """Receivers of captured facts besides the log: ``stdout``, ``stderr``, ``jsonl:PATH`` (relative to the
    workspace)."""
    writer_timeout_seconds: float = 600.0
    """Without file locks, a writer counts as dead if its last entry is older than this many seconds."""


@dataclass(frozen=True, slots=True)
class MetadataStoreConfig(Section):
    """The tables that are derived from the log."""

    storage_adapter: str = "redb"
    """Storage engine of the tables."""
    database_path: Path | None = None
    """Directory of the tables."""
    auto_create: bool = True
    """Create ``metadata.database_path`` if it is missing; otherwise the tables are kept in memory."""
    read_only: bool = False
    """Never write tables to disk."""
    auto_migrate: bool = False
    """Automatically rebuild tables that an older version of contexta wrote."""
    _derived: Derived = field(default=(), repr=False, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class RecordStoreConfig(Section):
    """The log."""

    root_path: Path | None = None
    """Directory of the log."""
    max_segment_bytes: int = 67_108_864
    """Size at which a segment is sealed and the next one is started."""
    durability_mode: Literal["flush", "fsync", "batched"] = "flush"
    """Durability of a captured event or metric when the call returns."""
    layout_mode: Literal["segments"] = "segments"
    """Layout of the log in its directory."""
    layout_version: str = "1"
    """Version of the layout of the log."""
    enable_indexes: bool = True
    """Use indexes to find records."""
    read_only: bool = False
    """Refuse to capture new data."""
    _derived: Derived = field(default=(), repr=False, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ArtifactStoreConfig(Section):
    """The store of artifact bodies."""

    root_path: Path | None = None
    """Directory of the artifact bodies."""
    default_ingest_mode: Literal["copy", "move", "adopt"] = "copy"
    """Method by which a body is added to the workspace."""
    verification_mode: Literal["none", "stored", "manifest_if_available", "strict"] = "manifest_if_available"
    """Digest that a body is compared with when it is read."""
    create_missing_dirs: bool = True
    """Create ``artifacts.root_path`` if it is missing."""
    layout_version: str = "1"
    """Version of the directory layout of ``artifacts.root_path``."""
    chunk_size_bytes: int = 1_048_576
    """Number of bytes of a body that are read at once."""
    read_only: bool = False
    """Refuse to register artifacts."""
    _derived: Derived = field(default=(), repr=False, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ComparisonPolicy(Section):
    """Settings of the comparison of two runs."""

    metric_selection: Literal["latest", "max", "min", "mean"] = "latest"
    """Value that is taken from each metric series for the comparison."""
    include_unchanged_metrics: bool = False
    """Include metrics whose values are equal in both runs."""
    missing_stage_severity: Literal["info", "warning", "error"] = "warning"
    """Severity of the note that only one of the runs has a stage."""


@dataclass(frozen=True, slots=True)
class DiagnosticsPolicy(Section):
    """Settings of the diagnosis of a run."""

    require_metrics_for_completed_stages: bool = True
    """Report completed stages without metrics."""
    detect_degraded_records: bool = True
    """Report records of lost or doubtful data (degraded records)."""
    expected_terminal_stage_names: tuple[str, ...] = ("evaluate", "package")
    """Names of the stages that a run is expected to end with."""


@dataclass(frozen=True, slots=True)
class ReportPolicy(Section):
    """Settings of the contents of reports."""

    include_completeness_notes: bool = True
    """Include notes on missing data in reports."""
    include_lineage_summary: bool = True
    """Include a section on lineage in reports."""
    include_evidence_summary: bool = True
    """Include in reports the data that each conclusion is based on."""


@dataclass(frozen=True, slots=True)
class SearchPolicy(Section):
    """Settings of the search for runs."""

    default_limit: int = 50
    """Number of runs that a search returns if no limit is given."""
    text_match_fields: tuple[str, ...] = ("name", "tags", "status")
    """Fields of a run in which the search text is looked up."""
    case_sensitive: bool = False
    """Distinguish upper and lower case in a search."""


@dataclass(frozen=True, slots=True)
class TrendPolicy(Section):
    """Settings of the trend of a metric over runs."""

    default_window_runs: int = 20
    """Number of runs in a trend if no limit is given."""
    metric_aggregation: Literal["latest", "max", "min", "mean"] = "latest"
    """Value that is taken from each run's series for the trend."""


@dataclass(frozen=True, slots=True)
class AnomalyPolicy(Section):
    """Settings of the detection of anomalies."""

    z_score_threshold: float = 2.5
    """Distance from the mean, in standard deviations, above which a value is an anomaly."""
    min_baseline_runs: int = 3
    """Least number of runs for the detection of anomalies."""
    monitored_metrics: tuple[str, ...] = ()
    """Metrics that are searched for anomalies; an empty list means all."""


@dataclass(frozen=True, slots=True)
class AlertPolicy(Section):
    """Settings of alerts on thresholds."""

    stop_on_first_trigger: bool = False
    """Stop the evaluation of alerts at the first alert that is triggered."""
    default_severity: Literal["info", "warning", "error"] = "warning"
    """Severity of an alert that does not specify one."""
    rules: tuple[Mapping[str, Any], ...] = ()
    """Rules that ``contexta alert`` evaluates if it is called without a rule."""


@dataclass(frozen=True, slots=True)
class InterpretationConfig(Section):
    """Queries, reports and diagnostics."""

    comparison: ComparisonPolicy = field(default_factory=ComparisonPolicy)
    """Settings of the comparison of two runs."""
    diagnostics: DiagnosticsPolicy = field(default_factory=DiagnosticsPolicy)
    """Settings of the diagnosis of a run."""
    reports: ReportPolicy = field(default_factory=ReportPolicy)
    """Settings of the contents of reports."""
    search: SearchPolicy = field(default_factory=SearchPolicy)
    """Settings of the search for runs."""
    trend: TrendPolicy = field(default_factory=TrendPolicy)
    """Settings of the trend of a metric over runs."""
    anomaly: AnomalyPolicy = field(default_factory=AnomalyPolicy)
    """Settings of the detection of anomalies."""
    alert: AlertPolicy = field(default_factory=AlertPolicy)
    """Settings of alerts on thresholds."""


@dataclass(frozen=True, slots=True)
class RecoveryConfig(Section):
    """Backup, restore and replay."""

    outbox_root: Path | None = None
    """Directory for records that the log or a sink could not take; may be on another disk."""
    backup_root: Path | None = None
    """Default directory for backups."""
    restore_staging_root: Path | None = None
    """Directory in which a restore is prepared."""
    replay_mode_default: Literal["strict", "tolerant"] = "tolerant"
    """Action if a replay cannot deliver a record."""
    require_plan_before_apply: bool = True
    """Require a plan before a backup, restore or replay is applied."""
    create_backup_before_restore: bool = True
    """Back up the data that a restore replaces."""
    _derived: Derived = field(default=(), repr=False, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class CLIConfig(Section):
    """Settings of the commands."""

    default_output_format: Literal["text", "json"] = "text"
    """Format of results if ``--format`` is not given."""
    verbosity: Literal["quiet", "normal", "debug", "forensic"] = "normal"
    """Amount of detail in messages on standard error."""
    color: bool = True
    """Use colours on a terminal."""


@dataclass(frozen=True, slots=True)
class HTTPConfig(Section):
    """Settings of an HTTP server. None of these settings has an effect yet."""

    enabled: bool = False
    """Enable an HTTP server; there is none yet."""
    host: str = "127.0.0.1"
    """Address that an HTTP server listens on; there is none yet."""
    port: int = 8765
    """Port that an HTTP server listens on; there is none yet."""
    open_browser: bool = False
    """Open a browser when an HTTP server starts; there is none yet."""


@dataclass(frozen=True, slots=True)
class HTMLConfig(Section):
    """Settings of HTML pages."""

    enabled: bool = True
    """Enable HTML pages."""
    inline_charts: bool = True
    """Include charts in the HTML page itself, not as separate files."""


@dataclass(frozen=True, slots=True)
class NotebookConfig(Section):
    """Settings of the display in notebooks."""

    enabled: bool = True
    """Enable rich display in notebooks."""


@dataclass(frozen=True, slots=True)
class ExportSurfaceConfig(Section):
    """Settings of exports."""

    csv_delimiter: str = ","
    """Separator between the cells of a CSV file."""
    html_inline_charts: bool = True
    """Include charts in an exported HTML page itself, not as separate files."""
    include_completeness_notes: bool = True
    """Include notes on missing data in exports."""


@dataclass(frozen=True, slots=True)
class SurfaceConfig(Section):
    """Settings of the user interfaces."""

    cli: CLIConfig = field(default_factory=CLIConfig)
    """Settings of the commands."""
    http: HTTPConfig = field(default_factory=HTTPConfig)
    """Settings of an HTTP server. None of these settings has an effect yet."""
    html: HTMLConfig = field(default_factory=HTMLConfig)
    """Settings of HTML pages."""
    notebook: NotebookConfig = field(default_factory=NotebookConfig)
    """Settings of the display in notebooks."""
    export: ExportSurfaceConfig = field(default_factory=ExportSurfaceConfig)
    """Settings of exports."""


@dataclass(frozen=True, slots=True)
class RetentionConfig(Section):
    """Retention of data."""

    cache_ttl_days: int | None = 7
    """Age in days at which cached files may be deleted."""
    report_ttl_days: int | None = None
    """Age in days at which reports may be deleted."""
    export_ttl_days: int | None = None
    """Age in days at which exports may be deleted."""
    artifact_retention_mode: Literal["manual", "planned", "enforced"] = "manual"
    """Removal of bodies that no manifest refers to."""
    records_compaction_enabled: bool = False
    """Compact the log in ``contexta retention apply``."""


@dataclass(frozen=True, slots=True)
class SecurityConfig(Section):
    """Redaction of secrets."""

    redaction_mode: Literal["safe_default", "strict", "off"] = "safe_default"
    """Values that are redacted before they are recorded."""
    environment_variable_allowlist: tuple[str, ...] = ()
    """Names of environment variables that a run may record."""
    secret_key_patterns: tuple[str, ...] = ("token", "secret", "password", "passwd", "key")
    """Words that mark a value as secret if its name has them: ``api_key``, not ``primary_key`` or
    ``max_tokens``."""
    allow_unredacted_local_exports: bool = False
    """Allow unredacted values in exports to local files."""
    encryption_provider: str | None = None
    """Provider of encryption; not available."""


@dataclass(frozen=True, slots=True)
class UnifiedConfig(Section):
    """All settings."""

    config_version: str = "1"
    """Version of the configuration format."""
    profile_name: ProfileName = "local"
    """Profile that the settings are based on."""
    project_name: str = "default"
    """Name of the project that new runs belong to."""
    workspace: WorkspaceConfig = field(default_factory=WorkspaceConfig)
    """Directories of the workspace."""
    contract: ContractConfig = field(default_factory=ContractConfig)
    """Validation of captured facts."""
    capture: CaptureConfig = field(default_factory=CaptureConfig)
    """Capture of facts."""
    metadata: MetadataStoreConfig = field(default_factory=MetadataStoreConfig)
    """The tables that are derived from the log."""
    records: RecordStoreConfig = field(default_factory=RecordStoreConfig)
    """The log."""
    artifacts: ArtifactStoreConfig = field(default_factory=ArtifactStoreConfig)
    """The store of artifact bodies."""
    interpretation: InterpretationConfig = field(default_factory=InterpretationConfig)
    """Queries, reports and diagnostics."""
    recovery: RecoveryConfig = field(default_factory=RecoveryConfig)
    """Backup, restore and replay."""
    surfaces: SurfaceConfig = field(default_factory=SurfaceConfig)
    """User interfaces."""
    retention: RetentionConfig = field(default_factory=RetentionConfig)
    """Retention of data."""
    security: SecurityConfig = field(default_factory=SecurityConfig)
    """Redaction of secrets."""
    metrics: Mapping[str, Mapping[str, str]] = field(default_factory=FrozenMapping)
    """Directions in which metrics improve, by metric key. The direction of other metrics is assumed from the
    name."""

    def __post_init__(self) -> None:
        Section.__post_init__(self)
        given = self.to_dict()
        settings = _native.load_settings("load_config", {"config": given, "use_env": False})
        _fill(self, settings, given)


def _loaded(settings: _native.Settings) -> UnifiedConfig:
    """Returns loaded settings as a configuration, without a second check."""
    config = object.__new__(UnifiedConfig)
    _fill(config, settings, None)
    return config


def _fill(config: UnifiedConfig, settings: _native.Settings, given: dict[str, Any] | None) -> None:
    """Sets all fields to the values of checked settings. A path in ``given`` is kept as it is; the checked settings
    contain the absolute path.
    """
    values = settings.to_dict()
    filling = _Filling(values, given, settings.derived())
    for name, kind in kinds(UnifiedConfig).items():
        value = values[name]
        filled = freeze(value) if kind.section is None else filling.section(kind.section, name, value)
        object.__setattr__(config, name, filled)


class _Filling:
    """Creates sections from checked settings."""

    def __init__(self, values: dict[str, Any], given: dict[str, Any] | None, derived: dict[str, str]) -> None:
        self._values = values
        self._given = given
        self._derived = derived

    def section(self, section: type[Section], key: str, values: dict[str, Any]) -> Section:
        """Creates the section with this key."""
        members: dict[str, Any] = {}
        derived: list[tuple[str, Path]] = []
        for name, kind in kinds(section).items():
            inner = f"{key}.{name}"
            if kind.section is not None:
                members[name] = self.section(kind.section, inner, values[name])
            elif kind.is_path:
                members[name] = self.path(inner)
                if inner in self._derived:
                    derived.append((name, members[name]))
            else:
                members[name] = values[name]
        if derived:
            members["_derived"] = tuple(derived)
        return section(**members)

    def path(self, key: str) -> Path:
        """Returns the path of this key. A derived path is below the path from which it is derived."""
        absolute = Path(_at(self._values, key))
        if self._given is None:
            return absolute
        above = self._derived.get(key)
        if above is None:
            return Path(_at(self._given, key))
        return self.path(above) / absolute.relative_to(_at(self._values, above))


def _at(tree: dict[str, Any], key: str) -> str:
    """Returns the path with a dotted key."""
    section, _, name = key.partition(".")
    return str(tree[section][name])

//! Every setting, once: name, type, default, limit, words. All else follows from this list.

use crate::config::choice::{
    ArtifactRetentionMode, ArtifactVerificationMode, CliVerbosity, DispatchFailureMode, DurabilityMode,
    IngestMode, MetricSelection, OutputFormat, Profile, RedactionMode, ReplayMode, SeverityLevel, Strictness,
};
use crate::config::env::variable_of;
use crate::config::error::ConfigError;
use crate::config::leaf::{Leaf, Limit, Rule};
use crate::config::load::{derive, refused};
use crate::config::value::{ConfigValue, Source};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

/// A setting of one configuration, while all are walked.
pub(super) struct Field<'a> {
    pub(super) key: &'static str,
    pub(super) doc: &'static str,
    pub(super) rule: Rule,
    pub(super) leaf: &'a mut dyn Leaf,
}

/// Declares sections: their settings, and the sections in them. Makes the structs, their first values, and a walk.
macro_rules! sections {
    ($(
        $(#[$doc:meta])* $path:literal $name:ident {
            $($(#[doc = $fdoc:literal])+ $field:ident: $type:ty = $default:expr, $rule:expr;)*
        }
        $({ $($(#[$sdoc:meta])* $section:ident: $stype:ident,)* })?
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq)]
            pub struct $name {
                $($(#[doc = $fdoc])+ pub $field: $type,)*
                $($($(#[$sdoc])* pub $section: $stype,)*)?
            }

            impl $name {
                /// The defaults; derived paths are still empty.
                fn initial() -> $name {
                    $name {
                        $($field: $default,)*
                        $($($section: $stype::initial(),)*)?
                    }
                }

                /// Calls `f` with every setting, in order.
                fn walk(&mut self, f: &mut dyn FnMut(Field<'_>)) {
                    $(
                        f(Field {
                            key: concat!($path, stringify!($field)),
                            doc: concat!($($fdoc),+),
                            rule: $rule,
                            leaf: &mut self.$field,
                        });
                    )*
                    $($(self.$section.walk(f);)*)?
                }
            }
        )*
    };
}

const fn any() -> Rule {
    Rule::new(Limit::Any)
}

const fn filled() -> Rule {
    Rule::new(Limit::Filled)
}

const fn only(word: &'static str) -> Rule {
    Rule::new(Limit::Only(word))
}

const fn int(min: i128, max: i128) -> Rule {
    Rule::new(Limit::Int(min, max))
}

/// The path follows from another one unless somebody sets it.
const fn under(key: &'static str, name: &'static str) -> Rule {
    Rule::new(Limit::Under(key, name))
}

fn texts(items: &[&str]) -> Vec<String> {
    items.iter().map(|item| (*item).to_owned()).collect()
}

const ROOT: &str = "workspace.root_path";
const DAYS_MAX: i128 = 36_500;

sections! {
    /// All settings.
    "" UnifiedConfig {
        /// Version of the settings themselves.
        config_version: String = "1".to_owned(), only("1");
        /// Which profile these settings started from.
        profile_name: Profile = Profile::Local, any();
        /// The project that runs belong to.
        project_name: String = "default".to_owned(), filled();
    }
    {
        /// Where everything lies.
        workspace: WorkspaceConfig,
        /// What may be captured at all.
        contract: ContractConfig,
        /// How it is captured.
        capture: CaptureConfig,
        /// The tables.
        metadata: MetadataStoreConfig,
        /// The log.
        records: RecordStoreConfig,
        /// The bodies of artifacts.
        artifacts: ArtifactStoreConfig,
        /// How questions are answered.
        interpretation: InterpretationConfig,
        /// Backups, restores, deliveries.
        recovery: RecoveryConfig,
        /// What people and programs see.
        surfaces: SurfaceConfig,
        /// How long things are kept.
        retention: RetentionConfig,
        /// What must not be written.
        security: SecurityConfig,
    }

    /// Where everything lies. A directory that nobody sets follows from the workspace.
    "workspace." WorkspaceConfig {
        /// The workspace.
        root_path: PathBuf = PathBuf::from(".contexta"), any();
        /// The tables that are derived from the log.
        metadata_path: PathBuf = PathBuf::new(), under(ROOT, "projections");
        /// The log.
        records_path: PathBuf = PathBuf::new(), under(ROOT, "log");
        /// Bodies of artifacts.
        artifacts_path: PathBuf = PathBuf::new(), under(ROOT, "artifacts");
        /// Reports that are given no other place.
        reports_path: PathBuf = PathBuf::new(), under(ROOT, "reports");
        /// Exports that are given no other place.
        exports_path: PathBuf = PathBuf::new(), under(ROOT, "exports");
        /// What can be made again.
        cache_path: PathBuf = PathBuf::new(), under(ROOT, "cache");
        /// Whether a workspace that is not there is created.
        create_missing_dirs: bool = true, any();
    }

    /// What may be captured at all.
    "contract." ContractConfig {
        /// Version of the schema that captured facts carry.
        schema_version: String = "1.0.0".to_owned(), only("1.0.0");
        /// What happens to a fact that breaks a rule.
        validation_mode: Strictness = Strictness::Strict, any();
        /// What happens to facts of another version of the schema.
        compatibility_mode: Strictness = Strictness::Strict, any();
        /// Whether the same fact has the same text always.
        deterministic_serialization: bool = true, only("true");
    }

    /// How facts are captured.
    "capture." CaptureConfig {
        /// Who captures: a token of lower-case words with dots between.
        producer_ref: String = "sdk.rust".to_owned(), filled();
        /// Whether a run says what it runs on.
        capture_environment_snapshot: bool = true, any();
        /// Whether that names packages and their versions.
        capture_installed_packages: bool = true, any();
        /// Whether the revision of the code is looked for in the repository around the current directory.
        capture_code_revision: bool = true, any();
        /// Whether a run keeps the settings it was captured with.
        capture_config_snapshot: bool = true, any();
        /// How often a sink that refuses is asked again.
        retry_attempts: u32 = 0, int(0, 100);
        /// How many seconds lie between.
        retry_backoff_seconds: f64 = 0.0, Rule::new(Limit::Float(0.0, 3600.0));
        /// What becomes of what a sink refuses in the end.
        dispatch_failure_mode: DispatchFailureMode = DispatchFailureMode::Raise, any();
        /// Whether a capture that some sinks refused leaves a degraded marker.
        write_degraded_marker_on_partial_failure: bool = true, any();
    }

    /// The tables that are derived from the log.
    "metadata." MetadataStoreConfig {
        /// What holds the tables.
        storage_adapter: String = "redb".to_owned(), only("redb").coded("metadata_store_invalid_adapter");
        /// The directory of the tables.
        database_path: PathBuf = PathBuf::new(), under("workspace.metadata_path", "");
        /// Whether that directory is created if it is missing; otherwise tables are made in memory.
        auto_create: bool = true, any();
        /// Whether the tables on disk are left as they are.
        read_only: bool = false, any();
        /// Whether tables of an older version are made again without being asked for.
        auto_migrate: bool = false, any();
    }

    /// The log.
    "records." RecordStoreConfig {
        /// The directory of the log.
        root_path: PathBuf = PathBuf::new(), under("workspace.records_path", "");
        /// When a segment has reached this size it is sealed, and the next one begun.
        max_segment_bytes: u64 = 64 << 20, int(64 << 10, 1 << 30).coded("record_store_invalid_config");
        /// What is promised when an event or metric has been captured.
        durability_mode: DurabilityMode = DurabilityMode::Flush, any();
        /// How the log is laid out.
        layout_mode: String = "segments".to_owned(), only("segments").coded("record_store_invalid_layout_mode");
        /// Version of that layout.
        layout_version: String = "1".to_owned(), only("1").coded("record_store_invalid_config");
        /// Whether records are found by index.
        enable_indexes: bool = true, any();
        /// Whether nothing may be captured.
        read_only: bool = false, any();
    }

    /// The bodies of artifacts.
    "artifacts." ArtifactStoreConfig {
        /// The directory of the bodies.
        root_path: PathBuf = PathBuf::new(), under("workspace.artifacts_path", "");
        /// How a body comes into the workspace.
        default_ingest_mode: IngestMode = IngestMode::Copy, any();
        /// How a body is checked when it is read.
        verification_mode: ArtifactVerificationMode = ArtifactVerificationMode::ManifestIfAvailable, any();
        /// Whether that directory is created if it is missing.
        create_missing_dirs: bool = true, any();
        /// Version of the layout.
        layout_version: String = "1".to_owned(), only("1").coded("artifact_store_invalid_config");
        /// How many bytes are read at once.
        chunk_size_bytes: u64 = 1 << 20, int(4 << 10, 1 << 30).coded("artifact_store_invalid_config");
        /// Whether no artifact may be registered.
        read_only: bool = false, any();
    }

    /// How questions are answered.
    "interpretation." InterpretationConfig {}
    {
        /// Two runs side by side.
        comparison: ComparisonPolicy,
        /// What is wrong with a run.
        diagnostics: DiagnosticsPolicy,
        /// What reports contain.
        reports: ReportPolicy,
        /// What a search finds.
        search: SearchPolicy,
        /// A metric over many runs.
        trend: TrendPolicy,
        /// Points that do not belong.
        anomaly: AnomalyPolicy,
        /// Thresholds that were passed.
        alert: AlertPolicy,
    }

    /// Two runs side by side.
    "interpretation.comparison." ComparisonPolicy {
        /// Which value of a series is compared.
        metric_selection: MetricSelection = MetricSelection::Latest, any();
        /// Whether metrics that are the same are named as well.
        include_unchanged_metrics: bool = false, any();
        /// How grave it is that one of the runs lacks a stage.
        missing_stage_severity: SeverityLevel = SeverityLevel::Warning, any();
    }

    /// What is wrong with a run.
    "interpretation.diagnostics." DiagnosticsPolicy {
        /// Whether a completed stage without a metric is worth saying.
        require_metrics_for_completed_stages: bool = true, any();
        /// Whether degraded records are worth saying.
        detect_degraded_records: bool = true, any();
        /// The stages that a run should end with.
        expected_terminal_stage_names: Vec<String> = texts(&["evaluate", "package"]), any();
    }

    /// What reports contain.
    "interpretation.reports." ReportPolicy {
        /// Whether a report says what it lacks.
        include_completeness_notes: bool = true, any();
        /// Whether a report has a section on lineage.
        include_lineage_summary: bool = true, any();
        /// Whether a report names the evidence of its findings.
        include_evidence_summary: bool = true, any();
    }

    /// What a search finds.
    "interpretation.search." SearchPolicy {
        /// How many results are given where no number is asked for.
        default_limit: u64 = 50, int(1, 1_000_000);
        /// Which fields a text is searched in.
        text_match_fields: Vec<String> = texts(&["name", "tags", "status"]), any();
        /// Whether capitals matter.
        case_sensitive: bool = false, any();
    }

    /// A metric over many runs.
    "interpretation.trend." TrendPolicy {
        /// How many runs are looked at where no number is asked for.
        default_window_runs: u64 = 20, int(1, 1_000_000);
        /// Which value of a series stands for a run.
        metric_aggregation: MetricSelection = MetricSelection::Latest, any();
    }

    /// Points that do not belong.
    "interpretation.anomaly." AnomalyPolicy {
        /// How many standard deviations away a point does not belong.
        z_score_threshold: f64 = 2.5, Rule::new(Limit::Above(0.0, 1e6));
        /// How many runs there must be to judge by.
        min_baseline_runs: u64 = 3, int(1, 1_000_000);
        /// Which metrics are looked at; none means all.
        monitored_metrics: Vec<String> = Vec::new(), any();
    }

    /// Thresholds that were passed.
    "interpretation.alert." AlertPolicy {
        /// Whether the first alert is enough.
        stop_on_first_trigger: bool = false, any();
        /// How grave an alert is that does not say.
        default_severity: SeverityLevel = SeverityLevel::Warning, any();
    }

    /// Backups, restores, deliveries.
    "recovery." RecoveryConfig {
        /// What could not be delivered yet.
        outbox_root: PathBuf = PathBuf::new(), under(ROOT, "recovery/outbox");
        /// Where backups go that are given no other place.
        backup_root: PathBuf = PathBuf::new(), under(ROOT, "recovery/backups");
        /// Where a restore is made ready.
        restore_staging_root: PathBuf = PathBuf::new(), under(ROOT, "recovery/staging");
        /// What a replay does with what cannot be delivered.
        replay_mode_default: ReplayMode = ReplayMode::Tolerant, any();
        /// Whether nothing is applied that was not planned.
        require_plan_before_apply: bool = true, any();
        /// Whether a restore saves first what it replaces.
        create_backup_before_restore: bool = true, any();
    }

    /// What people and programs see.
    "surfaces." SurfaceConfig {}
    {
        /// The command line.
        cli: CliConfig,
        /// The server.
        http: HttpConfig,
        /// Pages.
        html: HtmlConfig,
        /// Notebooks.
        notebook: NotebookConfig,
        /// Exports.
        export: ExportSurfaceConfig,
    }

    /// The command line.
    "surfaces.cli." CliConfig {
        /// How results are written where `--format` is not given.
        default_output_format: OutputFormat = OutputFormat::Text, any();
        /// How much is said on standard error.
        verbosity: CliVerbosity = CliVerbosity::Normal, any();
        /// Whether a terminal gets colours.
        color: bool = true, any();
    }

    /// The server.
    "surfaces.http." HttpConfig {
        /// Whether there is one.
        enabled: bool = false, any();
        /// The address it listens at.
        host: String = "127.0.0.1".to_owned(), filled();
        /// The port it listens at.
        port: u16 = 8765, int(1, 65_535);
        /// Whether a browser is opened.
        open_browser: bool = false, any();
    }

    /// Pages.
    "surfaces.html." HtmlConfig {
        /// Whether there are any.
        enabled: bool = true, any();
        /// Whether charts stand in the page itself.
        inline_charts: bool = true, any();
    }

    /// Notebooks.
    "surfaces.notebook." NotebookConfig {
        /// Whether answers show themselves in notebooks.
        enabled: bool = true, any();
    }

    /// Exports.
    "surfaces.export." ExportSurfaceConfig {
        /// What stands between the cells of a CSV file.
        csv_delimiter: String = ",".to_owned(), Rule::new(Limit::OneAscii);
        /// Whether charts stand in an exported page itself.
        html_inline_charts: bool = true, any();
        /// Whether an export says what it lacks.
        include_completeness_notes: bool = true, any();
    }

    /// How long things are kept.
    "retention." RetentionConfig {
        /// After how many days what lies in the cache may go.
        cache_ttl_days: Option<u64> = Some(7), int(0, DAYS_MAX);
        /// After how many days a report may go.
        report_ttl_days: Option<u64> = None, int(0, DAYS_MAX);
        /// After how many days an export may go.
        export_ttl_days: Option<u64> = None, int(0, DAYS_MAX);
        /// Who removes bodies that nothing refers to.
        artifact_retention_mode: ArtifactRetentionMode = ArtifactRetentionMode::Manual, any();
        /// Whether records may be compacted.
        records_compaction_enabled: bool = false, any();
    }

    /// What must not be written.
    "security." SecurityConfig {
        /// What must not be written.
        redaction_mode: RedactionMode = RedactionMode::SafeDefault, any();
        /// Names of the environment variables that a run may capture.
        environment_variable_allowlist: Vec<String> = Vec::new(), any();
        /// What names of secrets contain.
        secret_key_patterns: Vec<String> = texts(&["token", "secret", "password", "passwd", "key"]), any();
        /// Whether exports on this machine may hold secrets.
        allow_unredacted_local_exports: bool = false, any();
        /// What encrypts: nothing does.
        encryption_provider: Option<String> = None, only("null");
    }
}

/// The defaults, with paths relative to the current directory.
impl Default for UnifiedConfig {
    fn default() -> UnifiedConfig {
        let mut config = UnifiedConfig::initial();
        derive(&mut config, &mut BTreeMap::new());
        config
    }
}

impl UnifiedConfig {
    /// Calls `f` with every setting, in order.
    pub(super) fn each(&mut self, mut f: impl FnMut(Field<'_>)) {
        self.walk(&mut f);
    }

    /// Every setting with its value, in order.
    pub fn settings(&self) -> Vec<(&'static str, ConfigValue)> {
        let mut all = Vec::new();
        self.clone().each(|field| all.push((field.key, field.leaf.shown())));
        all
    }

    /// The value of the setting of this key.
    pub fn setting(&self, key: &str) -> Option<ConfigValue> {
        self.settings().into_iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Checks every value against its range: code may have put anything into the fields.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut wrong = None;
        self.clone().each(|field| {
            let value = field.leaf.shown();
            let empty = matches!(field.rule.limit, Limit::Under(..)) && value.to_string().is_empty();
            if wrong.is_none() && (empty || !field.rule.holds(&value) || !field.leaf.read(&value)) {
                wrong = Some(refused(&field, &value, Source::Patch));
            }
        });
        wrong.map_or(Ok(()), Err)
    }
}

/// What is known of a setting without a configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its dotted name.
    pub name: &'static str,
    /// The environment variable that sets it, if one may.
    pub variable: Option<String>,
    /// What it takes, in words.
    pub takes: String,
    /// Its range, in words.
    pub range: Option<String>,
    /// Its default; for a derived path, relative to the current directory.
    pub default: ConfigValue,
    /// What it is for.
    pub doc: &'static str,
    /// That it can be nothing: an optional setting, or a path that is derived then.
    pub nullable: bool,
    /// The setting it follows from as long as nobody sets it.
    pub derived_from: Option<&'static str>,
    /// That it is a directory or file.
    pub is_path: bool,
    /// The only value it takes.
    pub only: Option<&'static str>,
}

/// Every setting there is, in order.
pub fn keys() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
        let mut keys = Vec::new();
        UnifiedConfig::default().each(|field| {
            let limit = field.rule.limit;
            keys.push(Key {
                name: field.key,
                variable: variable_of(field.key),
                takes: field.leaf.kind(),
                range: field.rule.words(),
                default: field.leaf.shown(),
                doc: field.doc.trim(),
                nullable: field.leaf.nullable() || matches!(limit, Limit::Under(..)),
                derived_from: if let Limit::Under(from, _) = limit { Some(from) } else { None },
                is_path: field.leaf.path().is_some(),
                only: if let Limit::Only(only) = limit { Some(only) } else { None },
            });
        });
        keys
    });
    &KEYS
}

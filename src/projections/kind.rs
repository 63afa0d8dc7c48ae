//! Kinds of entries, with their numbers, names and payload versions.
//!
//! The number of a kind is never used for another kind.
//!
//! | kind | name | versions | since | payload |
//! |---|---|---|---|---|
//! | 1 | project | 1 | 0.1.0 | `ObjectV1` |
//! | 2 | run | 1 | 0.1.0 | `ObjectV1` |
//! | 3 | stage | 1 | 0.1.0 | `ObjectV1` |
//! | 4 | ended | 1 | 0.1.0 | `EndedV1`, an end without message, reason and writer |
//! | 4 | ended | 2 | 0.1.0 | `EndedV2`, an end with message, reason or writer |
//! | 5 | param | 1 | 0.1.0 | `ParamV1` |
//! | 6 | environment | 1 | 0.1.0 | `ObjectV1` |
//! | 7 | deployment | 1 | 0.1.0 | `ObjectV1` |
//! | 8 | batch | 1 | 0.1.0 | `ObjectV1` |
//! | 9 | sample | 1 | 0.1.0 | `ObjectV1` |
//! | 10 | operation | 1 | 0.1.0 | `ObjectV1` |
//! | 11 | writer | 1 | 0.1.0 | `WriterV1` |
//! | 12 | process | 1 | 0.1.0 | `ProcessV1` |
//! | 13 | annotation | 1 | 0.1.0 | `AnnotationV1` |
//! | 16 | event | 1 | 0.1.0 | `RecordV1<EventV1>` |
//! | 17 | metric | 1 | 0.1.0 | `RecordV1<MetricV1>`, a metric with a rare member of a record |
//! | 17 | metric | 2 | 0.1.0 | `MetricV2`, any other metric |
//! | 18 | degraded | 1 | 0.1.0 | `RecordV1<DegradedV1>` |
//! | 19 | span | 1 | 0.1.0 | `RecordV1<SpanV1>` |
//! | 32 | artifact | 1 | 0.1.0 | `ArtifactV1` |
//! | 33 | relation | 1 | 0.1.0 | `ObjectV1` |
//! | 34 | provenance | 1 | 0.1.0 | `ObjectV1` |
//! | 35 | alias | 1 | 0.1.0 | `ObjectV1` |
//! | 48 | import | 1 | 0.1.0 | `ImportV1` |
//! | 49 | erasure | 1 | 0.1.0 | `ErasureV1` |

use crate::contract::ObjectKind;
use crate::engine::entry::{Kind, PayloadVersion};

/// The first version of a payload.
pub(super) const V1: PayloadVersion = PayloadVersion(1);

/// The second version of a payload.
pub(super) const V2: PayloadVersion = PayloadVersion(2);

/// Declares the kinds of entries: for each kind a constant, a number, a name and the highest payload version. If the entries of a kind contain
/// objects, the kind of these objects is in parentheses.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal $name:literal $version:ident $(($object:ident))?;)*) => {
        $($(#[$doc])* pub(crate) const $kind: Kind = Kind($number);)*

        /// All kinds that this build reads, with the highest payload version that it reads.
        pub(crate) const KINDS: &[(Kind, PayloadVersion)] = &[$(($kind, $version),)*];

        /// Returns the name of a kind; `None` for a kind that this build does not know.
        pub(crate) fn kind_name(kind: Kind) -> Option<&'static str> {
            match kind { $($kind => Some($name),)* _ => None }
        }

        /// Returns the kind of the entries that contain objects of this kind.
        pub(super) fn kind_of(object: ObjectKind) -> Kind {
            match object { $($(ObjectKind::$object => $kind,)?)* }
        }

        /// Returns the kind of the object in entries of this kind; `None` for entries of facts that are not objects.
        pub(super) fn object_kind(kind: Kind) -> Option<ObjectKind> {
            match kind { $($($kind => Some(ObjectKind::$object),)?)* _ => None }
        }
    };
}

kinds! {
    /// A project.
    PROJECT = 1 "project" V1 (Project);
    /// A run.
    RUN = 2 "run" V1 (Run);
    /// A stage.
    STAGE = 3 "stage" V1 (Stage);
    /// The end of a run, deployment, stage, batch, sample or operation.
    ENDED = 4 "ended" V2;
    /// A parameter.
    PARAM = 5 "param" V1;
    /// An environment snapshot.
    ENVIRONMENT = 6 "environment" V1 (Environment);
    /// A deployment.
    DEPLOYMENT = 7 "deployment" V1 (Deployment);
    /// A batch.
    BATCH = 8 "batch" V1 (Batch);
    /// A sample.
    SAMPLE = 9 "sample" V1 (Sample);
    /// An operation.
    OPERATION = 10 "operation" V1 (Operation);
    /// A writer of a run.
    WRITER = 11 "writer" V1;
    /// A process that writes to the workspace.
    PROCESS = 12 "process" V1;
    /// A later change of a run, project or deployment, such as a note or a tag.
    ANNOTATION = 13 "annotation" V1;
    /// An event.
    EVENT = 16 "event" V1;
    /// A metric.
    METRIC = 17 "metric" V2;
    /// A degraded record.
    DEGRADED = 18 "degraded" V1;
    /// A span.
    SPAN = 19 "span" V1;
    /// An artifact.
    ARTIFACT = 32 "artifact" V1;
    /// A lineage edge.
    RELATION = 33 "relation" V1 (Relation);
    /// A provenance record of a lineage edge.
    PROVENANCE = 34 "provenance" V1 (Provenance);
    /// An alias of an artifact.
    ALIAS = 35 "alias" V1 (Alias);
    /// An import of facts.
    IMPORT = 48 "import" V1;
    /// The erasure of a run.
    ERASURE = 49 "erasure" V1;
}

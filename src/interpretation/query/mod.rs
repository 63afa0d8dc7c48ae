//! Queries on projects, runs, and the content of one run.

pub mod condition;
pub mod filter;
pub mod history;
pub mod line;
pub mod listing;
pub mod page_token;
mod place;
pub mod record_page;
mod run_facts;
pub mod run_list;
pub mod run_query;
pub mod search;
pub(in crate::interpretation) mod selected;
pub mod series;
pub mod snapshot;
pub mod time_range;
pub(super) mod value_order;

pub use condition::{Comparison, MetricCondition};
pub use filter::Filter;
pub use history::{History, HistoryQuery};
pub use line::{RecordLine, record_line};
pub use listing::{BatchList, DeploymentList, ProjectList, SampleList};
pub use page_token::PageToken;
pub use record_page::{RecordPage, RecordQuery};
pub use run_list::{RunList, RunSummary};
pub use run_query::{Archived, RunColumn, RunListQuery};
pub use search::{ArtifactHits, ArtifactSearch, RunSearch};
pub use series::{StepPoint, StepSeries, StepSeriesQuery};
pub use snapshot::RunSnapshot;
pub use time_range::TimeRange;

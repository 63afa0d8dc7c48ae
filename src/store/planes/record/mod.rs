//! The records of a workspace: appends, scans, replays, exports and checks.
//!
//! Files, lowest first: `filter`, `gap`, `item` (values), `scan`, `salvage`, `integrity`, `replay`, `append`, `export`,
//! `store`.

mod append;
mod export;
mod filter;
mod gap;
mod integrity;
mod item;
mod replay;
mod salvage;
mod scan;
mod store;

pub use append::{AppendReceipt, AppendRejection, AppendResult};
pub use filter::ScanFilter;
pub use gap::{IntegrityState, KnownGap};
pub use integrity::IntegrityReport;
pub(in crate::store::planes) use integrity::check_log;
pub use item::{MalformedRecord, SalvagedRecord, ScanItem, StoredRecord};
pub use replay::{ReplayMode, ReplayResult};
pub use scan::RecordScan;
pub use store::RecordStore;

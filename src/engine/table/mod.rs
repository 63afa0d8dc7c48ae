//! Typed tables: the tables of [`projection`](crate::engine::projection) with keys and values of Rust types.
//!
//! A table is declared as a constant. A projection names the table and writes to it. The table is read from a
//! [`View`](crate::engine::projection::View):
//! ```
//! # use contexta::engine::codec::{self, CodecError};
//! # use contexta::engine::entry::{Event, Kind, PayloadVersion, Stamp};
//! use contexta::engine::projection::{Applied, Point, PointOrder, Projection, TableSpec, Tables};
//! use contexta::engine::table::{Registers, SerdeValue, Series, Set, Versions};
//! use contexta::engine::{Engine, Error, Result};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct Job { number: u64, queue: String, command: String, minutes: f64 }
//!
//! impl SerdeValue for Job {}
//!
//! /// The jobs, by queue and number.
//! const JOBS: Versions<(String, u64), Job> = Versions::new("jobs");
//! /// The names of all queues.
//! const QUEUES: Set<String> = Set::new("queues");
//! /// The minutes that each job took: a series for each queue, in the order of the job numbers.
//! const MINUTES: Series<String, ()> = Series::new("minutes");
//! /// The number of jobs of each queue, and the first, last, shortest and longest job.
//! const SUMMARIES: Registers<String> = Registers::new("summaries");
//!
//! # impl Event for Job {
//! #     const KINDS: &'static [(Kind, PayloadVersion)] = &[(Kind(1), PayloadVersion(1))];
//! #     fn kind(&self) -> Kind { Kind(1) }
//! #     fn payload_version(&self) -> PayloadVersion { PayloadVersion(1) }
//! #     fn encode(&self, out: &mut Vec<u8>) -> std::result::Result<(), CodecError> { codec::encode(self, out) }
//! #     fn decode(_: Kind, _: PayloadVersion, payload: &[u8]) -> std::result::Result<Option<Job>, CodecError> {
//! #         codec::decode(payload).map(Some)
//! #     }
//! # }
//! struct Queues;
//!
//! impl Projection<Job> for Queues {
//! #     fn name(&self) -> &'static str { "queues" }
//! #     fn version(&self) -> u32 { 1 }
//! #     fn wants(&self, kind: Kind) -> bool { true }
//!     // ..
//!     fn tables(&self) -> &'static [TableSpec] {
//!         const { &[JOBS.spec(), QUEUES.spec(), MINUTES.spec(), SUMMARIES.spec()] }
//!     }
//!
//!     fn apply(&self, entry: &Applied<'_, Job>, tables: &mut Tables) -> Result<()> {
//!         let (job, stamp) = (entry.event, entry.stamp);
//!         JOBS.put(tables, &(&job.queue, job.number), stamp, &[], job);
//!         QUEUES.insert(tables, &job.queue);
//!         let order = PointOrder::new(job.number as i64, stamp);
//!         let point = Point { order, measure: Some(job.minutes), value: () };
//!         MINUTES.add(tables, &job.queue, &point);
//!         SUMMARIES.add(tables, &job.queue, &point);
//!         Ok(())
//!     }
//! }
//!
//! # let dir = std::env::temp_dir().join(format!("contexta-doc-table-{}", std::process::id()));
//! let engine = Engine::<Job>::options(&dir).domain("jobs", 1).projection(Queues).open()?;
//! # let mut stamps: Vec<Stamp> = Vec::new();
//! # for (number, queue, minutes) in [(1, "build", 3.5), (2, "test", 9.0), (3, "build", 1.5), (4, "build", 2.0)] {
//! #     let job = Job { number, queue: queue.into(), command: format!("make {queue}"), minutes };
//! #     stamps.push(engine.append(&job)?);
//! # }
//! # let second = stamps[1];
//! let view = engine.view()?;
//! let job = JOBS.get(&view, &("build", 3))?;
//! assert_eq!(job.map(|job| job.into_value().command), Some("make build".to_owned()));
//! assert!(QUEUES.contains(&view, "test")?);
//! assert_eq!(SUMMARIES.get(&view, "build")?.map(|summary| summary.count), Some(3));
//!
//! let mut numbers = Vec::new();
//! for row in JOBS.read(&view).prefix(("build",)).rev().take(2) {
//!     let ((_queue, number), _job) = row?;
//!     numbers.push(number);
//! }
//! assert_eq!(numbers, [4, 3]);
//!
//! let after_two = JOBS.read(&view).range(("build", 2)..("build", 9)).count();
//! let slow = MINUTES.points(&view, "build").range(2..).filter(|p| p.as_ref().is_ok_and(|p| p.measure > Some(1.8)));
//! assert_eq!((after_two, slow.count()), (2, 1));
//!
//! // The tables as of the second entry.
//! let before = view.as_of(second);
//! assert_eq!(JOBS.read(&before).collect::<Result<Vec<_>>>()?.len(), 2);
//! assert!(JOBS.get(&before, &("build", 3))?.is_none());
//! assert!(matches!(QUEUES.contains(&before, "test"), Err(Error::TableNotVersioned { .. })));
//! # drop((before, view, engine));
//! # std::fs::remove_dir_all(&dir).unwrap();
//! # Ok::<(), Error>(())
//! ```
//!
//! A table has only the functions of its kind, and only keys and values of its types. This function compiles:
//! ```
//! # use contexta::engine::entry::Stamp;
//! # use contexta::engine::projection::Tables;
//! # use contexta::engine::table::{Set, Versions};
//! const JOBS: Versions<String, u64> = Versions::new("jobs");
//!
//! fn apply(tables: &mut Tables, stamp: Stamp) {
//!     JOBS.put(tables, "build", stamp, &[], &7);
//! }
//! ```
//! This function does not compile, because a versions table has no keys without values:
//! ```compile_fail,E0599
//! # use contexta::engine::entry::Stamp;
//! # use contexta::engine::projection::Tables;
//! # use contexta::engine::table::{Set, Versions};
//! # const JOBS: Versions<String, u64> = Versions::new("jobs");
//! fn apply(tables: &mut Tables, stamp: Stamp) {
//!     JOBS.insert(tables, "build");
//! }
//! ```
//! This function does not compile, because the key is not a text:
//! ```compile_fail,E0277
//! # use contexta::engine::entry::Stamp;
//! # use contexta::engine::projection::Tables;
//! # use contexta::engine::table::{Set, Versions};
//! # const JOBS: Versions<String, u64> = Versions::new("jobs");
//! fn apply(tables: &mut Tables, stamp: Stamp) {
//!     JOBS.put(tables, &5u64, stamp, &[], &7);
//! }
//! ```
//!
//! The bytes of a [`Key`] sort like the key, and do not begin with the bytes of another key. The rows of a table are
//! therefore in the order of the keys, and the rows of one key are contiguous, whatever bytes the keys contain.
//!
//! Files, lowest first. Each file imports only files above it in this list:
//! ```text
//! key, value, declare                          types of keys and values, and of tables
//! key_range, typed                             bounds, and conversions of rows
//! query, points                                iterators
//! versions, set, series, registers             tables
//! ```

mod declare;
mod key;
mod key_range;
mod points;
mod query;
mod registers;
mod series;
mod set;
mod typed;
mod value;
mod versions;

pub use key::{AsKey, Key};
pub use key_range::{KeyPrefix, KeyRange};
pub use points::Points;
pub use query::Query;
pub use registers::Registers;
pub use series::Series;
pub use set::Set;
pub use value::{SerdeValue, Value};
pub use versions::Versions;

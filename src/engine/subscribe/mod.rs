//! Subscriptions: following the log of any number of processes, entry by entry.
//!
//! A [`Subscription`] is an iterator. It returns the entries of all streams in rounds, ordered by stamp within a round,
//! and waits for new ones. A [`SubscriptionPosition`] continues a subscription in another process, exactly after the
//! last item. [`run_handler`] passes every entry to a [`Handler`] with side effects at least once, with the position in
//! a [`CursorFile`].
//!
//! A subscription only reads. It needs no lock, and writers do not know of it. Tables derived from the log are the
//! task of [`crate::engine::projection`]; these two modules do not depend on each other.
//!
//! Files, lowest first. Each file imports only files above it in this list:
//! ```text
//! position, item, options       values
//! seen, flow                    one stream: changes of its files, its next item
//! round                         all streams, ordered by stamp
//! subscription                  rounds, waiting
//! cursor_file, handler          at-least-once handlers
//! ```

mod cursor_file;
mod flow;
mod handler;
mod item;
mod options;
mod position;
mod round;
mod seen;
mod subscription;

pub use cursor_file::CursorFile;
pub use handler::{Handled, Handler, HandlerError, HandlerOptions, run_handler};
pub use item::Item;
pub use options::SubscribeOptions;
pub use position::SubscriptionPosition;
pub use subscription::Subscription;

//! Subscriptions: reading a log entry by entry, while any number of processes append.
//!
//! A [`Subscription`] is an iterator. It returns the entries of all streams in rounds, ordered by stamp within a round,
//! and waits for new entries. With a [`SubscriptionPosition`], another process continues a subscription exactly after
//! the last item. [`run_handler`] passes every entry that can be read at least once to a [`Handler`] with side effects,
//! and saves the position in a [`CursorFile`].
//!
//! A subscription only reads, and needs no lock. Writers do not depend on subscriptions. Subscriptions do not use
//! [`crate::engine::projection`], which derives tables from the log.
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

//! Handlers with side effects, which handle every entry that can be read at least once.

use crate::engine::entry::{Event, Stamp};
use crate::engine::error::{Error, Result};
use crate::engine::subscribe::cursor_file::CursorFile;
use crate::engine::subscribe::item::Item;
use crate::engine::subscribe::position::SubscriptionPosition;
use crate::engine::subscribe::subscription::Subscription;

/// A consumer of entries with side effects, such as sending a message. A rebuild calls a
/// [`Projection`](crate::engine::projection::Projection) again for old entries, but never a handler. After a crash, a
/// handler is called again for the entries since the last saved position. After [`Item::Diverged`], a handler is called
/// again for entries of the stream. A handler must tolerate these repetitions.
pub trait Handler<E> {
    /// The error of the handler.
    type Error: std::error::Error + 'static;

    /// Handles an entry. After an error the entry counts as not handled.
    fn handle(&mut self, stamp: Stamp, event: E) -> std::result::Result<(), Self::Error>;

    /// Handles an item other than an entry: [`Item::Gap`], [`Item::Undecodable`] or [`Item::Diverged`]. An error stops
    /// [`run_handler`] before the item. `Ok` accepts that the entries of the gap, or the entry that cannot be decoded,
    /// will not be handled, even if a later merge restores them. To handle the entries of a gap, return an error, merge
    /// a copy of the log that has the entries, and call [`run_handler`] again.
    fn handle_other(&mut self, item: &Item<E>) -> std::result::Result<(), Self::Error>;
}

/// Options of [`run_handler`].
#[derive(Debug, Clone, Copy)]
pub struct HandlerOptions {
    /// The number of items after which the position is saved within a round; 0 counts as 1. After a crash, at most this
    /// number of items is repeated. The default is 1000.
    pub items_per_save: u64,
}

impl Default for HandlerOptions {
    fn default() -> HandlerOptions {
        HandlerOptions { items_per_save: 1000 }
    }
}

/// The work of one call of [`run_handler`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Handled {
    /// The number of entries that were handled.
    pub entries: u64,
    /// The number of other items that were handled.
    pub others: u64,
}

/// The error of [`run_handler`]; `F` is the error of the handler.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError<F: std::error::Error + 'static> {
    /// The log could not be read, or the position could not be saved.
    #[error("the subscription stopped")]
    Engine(#[source] Error),
    /// The handler returned an error.
    #[error("the handler stopped at {at}")]
    Handler {
        /// The item that was not handled, as message text: the position of an entry, or a description of another item.
        at: String,
        /// The error of the handler.
        source: F,
    },
}

impl<F: std::error::Error + 'static> HandlerError<F> {
    /// Returns the stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            HandlerError::Engine(error) => error.code(),
            HandlerError::Handler { .. } => "handler_failed",
        }
    }

    /// Returns advice on how to resolve the error.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            HandlerError::Engine(error) => error.hint(),
            HandlerError::Handler { .. } => {
                Some("remove the cause and run the handler again; it continues with the item that failed")
            }
        }
    }
}

/// Passes all items of a subscription to a handler. Returns when nothing new becomes readable within the time-out of
/// the subscription. Call the function again to continue.
///
/// The position is saved in `cursor` after each round, and within a round after [`HandlerOptions::items_per_save`]
/// items. Open the subscription at the position that [`CursorFile::load`] returns. Then every entry that can be read is
/// handled, and after a crash at most the items since the last save are repeated. Entries that a merge restores in a
/// gap that the handler has accepted are not handled: see [`Handler::handle_other`].
///
/// Errors: the handler failed, the log could not be read, the position could not be saved, or the cursor file is in a
/// directory that is reserved for the engine ([`Error::CursorMisplaced`]). In the last case, no item was handled. After
/// an error of the handler, position and subscription are before the item that failed, and the items before it count as
/// handled. Call the function again to continue with this item.
///
/// ```
/// # use contexta::engine::entry::{Event, Stamp};
/// # use contexta::engine::Engine;
/// # use contexta::engine::subscribe::{
/// #     CursorFile, Handler, HandlerError, HandlerOptions, SubscribeOptions, run_handler,
/// # };
/// # use std::time::Duration;
/// fn follow<E: Event, H: Handler<E>>(
///     engine: &Engine<E>,
///     handler: &mut H,
/// ) -> Result<(), HandlerError<H::Error>> {
///     let cursor = CursorFile::new("mailer.cursor");
///     let from = cursor.load().map_err(HandlerError::Engine)?;
///     let options = SubscribeOptions { from, wait: Duration::from_secs(60), ..SubscribeOptions::default() };
///     let mut subscription = engine.subscribe(options);
///     loop {
///         run_handler(&mut subscription, &cursor, handler, HandlerOptions::default())?;
///     }
/// }
/// ```
pub fn run_handler<E: Event, H: Handler<E>>(
    subscription: &mut Subscription<E>,
    cursor: &CursorFile,
    handler: &mut H,
    options: HandlerOptions,
) -> std::result::Result<Handled, HandlerError<H::Error>> {
    cursor.check_outside(subscription.reserved()).map_err(HandlerError::Engine)?;
    let saves = Saves { cursor, every: options.items_per_save.max(1), unsaved: 0 };
    HandlerRun { subscription, handler, saves, handled: Handled::default() }.run()
}

/// The cursor file, and the number of items after which the position is saved in this file.
struct Saves<'a> {
    cursor: &'a CursorFile,
    every: u64,
    /// The number of items since the last save.
    unsaved: u64,
}

impl Saves<'_> {
    fn save(&mut self, position: &SubscriptionPosition) -> Result<()> {
        self.cursor.save(position)?;
        self.unsaved = 0;
        Ok(())
    }

    fn count(&mut self, position: &SubscriptionPosition) -> Result<()> {
        self.unsaved += 1;
        if self.unsaved >= self.every { self.save(position) } else { Ok(()) }
    }
}

/// The state of one call of [`run_handler`].
struct HandlerRun<'a, E, H> {
    subscription: &'a mut Subscription<E>,
    handler: &'a mut H,
    saves: Saves<'a>,
    handled: Handled,
}

impl<E: Event, H: Handler<E>> HandlerRun<'_, E, H> {
    fn run(mut self) -> std::result::Result<Handled, HandlerError<H::Error>> {
        while let Some(item) = self.subscription.next() {
            let item = match item {
                Ok(item) => item,
                Err(e) => return Err(self.stop(HandlerError::Engine(e))),
            };
            let done = match item {
                Item::TimedOut => break,
                Item::CaughtUp(position) => self.saves.save(&position),
                item => match self.pass(item) {
                    Ok(()) => self.saves.count(self.subscription.current_position()),
                    Err(e) => {
                        self.subscription.return_last();
                        return Err(self.stop(e));
                    }
                },
            };
            done.map_err(HandlerError::Engine)?;
        }
        Ok(self.handled)
    }

    /// Passes an item to the handler.
    fn pass(&mut self, item: Item<E>) -> std::result::Result<(), HandlerError<H::Error>> {
        if let Item::Entry { stamp, event } = item {
            let result = self.handler.handle(stamp, event);
            let at = || format!("entry {}", stamp.position());
            result.map_err(|source| HandlerError::Handler { at: at(), source })?;
            self.handled.entries += 1;
            return Ok(());
        }
        let result = self.handler.handle_other(&item);
        result.map_err(|source| HandlerError::Handler { at: place_of(&item), source })?;
        self.handled.others += 1;
        Ok(())
    }

    /// Saves the position before the call ends with an error. The error of the save is ignored: the items since the
    /// last save are then repeated.
    fn stop(&mut self, error: HandlerError<H::Error>) -> HandlerError<H::Error> {
        if self.saves.unsaved > 0 {
            let _ = self.saves.save(self.subscription.current_position());
        }
        error
    }
}

/// Describes an item other than [`Item::Entry`] for an error message.
fn place_of<E>(item: &Item<E>) -> String {
    match item {
        Item::Gap(gap) => format!("the missing entries of {gap}"),
        Item::Undecodable { stamp, .. } => format!("entry {}, which cannot be decoded", stamp.position()),
        Item::Diverged { stream, restart } => format!("stream {stream}, which changed from {restart} on"),
        _ => "the end of a round".to_owned(),
    }
}

//! Methods of a session that write dead letters, list dead letters, and change their state.

use crate::capture::dispatch::dispatcher::Dispatcher;
use crate::capture::dispatch::replay_options::LetterFilter;
use crate::capture::dispatch::sink_state::Shared;
use crate::capture::error::Result;
use crate::capture::sink::{SinkError, SinkRequest};
use crate::contract::{Timestamp, Value};
use crate::store::{self, DeadLetter, DeadLetterFile, DeadLetters, LetterState};

impl Shared {
    /// Returns the file of dead letters.
    pub(super) fn letter_file(&self) -> DeadLetterFile {
        DeadLetterFile::new(self.journal.storage(), &self.options.outbox)
    }

    /// Writes a fact as a dead letter. The letter is on disk when the method returns.
    pub(super) fn write_dead_letter(
        &self,
        sink: &str,
        request: &SinkRequest<'_>,
        failures: u32,
        error: &SinkError,
    ) -> store::Result<()> {
        let now = Timestamp::from_nanos(self.journal.storage().now());
        self.letter_file().append(&Value::map([
            ("replay_ref", Value::text(request.position())),
            ("captured_at", Value::text(request.captured_at())),
            ("failed_at", Value::text(now)),
            ("sink_name", sink.into()),
            ("family", request.family().as_str().into()),
            ("payload_type", request.payload_type().into()),
            ("payload_ref", request.payload_ref().into()),
            ("last_error", error.full_message().into()),
            ("error_code", error.code().into()),
            ("attempts", failures.into()),
            ("state", LetterState::Dead.as_str().into()),
            ("payload", request.payload().clone()),
        ]))
    }
}

impl Dispatcher {
    /// Returns the letters that were neither delivered nor discarded.
    pub(in crate::capture) fn dead_letters(&self) -> Result<DeadLetters> {
        Ok(self.shared.letter_file().read()?)
    }

    /// Changes the state of the selected letters. Returns the letters.
    pub(in crate::capture) fn change_letters(
        &self,
        filter: &LetterFilter,
        state: LetterState,
    ) -> Result<Vec<DeadLetter>> {
        let file = self.shared.letter_file();
        let mut letters = file.read()?.letters;
        letters.retain(|letter| filter.selects(letter) && letter.state != state);
        for letter in &mut letters {
            letter.state = state;
            if state == LetterState::Queued {
                letter.attempts = 0;
            }
            file.set_state(letter)?;
        }
        Ok(letters)
    }
}

//! [`TracingLayer`]: the spans and events of programs that use the crate `tracing`, as records of the current run.

use crate::capture::{self, AnyScope, CaptureResult, EventEmission, Session, SpanEmission, SpanId};
use crate::client::contexta::Contexta;
use crate::contract::{EventLevel, Members, SpanStatus, Timestamp, Value};
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// The greatest length of an event key that is made from a target, in bytes.
const KEY_BYTES_MAX: usize = 120;

thread_local! {
    /// `true` while this thread captures. Spans and events of the capture itself are ignored.
    static IS_CAPTURING: Cell<bool> = const { Cell::new(false) };
}

/// A layer for `tracing_subscriber` that captures spans and events in the run, stage or other scope that is current in
/// the thread ([`Contexta::current_scope`]).
///
/// A span is captured when it closes, in the scope in which it was created: with the times of its creation and its close,
/// its fields as attributes, and the attribute `busy_seconds`, the time for which it was entered. Its status is
/// `error` if an event of level `error` belongs to it. The key of an event is its target, such as `my_crate.training`,
/// and its fields are attributes. Spans and events outside a scope are ignored and counted. Clones of a layer share the
/// counters.
#[derive(Debug, Clone)]
pub struct TracingLayer {
    session: Session,
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    outside: AtomicU64,
    failed: AtomicU64,
}

impl Contexta {
    /// Returns a layer for `tracing_subscriber` that captures spans and events in the current scope of each thread.
    pub fn tracing_layer(&self) -> TracingLayer {
        TracingLayer { session: self.session.clone(), counters: Arc::default() }
    }
}

/// An open span.
struct OpenSpan {
    scope: AnyScope,
    id: SpanId,
    parent: Option<SpanId>,
    started_at: Timestamp,
    entered: Option<Instant>,
    /// The number of threads and calls that have entered the span and not left it.
    depth: u32,
    busy: Duration,
    fields: Members,
    status: SpanStatus,
}

impl TracingLayer {
    /// Returns the number of spans and events that were ignored, because no scope was current.
    pub fn outside(&self) -> u64 {
        self.counters.outside.load(Ordering::Relaxed)
    }

    /// Returns the number of spans and events that could not be captured, for example because the scope had ended.
    pub fn failed(&self) -> u64 {
        self.counters.failed.load(Ordering::Relaxed)
    }

    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls `work`, unless this thread is already in a call.
    fn guarded(&self, work: impl FnOnce()) {
        struct Reset;
        impl Drop for Reset {
            fn drop(&mut self) {
                IS_CAPTURING.set(false);
            }
        }
        if !IS_CAPTURING.replace(true) {
            let _reset = Reset;
            work();
        }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for TracingLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        self.guarded(|| {
            let Some(span) = context.span(id) else { return };
            let parent = span.parent();
            let inherited = parent.as_ref().and_then(|parent| {
                let extensions = parent.extensions();
                extensions.get::<OpenSpan>().map(|open| (open.scope.clone(), open.id))
            });
            let parent_id = inherited.as_ref().map(|(_, id)| *id);
            let scope = self.session.current().or_else(|| inherited.map(|(scope, _)| scope));
            let Some(scope) = scope else { return Self::count(&self.counters.outside) };
            let Ok(own) = self.session.new_span_id() else { return Self::count(&self.counters.failed) };
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(OpenSpan {
                scope,
                id: own,
                parent: parent_id,
                started_at: self.session.now(),
                entered: None,
                depth: 0,
                busy: Duration::ZERO,
                fields: fields.all(),
                status: SpanStatus::Ok,
            });
        });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        self.guarded(|| {
            let Some(span) = context.span(id) else { return };
            if let Some(open) = span.extensions_mut().get_mut::<OpenSpan>() {
                let mut fields = Fields::default();
                values.record(&mut fields);
                open.fields.extend(fields.all());
            }
        });
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<OpenSpan>() {
            open.depth += 1;
            open.entered.get_or_insert_with(Instant::now);
        }
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(open) = span.extensions_mut().get_mut::<OpenSpan>() {
            open.depth = open.depth.saturating_sub(1);
            if open.depth == 0 {
                open.busy += open.entered.take().map_or(Duration::ZERO, |entered| entered.elapsed());
            }
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.guarded(|| {
            let Some(span) = context.span(&id) else { return };
            let Some(open) = span.extensions_mut().remove::<OpenSpan>() else { return };
            let mut emission = SpanEmission::new(span.name())
                .id(&open.id.to_string())
                .started_at(open.started_at)
                .ended_at(self.session.now().max(open.started_at))
                .status(open.status);
            if let Some(parent) = open.parent {
                emission = emission.parent(&parent.to_string());
            }
            emission.attributes = open.fields;
            emission.attributes.insert("target".to_owned(), span.metadata().target().into());
            emission.attributes.insert("busy_seconds".to_owned(), open.busy.as_secs_f64().into());
            if !is_captured(open.scope.emit(emission)) {
                Self::count(&self.counters.failed);
            }
        });
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        self.guarded(|| {
            let level = level_of(event.metadata());
            let span = context.event_span(event);
            let mut inherited = None;
            if let Some(span) = &span
                && let Some(open) = span.extensions_mut().get_mut::<OpenSpan>()
            {
                inherited = Some((open.scope.clone(), open.id));
                if level >= EventLevel::Error {
                    open.status = SpanStatus::Error;
                }
            }
            let span_id = inherited.as_ref().map(|(_, id)| *id);
            let scope = self.session.current().or_else(|| inherited.map(|(scope, _)| scope));
            let Some(scope) = scope else { return Self::count(&self.counters.outside) };
            let mut fields = Fields::default();
            event.record(&mut fields);
            let metadata = event.metadata();
            let message = fields.message.filter(|text| !text.trim().is_empty());
            let message = message.unwrap_or_else(|| metadata.name().to_owned());
            let mut emission = EventEmission::new(key_of(metadata.target()), message).level(level);
            emission.attributes = fields.members;
            if let Some(id) = span_id {
                emission = emission.attribute("span_id", id.to_string());
            }
            if !is_captured(scope.emit(emission)) {
                Self::count(&self.counters.failed);
            }
        });
    }
}

/// Returns `true` if a record was captured. Returns `false` also if a degraded marker replaces the record, because the
/// record breaks a rule (`contract.validation_mode = "lenient"`).
fn is_captured(emitted: capture::Result<CaptureResult>) -> bool {
    emitted.is_ok_and(|result| result.error_message().is_none() || result.position().is_some())
}

fn level_of(metadata: &Metadata<'_>) -> EventLevel {
    match *metadata.level() {
        Level::ERROR => EventLevel::Error,
        Level::WARN => EventLevel::Warning,
        Level::INFO => EventLevel::Info,
        _ => EventLevel::Debug,
    }
}

/// Returns the key for the events of a target, such as `my_crate.training` for `my_crate::training`.
fn key_of(target: &str) -> String {
    let mut key = String::new();
    for part in target.split(['.', '/', ':']) {
        let is_usual = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        let part: String =
            part.chars().map(|c| c.to_ascii_lowercase()).map(|c| if is_usual(c) { c } else { '_' }).collect();
        let part = part.trim_start_matches(|c: char| !c.is_ascii_lowercase());
        if !part.is_empty() && key.len() + part.len() < KEY_BYTES_MAX {
            if !key.is_empty() {
                key.push('.');
            }
            key.push_str(part);
        }
    }
    if key.is_empty() { "tracing".to_owned() } else { key }
}

/// The fields of a span or event.
#[derive(Debug, Default)]
struct Fields {
    message: Option<String>,
    members: Members,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::Text(text)) => self.message = Some(text),
            (name, value) => drop(self.members.insert(name.to_owned(), value)),
        }
    }

    /// Returns all fields as members, including the message.
    fn all(mut self) -> Members {
        if let Some(message) = self.message {
            self.members.insert("message".to_owned(), message.into());
        }
        self.members
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no form for a number that is not finite.
        let value = if value.is_finite() { Value::Float(value) } else { Value::text(value) };
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::text(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, Value::text(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::Text(format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_made_from_the_target() {
        for (target, key) in [
            ("my_crate::training::Loop", "my_crate.training.loop"),
            ("hyper", "hyper"),
            ("::", "tracing"),
            ("1st::_private::Größe", "st.private.gr__e"),
        ] {
            assert_eq!(key_of(target), key);
        }
    }
}

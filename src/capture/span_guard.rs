//! [`SpanGuard`], which measures a span.

use crate::capture::current::{Entered, enter_span};
use crate::capture::emission::SpanEmission;
use crate::capture::error::Result;
use crate::capture::result::CaptureResult;
use crate::capture::scope::Scope;
use crate::capture::trace::{SpanId, TraceContext};
use crate::contract::{SpanKind, SpanStatus, StableRef, Value};
use std::sync::Arc;

/// A guard that measures a span: the span starts when the guard is made, and ends when the guard is dropped or
/// [finished](SpanGuard::finish). While the guard exists, the span is the parent of new spans of the same scope, and of
/// scopes in it, in this thread.
#[derive(Debug)]
#[must_use = "the span ends when the guard is dropped"]
pub struct SpanGuard {
    scope: Arc<Scope>,
    span: SpanEmission,
    own: TraceContext,
    is_captured: bool,
    _entered: Entered,
}

impl SpanGuard {
    /// Starts a span in the scope.
    pub(super) fn start(scope: &Arc<Scope>, name: &str) -> Result<SpanGuard> {
        scope.check_open()?;
        let inner = &scope.session.inner;
        let parent = scope.parent_of_spans();
        let own = TraceContext { span_id: inner.span_id()?, ..parent };
        let span = SpanEmission::new(name)
            .started_at(inner.now())
            .id(&own.span_id.to_string())
            .parent(&parent.span_id.to_string());
        let _entered = enter_span(scope, own);
        Ok(SpanGuard { scope: Arc::clone(scope), span, own, is_captured: false, _entered })
    }

    /// Adds an attribute.
    pub fn attribute(&mut self, key: &str, value: impl Into<Value>) {
        self.span.attributes.insert(key.to_owned(), value.into());
    }

    /// Adds the ref of a related object.
    pub fn link(&mut self, object: impl Into<StableRef>) {
        self.span.linked_refs.push(object.into());
    }

    /// Sets the kind of work; by default [`SpanKind::Operation`].
    pub fn set_kind(&mut self, kind: SpanKind) {
        self.span.span_kind = kind;
    }

    /// Sets the outcome; by default [`SpanStatus::Error`] if the thread panics before the end of the span, otherwise
    /// [`SpanStatus::Ok`].
    pub fn set_status(&mut self, status: SpanStatus) {
        self.span.status = status;
    }

    /// Returns the id of the span.
    pub fn id(&self) -> SpanId {
        self.own.span_id
    }

    /// Returns the trace with this span as the parent. Its text form is the header `traceparent` for calls to other
    /// programs.
    pub fn trace_context(&self) -> TraceContext {
        self.own
    }

    /// Ends the span, and returns the result of its capture.
    pub fn finish(mut self) -> Result<CaptureResult> {
        self.is_captured = true;
        self.capture()
    }

    fn capture(&self) -> Result<CaptureResult> {
        let mut span = self.span.clone();
        if span.status == SpanStatus::Ok && std::thread::panicking() {
            span.status = SpanStatus::Error;
        }
        span.ended_at = Some(self.scope.session.inner.now());
        self.scope.emit_one(span.into())
    }
}

impl Drop for SpanGuard {
    fn drop(&mut self) {
        if !self.is_captured {
            // An error cannot be returned here.
            let _ = self.capture();
        }
    }
}

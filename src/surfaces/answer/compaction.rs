//! The JSON form of plans and results of compactions.

use crate::contract::Value;
use crate::recovery::{
    CompactionPlan, CompactionReport, CompactionResult, PlannedSegment, SegmentCompaction, SkippedSegment,
};
use crate::surfaces::answer::parts::{list, notes};

pub(super) fn plan(plan: &CompactionPlan) -> Value {
    let planned = |segment: &PlannedSegment| {
        Value::map([
            ("stream", Value::text(segment.stream)),
            ("segment", segment.segment.0.into()),
            ("bytes", segment.bytes.into()),
        ])
    };
    Value::map([
        ("bytes", plan.bytes().into()),
        ("compacted", plan.compacted.into()),
        ("short", plan.short.into()),
        ("in_use", plan.in_use.into()),
        ("segments", list(&plan.segments, planned)),
    ])
}

pub(super) fn result(result: &CompactionResult) -> Value {
    let [before, after, segments, skipped] = report_members(&result.log);
    Value::map([before, after, segments, skipped, ("notes", notes(&result.notes))])
}

pub(super) fn report(report: &CompactionReport) -> Value {
    Value::map(report_members(report))
}

fn report_members(report: &CompactionReport) -> [(&'static str, Value); 4] {
    let written = |segment: &SegmentCompaction| {
        Value::map([
            ("stream", Value::text(segment.stream)),
            ("segment", segment.segment.0.into()),
            ("entries", segment.entries.into()),
            ("bytes_before", segment.bytes_before.into()),
            ("bytes_after", segment.bytes_after.into()),
            ("digest_before", Value::text(segment.digest_before)),
            ("digest_after", Value::text(segment.digest_after)),
        ])
    };
    let skipped = |segment: &SkippedSegment| {
        Value::map([
            ("stream", Value::text(segment.stream)),
            ("segment", segment.segment.0.into()),
            ("code", segment.reason.code().into()),
            ("reason", Value::text(&segment.reason)),
        ])
    };
    [
        ("bytes_before", report.bytes_before().into()),
        ("bytes_after", report.bytes_after().into()),
        ("segments", list(&report.segments, written)),
        ("skipped", list(&report.skipped, skipped)),
    ]
}

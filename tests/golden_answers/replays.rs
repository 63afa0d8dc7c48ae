//! A model of replays. The model computes the expected answers from the records of the interchange file.

use crate::golden_answers::asks::Arguments;
use crate::golden_answers::compare::{Difference, values};
use crate::golden_answers::deviations::{Asked, Deviation, Expected};
use crate::golden_answers::object::text;
use crate::golden_answers::outcome::{Answer, Outcome};
use crate::golden_answers::question::{Call, Question};
use contexta::contract::Value;
use std::collections::BTreeMap;

/// The placeholder for the time of an append.
const APPENDED_AT: &str = "<appended-at>";

/// The records of a workspace, in the order in which they were appended.
#[derive(Debug, Default)]
pub(super) struct Records(Vec<Value>);

impl Records {
    /// Adds the record in a line of the interchange file.
    pub(super) fn add(&mut self, line: &Value) {
        if line.get("kind").and_then(Value::as_str) == Some("record") {
            self.0.push(line.get("object").unwrap().clone());
        }
    }

    /// Returns the records that the filter selects, each with its number.
    fn selected(&self, filter: &Filter) -> Vec<(usize, &Value)> {
        let is_selected = |record: &Value| {
            let envelope = record.get("envelope").unwrap();
            filter.iter().all(|(member, asked)| text(envelope, member).as_ref() == Some(asked))
        };
        (1..).zip(&self.0).filter(|(_, record)| is_selected(record)).collect()
    }
}

/// The conditions of a filter: the names of members of an envelope, and their expected values.
type Filter = Vec<(&'static str, String)>;

/// Returns the filter of a command line.
fn filter(args: &Arguments<'_>) -> Filter {
    let members =
        [("--run", "run_ref"), ("--stage", "stage_execution_ref"), ("--record-type", "record_type")];
    members.into_iter().filter_map(|(option, member)| Some((member, args.option(option)?))).collect()
}

/// Returns the answer to a replay. `records` contains one object for each record.
fn answer(mode: &str, records: Vec<Value>) -> Value {
    Value::map([
        ("mode", mode.into()),
        ("record_count", records.len().into()),
        ("records", Value::List(records)),
        ("warnings", Value::List(Vec::new())),
        ("known_gaps", Value::List(Vec::new())),
        ("integrity_state", "HEALTHY".into()),
    ])
}

/// In the reference, the records of all runs have consecutive numbers. The number of a record is also its
/// offset in the segment 1, because there is only one segment. Refs in the records are objects. contexta
/// returns the position of each record in its stream, and the canonical form of the record (ST-13). The
/// reference compares the text of `--run` with refs, so an id selects no records. contexta finds a run by its
/// id, and returns an error if the run does not exist (ST-27). The documents of the reference describe the
/// mode `lenient`, but the command of the reference refuses this mode.
pub(super) fn replays_have_positions_in_streams(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let Call::Command(argv) = &question.call else { return None };
    if question.group() != "cli replay json" {
        return None;
    }
    let args = Arguments::read(argv);
    let mode = args.option("--mode").unwrap_or_else(|| "tolerant".to_owned());
    let (records, runs) = (&asked.workspace.records, &asked.workspace.runs);
    let mut filter = filter(&args);
    let of_reference = records.selected(&filter);
    let is_refused = mode == "lenient" && question.error_code() == Some("usage");
    if !is_refused && !is_known(question, answer(&mode, numbered(&of_reference))) {
        return None;
    }
    let mut gap = if is_refused { "promised" } else { "ST-13" };
    for (_, asked) in filter.iter_mut().filter(|(member, _)| *member == "run_ref") {
        let code = if runs.is_ambiguous(asked) { "query_run_ambiguous" } else { "query_run_not_found" };
        let Some(run) = runs.find(asked) else {
            return Some(Deviation { gap: "ST-27", expected: Expected::Outcome(Outcome::error(code)) });
        };
        if *asked != run.run {
            gap = "ST-27";
        }
        run.run.clone_into(asked);
    }
    let selected = records.selected(&filter);
    if selected.is_empty() && !is_refused {
        return None;
    }
    let record = |(_, record): &(usize, &Value)| {
        Value::map([("appended_at", APPENDED_AT.into()), ("record", (*record).clone())])
    };
    let expected = answer(&mode, selected.iter().map(record).collect());
    let check = move |got: &Outcome| {
        let Answer::Json(answer) = &got.answer else { return Err(Difference::new("$", "no JSON")) };
        values("$", &expected, answer)?;
        check_positions(answer.get("records").and_then(Value::as_list).unwrap_or_default())?;
        if got.exit == 0 { Ok(()) } else { Err(Difference::new("exit", "expected 0")) }
    };
    Some(Deviation { gap, expected: Expected::Check(Box::new(check)) })
}

/// Returns the records as the reference shows them, in canonical form.
fn numbered(records: &[(usize, &Value)]) -> Vec<Value> {
    let one = |(number, record): &(usize, &Value)| {
        Value::map([
            ("sequence", (*number).into()),
            ("offset", (*number).into()),
            ("segment_id", 1.into()),
            ("appended_at", APPENDED_AT.into()),
            ("record", (*record).clone()),
        ])
    };
    records.iter().map(one).collect()
}

/// Returns `true` if the model gives the answer of the reference.
fn is_known(question: &Question, model: Value) -> bool {
    let Answer::Json(recorded) = &question.recorded().answer else { return false };
    canonical(recorded.clone(), false).is_some_and(|recorded| {
        values("$", &model, &recorded).is_ok() && values("$", &recorded, &model).is_ok()
    })
}

/// Returns an error unless the records of each stream have ascending sequence numbers.
fn check_positions(records: &[Value]) -> Result<(), Difference> {
    let mut last = BTreeMap::new();
    for (n, record) in records.iter().enumerate() {
        let path = format!("$.records[{n}]");
        let stream = text(record, "stream").ok_or_else(|| Difference::new(&path, "no stream"))?;
        let Some(Value::Int(sequence)) = record.get("sequence") else {
            return Err(Difference::new(path, "no sequence number"));
        };
        if last.insert(stream, *sequence).is_some_and(|last| last >= *sequence) {
            return Err(Difference::new(path, "the sequence number is not greater than the one before"));
        }
    }
    Ok(())
}

/// Returns the canonical form of a recorded value. In this form, members that are null are left out, and refs
/// are texts. A member is a ref if its name ends in `_ref`. Returns `None` for a null.
fn canonical(value: Value, is_ref: bool) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::Map(members) if is_ref => {
            let part = |name: &str| members.get(name).and_then(Value::as_str);
            Value::text(format!("{}:{}", part("kind")?, part("value")?))
        }
        Value::Map(members) => {
            let member = |(name, value): (String, Value)| {
                let is_ref = name.ends_with("_ref") && matches!(value, Value::Map(_));
                Some((name, canonical(value, is_ref)?))
            };
            Value::Map(members.into_iter().filter_map(member).collect())
        }
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| canonical(item, false).unwrap_or(Value::Null)).collect())
        }
        other => other,
    })
}

#[test]
fn recorded_record_is_brought_into_canonical_form() {
    let parse = |text| contexta::contract::json::read::parse(text).unwrap();
    let recorded = parse(
        r#"{"run_ref": {"kind": "run", "value": "p.r"}, "stage_ref": null, "producer_ref": "x",
            "attributes": {"a": null, "b": [null, {"kind": "run", "value": "p.r"}]}}"#,
    );
    let expected = parse(
        r#"{"run_ref": "run:p.r", "producer_ref": "x", "attributes": {"b": [null, {"kind": "run", "value": "p.r"}]}}"#,
    );
    assert_eq!(canonical(recorded, false), Some(expected));
    let record = |stream: &str, sequence: i64| {
        Value::map([("stream", Value::text(stream)), ("sequence", Value::Int(sequence))])
    };
    assert!(check_positions(&[record("a", 1), record("b", 1), record("a", 2)]).is_ok());
    assert!(check_positions(&[record("a", 2), record("b", 1), record("a", 2)]).is_err());
}

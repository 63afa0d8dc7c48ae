//! Questions that contexta answers differently from the reference on purpose, because the reference has a gap.
//!
//! Each deviation states the outcome that is expected instead, or checks the outcome of contexta. No deviation accepts
//! every outcome.

use crate::golden_answers::compare::{Difference, outcomes};
use crate::golden_answers::lineage::{Lineage, Walk};
use crate::golden_answers::metrics::{Metrics, Order, Series};
use crate::golden_answers::outcome::{Answer, Form, Outcome};
use crate::golden_answers::question::{Call, Question};
use crate::golden_answers::reports;
use crate::golden_answers::text::Names;
use crate::golden_answers::workspace::Runs;
use contexta::contract::Value;

/// A deviation from the answer of the reference.
pub(super) struct Deviation {
    /// The id of the gap in the reference.
    pub(super) gap: &'static str,
    pub(super) expected: Expected,
}

/// The expectation of a deviation.
pub(super) enum Expected {
    /// This outcome, compared like an outcome of the reference.
    Outcome(Outcome),
    /// An outcome for which the function returns no error.
    Check(Check),
}

/// A check of the outcome of contexta.
type Check = Box<dyn Fn(&Outcome) -> Result<(), Difference>>;

/// The workspace of a question: the data that a deviation needs for its expectation.
pub(super) struct Asked<'a> {
    /// All questions to the workspace.
    pub(super) questions: &'a [Question],
    pub(super) runs: &'a Runs,
    pub(super) metrics: &'a Metrics,
    pub(super) lineage: &'a Lineage,
}

/// The deviations. The first function that returns a deviation for a question determines the expected outcome.
const DEVIATIONS: &[fn(&Question, &Asked<'_>) -> Option<Deviation>] = &[
    ambiguous_runs_are_named,
    runs_are_found_without_kind,
    lookups_have_codes,
    best_run_is_found,
    reports::lines_of_reports,
    edges_have_the_run_of_their_provenance,
    lineage_follows_the_meaning_of_relations,
    spans_are_read,
];

/// Returns the deviation of a question; `None` if contexta must answer like the reference.
pub(super) fn deviation(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    DEVIATIONS.iter().find_map(|deviation| deviation(question, asked))
}

impl Deviation {
    fn outcome(gap: &'static str, outcome: Outcome) -> Option<Deviation> {
        Some(Deviation { gap, expected: Expected::Outcome(outcome) })
    }

    /// Returns an error if the outcome of contexta is not the expected one.
    pub(super) fn check(&self, question: &Question, got: &Outcome, names: &Names) -> Result<(), Difference> {
        match &self.expected {
            Expected::Outcome(expected) => outcomes(expected, got, question.form, names),
            Expected::Check(check) => check(got),
        }
    }
}

/// Returns the texts among the arguments of a call.
fn texts(call: &Call) -> Vec<&str> {
    match call {
        Call::Method(_, args) => {
            let Value::Map(args) = args else { return Vec::new() };
            let items = args.values().flat_map(|arg| arg.as_list().unwrap_or(std::slice::from_ref(arg)));
            items.filter_map(Value::as_str).collect()
        }
        Call::Command(argv) => argv.iter().map(String::as_str).collect(),
    }
}

/// Returns `true` if the reference has not found a run.
fn is_run_not_found(question: &Question) -> bool {
    match question.error_code() {
        Some("query_run_not_found") => true,
        Some("LookupError") => question.message.starts_with("Run not found"),
        _ => false,
    }
}

/// The reference does not find a run whose id exists in several projects. The error of contexta names the runs.
fn ambiguous_runs_are_named(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let is_ambiguous = texts(&question.call).iter().any(|text| asked.runs.is_ambiguous(text));
    if !is_ambiguous || !is_run_not_found(question) {
        return None;
    }
    Deviation::outcome("G8", Outcome::error("query_run_ambiguous"))
}

/// The reference does not find a run by its ref without `run:`. contexta answers as to the question with the whole ref.
fn runs_are_found_without_kind(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let Call::Command(argv) = &question.call else { return None };
    if !is_run_not_found(question) || !argv.iter().any(|word| asked.runs.is_ref_without_kind(word)) {
        return None;
    }
    let whole = |word: &String| match asked.runs.is_ref_without_kind(word) {
        true => format!("run:{word}"),
        false => word.clone(),
    };
    let argv: Vec<String> = argv.iter().map(whole).collect();
    let is_same = |other: &&Question| matches!(&other.call, Call::Command(other) if *other == argv);
    let same = asked.questions.iter().find(is_same)?;
    Deviation::outcome("G8", same.with_spans.clone().unwrap_or_else(|| same.reference.clone()))
}

/// The reference raises an exception without a code if an object of a list does not exist.
fn lookups_have_codes(question: &Question, _: &Asked<'_>) -> Option<Deviation> {
    if question.error_code() != Some("LookupError") {
        return None;
    }
    let code = match question.message.split(" not found").next()? {
        "Run" => "query_run_not_found",
        "Stage" | "Batch" => "query_part_not_found",
        _ => return None,
    };
    Deviation::outcome("G16", Outcome::error(code))
}

/// The reference cannot rank runs if metrics exist in stages and outside stages (G4). It compares times as texts, so the
/// last value of a metric may be another one (G1).
fn best_run_is_found(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let Call::Method(method, args) = &question.call else { return None };
    let text = |name: &str| args.get(name).and_then(Value::as_str);
    if method != "select_best_run" {
        return None;
    }
    let runs: Vec<&str> = args.get("run_ids")?.as_list()?.iter().filter_map(Value::as_str).collect();
    // The rule for a metric without stage is not part of these gaps.
    let series = Series { key: text("metric_key")?, stage: Some(text("stage_name")?) };
    let is_greater_better = args.get("higher_is_better") != Some(&Value::Bool(false));
    let best = |order| {
        let run = asked.metrics.best(&runs, series, is_greater_better, order);
        Outcome { exit: 0, answer: Answer::Json(run.map(str::to_owned).into()) }
    };
    let expected = best(Order::Time);
    match question.error_code() {
        Some("TypeError") => Deviation::outcome("G4", expected),
        None if question.reference == best(Order::Text) && question.reference != expected => {
            Deviation::outcome("G1", expected)
        }
        _ => None,
    }
}

/// Returns the walk that a question asks for; `None` for a question about something else.
fn walk(question: &Question) -> Option<Walk<'_>> {
    match &question.call {
        Call::Method(method, args) if method == "traverse_lineage" => {
            let text = |name: &str| args.get(name).and_then(Value::as_str);
            let depth_max = match args.get("max_depth") {
                Some(Value::Int(depth)) => usize::try_from(*depth).ok()?,
                _ => 2,
            };
            let direction = text("direction").unwrap_or("both");
            Some(Walk { root: text("subject_ref")?, direction, depth_max: Some(depth_max) })
        }
        Call::Command(argv) => {
            let at = argv.iter().position(|word| word == "lineage")?;
            let option = |name: &str| {
                let at = argv.iter().position(|word| word == name)?;
                argv.get(at + 1).map(String::as_str)
            };
            let depth_max = option("--depth").unwrap_or("3").parse().ok()?;
            let direction = option("--direction").unwrap_or("both");
            Some(Walk { root: argv.get(at + 1)?, direction, depth_max: Some(depth_max) })
        }
        Call::Method(..) => None,
    }
}

/// In the provenance of an edge, the reference writes the ref of the relation instead of the run for some kinds of refs
/// (G9). It compares times as texts, so the newest provenance record may be another one (G1).
fn edges_have_the_run_of_their_provenance(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let is_of_reference = ["both", "inbound", "outbound"].contains(&walk(question)?.direction);
    let Answer::Json(reference) = &question.reference.answer else { return None };
    let mut newest_differs = false;
    let expected = edited(question, |answer| {
        let Value::Map(members) = answer else { return };
        let Some(Value::List(edges)) = members.get_mut("edges") else { return };
        for edge in edges {
            let Value::Map(edge) = edge else { continue };
            let relation = edge.get("relation_ref").and_then(Value::as_str).unwrap().to_owned();
            let provenance = asked.lineage.provenance_of(&relation);
            let own = |value: &Value| value.get("provenance_ref").cloned();
            newest_differs |= edge.get("provenance").map(own) != Some(own(&provenance));
            edge.insert("provenance".to_owned(), provenance);
        }
    })?;
    // An answer with other edges deviates for another reason.
    let is_same = expected.answer == Answer::Json(asked.lineage.answer(walk(question)?));
    if !is_of_reference || !is_same || expected.answer == Answer::Json(reference.clone()) {
        return None;
    }
    Deviation::outcome(if newest_differs { "G1" } else { "G9" }, expected)
}

/// The reference refuses the directions upstream and downstream, or follows them from source to target or from target
/// to source, whatever the relation means. It does not follow the relations of the parts of a run in a direction.
fn lineage_follows_the_meaning_of_relations(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let walk = walk(question)?;
    match question.error_code() {
        None | Some("lineage_invalid_direction") => {}
        Some(_) => return None,
    }
    let is_directed = ["upstream", "downstream", "inbound", "outbound"].contains(&walk.direction);
    let expected = Outcome { exit: 0, answer: Answer::Json(asked.lineage.answer(walk)) };
    if !is_directed || question.form != Form::Json || expected == question.reference {
        return None;
    }
    Deviation::outcome("G9", expected)
}

/// The reference cannot analyse a run with a span. The value of a span is its duration in milliseconds.
fn spans_are_read(question: &Question, _: &Asked<'_>) -> Option<Deviation> {
    Deviation::outcome("G2", question.with_spans.clone()?)
}

/// Returns the outcome of the reference after a change to its JSON answer; `None` if the answer is not JSON. A deviation
/// in a part of an answer uses it.
pub(super) fn edited(question: &Question, edit: impl FnOnce(&mut Value)) -> Option<Outcome> {
    let mut outcome = question.with_spans.clone().unwrap_or_else(|| question.reference.clone());
    match &mut outcome.answer {
        Answer::Json(value) => edit(value),
        _ => return None,
    }
    Some(outcome)
}

#[test]
fn deviation_accepts_its_own_answer_only() {
    let question = Question::read(
        "w",
        r#"{"id": "api.x.1", "via": "api", "question": {"method": "x", "args": {"run_id": ["b"]}}, "exit": 0,
            "answer": {"severity": "info", "z": "Infinity"}}"#,
    );
    let edit = |answer: &mut Value| {
        if let Value::Map(members) = answer {
            members.insert("severity".to_owned(), Value::text("warning"));
        }
    };
    let expected = edited(&question, edit).unwrap();
    let of_outcome = Deviation::outcome("G10", expected.clone()).unwrap();
    let is_error = |got: &Outcome| match got.exit {
        1 => Ok(()),
        _ => Err(Difference::new("exit", "expected 1")),
    };
    let of_check = Deviation { gap: "G10", expected: Expected::Check(Box::new(is_error)) };
    let passes =
        |deviation: &Deviation, got: &Outcome| deviation.check(&question, got, &Names::default()).is_ok();
    for (got, by_outcome, by_check) in [
        (&expected, true, false),
        (&question.reference, false, false),
        (&Outcome::error("query_run_not_found"), false, true),
    ] {
        assert_eq!((passes(&of_outcome, got), passes(&of_check, got)), (by_outcome, by_check), "{got:?}");
    }
    assert_eq!(texts(&question.call), ["b"]);
}

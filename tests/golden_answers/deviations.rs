//! Questions that contexta answers differently from the reference on purpose, because the reference has a gap.
//!
//! Each deviation states the outcome that is expected instead, or checks the outcome of contexta. No deviation accepts
//! every outcome.

use crate::golden_answers::answers::{Exception, Model};
use crate::golden_answers::asks::{self, Arguments, Ask};
use crate::golden_answers::compare::{Difference, outcomes};
use crate::golden_answers::comparisons::{Many, Pair};
use crate::golden_answers::diagnoses::{Issue, issues};
use crate::golden_answers::lineage::Walk;
use crate::golden_answers::outcome::{Answer, Form, Outcome};
use crate::golden_answers::question::{Call, Question};
use crate::golden_answers::replays::replays_have_positions_in_streams;
use crate::golden_answers::reports;
use crate::golden_answers::rules::Rules;
use crate::golden_answers::runs::Run;
use crate::golden_answers::shapes::shaped;
use crate::golden_answers::snapshots::snapshots_are_ordered_by_time;
use crate::golden_answers::text::Names;
use crate::golden_answers::workspace::Workspace;
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

/// The workspace of a question, and all questions to it: the data that a deviation needs for its expectation.
pub(super) struct Asked<'a> {
    pub(super) questions: &'a [Question],
    pub(super) workspace: &'a Workspace,
}

impl<'a> Asked<'a> {
    /// Returns the model of the workspace for given rules.
    pub(super) fn model(&self, rules: Rules) -> Model<'a> {
        let Workspace { runs, metrics, parts, lineage, .. } = self.workspace;
        Model { runs, metrics, parts, lineage, rules }
    }

    /// Returns the recorded answer to the question that shows a run.
    pub(super) fn shown(&self, run: &Run) -> Option<&'a Value> {
        let argv = ["--format", "json", "run", "show", &run.run].map(str::to_owned);
        let is_for_run =
            |question: &&Question| matches!(&question.call, Call::Command(other) if *other == argv);
        match &self.questions.iter().find(is_for_run)?.recorded().answer {
            Answer::Json(shown) => Some(shown),
            _ => None,
        }
    }
}

/// The deviations. The first function that returns a deviation for a question determines the expected outcome.
const DEVIATIONS: &[fn(&Question, &Asked<'_>) -> Option<Deviation>] = &[
    ambiguous_runs_are_named,
    runs_are_found_without_kind,
    lookups_have_codes,
    answers_are_modelled,
    comparisons_are_modelled,
    artifacts_are_searched,
    runs_are_sorted_by_further_columns,
    missing_arguments_are_usage_errors,
    reports::lines_of_reports,
    edges_have_the_run_of_their_provenance,
    lineage_follows_the_meaning_of_relations,
    replays_have_positions_in_streams,
    snapshots_are_ordered_by_time,
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
    let is_ambiguous = texts(&question.call).iter().any(|text| asked.workspace.runs.is_ambiguous(text));
    if !is_ambiguous || !is_run_not_found(question) {
        return None;
    }
    Deviation::outcome("G8", Outcome::error("query_run_ambiguous"))
}

/// The reference does not find a run by its ref without `run:`. contexta answers as to the question with the whole ref.
fn runs_are_found_without_kind(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let Call::Command(argv) = &question.call else { return None };
    if !is_run_not_found(question) || !argv.iter().any(|word| asked.workspace.runs.is_ref_without_kind(word))
    {
        return None;
    }
    let whole = |word: &String| match asked.workspace.runs.is_ref_without_kind(word) {
        true => format!("run:{word}"),
        false => word.clone(),
    };
    let argv: Vec<String> = argv.iter().map(whole).collect();
    let is_same = |other: &&Question| matches!(&other.call, Call::Command(other) if *other == argv);
    let same = asked.questions.iter().find(is_same)?;
    Deviation::outcome("G8", same.recorded().clone())
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

/// Models compute the answers about runs and metrics. If a model without rules gives the answer of the
/// reference, the model with all rules gives the expected answer.
fn answers_are_modelled(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    if !matches!(question.error_code(), None | Some("OverflowError" | "TypeError" | "AttributeError")) {
        return None;
    }
    let ask = asks::ask(question)?;
    let is_command = matches!(question.call, Call::Command(_));
    let answer =
        |rules| Some(shaped(asked.model(rules).answer(&ask)?, &ask, question.form, is_command, rules));
    modelled(question, asked, answer)
}

/// Models compute the parts of comparisons and diagnoses in which the reference has gaps.
fn comparisons_are_modelled(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let ask = asks::ask(question)?;
    modelled(question, asked, |rules| comparison(&ask, question, asked, rules))
}

/// Returns the answer to a question for a comparison or a diagnosis. If the answer is JSON, the model
/// computes only a part of the answer.
fn comparison(ask: &Ask, question: &Question, asked: &Asked<'_>, rules: Rules) -> Option<Outcome> {
    let (model, find) = (asked.model(rules), |run: &String| asked.workspace.runs.find(run));
    let recorded = question.recorded();
    let text = |text: String| Some(Outcome { exit: 0, answer: Answer::Text(text) });
    match ask {
        Ask::Compare { left, right, policy } => {
            let pair = Pair { model, left: find(left)?, right: find(right)?, policy: policy.clone() };
            match question.form {
                Form::Json => edited(question, |answer| pair.edit(answer)),
                Form::Csv => text(pair.csv()),
                _ => text(pair.text()),
            }
        }
        Ask::Many { runs, by } => {
            let mut known: Vec<&Run> = Vec::new();
            for run in runs {
                let run = find(run)?;
                if !known.contains(&run) {
                    known.push(run);
                }
            }
            let many = Many { model, runs: known, by: *by };
            let answer = match question.form {
                Form::Json => {
                    let shown: Option<Vec<&Value>> = many.runs.iter().map(|run| asked.shown(run)).collect();
                    many.value(&shown?).map(Answer::Json)
                }
                _ => many.text().map(Answer::Text),
            };
            Some(match answer {
                Ok(answer) => Outcome { exit: 0, answer },
                Err(Exception(name)) => Outcome::error(name),
            })
        }
        Ask::Diagnosis { run, policy, fails_on } => {
            let issues = issues(model, find(run)?, policy);
            let order =
                |severity: &str| ["info", "warning", "error"].iter().position(|known| *known == severity);
            // The reference ignores the failure of the run itself (CL-8).
            let failure = (rules.mends("CL-8") && find(run)?.status == "failed").then_some("error");
            let severities = issues.iter().map(|issue| issue.severity).chain(failure);
            let worst = severities.map(order).max().flatten();
            let fails =
                fails_on.as_ref().is_some_and(|level| worst.is_some_and(|worst| Some(worst) >= order(level)));
            let answer = match &recorded.answer {
                Answer::Json(Value::Map(members)) => {
                    let mut members = members.clone();
                    members.insert("issues".to_owned(), Value::list(issues.iter().map(Issue::to_value)));
                    Answer::Json(Value::Map(members))
                }
                _ => {
                    let lines: String = issues.iter().map(|issue| issue.text() + "\n").collect();
                    Answer::Text(format!(
                        "Diagnostics: {}\nIssues: {}\n{lines}",
                        find(run)?.run,
                        issues.len()
                    ))
                }
            };
            Some(Outcome { exit: fails.into(), answer })
        }
        Ask::Show(run) => {
            let provenance = model.provenance(find(run)?);
            edited(question, |answer| {
                let Value::Map(members) = answer else { return };
                members.insert("provenance".to_owned(), provenance);
            })
        }
        _ => None,
    }
}

/// The reference applies a limit below 1 as 1 (CL-5), and ignores the setting of the default limit.
fn artifacts_are_searched(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let Call::Command(argv) = &question.call else { return None };
    let is_search = question.id.starts_with("cli.search-artifacts.") && question.form == Form::Json;
    if !is_search || question.error_code().is_some() {
        return None;
    }
    let is_list = |other: &&Question| other.group() == "api repository.list_artifacts";
    let Answer::Json(Value::List(artifacts)) = &asked.questions.iter().find(is_list)?.reference.answer else {
        return None;
    };
    let args = Arguments::read(argv);
    let (text, kind) = (args.last(1)?.to_lowercase(), args.option("--kind"));
    let is_hit = |artifact: &&Value| {
        let field = |name: &str| artifact.get(name).and_then(Value::as_str).unwrap_or_default();
        let fields = ["artifact_ref", "kind", "location"];
        kind.as_ref().is_none_or(|kind| field("kind") == kind)
            && fields.iter().any(|name| field(name).to_lowercase().contains(&text))
    };
    let hits: Vec<Value> = artifacts.iter().filter(is_hit).cloned().collect();
    let limit: Option<i64> = args.option("--limit").map(|limit| limit.parse().unwrap());
    let answer = |rules: Rules| {
        let limit = limit.unwrap_or(if rules.mends("promised") { 50 } else { 20 });
        let least = if rules.mends("CL-5") { 0 } else { 1 };
        if limit < 0 && rules.mends("CL-5") {
            return Some(Outcome::error("query_invalid_run_list_query"));
        }
        let shown = Value::list(hits.iter().take(limit.max(least) as usize).cloned());
        Some(Outcome { exit: 0, answer: Answer::Json(Value::map([("artifacts", shown)])) })
    };
    modelled(question, asked, answer)
}

/// The reference refuses to sort runs by their status.
fn runs_are_sorted_by_further_columns(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let ask = asks::ask(question)?;
    match &ask {
        Ask::Runs(selection) if selection.sort.as_deref() == Some("status") => {
            let expected = asked.model(Rules::CONTEXTA).answer(&ask)?;
            Deviation::outcome("CL-9", shaped(expected, &ask, question.form, true, Rules::CONTEXTA))
        }
        _ => None,
    }
}

/// The reference raises an exception without a code if a command lacks an argument.
fn missing_arguments_are_usage_errors(question: &Question, _: &Asked<'_>) -> Option<Deviation> {
    let is_lacking =
        question.error_code() == Some("ValueError") && question.id.starts_with("cli.export-html.");
    let usage = Outcome { exit: 2, answer: Answer::Error("usage".to_owned()) };
    is_lacking.then(|| Deviation { gap: "CL-10", expected: Expected::Outcome(usage) })
}

/// Returns the deviation of a question. A model computes the answers for given rules. Returns `None` if the
/// model does not know the answer of the reference, or if contexta must answer like the reference.
pub(super) fn modelled(
    question: &Question,
    asked: &Asked<'_>,
    answer: impl Fn(Rules) -> Option<Outcome>,
) -> Option<Deviation> {
    let (reference, expected) = (answer(Rules::REFERENCE)?, answer(Rules::CONTEXTA)?);
    let is_same = |a: &Outcome, b: &Outcome| {
        let is_in = |a, b| outcomes(a, b, question.form, &asked.workspace.names).is_ok();
        is_in(a, b) && is_in(b, a)
    };
    if !is_same(question.recorded(), &reference) || is_same(question.recorded(), &expected) {
        return None;
    }
    Deviation::outcome(Rules::gap_of(answer), expected)
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
            let provenance = asked.workspace.lineage.provenance_of(&relation);
            let own = |value: &Value| value.get("provenance_ref").cloned();
            newest_differs |= edge.get("provenance").map(own) != Some(own(&provenance));
            edge.insert("provenance".to_owned(), provenance);
        }
    })?;
    // An answer with other edges deviates for another reason.
    let is_same = expected.answer == Answer::Json(asked.workspace.lineage.answer(walk(question)?));
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
    let expected = Outcome { exit: 0, answer: Answer::Json(asked.workspace.lineage.answer(walk)) };
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
    let mut outcome = question.recorded().clone();
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

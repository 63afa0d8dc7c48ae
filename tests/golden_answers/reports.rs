//! Questions for reports, and the gaps of the reference in them.

use crate::golden_answers::compare::{Difference, floats_equal, outcomes};
use crate::golden_answers::deviations::{Asked, Deviation, Expected};
use crate::golden_answers::methods::{Failure, Method, Result, only, population, rules};
use crate::golden_answers::outcome::{Answer, Form, Outcome};
use crate::golden_answers::question::Question;
use crate::golden_answers::text::Names;
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::interpretation::ReportDocument;
use contexta::{Answer as _, Contexta, csv, to_markdown};

/// The methods that build reports, and the renderings of their results.
pub(super) const METHODS: &[(&str, Method)] = &[
    ("build_alert_report", |c, args| Ok(alert(c, args)?.to_value())),
    ("build_alert_report.to_markdown", |c, args| Ok(Value::Text(to_markdown(&alert(c, args)?)))),
    ("build_multi_run_report", |c, args| Ok(many(c, args)?.to_value())),
    ("build_multi_run_report.to_csv", |c, args| Ok(to_csv(&many(c, args)?, args))),
    ("build_multi_run_report.to_markdown", |c, args| Ok(Value::Text(to_markdown(&many(c, args)?)))),
    ("build_project_summary_report", |c, args| Ok(project(c, args)?.to_value())),
    ("build_project_summary_report.to_markdown", |c, args| Ok(Value::Text(to_markdown(&project(c, args)?)))),
    ("build_run_report", |c, args| Ok(runs(c, args)?.to_value())),
    ("build_snapshot_report", |c, args| Ok(snapshot(c, args)?.to_value())),
    ("build_snapshot_report.to_csv", |c, args| Ok(to_csv(&snapshot(c, args)?, args))),
    ("build_trend_report", |c, args| Ok(trend(c, args)?.to_value())),
    ("build_trend_report.to_markdown", |c, args| Ok(Value::Text(to_markdown(&trend(c, args)?)))),
    ("compare_report_documents", compare_documents),
];

type Report = std::result::Result<ReportDocument, Failure>;

fn text<'a>(args: &'a Value, name: &str) -> std::result::Result<&'a str, Failure> {
    args.get(name).and_then(Value::as_str).ok_or(Failure::Unsupported)
}

fn texts(args: &Value, name: &str) -> Option<Vec<String>> {
    let items = args.get(name)?.as_list()?.iter();
    items.map(|item| item.as_str().map(str::to_owned)).collect()
}

fn snapshot(contexta: &Contexta, args: &Value) -> Report {
    only(args, &["run_id", "metric_keys"])?;
    Ok(contexta.build_snapshot_report(text(args, "run_id")?)?)
}

fn runs(contexta: &Contexta, args: &Value) -> Report {
    only(args, &["left_run_id", "right_run_id"])?;
    Ok(contexta.build_run_report(text(args, "left_run_id")?, text(args, "right_run_id")?)?)
}

fn project(contexta: &Contexta, args: &Value) -> Report {
    only(args, &["project_name"])?;
    Ok(contexta.build_project_summary_report(text(args, "project_name")?)?)
}

fn trend(contexta: &Contexta, args: &Value) -> Report {
    only(args, &["metric_key", "project_name", "stage_name"])?;
    let query = population(args)?;
    let stage = args.get("stage_name").and_then(Value::as_str);
    Ok(contexta.build_trend_report(text(args, "metric_key")?, stage, query)?)
}

fn many(contexta: &Contexta, args: &Value) -> Report {
    only(args, &["run_ids", "metric_keys"])?;
    Ok(contexta.build_multi_run_report(&texts(args, "run_ids").ok_or(Failure::Unsupported)?)?)
}

fn alert(contexta: &Contexta, args: &Value) -> Report {
    only(args, &["run_id", "rules"])?;
    Ok(contexta.build_alert_report(text(args, "run_id")?, &rules(args)?)?)
}

fn to_csv(report: &ReportDocument, args: &Value) -> Value {
    Value::Text(csv::report(report, &texts(args, "metric_keys").unwrap_or_default(), ','))
}

fn compare_documents(contexta: &Contexta, args: &Value) -> Result {
    let side = |name: &str| -> Report {
        let side = args.get(name).ok_or(Failure::Unsupported)?;
        match (side.get("build_snapshot_report"), texts(side, "build_run_report").as_deref()) {
            (Some(run), None) => {
                Ok(contexta.build_snapshot_report(run.as_str().ok_or(Failure::Unsupported)?)?)
            }
            (None, Some([left, right])) => Ok(contexta.build_run_report(left, right)?),
            _ => Err(Failure::Unsupported),
        }
    };
    let (left, right) = (side("left")?, side("right")?);
    Ok(contexta.compare_report_documents(&left, &right).to_value())
}

/// The gaps of the reference in the lines of reports: R2, the same completeness note is listed twice; R4, rules whose
/// metric is missing count as passed; R7, whole numbers are written with a decimal point.
pub(super) fn lines_of_reports(question: &Question, _: &Asked<'_>) -> Option<Deviation> {
    let recorded = question.with_spans.as_ref().unwrap_or(&question.reference);
    let (expected, gap) = mended(recorded, question.form);
    let numbers = is_report(&expected, question.form) && to_text(&expected).contains(".0");
    let gap = gap.or(numbers.then_some("R7"))?;
    let asked = question.clone();
    Some(Deviation { gap, expected: Expected::Check(Box::new(move |got| check(&asked, got))) })
}

/// Compares the outcome with the reference after its gaps are mended. Equal numbers may be written differently.
fn check(question: &Question, got: &Outcome) -> std::result::Result<(), Difference> {
    let recorded = question.with_spans.as_ref().unwrap_or(&question.reference);
    let (expected, _) = mended(recorded, question.form);
    let answer = match (&expected.answer, &got.answer) {
        (Answer::Json(expected), Answer::Json(got)) => Answer::Json(aligned(expected, got)),
        (Answer::Text(expected), Answer::Text(got)) if texts_match(expected, got) => {
            Answer::Text(expected.clone())
        }
        (_, got) => got.clone(),
    };
    outcomes(&expected, &Outcome { exit: got.exit, answer }, question.form, &Names::default())
}

fn to_text(outcome: &Outcome) -> String {
    match &outcome.answer {
        Answer::Text(text) => text.clone(),
        Answer::Json(value) => format!("{value}"),
        _ => String::new(),
    }
}

fn is_report(outcome: &Outcome, form: Form) -> bool {
    match &outcome.answer {
        Answer::Json(value) => ["sections", "section_diffs"].iter().any(|name| value.get(name).is_some()),
        Answer::Text(text) => form == Form::Csv && text.starts_with("section_title,body"),
        _ => false,
    }
}

/// Returns the outcome without the gaps of the reference, and the id of the gap if it has one.
fn mended(outcome: &Outcome, form: Form) -> (Outcome, Option<&'static str>) {
    if !is_report(outcome, form) {
        return (outcome.clone(), None);
    }
    let mut gap = None;
    let answer = match &outcome.answer {
        Answer::Json(value) => {
            let mut value = value.clone();
            unite(&mut value, &mut gap);
            divide(&mut value, &mut gap);
            Answer::Json(value)
        }
        Answer::Text(text) => {
            let notes = text.split_once("\"Completeness Notes\",\"");
            let divided = notes.and_then(|(before, rest)| Some((before, rest.split_once('"')?)));
            match divided {
                Some((before, (notes, after))) if united(notes) != notes => {
                    gap = Some("R2");
                    let notes = united(notes);
                    Answer::Text(format!("{before}\"Completeness Notes\",\"{notes}\"{after}"))
                }
                _ => outcome.answer.clone(),
            }
        }
        other => other.clone(),
    };
    (Outcome { exit: outcome.exit, answer }, gap)
}

/// Unites repeated lines in the completeness notes of a snapshot report or of a report on two runs.
fn unite(report: &mut Value, gap: &mut Option<&'static str>) {
    let is_on_runs = |title: Option<&Value>| {
        let title = title.and_then(Value::as_str).unwrap_or_default();
        title.starts_with("Run Snapshot Report") || title.starts_with("Run Comparison Report")
    };
    if !is_on_runs(report.get("title").or(report.get("left_title"))) {
        return;
    }
    let Value::Map(report) = report else { return };
    for list in ["sections", "section_diffs"] {
        let Some(Value::List(sections)) = report.get_mut(list) else { continue };
        for section in sections {
            let title = section.get("title").or(section.get("section_title")).and_then(Value::as_str);
            if title != Some("Completeness Notes") {
                continue;
            }
            let Value::Map(section) = section else { continue };
            for body in ["body", "left_body", "right_body"] {
                if let Some(Value::Text(body)) = section.get_mut(body)
                    && united(body) != *body
                {
                    *body = united(body);
                    *gap = Some("R2");
                }
            }
        }
    }
}

/// Removes lines that repeat an earlier line, and the notes of the left run that the comparison names as well.
fn united(body: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in body.lines() {
        let of_left = line.split_once(": ").map(|(severity, note)| format!("{severity}: left:{note}"));
        if !lines.iter().any(|known| *known == line || Some(*known) == of_left.as_deref()) {
            lines.push(line);
        }
    }
    lines.join("\n")
}

/// Moves the rules of an alert report whose metric is missing to a section of their own.
fn divide(report: &mut Value, gap: &mut Option<&'static str>) {
    if report.get("title").and_then(Value::as_str) != Some("Alert Report") {
        return;
    }
    let Value::Map(report) = report else { return };
    let Some(Value::List(sections)) = report.get_mut("sections") else { return };
    let Some(Value::Map(passed)) = sections.last_mut() else { return };
    let Some(Value::Text(body)) = passed.get_mut("body") else { return };
    let (missing, rest): (Vec<&str>, Vec<&str>) =
        body.lines().partition(|line| line.contains(" actual=None threshold="));
    if missing.is_empty() {
        return;
    }
    let section = Value::map([
        ("title", Value::text("Not Evaluated")),
        ("body", Value::text(missing.join("\n"))),
        ("evidence_links", Value::List(Vec::new())),
    ]);
    let rest = if rest.is_empty() { "No passing alerts.".to_owned() } else { rest.join("\n") };
    *body = rest;
    sections.push(section);
    *gap = Some("R4");
}

/// Returns `got` with the texts of `expected` in place of texts that differ only in the form of numbers.
fn aligned(expected: &Value, got: &Value) -> Value {
    match (expected, got) {
        (Value::Map(expected), Value::Map(got)) => {
            let member = |(key, got): (&String, &Value)| {
                let got = expected.get(key).map_or_else(|| got.clone(), |expected| aligned(expected, got));
                (key.clone(), got)
            };
            Value::Map(got.iter().map(member).collect())
        }
        (Value::List(expected), Value::List(got)) => {
            let more = got.iter().skip(expected.len()).cloned();
            Value::List(expected.iter().zip(got).map(|(e, g)| aligned(e, g)).chain(more).collect())
        }
        (Value::Text(expected), Value::Text(got)) if texts_match(expected, got) => Value::text(expected),
        (_, got) => got.clone(),
    }
}

/// Returns `true` for texts that are equal except for the form of numbers.
fn texts_match(expected: &str, got: &str) -> bool {
    let words = |text: &str| -> Vec<String> {
        text.split_inclusive(|c: char| " =,:()\"\n".contains(c))
            .flat_map(|word| {
                let end = word.len()
                    - word.chars().last().filter(|c| " =,:()\"\n".contains(*c)).map_or(0, char::len_utf8);
                [word[..end].to_owned(), word[end..].to_owned()]
            })
            .collect()
    };
    let (expected, got) = (words(expected), words(got));
    let is_equal = |(a, b): (&String, &String)| {
        a == b || a.parse::<f64>().ok().zip(b.parse::<f64>().ok()).is_some_and(|(a, b)| floats_equal(a, b))
    };
    expected.len() == got.len() && expected.iter().zip(&got).all(is_equal)
}

#[test]
fn gaps_in_the_lines_of_reports_are_mended() {
    let outcome = |json: &str| Outcome { exit: 0, answer: Answer::Json(parse(json).unwrap()) };
    let snapshot = |body: &str| {
        let section = format!(r#"{{"title": "Completeness Notes", "body": "{body}"}}"#);
        outcome(&format!(r#"{{"title": "Run Snapshot Report: run:a.b", "sections": [{section}]}}"#))
    };
    let (united, gap) = mended(&snapshot(r"warning: x\nwarning: y\nwarning: x"), Form::Json);
    assert_eq!((united, gap), (snapshot(r"warning: x\nwarning: y"), Some("R2")));
    assert_eq!(mended(&snapshot("warning: x"), Form::Json).1, None);
    let alert = |passed: &str, more: &str| {
        let section = format!(r#"{{"title": "Passed", "body": "{passed}"}}"#);
        outcome(&format!(r#"{{"title": "Alert Report", "sections": [{section}{more}]}}"#))
    };
    let more =
        r#", {"title": "Not Evaluated", "body": "r: n actual=None threshold=1", "evidence_links": []}"#;
    let (divided, gap) = mended(&alert("r: n actual=None threshold=1", ""), Form::Json);
    assert_eq!((divided, gap), (alert("No passing alerts.", more), Some("R4")));
    assert!(texts_match("a: value=5.0, x (1.0)", "a: value=5, x (1)"));
    assert!(!texts_match("a: value=5.5", "a: value=5") && !texts_match("a b", "a"));
}

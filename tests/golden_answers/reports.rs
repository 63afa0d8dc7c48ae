//! Questions for reports, and the gaps of the reference in them.

use crate::golden_answers::answers::python;
use crate::golden_answers::asks::{self, Ask};
use crate::golden_answers::compare::{Difference, floats_equal, outcomes};
use crate::golden_answers::comparisons::{self, Many, Pair, lines};
use crate::golden_answers::deviations::{Asked, Deviation, Expected};
use crate::golden_answers::diagnoses::{Issue, Policy, issues};
use crate::golden_answers::methods::{Failure, Method, Result, only, population, rules};
use crate::golden_answers::metrics::Selection as Representative;
use crate::golden_answers::object::texts;
use crate::golden_answers::outcome::{Answer, Form, Outcome};
use crate::golden_answers::question::Question;
use crate::golden_answers::rules::Rules;
use crate::golden_answers::runs::{Run, Selection};
use crate::golden_answers::text::Names;
use contexta::contract::Value;
use contexta::contract::json::read::parse;
use contexta::interpretation::ReportDocument;
use contexta::{Answer as _, Contexta, csv, to_markdown};
use std::collections::BTreeMap;

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
/// metric is missing count as passed; R7, whole numbers are written with a decimal point. Models compute the sections in
/// which the reference has other gaps.
pub(super) fn lines_of_reports(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    let modelled = modelled(question, asked);
    let own_gap = modelled.as_ref().map(|(gap, _)| *gap);
    let recorded = modelled.map_or_else(|| question.recorded().clone(), |(_, outcome)| outcome);
    let (expected, gap) = mended(&recorded, question.form);
    let numbers = is_report(&expected, question.form) && to_text(&expected).contains(".0");
    let gap = own_gap.or(gap).or(numbers.then_some("R7"))?;
    let form = question.form;
    Some(Deviation { gap, expected: Expected::Check(Box::new(move |got| check(&expected, form, got))) })
}

/// Compares the outcome with the expected outcome. Equal numbers may be written differently.
fn check(expected: &Outcome, form: Form, got: &Outcome) -> std::result::Result<(), Difference> {
    let answer = match (&expected.answer, &got.answer) {
        (Answer::Json(expected), Answer::Json(got)) => Answer::Json(aligned(expected, got)),
        (Answer::Text(expected), Answer::Text(got)) if texts_match(expected, got) => {
            Answer::Text(expected.clone())
        }
        (_, got) => got.clone(),
    };
    outcomes(expected, &Outcome { exit: got.exit, answer }, form, &Names::default())
}

/// The texts of sections, with the titles of the sections.
type Sections = Vec<(&'static str, String)>;

/// Returns the sections of a report that a model computes for given rules. Returns `None` if the model does
/// not know the report.
fn sections(report: &asks::Report, asked: &Asked<'_>, rules: Rules) -> Option<Sections> {
    let (model, find) = (asked.model(rules), |run: &String| asked.workspace.runs.find(run));
    let diagnosis = |run: &Run| {
        let found = issues(model, run, &Policy::default());
        ("Diagnostics", lines(found.iter().map(Issue::line).collect(), "No diagnostics issues."))
    };
    let text = |value: &Value, name: &str| match value.get(name) {
        Some(Value::Float(number)) => python(*number),
        Some(Value::Text(text)) => text.clone(),
        _ => "None".to_owned(),
    };
    Some(match report {
        asks::Report::Snapshot(run) => vec![diagnosis(find(run)?)],
        asks::Report::Pair(left, right) => {
            let (left, right) = (find(left)?, find(right)?);
            let pair = Pair { model, left, right, policy: comparisons::Policy::default() };
            pair.sections().into_iter().chain([diagnosis(left)]).collect()
        }
        asks::Report::Trend(metric) => {
            let trend = model.trend(metric, &Selection::default(), 20);
            let point = |point: &Value| {
                let [run, value, at] = ["run_id", "value", "captured_at"].map(|name| text(point, name));
                format!("{run}: value={value}, captured_at={at}")
            };
            let items = |name: &str| trend.get(name).and_then(Value::as_list).unwrap();
            let note = |note: &Value| format!("{}: {}", text(note, "severity"), text(note, "summary"));
            vec![
                ("Series", lines(items("points").iter().map(point).collect(), "No series points.")),
                (
                    "Completeness Notes",
                    lines(items("completeness_notes").iter().map(note).collect(), "No completeness notes."),
                ),
            ]
        }
        asks::Report::Alerts(run, rules) => {
            let results = model.alerts(find(run)?, rules, Representative::Latest);
            let line = |result: &Value| {
                let [run, rule, actual, threshold] =
                    ["run_id", "rule_name", "actual_value", "threshold"].map(|name| text(result, name));
                format!("{run}: {rule} actual={actual} threshold={threshold}")
            };
            let of = |triggered: bool, otherwise: &str| {
                let results = results.as_list().unwrap().iter();
                let of = results.filter(|result| result.get("triggered") == Some(&Value::Bool(triggered)));
                lines(of.map(line).collect(), otherwise)
            };
            vec![("Triggered", of(true, "No triggered alerts.")), ("Passed", of(false, "No passing alerts."))]
        }
        asks::Report::Many(runs) => {
            let runs = runs.iter().map(find).collect::<Option<_>>()?;
            Many { model, runs, by: Representative::Latest }.sections().ok()?
        }
    })
}

/// Returns the outcome of the reference with the sections that models compute, and the gap. Returns `None` if
/// the outcome does not change, or if a model cannot reproduce the sections of the reference.
fn modelled(question: &Question, asked: &Asked<'_>) -> Option<(&'static str, Outcome)> {
    let recorded = question.recorded();
    let edited = |body: &str, report: &asks::Report, title: Option<&str>, rules: Rules| {
        let (old, new) = (sections(report, asked, Rules::REFERENCE)?, sections(report, asked, rules)?);
        let mut body = body.to_owned();
        for ((section, old), (_, new)) in old.into_iter().zip(new) {
            if title.is_none() || title == Some(section) {
                body = replaced(&body, section, [&old, &new], title.is_some(), question.form)?;
            }
        }
        Some(body)
    };
    let answer = |rules: Rules| -> Option<Outcome> {
        let answer = match (asks::ask(question)?, &recorded.answer) {
            (Ask::Report(asks::Report::Many(runs)), Answer::Error(code)) if code == "TypeError" => {
                let runs = runs.iter().map(|run| asked.workspace.runs.find(run)).collect::<Option<_>>()?;
                let many = Many { model: asked.model(rules), runs, by: Representative::Latest };
                return whole(&many, question.form, asked);
            }
            (Ask::Report(report), Answer::Text(text)) => Answer::Text(edited(text, &report, None, rules)?),
            (Ask::Report(report), Answer::Json(value)) => {
                let edit = |section: &mut BTreeMap<String, Value>, title: &str| {
                    let body = section.get("body").and_then(Value::as_str)?;
                    section
                        .insert("body".to_owned(), Value::text(edited(body, &report, Some(title), rules)?));
                    Some(())
                };
                Answer::Json(with_items(value, "sections", "title", edit)?)
            }
            (Ask::Documents(left, right), Answer::Json(value)) => {
                let edit = |section: &mut BTreeMap<String, Value>, title: &str| {
                    for (side, report) in [("left_body", &left), ("right_body", &right)] {
                        let Some(body) = section.get(side).and_then(Value::as_str) else { continue };
                        section
                            .insert(side.to_owned(), Value::text(edited(body, report, Some(title), rules)?));
                    }
                    let is_changed = section.get("left_body") != section.get("right_body");
                    section.insert("changed".to_owned(), is_changed.into());
                    Some(())
                };
                Answer::Json(with_items(value, "section_diffs", "section_title", edit)?)
            }
            _ => return None,
        };
        Some(Outcome { exit: recorded.exit, answer })
    };
    let expected = answer(Rules::CONTEXTA)?;
    (expected != *recorded).then(|| (Rules::gap_of(answer), expected))
}

/// Returns a complete report about several runs. For some runs, the reference cannot build this report (G4).
fn whole(many: &Many<'_>, form: Form, asked: &Asked<'_>) -> Option<Outcome> {
    let Ok(sections) = many.sections() else { return Some(Outcome::error("TypeError")) };
    let shown: Vec<&Value> = many.runs.iter().map(|run| asked.shown(run)).collect::<Option<_>>()?;
    let comparison = many.value(&shown).ok()?;
    let items = |name: &str| comparison.get(name).and_then(Value::as_list).unwrap();
    let note = |note: &Value| format!("warning: {}", note.get("summary").and_then(Value::as_str).unwrap());
    let notes = lines(items("completeness_notes").iter().map(note).collect(), "No completeness notes.");
    let runs: Vec<&str> = many.runs.iter().map(|run| run.run.as_str()).collect();
    let [(_, summary), (_, table)] = sections.try_into().ok()?;
    let sections = [
        ("Summary", summary),
        ("Run IDs", runs.join("\n")),
        ("Metric Table", table),
        ("Completeness Notes", notes),
    ];
    let title = format!("Multi Run Report: {} runs", runs.len());
    let answer = match form {
        Form::Json => {
            let section = |(title, body): &(&str, String)| {
                let links = if *title == "Summary" { items("evidence_links") } else { &[] };
                let links = ("evidence_links", Value::list(links.iter().cloned()));
                Value::map([("title", Value::text(title)), ("body", Value::text(body)), links])
            };
            let sections = Value::list(sections.iter().map(section));
            Answer::Json(Value::map([("title", Value::text(title)), ("sections", sections)]))
        }
        Form::Csv => {
            let row = |(title, body): &(&str, String)| format!("\n\"{title}\",\"{body}\"");
            Answer::Text(format!("section_title,body{}", sections.iter().map(row).collect::<String>()))
        }
        _ => {
            let section = |(title, body): &(&str, String)| format!("\n\n## {title}\n{body}");
            Answer::Text(format!("# {title}{}", sections.iter().map(section).collect::<String>()))
        }
    };
    Some(Outcome { exit: 0, answer })
}

/// Returns an answer after a change to each item of a list. `edit` gets the members and the title of an item.
fn with_items(
    answer: &Value,
    list: &str,
    title: &str,
    edit: impl Fn(&mut BTreeMap<String, Value>, &str) -> Option<()>,
) -> Option<Value> {
    let mut answer = answer.clone();
    let Value::Map(members) = &mut answer else { return None };
    let Some(Value::List(items)) = members.get_mut(list) else { return None };
    for item in items {
        let title = item.get(title).and_then(Value::as_str)?.to_owned();
        let Value::Map(item) = item else { return None };
        edit(item, &title)?;
    }
    Some(answer)
}

/// Replaces the text `old` of a section by `new`. `is_body` is `true` for the body of the section, and `false` for a whole
/// report. A report without the section is not changed. Returns `None` if the section has another text.
fn replaced(text: &str, title: &str, [old, new]: [&str; 2], is_body: bool, form: Form) -> Option<String> {
    let html = |text: &str| {
        let entities = [
            ("&", "&amp;"),
            ("<", "&lt;"),
            (">", "&gt;"),
            ("\"", "&quot;"),
            ("'", "&#x27;"),
            ("\n", "<br/>"),
        ];
        entities.iter().fold(text.to_owned(), |text, (character, entity)| text.replace(character, entity))
    };
    let (head, [old, new]) = match form {
        _ if is_body => (String::new(), [old, new].map(str::to_owned)),
        Form::Csv => (format!("\"{title}\",\""), [old, new].map(|text| text.replace('"', "\"\""))),
        Form::Html => (format!("<h2>{title}</h2><p>"), [old, new].map(html)),
        _ => (format!("## {title}\n"), [old, new].map(str::to_owned)),
    };
    let Some(at) = text.find(&head) else { return Some(text.to_owned()) };
    let (before, after) = text.split_at(at + head.len());
    // The model knows one line of the section about provenance.
    let at = if title == "Provenance" { after.find(&old)? } else { after.starts_with(&old).then_some(0)? };
    Some(format!("{before}{}{new}{}", &after[..at], &after[at + old.len()..]))
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

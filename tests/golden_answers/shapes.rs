//! The forms in which commands of the reference write answers: JSON, text and CSV.

use crate::golden_answers::answers::python;
use crate::golden_answers::asks::{Ask, Population};
use crate::golden_answers::outcome::{Answer, Form, Outcome};
use crate::golden_answers::rules::Rules;
use contexta::contract::Value;

/// Returns an outcome in the form of the answer to a question. `is_command` is `true` for a command line.
pub(super) fn shaped(outcome: Outcome, ask: &Ask, form: Form, is_command: bool, rules: Rules) -> Outcome {
    let Answer::Json(value) = &outcome.answer else { return outcome };
    if !is_command {
        return outcome;
    }
    let answer = match form {
        Form::Json => Answer::Json(match member(ask) {
            Some(name) => Value::map([(name, value.clone())]),
            None => value.clone(),
        }),
        Form::Csv => Answer::Text(csv(ask, value, rules)),
        _ => Answer::Text(text(ask, value, rules)),
    };
    Outcome { answer, ..outcome }
}

/// Returns the name of the member in which a command writes a list.
fn member(ask: &Ask) -> Option<&'static str> {
    match ask {
        Ask::Runs(_) | Ask::Search { .. } => Some("runs"),
        Ask::Anomalies { .. } => Some("anomalies"),
        Ask::Alerts { .. } => Some("results"),
        _ => None,
    }
}

/// Returns a member as Python writes it. The text of null is `-`.
fn word(value: &Value, member: &str) -> String {
    match value.get(member) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::Bool(true)) => "True".to_owned(),
        Some(Value::Bool(false)) => "False".to_owned(),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Float(number)) => python(*number),
        Some(other) => other.to_string(),
    }
}

/// Returns the items of a member of `value`. If `value` has no such member, returns the items of `value`
/// itself.
fn items<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value.get(member).unwrap_or(value).as_list().unwrap_or_default()
}

/// Returns one line for each item. A name in braces in `line` stands for a member.
fn lines(items: &[Value], line: &str) -> String {
    let of_item = |item: &Value| {
        let mut parts = line.split(['{', '}']);
        let mut text = parts.next().unwrap().to_owned();
        while let (Some(name), Some(rest)) = (parts.next(), parts.next()) {
            text += &word(item, name);
            text += rest;
        }
        text + "\n"
    };
    items.iter().map(of_item).collect()
}

/// Returns the answer as text. contexta writes times without fractions of seconds, and lists contain the ids
/// of runs (CL-12).
fn text(ask: &Ask, value: &Value, rules: Rules) -> String {
    let mut value = value.clone();
    if rules.mends("CL-12") {
        abridge(&mut value, matches!(ask, Ask::Runs(_) | Ask::Search { .. }));
    }
    let value = &value;
    let items = |member: &str| items(value, member);
    match ask {
        Ask::Runs(_) if items("").is_empty() => "Runs\n(empty)\n".to_owned(),
        Ask::Runs(_) => "Runs\n".to_owned() + &lines(items(""), "{run_id}  {status}  {started_at}  {name}"),
        Ask::Search { .. } => "Run search\n".to_owned() + &lines(items(""), "{run_id}  {status}  {name}"),
        Ask::Trend { metric, .. } => {
            let points = lines(items("points"), "{run_id}  {stage_name}  {value}  {captured_at}");
            format!("Trend: {}\nPoints: {}\n{points}", metric.key, items("points").len())
        }
        Ask::Aggregate { .. } => {
            let shape =
                "Aggregate: {metric_key}\nCount: {count}\nMean: {mean}\nStd: {std}\nMin: {min}\nMax: {max}";
            lines(std::slice::from_ref(value), shape)
        }
        Ask::Anomalies { run, .. } => {
            let results =
                lines(items(""), "{metric_key}  actual={actual_value}  z={z_score}  severity={severity}");
            format!("Anomalies: {run}\nCount: {}\n{results}", items("").len())
        }
        Ask::Alerts { population: Population::Run(run), .. } => {
            let shape = "{metric_key}  actual={actual_value}  threshold={threshold}  triggered={triggered}";
            format!("Alerts: {run}\n{}", lines(items(""), shape))
        }
        _ => String::new(),
    }
}

/// Removes the fractions of times and, in lists of runs, the projects from refs.
fn abridge(value: &mut Value, is_list: bool) {
    match value {
        Value::List(items) => items.iter_mut().for_each(|item| abridge(item, is_list)),
        Value::Map(members) => {
            for (name, member) in members {
                match (name.as_str(), &mut *member) {
                    ("started_at" | "captured_at", Value::Text(time)) => {
                        *time = format!("{}Z", time.trim_end_matches('Z').split('.').next().unwrap());
                    }
                    ("run_id", Value::Text(run)) if is_list => {
                        *run = run.split_once('.').unwrap().1.to_owned()
                    }
                    (_, member) => abridge(member, is_list),
                }
            }
        }
        _ => {}
    }
}

/// Returns CSV. A text that a spreadsheet would evaluate is preceded by an apostrophe (CL-15).
fn csv(ask: &Ask, value: &Value, rules: Rules) -> String {
    let cells = |value: &Value, columns: &str| cells(value, columns, rules);
    let (header, rows): (&str, Vec<Vec<String>>) = match ask {
        Ask::Runs(_) => {
            let columns = "run_id,name,project_name,status,started_at,ended_at";
            (columns, items(value, "").iter().map(|run| cells(run, columns)).collect())
        }
        Ask::Trend { metric, .. } => {
            let columns = "run_id,run_name,metric_key,project_name,stage_name,value,captured_at";
            let row = |point: &Value| {
                let Value::Map(mut members) = point.clone() else { panic!("{point:?}") };
                members.insert("metric_key".to_owned(), Value::text(&metric.key));
                members
                    .extend(value.get("project_name").map(|name| ("project_name".to_owned(), name.clone())));
                cells(&Value::Map(members), columns)
            };
            (columns, items(value, "points").iter().map(row).collect())
        }
        _ => {
            let row = |result: &Value| {
                let mut row = cells(result, "run_id,metric_key,actual_value");
                row.extend(items(result, "expected_range").iter().map(|end| format!("{end}")));
                row.extend(cells(result, "z_score,severity"));
                let notes = items(result, "completeness_notes").iter().map(|note| word(note, "summary"));
                row.push(quoted(&notes.collect::<Vec<_>>().join("; "), rules));
                row
            };
            let header = "run_id,metric_key,actual_value,expected_low,expected_high,z_score,severity,notes";
            (header, items(value, "").iter().map(row).collect())
        }
    };
    let rows = rows.into_iter().map(|row| row.join(",") + "\n");
    format!("{header}\n{}", rows.collect::<String>())
}

fn cells(value: &Value, columns: &str, rules: Rules) -> Vec<String> {
    let cell = |name: &str| match value.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::Text(text)) => quoted(text, rules),
        Some(Value::Float(number)) => python(*number),
        Some(other) => other.to_string(),
    };
    columns.split(',').map(cell).collect()
}

fn quoted(text: &str, rules: Rules) -> String {
    let is_number = text.parse::<f64>().is_ok();
    let is_formula = rules.mends("CL-15") && !is_number && text.starts_with(['=', '+', '-', '@']);
    format!("\"{}{}\"", if is_formula { "'" } else { "" }, text.replace('"', "\"\""))
}

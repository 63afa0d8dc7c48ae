//! The runs of a workspace, read from the interchange file, and lists of them.

use crate::golden_answers::metrics::{Metrics, Point, time};
use crate::golden_answers::object::text;
use crate::golden_answers::rules::Rules;
use contexta::contract::Value;
use std::collections::BTreeMap;

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Run {
    pub(super) run: String,
    pub(super) project: String,
    pub(super) project_name: String,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) started_at: String,
    pub(super) ended_at: Option<String>,
}

/// A condition on a metric.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    pub(super) metric: String,
    pub(super) operator: String,
    pub(super) threshold: f64,
    pub(super) stage: Option<String>,
}

impl Condition {
    /// Returns `true` if the comparison holds.
    pub(super) fn holds(&self, value: f64) -> bool {
        match self.operator.as_str() {
            "gt" => value > self.threshold,
            "lt" => value < self.threshold,
            "gte" => value >= self.threshold,
            "lte" => value <= self.threshold,
            "eq" => value == self.threshold,
            "ne" => value != self.threshold,
            other => panic!("the operator {other:?}"),
        }
    }
}

/// A question for a list of runs.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    pub(super) project: Option<String>,
    pub(super) status: Option<String>,
    /// The tags that a run must have. No run of the reference has tags.
    pub(super) tags: Vec<(String, String)>,
    pub(super) after: Option<String>,
    pub(super) before: Option<String>,
    pub(super) conditions: Vec<Condition>,
    /// The sort column. `None` if the runs are sorted by project, start and ref.
    pub(super) sort: Option<String>,
    pub(super) is_descending: bool,
    pub(super) limit: Option<usize>,
    pub(super) offset: usize,
    /// `true` for the list of the method `list_runs` without a filter. The reference sorts this list in
    /// ascending order (G11).
    pub(super) is_of_facade: bool,
    /// `true` for the runs of the commands `runs`, `trend` and `aggregate`. In the reference, a limit selects
    /// the oldest runs of these lists (G11).
    pub(super) is_of_command: bool,
    /// `true` for the runs of the commands `trend` and `aggregate`. If several runs started at the same time, a limit
    /// selects the last of them in the order of project and ref. The lists of the other commands select the first of
    /// them, because these lists are read from the newest run on.
    pub(super) is_of_statistics: bool,
}

/// The runs of a workspace.
#[derive(Debug, Default)]
pub(super) struct Runs {
    projects: BTreeMap<String, String>,
    runs: Vec<Run>,
}

impl Runs {
    /// Adds the project or the run in a line of the interchange file. Projects precede runs.
    pub(super) fn add(&mut self, line: &Value) {
        let object = line.get("object").unwrap();
        let text = |name: &str| text(object, name);
        match line.get("kind").and_then(Value::as_str) {
            Some("project") => {
                self.projects.insert(text("project_ref").unwrap(), text("name").unwrap());
            }
            Some("run") => {
                let project = text("project_ref").unwrap();
                self.runs.push(Run {
                    run: text("run_ref").unwrap(),
                    project_name: self.projects[&project].clone(),
                    project,
                    name: text("name").unwrap(),
                    status: text("status").unwrap(),
                    started_at: text("started_at").unwrap(),
                    ended_at: text("ended_at"),
                });
            }
            _ => {}
        }
    }

    /// Returns `true` if several projects have a run with this id.
    pub(super) fn is_ambiguous(&self, id: &str) -> bool {
        self.with_id(id).len() > 1
    }

    fn with_id(&self, id: &str) -> Vec<&Run> {
        let has_id = |run: &&Run| run.run.split_once('.').is_some_and(|(_, other)| other == id);
        self.runs.iter().filter(has_id).collect()
    }

    /// Returns `true` if the text is the ref of a run without the kind.
    pub(super) fn is_ref_without_kind(&self, text: &str) -> bool {
        self.runs.iter().any(|run| run.run.strip_prefix("run:") == Some(text))
    }

    /// Returns the run with a ref, or the only run with an id.
    pub(super) fn find(&self, asked: &str) -> Option<&Run> {
        let by_ref = self.runs.iter().find(|run| run.run == asked);
        by_ref.or_else(|| self.with_id(asked).pop().filter(|_| !self.is_ambiguous(asked)))
    }

    /// Returns the ref of the project that has the given name or ref. The reference does not find a project
    /// by its id (G8).
    fn project(&self, asked: &str, rules: Rules) -> Option<&str> {
        let asked = asked.trim();
        let known = |(project, name): &(&String, &String)| *project == asked || *name == asked;
        let by_id = |(project, _): &(&String, &String)| project.strip_prefix("project:") == Some(asked);
        let found = self.projects.iter().find(known);
        Some(found.or_else(|| self.projects.iter().filter(|_| rules.mends("G8")).find(by_id))?.0)
    }

    /// Returns the runs that a question selects, in the order of the answer.
    pub(super) fn list(&self, asked: &Selection, metrics: &Metrics, rules: Rules) -> Vec<&Run> {
        let project = asked.project.as_ref().map(|asked| self.project(asked, rules));
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by_key(|run| (&run.project, time(&run.started_at, rules), &run.run));
        let (after, before) =
            (bound(&asked.after, "T00:00:00Z", rules), bound(&asked.before, "T23:59:59.999999Z", rules));
        runs.retain(|run| {
            let start = time(&run.started_at, rules);
            project.is_none_or(|project| project == Some(run.project.as_str()))
                && asked.status.as_ref().is_none_or(|status| *status == run.status)
                && asked.tags.iter().all(|(name, value)| is_tagged(run, name, value, rules))
                && after.as_ref().is_none_or(|after| start >= *after)
                && before.as_ref().is_none_or(|before| start <= *before)
                && asked.conditions.iter().all(|condition| fulfils(metrics, &run.run, condition, rules))
        });
        let is_newest_last = asked.is_of_command
            && rules.mends("G11")
            && asked.limit.is_some()
            && asked.sort.as_deref() == Some("started_at")
            && !asked.is_descending;
        let is_newest_first = asked.is_of_facade && rules.mends("G11");
        let sort = asked.sort.as_deref().or(is_newest_first.then_some("started_at"));
        if let Some(column) = sort {
            let key = |run: &&Run| match column {
                "name" => run.name.clone(),
                "status" => run.status.clone(),
                "ended_at" => run.ended_at.as_ref().map_or_else(String::new, |end| time(end, rules)),
                _ => time(&run.started_at, rules),
            };
            let is_read_from_newest = is_newest_last && !asked.is_of_statistics;
            let is_descending = asked.is_descending || is_read_from_newest || is_newest_first;
            runs.sort_by(|a, b| if is_descending { key(b).cmp(&key(a)) } else { key(a).cmp(&key(b)) });
        }
        let limit = asked.limit.unwrap_or(usize::MAX);
        if is_newest_last && asked.is_of_statistics {
            // The runs are in ascending order, so the newest runs are the last ones.
            runs.truncate(runs.len().saturating_sub(asked.offset));
            return runs.split_off(runs.len().saturating_sub(limit));
        }
        let mut page: Vec<&Run> = runs.into_iter().skip(asked.offset).take(limit).collect();
        if is_newest_last {
            page.reverse();
        }
        page
    }

    /// Returns the runs of a trend, which are the runs that started last. The reference uses the last runs of
    /// the list (G12).
    pub(super) fn window(
        &self,
        asked: &Selection,
        size: usize,
        metrics: &Metrics,
        rules: Rules,
    ) -> Vec<&Run> {
        let runs = self.list(asked, metrics, rules);
        let mut kept = runs.clone();
        if rules.mends("G12") {
            kept.sort_by_key(|run| (time(&run.started_at, rules), &run.run));
        }
        let kept = kept.split_off(kept.len().saturating_sub(size));
        runs.into_iter().filter(|run| kept.contains(run)).collect()
    }
}

/// Returns `true` if a run has a tag. For the reference, a reserved name stands for a list of refs (G7).
fn is_tagged(run: &Run, name: &str, value: &str, rules: Rules) -> bool {
    !rules.mends("G7") && name == "__run_ids__" && value.split(',').any(|own| own == run.run)
}

/// Returns the end of a range of times. A date stands for the whole day, and a time without an offset is in
/// UTC. The reference compares texts (G1).
fn bound(text: &Option<String>, time_of_day: &str, rules: Rules) -> Option<String> {
    let text = text.as_ref()?;
    match text.len() {
        10 if rules.mends("G1") => Some(time(&format!("{text}{time_of_day}"), rules)),
        19 if rules.mends("G1") => Some(time(&format!("{text}Z"), rules)),
        _ => Some(time(text, rules)),
    }
}

/// Returns `true` if a run fulfils a condition. If no stage is given, the value outside stages is used. If
/// there is no such value, the latest value of all stages is used.
fn fulfils(metrics: &Metrics, run: &str, condition: &Condition, rules: Rules) -> bool {
    let mut points = metrics.answering(run, &condition.metric, condition.stage.as_deref(), rules);
    if points.iter().any(|point| point.stage.is_none()) {
        points.retain(|point| point.stage.is_none());
    }
    let last = points.last().map(|last: &&Point| last.value);
    last.is_some_and(|value| condition.holds(value))
}

#[test]
fn runs_are_listed_by_the_rules() {
    let mut runs = Runs::default();
    let mut add = |line: &str| runs.add(&contexta::contract::json::read::parse(line).unwrap());
    for project in ["p", "q"] {
        add(&format!(
            r#"{{"kind": "project", "object": {{"project_ref": "project:{project}", "name": "{project} name"}}}}"#
        ));
    }
    for (project, run, start) in [
        ("p", "b", "01T00:00:05.5Z"),
        ("p", "a", "01T00:00:05Z"),
        ("q", "c", "01T00:00:00Z"),
        ("q", "d", "02T00:00:00Z"),
    ] {
        add(&format!(
            r#"{{"kind": "run", "object": {{"run_ref": "run:{project}.{run}", "project_ref": "project:{project}",
                "name": "{run}", "status": "open", "started_at": "2024-01-{start}"}}}}"#
        ));
    }
    let metrics = Metrics::default();
    let names = |runs: Vec<&Run>| runs.into_iter().map(|run| run.name.as_str()).collect::<String>();
    let list = |asked: &Selection, rules| names(runs.list(asked, &metrics, rules));
    let all = Selection::default();
    assert_eq!(
        (list(&all, Rules::REFERENCE), list(&all, Rules::CONTEXTA)),
        ("bacd".to_owned(), "abcd".to_owned())
    );
    let window = |rules| names(runs.window(&all, 2, &metrics, rules));
    assert_eq!((window(Rules::REFERENCE), window(Rules::CONTEXTA)), ("cd".to_owned(), "bd".to_owned()));
    let until = Selection { before: Some("2024-01-01".to_owned()), ..all.clone() };
    assert_eq!(
        (list(&until, Rules::REFERENCE), list(&until, Rules::CONTEXTA)),
        (String::new(), "abc".to_owned())
    );
    let newest =
        Selection { sort: Some("started_at".to_owned()), limit: Some(2), is_of_command: true, ..all.clone() };
    assert_eq!(
        (list(&newest, Rules::REFERENCE), list(&newest, Rules::CONTEXTA)),
        ("cb".to_owned(), "bd".to_owned())
    );
    let of_project = |project: &str| Selection { project: Some(project.to_owned()), ..all.clone() };
    assert_eq!(list(&of_project(" q name "), Rules::REFERENCE), "cd");
    assert_eq!(
        (list(&of_project("q"), Rules::REFERENCE), list(&of_project("q"), Rules::CONTEXTA)),
        (String::new(), "cd".to_owned())
    );
}

//! The result of all questions: counts by group, and the differences.

use crate::golden_answers::compare::Difference;
use crate::golden_answers::outcome::{Answer, Outcome, one_line};
use crate::golden_answers::question::Question;
use contexta::contract::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

/// The result of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The answer of the reference.
    Equal,
    /// The answer that a gap of the reference requires, with the id of the gap.
    Deviates(&'static str),
    /// Another answer.
    Different,
    /// contexta does not have the method, the command or the option.
    Unanswered,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Class::Equal => f.write_str("equal"),
            Class::Deviates(gap) => write!(f, "deviates by gap {gap}"),
            Class::Different => f.write_str("different"),
            Class::Unanswered => f.write_str("unanswered"),
        }
    }
}

/// The results of questions.
#[derive(Debug, Default)]
pub(super) struct Report {
    groups: BTreeMap<String, BTreeMap<Class, usize>>,
    /// One line of JSON for each question that is different or unanswered, with its group.
    failures: Vec<(String, String)>,
}

impl Report {
    /// Adds the result of a question. `expected` is the outcome that was compared, if it is known.
    pub(super) fn add(
        &mut self,
        question: &Question,
        expected: Option<&Outcome>,
        got: &Outcome,
        result: Result<Class, Difference>,
    ) {
        let group = question.group();
        let class = match (&result, &got.answer) {
            (Ok(class), _) => *class,
            (Err(_), Answer::Missing) => Class::Unanswered,
            (Err(_), _) => Class::Different,
        };
        *self.groups.entry(group.clone()).or_default().entry(class).or_default() += 1;
        let Err(difference) = result else { return };
        let line = Value::map([
            ("workspace", Value::text(&question.workspace)),
            ("id", Value::text(&question.id)),
            ("group", Value::text(&group)),
            ("class", Value::text(class)),
            ("question", question.call_value()),
            ("expected", expected.map_or(Value::Null, |expected| expected.answer.to_value())),
            ("expected_exit", expected.map_or(Value::Null, |expected| Value::Int(expected.exit))),
            ("got", got.answer.to_value()),
            ("exit", Value::Int(got.exit)),
            ("path", Value::text(difference.path)),
            ("difference", Value::text(difference.message)),
        ]);
        self.failures.push((group, one_line(&line)));
    }

    /// Adds the results of another report.
    pub(super) fn merge(&mut self, other: Report) {
        for (group, counts) in other.groups {
            let own = self.groups.entry(group).or_default();
            for (class, count) in counts {
                *own.entry(class).or_default() += count;
            }
        }
        self.failures.extend(other.failures);
    }

    /// Returns the number of questions.
    pub(super) fn questions(&self) -> usize {
        self.groups.values().flat_map(BTreeMap::values).sum()
    }

    /// Returns the groups that have questions.
    pub(super) fn groups(&self) -> impl Iterator<Item = &str> {
        self.groups.keys().map(String::as_str)
    }

    /// Returns the ids of the gaps that cause deviations.
    pub(super) fn gaps(&self) -> BTreeSet<&'static str> {
        let classes = self.groups.values().flat_map(BTreeMap::keys);
        let gap = |class: &Class| match class {
            Class::Deviates(gap) => Some(*gap),
            _ => None,
        };
        classes.filter_map(gap).collect()
    }

    /// Returns the groups in which no question is different or unanswered.
    pub(super) fn whole_groups(&self) -> Vec<&str> {
        self.groups().filter(|group| self.failures(group).is_empty()).collect()
    }

    /// Returns the lines about the questions of a group that are different or unanswered.
    pub(super) fn failures(&self, group: &str) -> Vec<&str> {
        let of_group = self.failures.iter().filter(|(other, _)| other == group);
        of_group.map(|(_, line)| line.as_str()).collect()
    }

    /// Returns one line of JSON for each question that is different or unanswered.
    pub(super) fn lines(&self) -> String {
        let mut lines: Vec<&str> = self.failures.iter().map(|(_, line)| line.as_str()).collect();
        lines.sort_unstable();
        lines.iter().flat_map(|line| [line, "\n"]).collect()
    }
}

impl fmt::Display for Report {
    /// Writes the counts of each group, and one line for each class.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut totals = BTreeMap::<Class, usize>::new();
        for (group, counts) in &self.groups {
            let mut line = String::new();
            for (class, count) in counts {
                *totals.entry(*class).or_default() += count;
                write!(line, "  {class} {count}")?;
            }
            writeln!(f, "{group:<48}{line}")?;
        }
        totals.iter().try_for_each(|(class, count)| writeln!(f, "{class}: {count}"))
    }
}

#[test]
fn questions_are_counted_and_failures_listed() {
    let question = |id: &str| {
        let line = r#"{"id": "ID", "via": "cli", "question": {"argv": ["runs"]}, "exit": 0, "answer": "a"}"#;
        Question::read("w", &line.replace("ID", id))
    };
    let got = Outcome { exit: 0, answer: Answer::Text("b".to_owned()) };
    let missing = Outcome { exit: 2, answer: Answer::Missing };
    let failure = || Err(Difference::new("line 1", "no"));
    let (mut report, mut other) = (Report::default(), Report::default());
    let runs = question("cli.runs.001");
    report.add(&runs, Some(&runs.reference), &got, Ok(Class::Equal));
    report.add(&runs, Some(&runs.reference), &got, failure());
    report.add(&runs, None, &missing, failure());
    other.add(&question("cli.trend.001"), None, &got, Ok(Class::Deviates("G1")));
    report.merge(other);
    assert_eq!((report.questions(), report.whole_groups()), (4, vec!["cli trend text"]));
    assert_eq!(report.failures("cli runs text").len(), 2);
    assert_eq!(report.gaps(), BTreeSet::from(["G1"]));
    let lines = report.lines();
    let classes: Vec<Value> =
        lines.lines().map(|line| contexta::contract::json::read::parse(line).unwrap()).collect();
    let class_of = |value: &Value| value.get("class").and_then(Value::as_str).unwrap().to_owned();
    assert_eq!(classes.iter().map(class_of).collect::<Vec<_>>(), ["different", "unanswered"]);
    let text = report.to_string();
    for line in ["equal: 1", "deviates by gap G1: 1", "different: 1", "unanswered: 1"] {
        assert!(text.lines().any(|other| other == line), "{text}");
    }
}

//! Tests of the filter language without a workspace.

use crate::contract::{MetricValue, Timestamp};
use crate::interpretation::error::Error;
use crate::interpretation::query::filter::ast::{Expr, Field, Literal, MetricAggregate, Operator, ValueType};
use crate::interpretation::query::filter::{Fact, Facts, Filter};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A run with a few facts. The value of a metric is stored as an integer that counts halves, so the value is
/// exact as a float.
#[derive(Debug, Clone, Default)]
struct Run {
    /// The first, smallest, greatest and last value of metrics.
    metrics: BTreeMap<String, [i64; 4]>,
    params: BTreeMap<String, Plain>,
    tags: BTreeMap<String, String>,
    name: String,
    status: String,
    stages: Vec<String>,
    notes: Vec<String>,
    is_starred: bool,
    /// The start and the end in seconds after 2026-01-01.
    times: [Option<i64>; 2],
}

/// A value in the plain evaluator.
#[derive(Debug, Clone, PartialEq)]
enum Plain {
    Halves(i64),
    Text(String),
    Bool(bool),
    /// The first and the last second of a time.
    Seconds(i64, i64),
}

/// Returns half of `halves`: an integer if the result is whole, otherwise a float.
fn number(halves: i64) -> MetricValue {
    match halves % 2 {
        0 => MetricValue::Int(halves / 2),
        _ => MetricValue::Float(halves as f64 / 2.0),
    }
}

fn time(seconds: i64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    Timestamp::from_micros(start.micros() + seconds * 1_000_000).unwrap()
}

impl Facts for Run {
    type Error = Infallible;

    fn metric(&self, name: &str, aggregate: MetricAggregate) -> Result<Option<MetricValue>, Infallible> {
        let at = match aggregate {
            MetricAggregate::First => 0,
            MetricAggregate::Min => 1,
            MetricAggregate::Max => 2,
            MetricAggregate::Last => 3,
        };
        Ok(self.metrics.get(name).map(|values| number(values[at])))
    }

    fn param(&self, name: &str) -> Option<Fact> {
        Some(match self.params.get(name)? {
            Plain::Halves(halves) => Fact::Number(number(*halves)),
            Plain::Text(text) => Fact::Text(text.clone()),
            Plain::Bool(value) => Fact::Bool(*value),
            Plain::Seconds(..) => Fact::Other,
        })
    }

    fn tag(&self, name: &str) -> Option<String> {
        self.tags.get(name).cloned()
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn id(&self) -> String {
        format!("id-{}", self.name)
    }

    fn project(&self) -> String {
        "project".to_owned()
    }

    fn status(&self) -> String {
        self.status.clone()
    }

    fn stages(&self) -> Result<Vec<String>, Infallible> {
        Ok(self.stages.clone())
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn is_starred(&self) -> bool {
        self.is_starred
    }

    fn duration_micros(&self) -> Option<i64> {
        Some((self.times[1]? - self.times[0]?) * 1_000_000)
    }

    fn started_at(&self) -> Option<Timestamp> {
        self.times[0].map(time)
    }

    fn ended_at(&self) -> Option<Timestamp> {
        self.times[1].map(time)
    }
}

/// The plain evaluator: values of a field, and a table of operators.
fn plain(expr: &Expr, run: &Run) -> bool {
    let values = |field: &Field| -> Vec<Plain> {
        let metric = |name: &str, at: usize| run.metrics.get(name).map(|values| Plain::Halves(values[at]));
        let text = |text: &str| Some(Plain::Text(text.to_owned()));
        let one = match field {
            Field::Metric(name, MetricAggregate::First) => metric(name, 0),
            Field::Metric(name, MetricAggregate::Min) => metric(name, 1),
            Field::Metric(name, MetricAggregate::Max) => metric(name, 2),
            Field::Metric(name, MetricAggregate::Last) => metric(name, 3),
            Field::Param(name) => run.params.get(name).cloned(),
            Field::Tag(name) => run.tags.get(name).and_then(|tag| text(tag)),
            Field::Name => text(&run.name),
            Field::Id => text(&format!("id-{}", run.name)),
            Field::Project => text("project"),
            Field::Status => text(&run.status),
            Field::Stage => return run.stages.iter().filter_map(|stage| text(stage)).collect(),
            Field::Note => return run.notes.iter().filter_map(|note| text(note)).collect(),
            Field::Starred => Some(Plain::Bool(run.is_starred)),
            Field::Duration => match run.times {
                [Some(start), Some(end)] => Some(Plain::Halves((end - start) * 2)),
                _ => None,
            },
            Field::StartedAt => run.times[0].map(|at| Plain::Seconds(at, at)),
            Field::EndedAt => run.times[1].map(|at| Plain::Seconds(at, at)),
        };
        one.into_iter().collect()
    };
    let compare = |value: &Plain, operator: Operator, literal: &Literal| {
        let literal = match literal {
            Literal::Number(MetricValue::Int(n)) => Plain::Halves(n * 2),
            Literal::Number(number) => Plain::Halves((number.as_f64() * 2.0) as i64),
            Literal::Text(text) => Plain::Text(text.clone()),
            Literal::Bool(value) => Plain::Bool(*value),
            Literal::Time(first, last) => {
                let seconds =
                    |at: &Timestamp| at.micros().div_euclid(1_000_000) - time(0).micros() / 1_000_000;
                Plain::Seconds(seconds(first), seconds(last))
            }
        };
        let (less, equal) = match (value, &literal) {
            (Plain::Halves(a), Plain::Halves(b)) => (a < b, a == b),
            (Plain::Text(a), Plain::Text(b)) => {
                let found = match (b.strip_prefix('^'), b.strip_suffix('$')) {
                    (Some(_), Some(_)) if b.len() > 1 => *a == b[1..b.len() - 1],
                    (Some(rest), _) => a.starts_with(rest),
                    (_, Some(rest)) => a.ends_with(rest),
                    _ => a.contains(b.as_str()),
                };
                match operator {
                    Operator::Matches => return found,
                    Operator::MatchesNot => return !found,
                    _ => (a < b, a == b),
                }
            }
            (Plain::Seconds(at, _), Plain::Seconds(first, last)) => (at < first, at >= first && at <= last),
            (Plain::Bool(a), Plain::Bool(b)) if a == b => return operator == Operator::Equal,
            _ => return operator == Operator::NotEqual,
        };
        match operator {
            Operator::Equal => equal,
            Operator::NotEqual => !equal,
            Operator::Less => less,
            Operator::LessOrEqual => less || equal,
            Operator::Greater => !less && !equal,
            Operator::GreaterOrEqual => !less,
            Operator::Matches | Operator::MatchesNot => false,
        }
    };
    match expr {
        Expr::All(parts) => !parts.iter().any(|part| !plain(part, run)),
        Expr::Any(parts) => parts.iter().any(|part| plain(part, run)),
        Expr::Not(part) => !plain(part, run),
        Expr::Compare(field, operator, literal) => {
            values(field).iter().any(|value| compare(value, *operator, literal))
        }
        Expr::In(field, literals) => values(field)
            .iter()
            .any(|value| literals.iter().any(|literal| compare(value, Operator::Equal, literal))),
        Expr::IsNull(field) => values(field).is_empty(),
        Expr::HasMetric(name) => run.metrics.contains_key(name),
    }
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "b",
        "val_loss",
        "train/acc",
        "lr.x",
        "q=\"w\" \\",
        "-1",
        "and",
        "acc{k=v}",
        "日",
        "x.",
    ])
    .prop_map(str::to_owned)
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "prod",
        "ci",
        "",
        "not",
        "true",
        "2",
        "2026-01-01",
        "a b",
        "^a",
        "b$",
        "^ab$",
        "ab",
        "日本",
        "$",
        "^",
        "inf",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn halves() -> impl Strategy<Value = i64> {
    prop_oneof![-6..6i64, (0..4i64).prop_map(|n| (1 << 54) + 2 * n), (0..4i64).prop_map(|n| 8000 + n)]
}

fn field() -> impl Strategy<Value = Field> {
    let aggregate = prop::sample::select(MetricAggregate::ALL.map(|(_, aggregate)| aggregate).to_vec());
    prop_oneof![
        (name(), aggregate).prop_map(|(name, aggregate)| Field::Metric(name, aggregate)),
        name().prop_map(Field::Param),
        name().prop_map(Field::Tag),
        prop::sample::select(vec![
            Field::Name,
            Field::Status,
            Field::Id,
            Field::Project,
            Field::Stage,
            Field::Note,
            Field::Starred,
            Field::Duration,
            Field::StartedAt,
            Field::EndedAt
        ]),
    ]
}

/// Returns a strategy for values of the type of a field.
fn literal(field: &Field) -> BoxedStrategy<Literal> {
    let times = prop_oneof![
        (0..300_000i64).prop_map(|at| Literal::Time(time(at), time(at))),
        (0..4i64).prop_map(|day| {
            let start = time(day * 86_400);
            Literal::Time(start, Timestamp::from_micros(start.micros() + 86_400_000_000 - 1).unwrap())
        }),
    ];
    let numbers = halves().prop_map(|halves| Literal::Number(number(halves)));
    let texts = word().prop_map(Literal::Text);
    let bools = any::<bool>().prop_map(Literal::Bool);
    match field.value_type() {
        ValueType::Number => numbers.boxed(),
        ValueType::Text => texts.boxed(),
        ValueType::Bool => bools.boxed(),
        ValueType::Time => times.boxed(),
        ValueType::Any => prop_oneof![numbers, texts, bools].boxed(),
    }
}

fn comparison() -> impl Strategy<Value = Expr> {
    let operator = prop::sample::select(Operator::ALL.map(|(_, operator)| operator).to_vec());
    (field(), operator).prop_flat_map(|(field, operator)| {
        let is_text = matches!(field.value_type(), ValueType::Text | ValueType::Any);
        let is_match = matches!(operator, Operator::Matches | Operator::MatchesNot);
        let literals =
            if is_match && is_text { word().prop_map(Literal::Text).boxed() } else { literal(&field) };
        let operator = if is_match && !is_text { Operator::LessOrEqual } else { operator };
        literals.prop_map(move |literal| Expr::Compare(field.clone(), operator, literal))
    })
}

fn expr() -> impl Strategy<Value = Expr> {
    let list = field().prop_flat_map(|field| {
        let values = prop::collection::vec(literal(&field), 1..4);
        values.prop_map(move |values| Expr::In(field.clone(), values))
    });
    let leaf = prop_oneof![
        6 => comparison(),
        2 => list,
        1 => field().prop_map(Expr::IsNull),
        1 => name().prop_map(Expr::HasMetric),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Any),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

fn run() -> impl Strategy<Value = Run> {
    let param = prop_oneof![
        halves().prop_map(Plain::Halves),
        word().prop_map(Plain::Text),
        any::<bool>().prop_map(Plain::Bool),
    ];
    (
        prop::collection::btree_map(name(), prop::array::uniform4(halves()), 0..4),
        prop::collection::btree_map(name(), param, 0..4),
        prop::collection::btree_map(name(), word(), 0..4),
        (word(), word(), prop::collection::vec(word(), 0..3)),
        (prop::collection::vec(word(), 0..3), any::<bool>()),
        prop::array::uniform2(prop::option::of(0..300_000i64)),
    )
        .prop_map(|(metrics, params, tags, (name, status, stages), (notes, is_starred), times)| Run {
            metrics,
            params,
            tags,
            name,
            status,
            stages,
            notes,
            is_starred,
            times,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn printed_filters_are_parsed_and_evaluated_like_the_plain_evaluator(expr in expr(), run in run()) {
        let text = Filter::from(expr.clone()).to_string();
        let filter: Filter = text.parse().map_err(|e: Error| TestCaseError::fail(format!("{text}: {e}")))?;
        prop_assert_eq!(filter.expr(), &expr, "{}", text);
        let Ok(holds) = filter.holds(&run);
        prop_assert_eq!(holds, plain(&expr, &run), "{}", text);
    }

    #[test]
    fn any_text_is_parsed_or_refused_at_a_column(text in "[a-z_.0-9<=>!~()\"' \\-日]{0,24}") {
        if let Err(e) = text.parse::<Filter>() {
            let Error::InvalidFilter { column, .. } = e else { panic!("{e}") };
            prop_assert!(column >= 1 && column <= text.chars().count() + 1);
        }
    }
}

#[test]
fn example_selects_runs() {
    let filter: Filter = "metrics.val_loss < 0.3 and (params.lr <= 0.01 or tags.env in (\"prod\", 'ci')) \
        and not status = failed and params.seed is null and name ~ \"^ab\""
        .parse()
        .unwrap();
    let selected = Run {
        metrics: BTreeMap::from([("val_loss".to_owned(), [2, 0, 2, 0])]),
        tags: BTreeMap::from([("env".to_owned(), "ci".to_owned())]),
        name: "abc".to_owned(),
        status: "completed".to_owned(),
        ..Run::default()
    };
    let holds = |run: &Run| filter.holds(run) == Ok(true);
    assert!(holds(&selected));
    assert!(!holds(&Run { status: "failed".to_owned(), ..selected.clone() }));
    assert!(!holds(&Run { name: "xab".to_owned(), ..selected.clone() }));
    assert!(!holds(&Run { tags: BTreeMap::new(), ..selected.clone() }));
    assert!(!holds(&Run { metrics: BTreeMap::new(), ..selected.clone() }));
    let params = BTreeMap::from([("seed".to_owned(), Plain::Halves(2))]);
    assert!(!holds(&Run { params, ..selected }));
}

#[test]
fn missing_values_and_other_types_fulfil_no_comparison() {
    let run = Run {
        params: BTreeMap::from([
            ("n".to_owned(), Plain::Halves(2)),
            ("t".to_owned(), Plain::Text("1".into())),
        ]),
        name: "2024".to_owned(),
        times: [Some(5), None],
        ..Run::default()
    };
    for (text, expected) in [
        ("params.none = 1", false),
        ("params.none != 1", false),
        ("params.none !~ x", false),
        ("not params.none = 1", true),
        ("params.none is null", true),
        ("params.n is not null", true),
        ("params.n = 1", true),
        ("params.n == 1.0", true),
        ("params.n = \"1\"", false),
        ("params.n != \"1\"", true),
        ("params.t = 1", false),
        ("params.t < 2", false),
        ("params.n < nan", false),
        ("params.n != nan", true),
        ("params.n < inf", true),
        ("params.n not in (2, 3)", true),
        ("duration > 0", false),
        ("started_at = 2026-01-01", true),
        ("started_at > 2026-01-01", false),
        ("started_at > 2025-12-31", true),
        ("started_at = 2026-01-01T00:00:05Z", true),
        ("stage = train", false),
        ("has metric loss", false),
        ("name = 2024", true),
        ("id = \"id-2024\"", true),
        ("name != true", true),
    ] {
        let filter: Filter = text.parse().unwrap();
        assert_eq!(filter.holds(&run), Ok(expected), "{text}");
    }
}

#[test]
fn faults_have_a_column_and_a_reason() {
    for (text, column, reason) in [
        ("", 1, "expected a field"),
        ("metrics.loss", 13, "expected =, !="),
        ("metrics.loss < ", 16, "expected a number"),
        ("metrics. < 1", 1, "expected a name"),
        ("metrics.loss < 0.3 status = x", 20, "expected `and`, `or`"),
        ("(status = open", 15, "expected `)`"),
        ("status = \"open", 10, "the quote is not closed"),
        ("日 = 1", 1, "is not a field"),
        ("name = 日 and ; = 1", 14, "unexpected character"),
        ("loss < 1", 1, "is not a field"),
        ("params.a ~ 3", 12, "expected a text"),
        ("metrics.loss ~ 3", 14, "apply only to texts"),
        ("metrics.loss = low", 16, "expected a number"),
        ("duration > \"1\"", 12, "expected a number"),
        ("starred = yes", 11, "expected `true` or `false`"),
        ("tags.a = null", 10, "expected a text"),
        ("min(params.a) < 1", 5, "expected a metric"),
        ("started_at > soon", 14, "expected a time"),
        ("status in open", 11, "expected `(`"),
        ("params.a is 3", 13, "expected `null`"),
        ("has loss", 5, "expected `metric`"),
        ("params.a = 1.2.3", 12, "expected a number"),
    ] {
        match text.parse::<Filter>() {
            Err(Error::InvalidFilter { column: found, reason: why, .. }) => {
                assert_eq!(found, column, "{text}: {why}");
                assert!(why.contains(reason), "{text}: {why}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let deep = format!("{}status = open{}", "(".repeat(65), ")".repeat(65));
    assert!(deep.parse::<Filter>().is_err());
    let error = "name = x or loss < 1".parse::<Filter>().unwrap_err();
    assert_eq!(error.code(), "query_invalid_filter");
    assert!(error.hint().unwrap().contains("loss < 1"));
}

//! `contexta compare`

use crate::contract::{RunStatus, StageRef, Value};
use crate::interpretation::{MetricDelta, RunComparison};
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::{Cli, CompareArgs};
use crate::surfaces::cli::commands::existing;
use crate::surfaces::cli::output::{Output, plain};
use crate::surfaces::cli::text::{heading, short_or_dash, table};
use crate::surfaces::wire;

pub(in crate::surfaces::cli) fn run(cli: &Cli, args: &CompareArgs, out: &Output) -> Outcome {
    let comparison = existing(cli)?.compare_runs(&args.left, &args.right)?;
    out.notes(&comparison.notes);
    if out.is_json() {
        out.json(&wire::comparison(&comparison))?;
    } else {
        out.text(&text(out, &comparison))?;
    }
    Ok(0)
}

fn metric_rows(stage: &str, deltas: &[MetricDelta]) -> Vec<Vec<String>> {
    let name = |key: &str| if stage.is_empty() { key.to_owned() } else { format!("{stage}/{key}") };
    deltas
        .iter()
        .map(|d| {
            let numbers = [d.left_value, d.right_value, d.delta, d.change_ratio];
            [vec![name(&d.metric_key)], numbers.map(short_or_dash).to_vec()].concat()
        })
        .collect()
}

fn text(out: &Output, c: &RunComparison) -> String {
    let shown = |v: &Option<Value>| v.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
    let (left, right) = (c.left.run_ref.last_component(), c.right.run_ref.last_component());
    let mut text = format!("{}\n", plain(&c.summary));

    text.push_str(&heading(out, "Parameters"));
    let params: Vec<_> =
        c.params.iter().map(|p| vec![p.key.clone(), shown(&p.left), shown(&p.right)]).collect();
    text.push_str(&table(out, &["PARAMETER", left, right], &params, "no parameter differs"));

    text.push_str(&heading(out, "Metrics"));
    let mut metrics = metric_rows("", &c.metric_deltas);
    metrics.extend(c.stages.iter().flat_map(|s| metric_rows(&s.stage_name, &s.metric_deltas)));
    text.push_str(&table(out, &["METRIC", left, right, "DELTA", "RATIO"], &metrics, "no metric differs"));

    text.push_str(&heading(out, "Stages"));
    let side = |side: &Option<(StageRef, RunStatus)>| {
        side.as_ref().map_or_else(|| "-".to_owned(), |s| s.1.to_string())
    };
    let stages: Vec<_> =
        c.stages.iter().map(|s| vec![s.stage_name.clone(), side(&s.left), side(&s.right)]).collect();
    text.push_str(&table(out, &["STAGE", left, right], &stages, "none"));

    text.push_str(&heading(out, "Artifacts"));
    let artifact = |r: &Option<crate::contract::ArtifactRef>| {
        r.as_ref().map_or_else(|| "-".to_owned(), |r| r.to_string())
    };
    let artifacts: Vec<_> = c
        .artifact_changes
        .iter()
        .map(|a| {
            vec![a.artifact_kind.clone(), a.change.to_owned(), artifact(&a.left_ref), artifact(&a.right_ref)]
        })
        .collect();
    text.push_str(&table(out, &["KIND", "CHANGE", left, right], &artifacts, "no artifact differs"));

    text.push_str(&heading(out, "Provenance"));
    let answer = |changed: Option<bool>| match changed {
        Some(true) => "changed",
        Some(false) => "same",
        None => "not known of both",
    };
    let provenance = [
        ("code revision", c.code_revision_changed),
        ("data set", c.dataset_changed),
        ("environment", c.environment_changed),
    ];
    let rows = provenance.map(|(what, changed)| vec![what.to_owned(), answer(changed).to_owned()]);
    text.push_str(&table(out, &["", ""], &rows, ""));
    text
}

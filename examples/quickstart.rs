//! A tour of contexta on real data: a classifier of good red wines.
//!
//! Trains six models of the linfa crates on the UCI wine-quality data set and captures the runs into `.contexta/` in
//! the current directory. Selects the best run, compares it with others, and follows the lineage of its model. Finally
//! it deletes all derived tables and shows that a rebuild gives the same digest. Each execution adds six runs.

#![expect(clippy::print_stdout, reason = "the output of an example is for the person who runs it")]

use contexta::capture::{ArtifactRegistration, MetricEmission, RunBuilder, StageScope};
use contexta::contract::{ArtifactRef, MetricValue, RelationType, RunRef, StableRef};
use contexta::interpretation::{BestRunOptions, Direction, Goal, Measurement, RunSummary};
use contexta::{Contexta, Options, to_markdown};
use linfa::prelude::*;
use linfa_ftrl::Ftrl;
use linfa_logistic::LogisticRegression;
use linfa_trees::DecisionTree;
use ndarray::Ix1;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const WORKSPACE: &str = ".contexta";
const PROJECT: &str = "wine-quality";
const PACKAGES: [&str; 5] = ["linfa", "linfa-datasets", "linfa-ftrl", "linfa-logistic", "linfa-trees"];
/// The number of passes of FTRL over the training data.
const EPOCHS: usize = 5;

fn main() -> Result<()> {
    let data = Data::load(Scratch::new()?)?;
    let contexta = Options::new(WORKSPACE).project(PROJECT).open()?;

    heading("Training");
    let mut runs = Vec::new();
    for (alpha, l1) in [(0.05, 0.0), (0.2, 1.0), (20.0, 0.0)] {
        let run = contexta.run("ftrl").param("alpha", alpha).param("l1", l1).param("epochs", EPOCHS);
        runs.push(capture(&data, run, |stage| fit_ftrl(&data, stage, alpha, l1))?);
    }
    for alpha in [0.1, 100.0] {
        let run = contexta.run("logistic").param("alpha", alpha);
        runs.push(capture(&data, run, |_| fit_logistic(&data, alpha))?);
    }
    let run = contexta.run("tree").param("max_depth", 5_usize);
    runs.push(capture(&data, run, |_| fit_tree(&data, 5))?);

    list(&contexta, &runs)?;
    let [best, next, worst] = choose(&contexta, &runs)?;
    compare(&contexta, &next, &best)?;
    compare(&contexta, &worst, &best)?;
    let model = lineage(&contexta, &best)?;
    report(&contexta, &best, &worst)?;
    rebuild(contexta)?;

    heading("Next, in this directory");
    let (best, worst) = (best.last_component(), worst.last_component());
    println!("contexta runs\ncontexta run show {best}\ncontexta compare {worst} {best}");
    println!("contexta lineage {model}\ncontexta verify");
    Ok(())
}

fn heading(text: &str) {
    println!("\n{text}\n{}", "-".repeat(text.len()));
}

// ---- the data

type Wines = Dataset<f64, bool, Ix1>;

struct Data {
    scratch: Scratch,
    features: Vec<String>,
    train: Wines,
    validation: Wines,
}

impl Data {
    /// Loads the data set. A wine of quality 7 or more is good. Three quarters of the wines are training data, the
    /// others validation data.
    fn load(scratch: Scratch) -> Result<Data> {
        let wines = linfa_datasets::winequality();
        let features = wines.feature_names().to_vec();
        let mut csv = format!("{},quality\n", features.join(","));
        for (wine, quality) in wines.records.rows().into_iter().zip(&wines.targets) {
            for value in wine {
                write!(csv, "{value},")?;
            }
            writeln!(csv, "{quality}")?;
        }
        fs::write(scratch.0.join("winequality-red.csv"), csv)?;

        // Shuffle with the random generator that linfa-ftrl seeds with 42.
        let mut random = Ftrl::<f64>::params().check()?.rng().clone();
        let (mut train, mut validation) =
            wines.map_targets(|q| *q > 6).shuffle(&mut random).split_with_ratio(0.75);
        let columns = train.records.columns_mut().into_iter().zip(validation.records.columns_mut());
        // Standardise each feature except the density. All densities are close to 1, and FTRL, which has no intercept,
        // uses them as a substitute.
        for ((mut column, mut other), _) in columns.zip(&features).filter(|(_, name)| *name != "density") {
            let (mean, spread) = (column.mean().unwrap_or_default(), column.std(0.0));
            column.mapv_inplace(|x| (x - mean) / spread);
            other.mapv_inplace(|x| (x - mean) / spread);
        }
        Ok(Data { scratch, features, train, validation })
    }
}

/// A directory that is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch> {
        let dir = std::env::temp_dir().join(format!("contexta-quickstart-{}", std::process::id()));
        fs::create_dir_all(&dir)?;
        Ok(Scratch(dir))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

// ---- the models

/// A model and its predictions for the validation data.
struct Fitted {
    csv: String,
    confusion: ConfusionMatrix<bool>,
    /// The predicted probabilities; `None` for a tree, which predicts none.
    probabilities: Option<Vec<Pr>>,
}

/// Trains FTRL in steps of 64 wines and captures the loss on all training data after each step.
fn fit_ftrl(data: &Data, stage: &StageScope, alpha: f64, l1: f64) -> Result<Fitted> {
    let params = Ftrl::params().alpha(alpha).beta(1.0).l1_ratio(l1).l2_ratio(0.0);
    let (train, validation) = (data.train.targets.to_vec(), data.validation.targets.to_vec());
    let mut model = None;
    for (step, chunk) in (0..EPOCHS).flat_map(|_| data.train.sample_chunks(64)).enumerate() {
        let fitted = params.fit_with(model, &chunk)?;
        let train_loss = fitted.predict(&data.train).log_loss(&train)?;
        let validation_loss = fitted.predict(&data.validation).log_loss(&validation)?;
        stage.metric_at("train_loss", step as i64, train_loss)?;
        stage.metric_at("validation_loss", step as i64, validation_loss)?;
        model = Some(fitted);
    }
    let model = model.ok_or("no wine to learn from")?;
    let probabilities = model.predict(&data.validation);
    Ok(Fitted {
        csv: weights_csv(data, model.get_weights().iter())?,
        confusion: probabilities.mapv(|p| *p >= 0.5).confusion_matrix(&data.validation)?,
        probabilities: Some(probabilities.to_vec()),
    })
}

fn fit_logistic(data: &Data, alpha: f64) -> Result<Fitted> {
    let model = LogisticRegression::default().alpha(alpha).fit(&data.train)?;
    let mut csv = weights_csv(data, model.params().iter())?;
    // The positive class of the model is the more frequent one: not good.
    writeln!(csv, "intercept,{}\npositive,{}", model.intercept(), model.labels().pos.class)?;
    let bad = model.predict_probabilities(data.validation.records());
    Ok(Fitted {
        csv,
        confusion: model.predict(&data.validation).confusion_matrix(&data.validation)?,
        probabilities: Some(bad.iter().map(|p| Pr::new((1.0 - p) as f32)).collect()),
    })
}

fn fit_tree(data: &Data, max_depth: usize) -> Result<Fitted> {
    let model = DecisionTree::params().max_depth(Some(max_depth)).min_weight_leaf(5.0).fit(&data.train)?;
    let mut csv = "depth,feature,below,good\n".to_owned();
    for node in model.iter_nodes() {
        let (depth, (_, below, _)) = (node.depth(), node.split());
        match node.prediction() {
            Some(good) => writeln!(csv, "{depth},,,{good}")?,
            None => writeln!(csv, "{depth},{},{below},", node.feature_name().map_or("", String::as_str))?,
        }
    }
    let confusion = model.predict(&data.validation).confusion_matrix(&data.validation)?;
    Ok(Fitted { csv, confusion, probabilities: None })
}

fn weights_csv<'a>(data: &Data, weights: impl Iterator<Item = &'a f64>) -> Result<String> {
    let mut csv = "feature,weight\n".to_owned();
    for (feature, weight) in data.features.iter().zip(weights) {
        writeln!(csv, "{feature},{weight}")?;
    }
    Ok(csv)
}

// ---- capture

/// Captures one run: its parameters, data set, model and evaluation.
fn capture(data: &Data, run: RunBuilder, fit: impl Fn(&StageScope) -> Result<Fitted>) -> Result<RunRef> {
    let mut run =
        run.param("seed", 42_i64).dataset_ref("uci-wine-quality-red").runtime("rust", &rustc_version());
    for package in PACKAGES {
        run = run.package(package, locked_version(package));
    }
    let run = run.start()?;
    // The bytes are the same in every run, so the body is stored once.
    let csv = data.scratch.0.join("winequality-red.csv");
    let dataset = run.register(ArtifactRegistration::input("dataset_snapshot", csv))?;
    let (train, validation) = (data.train.nsamples(), data.validation.nsamples());
    run.event("data.split", &format!("{train} wines to learn from, {validation} to validate on"))?;

    let stage = run.stage("train")?;
    let fitted = fit(&stage)?;
    let csv = data.scratch.0.join("model.csv");
    fs::write(&csv, &fitted.csv)?;
    let model = stage.register_artifact("model_bundle", csv)?;
    stage.complete()?;

    let stage = run.stage("evaluate")?;
    let confusion = &fitted.confusion;
    let mut metrics = vec![
        MetricEmission::new("accuracy", confusion.accuracy()),
        MetricEmission::new("precision", confusion.precision()),
        MetricEmission::new("recall", confusion.recall()),
        MetricEmission::new("f1", confusion.f1_score()),
    ];
    if let Some(probabilities) = &fitted.probabilities {
        let curve = probabilities.as_slice().roc(&data.validation.targets.to_vec())?;
        metrics.push(MetricEmission::new("roc_auc", curve.area_under_curve()));
    }
    // A model that predicts no good wine has no f1 score: its value is NaN.
    stage.emit_all(metrics)?;
    stage.relate(model.artifact_ref(), RelationType::EvaluatedOn, dataset.artifact_ref())?;
    stage.complete()?;
    let head = run.complete()?;

    println!("{}", run.run_ref());
    // If the head is saved elsewhere, `contexta verify --head` can check later that no entry up to here was lost.
    println!("  head {head}");
    Ok(run.run_ref().clone())
}

/// Returns the versions of the dependencies, read from the lock file.
fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let found = lock.split_once(&format!("name = \"{package}\"\nversion = \""));
    found.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("unknown")
}

fn rustc_version() -> String {
    let output = Command::new("rustc").arg("--version").output().map(|output| output.stdout);
    String::from_utf8_lossy(&output.unwrap_or_default()).split(' ').nth(1).unwrap_or("unknown").to_owned()
}

// ---- questions

/// Prints the runs of this execution with their parameters and the last values of their metrics.
fn list(contexta: &Contexta, runs: &[RunRef]) -> Result<()> {
    const METRICS: [&str; 5] = ["train_loss", "validation_loss", "accuracy", "f1", "roc_auc"];
    heading("Runs");
    println!("{:<18} {:<33} {}", "run", "parameters", METRICS.map(|m| format!("{m:>16}")).concat());
    let all = contexta.list_runs(Some(PROJECT))?.runs;
    for RunSummary { run, metrics, .. } in all.iter().filter(|summary| runs.contains(&summary.run.run_ref)) {
        let params: Vec<String> = run.params.iter().map(|(k, v)| format!("{k}={}", v)).collect();
        let last = |key| metrics.iter().find(|m| m.key.metric_key == key).map(|m| m.last.value.as_f64());
        let values = METRICS.map(|key| format!("{:>16}", number(last(key)))).concat();
        println!("{:<18} {:<33} {values}", run.run_ref.last_component(), params.join(" "));
    }
    println!("{} runs of this project in the workspace", all.len());
    Ok(())
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.4}"))
}

/// Ranks the runs of this execution and returns the best, the next and the worst.
fn choose(contexta: &Contexta, runs: &[RunRef]) -> Result<[RunRef; 3]> {
    heading("Best by f1 on the validation wines");
    let options = BestRunOptions {
        runs: runs.iter().map(RunRef::to_string).collect(),
        stage_name: Some("evaluate".to_owned()),
        goal: Goal::Maximize,
        ..BestRunOptions::default()
    };
    let chosen = contexta.select_best_run("f1", options)?;
    for (place, ranked) in chosen.ranking.iter().enumerate() {
        println!(
            "{}. {:<18} {:.4}",
            place + 1,
            ranked.run.run_ref.last_component(),
            ranked.measured.value.as_f64()
        );
    }
    for run in &chosen.without {
        println!("-  {:<18} without this metric", run.last_component());
    }
    let [best, next, .., worst] = chosen.ranking.as_slice() else {
        return Err("too few runs to rank".into());
    };
    let lead = best.measured.value.as_f64() - next.measured.value.as_f64();
    println!("The best is ahead of the next by {lead:.4}.");
    Ok([best, next, worst].map(|ranked| ranked.run.run_ref.clone()))
}

/// Prints the differences between two runs.
fn compare(contexta: &Contexta, left: &RunRef, right: &RunRef) -> Result<()> {
    heading(&format!("{} and {}", left.last_component(), right.last_component()));
    let comparison = contexta.compare_runs(left.as_str(), right.as_str())?;
    for param in comparison.params {
        let [left, right] =
            [param.left, param.right].map(|v| v.as_ref().map_or("-".to_owned(), ToString::to_string));
        println!("{:<16}{left:>10}{right:>10}", param.key);
    }
    for metric in comparison.stage_comparisons.iter().flat_map(|stage| &stage.metric_deltas) {
        let value = |side: &Option<Measurement>| side.as_ref().map(|measured| measured.value.as_f64());
        let delta = metric.delta.as_ref().map(MetricValue::as_f64);
        let [left, right, change] = [value(&metric.left), value(&metric.right), delta].map(number);
        println!("{:<16}{left:>10}{right:>10}{change:>10}", metric.metric_key);
    }
    let [dataset, code, environment] =
        [comparison.dataset_changed, comparison.code_revision_changed, comparison.environment_changed]
            .map(|changed| changed.map_or("unknown", |changed| if changed { "another" } else { "the same" }));
    println!("data set: {dataset}, code: {code}, environment: {environment}");
    Ok(())
}

/// Prints what the best model was made from, and what was made from the data set.
fn lineage(contexta: &Contexta, best: &RunRef) -> Result<ArtifactRef> {
    heading("Lineage of the best model");
    let artifacts = contexta.run_snapshot(best.as_str())?.artifacts;
    let of_kind = |kind: &str| {
        let found = artifacts.iter().find(|artifact| artifact.manifest.artifact_kind == kind);
        found.map(|artifact| artifact.manifest.artifact_ref.clone()).ok_or(format!("{best} has no {kind}"))
    };
    let (model, dataset) = (of_kind("model_bundle")?, of_kind("dataset_snapshot")?);
    for (start, direction) in [(&model, Direction::Upstream), (&dataset, Direction::Downstream)] {
        println!("{} from {}", direction.as_str(), short(start));
        let mut edges = contexta.traverse_lineage(start.as_str(), direction, 10)?.edges;
        edges.sort_by_key(|found| found.depth);
        for found in edges {
            let (indent, edge) = ("  ".repeat(found.depth + 1), found.edge);
            let (source, target) = (short(&edge.source_ref), short(&edge.target_ref));
            println!("{indent}{source} {} {target}", edge.relation_type);
        }
    }
    Ok(model)
}

fn short(any: &StableRef) -> String {
    format!("{} {}", any.kind(), any.last_component())
}

fn report(contexta: &Contexta, best: &RunRef, worst: &RunRef) -> Result<()> {
    heading("Reports");
    for (name, report) in [
        ("best.md", contexta.build_snapshot_report(best.as_str())?),
        ("worst-and-best.md", contexta.build_run_report(worst.as_str(), best.as_str())?),
    ] {
        let path = contexta.paths().reports().join(name);
        fs::write(&path, to_markdown(&report))?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Deletes the derived tables, and compares the digest of the rebuilt tables with that of the deleted ones.
fn rebuild(contexta: Contexta) -> Result<()> {
    heading("Tables deleted and rebuilt");
    let (before, _) = contexta.digest()?;
    let tables = contexta.paths().projections();
    // The open workspace would continue with its tables in memory; a workspace that is opened now has to rebuild them.
    drop(contexta);
    // An error is ignored, because the directory may be missing already.
    if let Err(e) = fs::remove_dir_all(&tables)
        && tables.exists()
    {
        return Err(e.into());
    }
    let (after, notes) = Contexta::open_existing(WORKSPACE)?.digest()?;
    println!("digest before  {}\ndigest after   {}", before.digest, after.digest);
    for note in &notes {
        println!("{}", note.message);
    }
    let made_again = notes.iter().any(|note| note.code == "projections_rebuilt");
    if made_again && before == after { Ok(()) } else { Err("the log did not give the same tables".into()) }
}

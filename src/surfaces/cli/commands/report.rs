//! The commands `contexta report`.

use crate::client::Contexta;
use crate::contract::Value;
use crate::contract::refs::component_of_id;
use crate::interpretation::ReportDocument;
use crate::surfaces::answer::Answer as _;
use crate::surfaces::cli::args::{Cli, ReportCommand};
use crate::surfaces::cli::commands::compare_multi::compared;
use crate::surfaces::cli::commands::lineage::walk;
use crate::surfaces::cli::failure::{Failure, Outcome};
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::query_args::{Render, RenderArgs};
use crate::surfaces::cli::settings::csv_delimiter;
use crate::surfaces::cli::workspace::existing;
use crate::surfaces::csv;
use crate::surfaces::html::to_html;
use crate::surfaces::markdown::to_markdown;

pub(in crate::surfaces::cli) fn run(cli: &Cli, command: &ReportCommand, out: &Output) -> Outcome {
    let contexta = existing(cli)?;
    let (report, render, subject) = match command {
        ReportCommand::Snapshot(args) => {
            (contexta.build_snapshot_report(&args.of.run)?, &args.render, String::new())
        }
        ReportCommand::Compare(args) => {
            (contexta.build_run_report(&args.of.left, &args.of.right)?, &args.render, String::new())
        }
        ReportCommand::Many(args) => {
            let comparison = compared(&contexta, &args.of)?;
            let report = contexta.report_builder().build_multi_run_report(&comparison);
            (report, &args.render, format!("{} {:?}", args.of.runs.join(" "), args.of.baseline.run))
        }
        ReportCommand::Project(args) => {
            (contexta.build_project_summary_report(&args.of.project)?, &args.render, String::new())
        }
        ReportCommand::Trend(args) => {
            let (metric, stage) = (&args.of, args.of.stage.name.as_deref());
            let report =
                contexta.build_trend_report(&metric.metric_key, stage, metric.runs.newest_query()?)?;
            (report, &args.render, format!("{stage:?} {:?}", metric.runs))
        }
        ReportCommand::Alerts(args) => {
            let rules = contexta.alert_rules();
            if rules.is_empty() {
                return Err(Failure::NoAlertRule);
            }
            (contexta.build_alert_report(&args.of.run, &rules)?, &args.render, args.of.run.clone())
        }
        ReportCommand::Lineage(args) => {
            let (direction, depth) = walk(&args.of)?;
            let report = contexta.build_lineage_report(&args.of.subject, direction, depth)?;
            (report, &args.render, format!("{} {depth}", direction.as_str()))
        }
        ReportCommand::Health(render) => (contexta.build_health_report()?, render, String::new()),
    };
    if render.save || render.register.is_some() {
        let moment = cli.as_of.map(|moment| format!(" as of {}", moment.stamp())).unwrap_or_default();
        let subject = format!("{} {subject}{moment}", report.title);
        return save(out, &contexta, (render, &subject), rendered(cli, out, &report, render.render)?);
    }
    write(cli, out, &report, render)
}

/// Renders a report. Returns the name of the format and the text in this format.
fn rendered(
    cli: &Cli,
    out: &Output,
    report: &ReportDocument,
    render: Render,
) -> Result<(&'static str, String), Failure> {
    Ok(match render {
        Render::Markdown => ("markdown", to_markdown(report)),
        Render::Html => ("html", to_html(report)),
        Render::Json => ("json", out.json_text(&report.to_value())? + "\n"),
        Render::Csv => ("csv", csv::report(report, &[], csv_delimiter(cli))),
    })
}

/// Writes a rendered report to a file in the directory of reports, and registers the file if a run is given. Prints the
/// path. The name of the file is made from `subject`: the title of the report and the arguments that the title does not
/// contain. A later report about the same subject replaces the file.
fn save(
    out: &Output,
    contexta: &Contexta,
    (args, subject): (&RenderArgs, &str),
    (name, text): (&str, String),
) -> Outcome {
    let run = args.register.as_ref().map(|run| {
        contexta.check_writes()?;
        contexta.find_run(run)
    });
    let run = run.transpose()?;
    let extension = if name == "markdown" { "md" } else { name };
    let file = format!("{}.{extension}", component_of_id(subject, "report"));
    let path = contexta.paths().reports().join(file);
    out.file(&path, &text)?;
    let artifact = run.map(|run| contexta.register_report(run, &path)).transpose()?;
    let shown = path.display().to_string();
    if out.is_json() {
        let artifact = artifact.as_ref().map(ToString::to_string);
        out.json(&Value::map([
            ("artifact_ref", artifact.into()),
            ("path", Value::text(shown)),
            ("render", name.into()),
        ]))?;
    } else {
        out.text(&format!("{shown}\n"))?;
    }
    Ok(0)
}

/// Writes a report to a file or to standard output. With `--format json`, standard output gets the report as a JSON
/// object. If another rendering was requested, the object also contains the rendered text.
pub(super) fn write(cli: &Cli, out: &Output, report: &ReportDocument, args: &RenderArgs) -> Outcome {
    let (name, text) = rendered(cli, out, report, args.render)?;
    match &args.output.path {
        Some(path) => out.file(path, &text)?,
        None if out.is_json() && args.render != Render::Json => {
            let mut value = report.to_value();
            if let Value::Map(members) = &mut value {
                members.insert("render".to_owned(), name.into());
                members.insert("text".to_owned(), Value::text(text));
            }
            out.json(&value)?;
        }
        None => out.text(&text)?,
    }
    Ok(0)
}

//! `contexta digest`

use crate::contract::Value;
use crate::surfaces::cli::Outcome;
use crate::surfaces::cli::args::Cli;
use crate::surfaces::cli::commands::existing;
use crate::surfaces::cli::output::Output;
use crate::surfaces::cli::text::table;
use crate::surfaces::wire;

pub(in crate::surfaces::cli) fn run(cli: &Cli, out: &Output) -> Outcome {
    let (digest, notes) = existing(cli)?.digest()?;
    out.notes(&notes);
    if out.is_json() {
        let tables = digest.tables.iter().map(|(name, digest, rows)| {
            Value::map([
                ("name", Value::text(name)),
                ("digest", Value::text(digest)),
                ("rows", (*rows).into()),
            ])
        });
        let tables = Value::List(tables.collect());
        let digest = Value::text(digest.digest);
        out.json(&Value::map([("digest", digest), ("tables", tables), ("notes", wire::notes(&notes))]))?;
    } else {
        let mut rows = vec![vec!["(all)".to_owned(), digest.digest.to_string(), String::new()]];
        rows.extend(
            digest.tables.iter().map(|(n, d, rows)| vec![n.clone(), d.to_string(), rows.to_string()]),
        );
        out.text(&table(out, &["TABLE", "DIGEST", "ROWS"], &rows, ""))?;
    }
    Ok(0)
}

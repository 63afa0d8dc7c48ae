//! Import and export of JSON lines, compared with reading and writing the same lines as canonical JSON only.
//!
//! `cargo bench --bench interchange`. See docs/PERFORMANCE.md.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run stops")]

mod ratio;

use contexta::contract::json::read::parse;
use contexta::contract::json::write::canonical;
use contexta::{Contexta, ExportFilter, ImportSettings, ImportSource};
use ratio::{Scratch, Table, median, sized};
use std::io::Write;
use std::time::{Duration, Instant};

/// Metrics of ten runs in the form of the Python package contexta 1.0.0.
fn lines(count: usize) -> String {
    let line = |n: usize| {
        let (run, second, micros) = (n % 10, n / 1_000_000, n % 1_000_000);
        format!(
            concat!(
                r#"{{"kind":"record","object":{{"envelope":{{"completeness_marker":"complete","correlation_refs":{{}},"#,
                r#""degradation_marker":"none","extensions":[],"observed_at":"2025-01-01T00:00:{:02}.{:06}Z","#,
                r#""producer_ref":"x","record_ref":"record:p.r{}.m{}","record_type":"metric","#,
                r#""recorded_at":"2025-02-01T00:00:00Z","run_ref":"run:p.r{}","schema_version":"1.0.0"}},"payload":"#,
                r#"{{"aggregation_scope":"step","metric_key":"loss","tags":{{}},"value":{}.5,"value_type":"float"}}}}}}"#,
                "\n"
            ),
            second, micros, run, n, run, n
        )
    };
    (0..count).map(line).collect()
}

fn measure(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn main() {
    let count = sized(100_000, 500);
    let text = lines(count);
    let mut times: [Vec<Duration>; 4] = Default::default();
    for _ in 0..sized(5, 1) {
        let scratch = Scratch::new("interchange");
        let contexta = Contexta::open(scratch.path().join("w")).unwrap();
        let import = |expected: usize| {
            let source = ImportSource::Reader("lines", &mut text.as_bytes());
            let report = contexta.import_jsonl(source, ImportSettings::default()).unwrap();
            assert_eq!(report.total().new as usize, expected);
        };
        let [bare, new, again, out] = &mut times;
        bare.push(measure(|| {
            let mut sink = std::io::sink();
            for line in text.lines() {
                sink.write_all(canonical(&parse(line).unwrap()).unwrap().as_bytes()).unwrap();
            }
        }));
        new.push(measure(|| import(count)));
        again.push(measure(|| import(0)));
        out.push(measure(|| {
            let filter = ExportFilter::default();
            let report = contexta.export_jsonl(&mut std::io::sink(), &filter).unwrap();
            assert_eq!(report.kinds.get("record").copied(), Some(count as u64));
        }));
    }
    let [bare, new, again, out] = times.map(median);
    let mut table = Table::new(&format!("JSON lines, {count} metrics"));
    let each = |time: Duration| format!("{:.1} us", time.as_secs_f64() * 1e6 / count as f64);
    for (what, time) in [("import", new), ("import again", again), ("export", out)] {
        let ratio = format!("{:.2}", bare.as_secs_f64() / time.as_secs_f64());
        table.row([what, &each(time), &each(bare), &ratio, ""], None);
    }
}

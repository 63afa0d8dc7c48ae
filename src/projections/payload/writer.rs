//! The payloads of processes and writers.

use crate::contract::fact::{Joined, Process, ProcessId, Writer, WriterId};
use crate::contract::{Fact, RunRef};
use crate::projections::payload::convert::{Result, broken, parse, time};
use serde::{Deserialize, Serialize};

/// The payload of a [`Process`].
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct ProcessV1 {
    id: [u8; 8],
    number: u32,
    host: String,
    started_at: i64,
}

/// The payload of [`Joined`].
#[derive(Debug, Serialize, Deserialize)]
enum JoinedV1 {
    Started,
    Attached,
    Resumed(Option<i64>),
}

/// The payload of a [`Writer`].
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::projections) struct WriterV1 {
    run_ref: String,
    id: [u8; 8],
    process: [u8; 8],
    joined: JoinedV1,
    label: Option<String>,
    started_at: i64,
}

/// Returns an error if the constructor of a fact trimmed a text. This build never writes a payload with such a text.
fn check_trimmed(before: &str, after: &str) -> Result<()> {
    match before == after {
        true => Ok(()),
        false => Err(broken(format!("{before:?} begins or ends with white space"))),
    }
}

impl ProcessV1 {
    pub(in crate::projections) fn of(p: &Process) -> ProcessV1 {
        ProcessV1 {
            id: p.id().0,
            number: p.number(),
            host: p.host().to_owned(),
            started_at: p.started_at().micros(),
        }
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        let process = Process::new(ProcessId(self.id), self.number, &self.host, time(self.started_at)?)?;
        check_trimmed(&self.host, process.host())?;
        Ok(Fact::Process(process))
    }
}

impl WriterV1 {
    pub(in crate::projections) fn of(w: &Writer) -> WriterV1 {
        let joined = match w.joined() {
            Joined::Started => JoinedV1::Started,
            Joined::Attached => JoinedV1::Attached,
            Joined::Resumed { from_step } => JoinedV1::Resumed(from_step),
        };
        WriterV1 {
            run_ref: w.run_ref().to_string(),
            id: w.id().0,
            process: w.process().0,
            joined,
            label: w.label().map(str::to_owned),
            started_at: w.started_at().micros(),
        }
    }

    pub(in crate::projections) fn into_fact(self) -> Result<Fact> {
        let run: RunRef = parse(&self.run_ref)?;
        let joined = match self.joined {
            JoinedV1::Started => Joined::Started,
            JoinedV1::Attached => Joined::Attached,
            JoinedV1::Resumed(from_step) => Joined::Resumed { from_step },
        };
        let ids = (WriterId(self.id), ProcessId(self.process));
        let writer = Writer::new(run, ids, joined, self.label.clone(), time(self.started_at)?)?;
        check_trimmed(self.label.as_deref().unwrap_or_default(), writer.label().unwrap_or_default())?;
        Ok(Fact::Writer(writer))
    }
}

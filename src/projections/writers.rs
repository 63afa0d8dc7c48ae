//! The projection of the writers of runs, and of the streams to which processes write.

use crate::contract::Fact;
use crate::contract::fact::{ProcessId, WriterId};
use crate::engine::Result;
use crate::engine::entry::Kind;
use crate::engine::projection::{Applied, Projection, TableSpec, Tables};
use crate::projections::entry::{self, Captured};
use crate::projections::keys;
use crate::projections::kind;
use crate::projections::tables::{PROCESS_STREAMS, STREAM_PROCESSES, WRITERS};

/// The projection that fills [`WRITERS`], [`STREAM_PROCESSES`] and [`PROCESS_STREAMS`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct WritersProjection;

/// The last part of the key of a writer's end.
pub(crate) const END: &str = "end";

/// Returns the prefix of the keys in [`PROCESS_STREAMS`] for the streams of a process.
pub(crate) fn streams_of(process: ProcessId) -> Vec<u8> {
    process.0.to_vec()
}

fn writer_key(run: &str, writer: WriterId, more: &[&str]) -> Vec<u8> {
    let id = writer.to_string();
    let parts: Vec<&[u8]> = [run, id.as_str()].iter().chain(more).map(|part| part.as_bytes()).collect();
    keys::join(&parts)
}

impl Projection<Captured> for WritersProjection {
    fn name(&self) -> &'static str {
        "writers"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[WRITERS, STREAM_PROCESSES, PROCESS_STREAMS]
    }

    fn wants(&self, kind: Kind) -> bool {
        matches!(kind, kind::WRITER | kind::PROCESS | kind::ENDED)
    }

    fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> Result<()> {
        let (stamp, replaces) = (applied.stamp, applied.event.replaces.as_slice());
        match &applied.event.fact {
            Fact::Writer(writer) => {
                let key = writer_key(writer.run_ref().as_str(), writer.id(), &[]);
                tables.put_version(WRITERS, &key, stamp, replaces, &entry::row(applied));
            }
            Fact::Ended(ended) => {
                if let Some(writer) = ended.writer() {
                    let key = writer_key(ended.subject().as_str(), writer, &[END]);
                    tables.put_version(WRITERS, &key, stamp, replaces, &entry::row(applied));
                }
            }
            Fact::Process(process) => {
                let stream = stamp.stream.0;
                tables.put_version(STREAM_PROCESSES, &stream, stamp, replaces, &entry::row(applied));
                tables.insert(PROCESS_STREAMS, [&process.id().0[..], &stream].concat());
            }
            _ => {}
        }
        Ok(())
    }
}

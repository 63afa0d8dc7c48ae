//! Faster decoding of metrics in a group of entries that is applied together.
//!
//! The payloads of a series begin with the same bytes: run, stage, metric key and the other fields that do not change
//! from point to point. The first payload of a series is decoded as a whole, and its beginning is remembered. Of later
//! payloads with the same beginning, only the step, the value and the time are decoded.

use crate::engine::entries::EntryRef;
use crate::engine::entry::{PayloadVersion, Stamp};
use crate::engine::projection::{RegisterSlot, SeriesSlot};
use crate::projections::kind::V2;
use crate::projections::payload::{MetricPoint, beginning_len};
use std::collections::HashMap;

/// The metric series that occurred in this group of entries. A series is found by the beginning of a payload.
#[derive(Debug, Default)]
pub(super) struct KnownSeries {
    series: Vec<Series>,
    /// The indexes of the series with payloads of version 1, and of those with payloads of version 2.
    by_beginning: [HashMap<Box<[u8]>, usize>; 2],
    /// The index of the series of the entry that was read last.
    last: usize,
    /// A buffer for the value bytes of a point.
    pub(super) buffer: Vec<u8>,
    /// The stamp of the entry that was read last, and the point of this entry with its rows. The point is `None` if the
    /// entry must be decoded as a whole.
    read: Option<(Stamp, Option<(MetricPoint, Places)>)>,
}

/// The rows to which the points of a series are added.
pub(super) type Places = (SeriesSlot, RegisterSlot);

#[derive(Debug)]
struct Series {
    version: PayloadVersion,
    beginning: Box<[u8]>,
    places: Places,
    /// The index of the series that the next entry probably belongs to: the series that last followed this series.
    /// Programs record several metrics in turn.
    next: usize,
}

impl KnownSeries {
    /// Returns the point of a metric entry, and the rows to which the point is added, without decoding the whole
    /// payload. Returns `None` if the whole payload must be decoded: the series is not known yet, or the entry is not
    /// an ordinary captured metric.
    pub(super) fn point(&mut self, entry: EntryRef<'_>) -> Option<&(MetricPoint, Places)> {
        if self.read.as_ref().is_none_or(|(stamp, _)| *stamp != entry.stamp) {
            let point = self.read(entry.version, entry.payload);
            self.read = Some((entry.stamp, point));
        }
        self.read.as_ref()?.1.as_ref()
    }

    fn read(&mut self, version: PayloadVersion, payload: &[u8]) -> Option<(MetricPoint, Places)> {
        let guess = self.series.get(self.last).map(|last| last.next)?;
        let guessed = self.series.get(guess);
        let guessed = guessed.filter(|s| s.version == version && payload.starts_with(&s.beginning));
        let at = match guessed {
            Some(_) => guess,
            None => {
                let [first, second] = &self.by_beginning;
                let known = if version == V2 { second } else { first };
                *known.get(payload.get(..beginning_len(version, payload)?)?)?
            }
        };
        if let Some(last) = self.series.get_mut(self.last) {
            last.next = at;
        }
        self.last = at;
        let series = self.series.get(at)?;
        let point = MetricPoint::decode(version, payload.get(series.beginning.len()..)?)?;
        Some((point, series.places))
    }

    /// Remembers the series of an entry that was decoded as a whole, so that [`KnownSeries::point`] can read later
    /// entries of the series.
    pub(super) fn learn(&mut self, entry: EntryRef<'_>, places: Places) {
        let version = entry.version;
        let beginning = beginning_len(version, entry.payload).and_then(|len| entry.payload.get(..len));
        let [first, second] = &mut self.by_beginning;
        let known = if version == V2 { second } else { first };
        let Some(beginning) = beginning.filter(|bytes| !known.contains_key(*bytes)) else { return };
        let at = self.series.len();
        known.insert(beginning.into(), at);
        if let Some(last) = self.series.get_mut(self.last) {
            last.next = at;
        }
        self.series.push(Series { version, beginning: beginning.into(), places, next: at });
        self.last = at;
    }
}

#[cfg(test)]
mod tests {
    use crate::contract::fact::ImportOrigin;
    use crate::contract::{
        Fact, MetricPayload, MetricValue, RecordDraft, RecordRef, RunRef, StageRef, Timestamp, Valid,
    };
    use crate::engine;
    use crate::engine::codec;
    use crate::engine::entry::{Event, Kind, PayloadVersion};
    use crate::engine::log::pending::{PendingEntries, PendingEntry};
    use crate::engine::log::{Durability, Log, LogOptions};
    use crate::engine::progress::Progress;
    use crate::engine::projection::{
        Applied, Note, Projection, Projector, ProjectorOptions, ProjectorPaths, TableSpec, Tables,
        TablesDigest,
    };
    use crate::engine::storage::sim::SimDisk;
    use crate::projections::encoding::encode_payload;
    use crate::projections::entry::Captured;
    use crate::projections::kind::{METRIC, V1};
    use crate::projections::payload::{MetricV1, RecordV1};
    use crate::projections::{DOMAIN, all};
    use proptest::prelude::*;

    /// A projection that gets each entry as a decoded event, because it does not implement `apply_encoded`.
    struct Decoded(Box<dyn Projection<Captured>>);

    impl Projection<Captured> for Decoded {
        fn name(&self) -> &'static str {
            self.0.name()
        }

        fn version(&self) -> u32 {
            self.0.version()
        }

        fn tables(&self) -> &'static [TableSpec] {
            self.0.tables()
        }

        fn wants(&self, kind: Kind) -> bool {
            self.0.wants(kind)
        }

        fn apply(&self, applied: &Applied<'_, Captured>, tables: &mut Tables) -> engine::Result<()> {
            self.0.apply(applied, tables)
        }
    }

    #[derive(Debug, Clone)]
    struct Metric {
        run: u8,
        stage: bool,
        key: u8,
        tag: bool,
        step: Option<i64>,
        value: MetricValue,
        time: i64,
        import: Option<u8>,
        /// True for a payload of version 1, which this build writes only for imported metrics.
        is_old: bool,
        /// A byte of the payload that is changed, and its new value.
        change: Option<(prop::sample::Index, u8)>,
    }

    impl Metric {
        fn payload(&self) -> (PayloadVersion, Vec<u8>) {
            let run = format!("p.r{}", self.run);
            let stage = self.stage.then(|| StageRef::parse(&format!("stage:{run}.s")).unwrap());
            let key = format!("m/{}", self.key);
            // The payloads of an integer and of a float with the same type name can begin with the same
            // bytes.
            let value_type = if self.tag { "float" } else { self.value.type_name() };
            let mut metric = MetricPayload::new(key, self.value.clone(), value_type);
            metric.step = self.step;
            if self.tag {
                metric.tags.insert("subset".into(), "val".into());
            }
            let time = Timestamp::from_micros(self.time).unwrap();
            let parsed = RunRef::parse(&format!("run:{run}")).unwrap();
            let mut draft = RecordDraft::new(parsed, stage, time, "sdk.rust", metric);
            let record = |n: &u8| (RecordRef::parse(&format!("record:{run}.k{n}")).unwrap(), time);
            draft.identity = self.import.as_ref().map(record);
            let origin = self.import.map(|n| ImportOrigin { import: [n; 16], line: u64::from(n) });
            let draft = Valid::new(draft).unwrap();
            let mut payload = Vec::new();
            let version = if self.is_old {
                let record = RecordV1::of(&draft, MetricV1::of(&draft.payload)).unwrap();
                encode_payload(&[], origin, &mut payload, |out| codec::encode(&record, out)).unwrap();
                V1
            } else {
                let captured = Captured { origin, ..Captured::from(Fact::Metric(draft)) };
                captured.encode(&mut payload).unwrap();
                captured.payload_version()
            };
            if let Some((at, byte)) = &self.change {
                let at = at.index(payload.len());
                payload[at] = *byte;
            }
            (version, payload)
        }
    }

    fn metric() -> impl Strategy<Value = Metric> {
        let value = prop_oneof![
            any::<i64>().prop_map(MetricValue::Int),
            (-1e9..1e9f64).prop_map(MetricValue::Float),
            prop::sample::select(vec![f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY])
                .prop_map(MetricValue::Float),
            Just(MetricValue::Big("123456789012345678901234567890".into())),
        ];
        let change = prop::option::weighted(0.1, (any::<prop::sample::Index>(), any::<u8>()));
        let step = prop::option::of(-5..400i64);
        let import = prop::option::weighted(0.1, 0..3u8);
        let forms = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
        (0..2u8, 0..3u8, forms, step, value, 0..1_000i64, import, change).prop_map(
            |(run, key, (stage, tag, is_old), step, value, time, import, change)| Metric {
                run,
                stage,
                key,
                tag,
                step,
                value,
                time,
                import,
                is_old: is_old || import.is_some(),
                change,
            },
        )
    }

    fn rebuilt(disk: &SimDisk, projections: Vec<Box<dyn Projection<Captured>>>) -> (TablesDigest, Vec<Note>) {
        let paths = ProjectorPaths { log: "/w/log".into(), generations: "/w/tables".into() };
        let options = ProjectorOptions { publish: false, ..ProjectorOptions::new(DOMAIN) };
        let projector = Projector::new(disk.process(2), paths, options, projections);
        (projector.digest_from_scratch(Progress::none()).unwrap(), projector.catch_up().unwrap())
    }

    proptest! {
        #[test]
        fn rows_of_known_series_equal_the_rows_of_decoded_events(metrics in prop::collection::vec(metric(), 1..200)) {
            let disk = SimDisk::new(1);
            let log = Log::new(disk.process(1), "/w/log".into(), LogOptions::new(DOMAIN));
            let mut entries = PendingEntries::new();
            for metric in &metrics {
                let (version, payload) = metric.payload();
                entries.push(PendingEntry { kind: METRIC, version, time: 0, payload: &payload });
            }
            log.append_encoded(&entries, Durability::Flush).unwrap();
            let decoded = all().into_iter().map(|p| Box::new(Decoded(p)) as Box<dyn Projection<Captured>>);
            prop_assert_eq!(rebuilt(&disk, all()), rebuilt(&disk, decoded.collect()));
        }
    }
}

//! The engine with another domain: thermometers in cold rooms.
//!
//! This program has no machine learning in it and uses only `contexta::engine`. The domain defines an event type
//! and a projection. The engine provides appends by several writers, tables derived from the log, and a rebuild of
//! deleted tables.
//!
//! Run it with `cargo run --release --example second_domain`.

#![expect(clippy::print_stdout, reason = "an example prints its results")]

use contexta::engine;
use contexta::engine::codec::{self, CodecError};
use contexta::engine::domain::Domain;
use contexta::engine::entry::{Event, Kind, PayloadVersion, STAMP_LEN, Stamp};
use contexta::engine::log::{Durability, Log, LogOptions};
use contexta::engine::projection::{
    Applied, KeyVersions, Note, Point, PointOrder, Projection, Projector, ProjectorOptions, ProjectorPaths,
    TableKind, TableSpec, Tables, View, current,
};
use contexta::engine::storage::os::OsStorage;
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fs;
use std::path::Path;

/// The events of this domain.
#[derive(Serialize, Deserialize)]
enum ColdRoom {
    /// A thermometer was placed in a room. The entry replaces an earlier placement. If two placements do not replace
    /// each other, they are in conflict, and a reader sees both.
    Placed { sensor: String, room: String, replaces: Option<[u8; STAMP_LEN]> },
    /// A temperature reading.
    Measured { sensor: String, minute: i64, celsius: f64 },
}

const PLACED: Kind = Kind(1);
const MEASURED: Kind = Kind(2);

impl Event for ColdRoom {
    const KINDS: &'static [(Kind, PayloadVersion)] =
        &[(PLACED, PayloadVersion(1)), (MEASURED, PayloadVersion(1))];

    fn kind(&self) -> Kind {
        match self {
            ColdRoom::Placed { .. } => PLACED,
            ColdRoom::Measured { .. } => MEASURED,
        }
    }

    fn payload_version(&self) -> PayloadVersion {
        PayloadVersion(1)
    }

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), CodecError> {
        codec::encode(self, out)
    }

    fn decode(kind: Kind, _version: PayloadVersion, payload: &[u8]) -> Result<Option<ColdRoom>, CodecError> {
        match kind {
            PLACED | MEASURED => codec::decode(payload).map(Some),
            // A kind that only a later version of this program knows. The engine ignores and counts its entries.
            _ => Ok(None),
        }
    }
}

/// Sensor -> the rooms in which the sensor was placed.
const ROOMS: TableSpec = TableSpec::new("rooms", TableKind::Versions);
/// The temperatures of each sensor, by minute.
const TEMPERATURES: TableSpec = TableSpec::new("temperatures", TableKind::Series);
/// Sensor -> the number of its readings, and the first, last, least and greatest temperature.
const SUMMARIES: TableSpec = TableSpec::new("summaries", TableKind::Registers);

struct Sensors;

impl Projection<ColdRoom> for Sensors {
    fn name(&self) -> &'static str {
        "sensors"
    }

    fn version(&self) -> u32 {
        1
    }

    fn tables(&self) -> &'static [TableSpec] {
        &[ROOMS, TEMPERATURES, SUMMARIES]
    }

    fn wants(&self, kind: Kind) -> bool {
        kind == PLACED || kind == MEASURED
    }

    fn apply(&self, entry: &Applied<'_, ColdRoom>, tables: &mut Tables<'_>) -> engine::Result<()> {
        match entry.event {
            ColdRoom::Placed { sensor, room, replaces } => {
                let replaces: Vec<Stamp> = replaces.iter().map(Stamp::from_bytes).collect();
                tables.put_version(ROOMS, sensor.as_bytes(), entry.stamp, &replaces, room.as_bytes());
            }
            ColdRoom::Measured { sensor, minute, celsius } => {
                let order = PointOrder { time: *minute, stamp: entry.stamp };
                let point = Point { order, measure: Some(*celsius), value: Vec::new() };
                tables.register(SUMMARIES, sensor.as_bytes(), &point);
                tables.add_point(TEMPERATURES, sensor.as_bytes(), point);
            }
        }
        Ok(())
    }
}

/// The domain of this program. Every segment contains it, and logs of other domains are rejected.
const DOMAIN: Domain = match Domain::new("cold-rooms", 1) {
    Ok(domain) => domain,
    Err(_) => panic!("the name of the domain is invalid"),
};

fn log(dir: &Path) -> Log {
    Log::new(OsStorage::shared(), dir.join("log"), LogOptions::new(DOMAIN))
}

fn projector(dir: &Path) -> Projector<ColdRoom> {
    let paths = ProjectorPaths { log: dir.join("log"), generations: dir.join("tables") };
    Projector::new(OsStorage::shared(), paths, ProjectorOptions::new(DOMAIN), vec![Box::new(Sensors)])
}

fn placed(sensor: &str, room: &str, replaces: Option<Stamp>) -> ColdRoom {
    ColdRoom::Placed { sensor: sensor.into(), room: room.into(), replaces: replaces.map(|s| s.to_bytes()) }
}

/// Returns the readings of half an hour, one per minute, in a room that slowly gets warmer.
fn warming(sensor: &str, from: f64) -> Vec<ColdRoom> {
    let celsius = |minute: i64| from + 0.05 * minute as f64;
    (0..30)
        .map(|minute| ColdRoom::Measured { sensor: sensor.into(), minute, celsius: celsius(minute) })
        .collect()
}

/// Appends with two writers. Like two processes, each writes to a stream of its own, without waiting for the other.
fn write(dir: &Path) -> engine::Result<()> {
    let (one, other) = (log(dir), log(dir));
    let first = one.append(&[placed("t1", "cellar", None)], Durability::Flush)?;
    other.append(&[placed("t2", "dairy", None)], Durability::Flush)?;
    one.append(&warming("t1", 3.0), Durability::Flush)?;
    other.append(&warming("t2", 5.5), Durability::Flush)?;
    one.append(&[placed("t1", "larder", Some(first.first))], Durability::Fsync)?;
    Ok(())
}

/// Returns one line per thermometer, from all three tables.
fn lines(view: &View) -> engine::Result<Vec<String>> {
    let mut lines = Vec::new();
    for sensor in view.versions(ROOMS, b"")? {
        let KeyVersions { key: sensor, versions, .. } = sensor?;
        let Some(placement) = current(versions) else { continue };
        let (name, room) =
            (String::from_utf8_lossy(&sensor), String::from_utf8_lossy(&placement.version.value));
        let points = view.series(TEMPERATURES, &sensor)?.collect::<engine::Result<Vec<Point>>>()?;
        let half = points.get(points.len() / 2).and_then(|p| p.measure).unwrap_or(f64::NAN);
        // This reads by prefix. The name of another sensor may begin with the name of this one, so the key is compared.
        for row in view.registers(SUMMARIES, &sensor)? {
            let row = row?;
            if row.key() == sensor {
                let summary = &row.register;
                let last = summary.last.measure.unwrap_or(f64::NAN);
                let count = summary.count;
                lines.push(format!(
                    "{name}  {room:<7} {count} readings, {half:.2} °C half-way, {last:.2} °C now"
                ));
            }
        }
    }
    Ok(lines)
}

fn demonstrate(dir: &Path) -> Result<(), Box<dyn Error>> {
    write(dir)?;
    let tables = projector(dir);
    for line in tables.read(lines)? {
        println!("{line}");
    }

    let before = tables.digest()?;
    drop(tables);
    fs::remove_dir_all(dir.join("tables"))?;
    let tables = projector(dir);
    let notes = tables.catch_up()?;
    let after = tables.digest()?;
    println!("\ndigest of the tables   {}", before.digest);
    println!("deleted and rebuilt    {}", after.digest);
    let made_again = notes.iter().any(|note| matches!(note, Note::Rebuilt { entries: 63, .. }));
    if made_again && before == after { Ok(()) } else { Err(format!("not the same tables: {notes:?}").into()) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("contexta-second-domain-{}", std::process::id()));
    let done = demonstrate(&dir);
    fs::remove_dir_all(&dir)?;
    done
}

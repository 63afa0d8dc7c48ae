//! Rows of runs that a process saves for later processes ([`contexta::Contexta::list_runs`]). A read as of a moment uses
//! no saved rows, so it is the oracle.

use crate::as_of::{Action, World, action, page};
use contexta::engine::Digest;
use contexta::recovery::RebuildOptions;
use contexta::{ImportSettings, ImportSource, Options};
use proptest::prelude::*;
use std::path::PathBuf;

/// The number of runs that are imported first. The rows of fewer runs are not saved.
const IMPORTED: usize = 260;
/// The length of the magic bytes and the digest before the rows.
const HEADER_LEN: usize = 40;

fn world() -> World {
    let world = World::new();
    let run = |n: usize| {
        format!(
            r#"{{"kind":"run","object":{{"description":"网络 {n}","ended_at":"2024-01-01T00:00:05Z","extensions":[],"name":"imported-{n}","project_ref":"project:p","run_ref":"run:p.i{n}","schema_version":"1.0.0","started_at":"2024-01-01T00:00:00Z","status":"completed"}}}}"#
        )
    };
    let lines: Vec<String> = (0..IMPORTED).map(run).collect();
    let mut bytes = lines.join("\n").into_bytes();
    bytes.push(b'\n');
    let source = ImportSource::Reader("lines", &mut bytes.as_slice());
    world.processes[0].import_jsonl(source, ImportSettings::default()).unwrap();
    world
}

/// Returns the files with saved rows.
fn saved(world: &World) -> Vec<PathBuf> {
    let is_saved = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "derived");
    world.disk.paths().into_iter().filter(is_saved).collect()
}

/// Checks a page of runs in a new process, which may use saved rows, and returns the page.
fn check(world: &World, process: u32) -> String {
    let options = Options::new("/w").project("p").detect_code_revision(false).config_snapshot(false);
    let fresh = options.storage(world.disk.process(process)).open().unwrap();
    let found = page(&fresh);
    assert_eq!(found, page(&fresh.as_of(fresh.session().now())));
    // Rows in memory are used for the second page.
    assert_eq!(found, page(&fresh));
    found
}

#[test]
fn rows_are_saved_once_beside_the_generation_and_used_by_later_processes() {
    let world = world();
    let page = check(&world, 20);
    let [path] = saved(&world).try_into().unwrap();
    assert!(world.disk.paths().contains(&path.with_extension("gen")));
    let bytes = world.disk.read(&path).unwrap();
    assert_eq!(check(&world, 21), page);
    assert_eq!(world.disk.read(&path).unwrap(), bytes);
    // Another name in the saved rows is an answer of the next process, which shows that it uses the rows.
    let at = bytes.windows(12).position(|part| part == b"imported-101").unwrap();
    let mut changed = bytes.clone();
    changed[at..at + 12].copy_from_slice(b"otherwise101");
    let digest = Digest::of(&changed[HEADER_LEN..]);
    changed[8..HEADER_LEN].copy_from_slice(&digest.0);
    world.disk.overwrite(&path, changed);
    let options = Options::new("/w").project("p").storage(world.disk.process(22));
    let found = crate::as_of::page(&options.open().unwrap());
    assert!(found.contains("otherwise101") && !page.contains("otherwise101"));
}

#[test]
fn damaged_or_missing_saved_rows_are_derived_again() {
    let world = world();
    let page = check(&world, 20);
    let [path] = saved(&world).try_into().unwrap();
    let bytes = world.disk.read(&path).unwrap();
    let mut process = 30;
    let mut broken: Vec<Vec<u8>> = [0, 8, 39, 40, 42, bytes.len() / 2, bytes.len() - 1]
        .into_iter()
        .map(|at| {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            bytes
        })
        .collect();
    broken.extend([0, 1, HEADER_LEN, bytes.len() - 1].map(|len| bytes[..len].to_vec()));
    // A valid digest over rows that cannot be decoded.
    for rows in [&b""[..], b"\x01\x00", &bytes[HEADER_LEN..bytes.len() - 1], &bytes[HEADER_LEN + 1..]] {
        broken.push([&bytes[..8], &Digest::of(rows).0, rows].concat());
    }
    for bytes in broken {
        world.disk.overwrite(&path, bytes);
        process += 1;
        assert_eq!(check(&world, process), page);
    }
    world.disk.remove_tree(&path);
    assert_eq!(check(&world, process + 1), page);
    assert_eq!(saved(&world), [path]);
}

#[test]
fn process_that_only_reads_saves_no_rows() {
    let world = world();
    let options = || Options::new("/w").project("p").read_only();
    let first = options().storage(world.disk.process(40)).open().unwrap();
    let found = page(&first);
    assert_eq!(saved(&world), Vec::<PathBuf>::new());
    assert_eq!(check(&world, 41), found);
    assert_eq!(saved(&world).len(), 1);
}

proptest! {
    #![proptest_config(crate::domain::cases(24))]

    /// Whatever is captured between two lists, the next process answers as if no rows were saved.
    #[test]
    fn lists_with_saved_rows_equal_lists_without(
        steps in prop::collection::vec((prop::collection::vec(action(), 0..5), any::<bool>()), 1..6),
    ) {
        let mut world = world();
        check(&world, 20);
        for (n, (actions, is_rebuilt)) in steps.iter().enumerate() {
            actions.iter().for_each(|action: &Action| world.act(action));
            world.disk.advance(1_000_000);
            if *is_rebuilt {
                world.processes[0].rebuild(RebuildOptions::default()).unwrap();
            }
            check(&world, 21 + n as u32);
            prop_assert!(saved(&world).len() <= 1);
        }
    }
}

//! Tests of the job queue: the bytes of its payloads, and claims after damage and repair.

use super::*;
use contexta::engine::progress::Progress;
use contexta::engine::projection::Note;

/// The payload of each kind and version, and the event that it decodes to.
const PAYLOADS: [(Kind, u16, &[u8], &str); 3] = [
    (ADDED, 1, &[7], r#"Added { id: 7, queue: "default" }"#),
    (ADDED, 2, &[7, 5, b'b', b'u', b'i', b'l', b'd'], r#"Added { id: 7, queue: "build" }"#),
    (LEASED, 1, &[7, 2, 251, 0x2c, 1], "Leased { id: 7, worker: 2, until: 300 }"),
];

#[test]
fn payloads_of_every_version_are_decoded_and_the_newest_are_encoded() {
    for (kind, version, bytes, expected) in PAYLOADS {
        let event = Job::decode(kind, PayloadVersion(version), bytes).unwrap().unwrap();
        assert_eq!(format!("{event:?}"), expected);
        assert_eq!(event.kind(), kind);
        if event.payload_version().0 == version {
            let mut encoded = Vec::new();
            event.encode(&mut encoded).unwrap();
            assert_eq!(encoded, bytes);
        }
    }
    assert!(Job::decode(ADDED, PayloadVersion(3), &[7]).unwrap().is_none());
}

#[test]
fn queue_is_repaired_after_damage_and_its_intact_events_remain() {
    let dir = env::temp_dir().join(format!("contexta-second-domain-test-{}", std::process::id()));
    let engine = open(&dir).unwrap();
    for id in 1..=3 {
        engine.append(&Job::Added { id, queue: "build".into() }).unwrap();
    }
    engine.close().unwrap();
    drop(engine);
    // The name of the second queue is changed on disk, so that the checksums of its entry do not hold.
    let stream = fs::read_dir(dir.join("log")).unwrap().next().unwrap().unwrap().path();
    let segments = fs::read_dir(&stream).unwrap().map(|entry| entry.unwrap().path());
    let segment = segments.into_iter().find(|path| path.extension().is_some_and(|e| e == "seg")).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let names: Vec<usize> = (0..bytes.len() - 5).filter(|at| bytes[*at..].starts_with(b"build")).collect();
    bytes[names[1]] = b'B';
    fs::write(&segment, bytes).unwrap();

    let engine = open(&dir).unwrap();
    assert_ne!(engine.verify(&LogCheck::default()).unwrap().outcome(), Outcome::Whole);
    let plan = engine.repair_plan().unwrap();
    assert!(!plan.is_empty());
    engine.repair(&plan, Progress::none()).unwrap();
    assert!(engine.repair_plan().unwrap().is_empty());
    assert_eq!(claim(&engine, "build", 1, 0).unwrap(), Some(1));
    assert_eq!(claim(&engine, "build", 1, 0).unwrap(), Some(3));
    assert_eq!(claim(&engine, "build", 1, 0).unwrap(), None);
    let view = engine.view().unwrap();
    let missing: Vec<&Note> = view.notes().iter().filter(|note| note.is_missing_entries()).collect();
    assert!(matches!(missing[..], [Note::Gap(gap)] if gap.first.0 == 2), "{:?}", view.notes());
    drop((view, engine));
    // The repair has recorded the loss, so a later check does not report it as new damage.
    let verified = open(&dir).unwrap().verify(&LogCheck::default()).unwrap();
    assert_eq!(verified.outcome(), Outcome::WholeExceptKnownLosses, "{:?}", verified.log.problems);
    fs::remove_dir_all(&dir).unwrap();
}

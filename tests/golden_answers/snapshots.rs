//! The order of the objects in a metadata snapshot of a run.

use crate::golden_answers::deviations::{Asked, Deviation, edited, modelled};
use crate::golden_answers::metrics::time;
use crate::golden_answers::object::text;
use crate::golden_answers::question::Question;
use crate::golden_answers::rules::Rules;
use contexta::contract::Value;

/// The lists of a snapshot. Each item contains the name of a list, the members by which the list is sorted,
/// and the member with the ref of an object. Objects without a member come after the objects with this
/// member.
const LISTS: [(&str, &[&str], &str); 5] = [
    ("deployments", &["order_index", "started_at"], "deployment_execution_ref"),
    ("stages", &["order_index", "started_at"], "stage_execution_ref"),
    ("batches", &["stage_execution_ref", "order_index", "started_at"], "batch_execution_ref"),
    ("samples", &["stage_execution_ref", "batch_execution_ref", "observed_at"], "sample_observation_ref"),
    ("environments", &["captured_at"], "environment_snapshot_ref"),
];

/// The reference sorts the objects of a snapshot by their times as texts, so `05.5Z` comes before `05Z` (G1).
pub(super) fn snapshots_are_ordered_by_time(question: &Question, asked: &Asked<'_>) -> Option<Deviation> {
    if question.group() != "api metadata_store.build_run_snapshot" {
        return None;
    }
    modelled(question, asked, |rules| edited(question, |answer| order(answer, rules)))
}

/// Sorts the lists of a snapshot.
fn order(snapshot: &mut Value, rules: Rules) {
    let Value::Map(members) = snapshot else { return };
    for (name, keys, own) in LISTS {
        let Some(Value::List(objects)) = members.get_mut(name) else { continue };
        objects.sort_by_cached_key(|object| {
            let of = keys.iter().map(|key| part(object, key, rules));
            (of.collect::<Vec<_>>(), text(object, own))
        });
    }
}

/// Returns the sort key of one member. The key contains `true` if the object does not have the member, a
/// number, and a text.
fn part(object: &Value, member: &str, rules: Rules) -> (bool, i64, String) {
    match object.get(member) {
        Some(Value::Int(number)) => (false, *number, String::new()),
        Some(Value::Text(text)) if member.ends_with("_at") => (false, 0, time(text, rules)),
        Some(Value::Text(text)) => (false, 0, text.clone()),
        _ => (true, 0, String::new()),
    }
}

#[test]
fn objects_are_ordered_by_position_time_and_ref() {
    let parse = |text| contexta::contract::json::read::parse(text).unwrap();
    let environments = |rules| {
        let mut snapshot = parse(
            r#"{"environments": [
                {"environment_snapshot_ref": "b", "captured_at": "2024-01-01T00:00:05.500000Z"},
                {"environment_snapshot_ref": "a", "captured_at": "2024-01-01T00:00:05Z"}]}"#,
        );
        order(&mut snapshot, rules);
        let list = snapshot.get("environments").and_then(Value::as_list).unwrap();
        list.iter().map(|object| text(object, "environment_snapshot_ref").unwrap()).collect::<String>()
    };
    assert_eq!((environments(Rules::REFERENCE), environments(Rules::CONTEXTA)), ("ba".into(), "ab".into()));
    let mut snapshot = parse(
        r#"{"stages": [{"stage_execution_ref": "c", "started_at": "2024-01-01T00:00:00Z"},
            {"stage_execution_ref": "b", "order_index": 10, "started_at": "2024-01-01T00:00:00Z"},
            {"stage_execution_ref": "a", "order_index": 9, "started_at": "2024-01-02T00:00:00Z"}]}"#,
    );
    order(&mut snapshot, Rules::CONTEXTA);
    let list = snapshot.get("stages").and_then(Value::as_list).unwrap();
    assert_eq!(list.iter().filter_map(|stage| text(stage, "stage_execution_ref")).collect::<String>(), "abc");
}

//! Refs, times, file names and positions from arbitrary text: accepted text is printed unchanged, and an accepted time
//! or position is equal after it is printed and parsed again.

use contexta::contract::refs::{
    ArtifactRef, BatchRef, COMPONENT_LEN_MAX, OperationRef, ProjectRef, REF_LEN_MAX, RelationRef, RunRef,
    SampleRef, StageRef, is_component, slug,
};
use contexta::contract::{StableRef, Timestamp};
use contexta::engine::checksum::Digest;
use contexta::engine::entry::StreamId;
use contexta::engine::log::names::{parse_segment, segment_name};
use contexta::engine::subscribe::SubscriptionPosition;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let text = text.as_ref();
    stable(text);
    if let Ok(time) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&time.to_string()), Ok(time));
        assert_eq!(Timestamp::from_micros(time.micros()), Some(time));
    }
    if let Ok(stream) = text.parse::<StreamId>() {
        assert_eq!(stream.to_string(), text);
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    if let Some(base) = parse_segment(text) {
        assert_eq!(segment_name(base), text);
    }
    if let Ok(position) = text.parse::<SubscriptionPosition>() {
        assert_eq!(position.to_string().parse(), Ok(position));
    }
    for len_max in [0, 1, 7, 63, 1000] {
        if let Some(slug) = slug(text, len_max) {
            assert!(is_component(&slug) && slug.len() <= len_max.min(COMPONENT_LEN_MAX), "{slug}");
        }
    }
}

fn stable(text: &str) {
    let Ok(parsed) = StableRef::parse(text) else {
        assert!(RunRef::parse(text).is_err());
        return;
    };
    assert_eq!(parsed.as_str(), text);
    assert_eq!(format!("{}:{}", parsed.kind(), parsed.value()), text);
    assert!(text.len() <= REF_LEN_MAX && parsed.components().all(is_component));
    assert_eq!(parsed.components().next_back(), Some(parsed.last_component()));
    // At most one of the typed refs accepts the text, and it equals the untyped ref.
    let typed = [
        ProjectRef::parse(text).map(StableRef::from),
        RunRef::parse(text).map(StableRef::from),
        StageRef::parse(text).map(StableRef::from),
        BatchRef::parse(text).map(StableRef::from),
        SampleRef::parse(text).map(StableRef::from),
        OperationRef::parse(text).map(StableRef::from),
        ArtifactRef::parse(text).map(StableRef::from),
        RelationRef::parse(text).map(StableRef::from),
    ];
    let taken: Vec<&StableRef> = typed.iter().flatten().collect();
    assert!(taken.len() <= 1 && taken.iter().all(|t| **t == parsed));
    if !taken.is_empty() {
        assert!(parsed.check_shape().is_ok());
    }
    if let Some(run) = parsed.run() {
        assert!(parsed.value().starts_with(run.value()));
    }
}

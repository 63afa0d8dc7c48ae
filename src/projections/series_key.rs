//! The key of a metric series as bytes.

use crate::contract::json::{read, write};
use crate::contract::{DeploymentRef, MetricPayload, Observation, RunRef, StableRef, StageRef, Value};
use crate::projections::keys;
use std::collections::BTreeMap;

/// The identity of a metric series. Points with equal identities belong to one series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct SeriesKey {
    /// The run.
    pub run_ref: RunRef,
    /// The stage; `None` outside any stage.
    pub stage_ref: Option<StageRef>,
    /// The deployment of points outside any stage. `None` for points in a stage, and for points outside any
    /// deployment.
    pub deployment_ref: Option<DeploymentRef>,
    /// The key of the metric.
    pub metric_key: String,
    /// The sample or batch that the points describe. `None` if the points describe the stage, the deployment or the
    /// run as a whole.
    pub within: Option<StableRef>,
    /// The slice of the data that the points describe; `None` for all data.
    pub slice: Option<String>,
    /// The tags of the points.
    pub tags: BTreeMap<String, String>,
}

impl SeriesKey {
    /// Returns the series of a metric point.
    pub(crate) fn of(observation: &Observation, metric: &MetricPayload) -> SeriesKey {
        let stage_ref = observation.stage_execution_ref.clone();
        let sample = observation.sample_observation_ref.clone().map(StableRef::from);
        let batch = observation.batch_execution_ref.clone().map(StableRef::from);
        SeriesKey {
            run_ref: observation.run_ref.clone(),
            deployment_ref: observation.deployment_execution_ref.clone().filter(|_| stage_ref.is_none()),
            stage_ref,
            metric_key: metric.metric_key.clone(),
            within: sample.or(batch),
            slice: metric.slice_ref.clone(),
            tags: metric.tags.clone(),
        }
    }

    /// Returns the metric with its tags: `acc{subset=val}`, or `acc` without tags. A slice is shown like a tag.
    #[must_use]
    pub fn metric(&self) -> String {
        let slice = self.slice.iter().map(|slice| format!("slice={slice}"));
        let tags = self.tags.iter().map(|(name, value)| format!("{name}={value}"));
        let labels = Vec::from_iter(slice.chain(tags)).join(",");
        if labels.is_empty() { self.metric_key.clone() } else { format!("{}{{{labels}}}", self.metric_key) }
    }

    /// Encodes the key: run, metric key, stage or deployment, sample or batch, slice, and the tags as canonical JSON.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let place = match (&self.stage_ref, &self.deployment_ref) {
            (Some(stage), _) => stage.as_str(),
            (None, Some(deployment)) => deployment.as_str(),
            (None, None) => "",
        };
        // An object of texts always has a canonical form.
        let tags = Value::from(self.tags.clone());
        let tags =
            if self.tags.is_empty() { String::new() } else { write::canonical(&tags).unwrap_or_default() };
        keys::join(&[
            self.run_ref.as_str().as_bytes(),
            self.metric_key.as_bytes(),
            place.as_bytes(),
            self.within.as_ref().map_or("", |within| within.as_str()).as_bytes(),
            self.slice.as_deref().unwrap_or_default().as_bytes(),
            tags.as_bytes(),
        ])
    }

    /// Decodes a key; `None` if the key is malformed.
    pub(crate) fn from_bytes(key: &[u8]) -> Option<SeriesKey> {
        let [run, metric_key, place, within, slice, tags] = keys::split(key)?;
        let place = if place.is_empty() { None } else { Some(StableRef::parse(place).ok()?) };
        let (stage_ref, deployment_ref) = match place {
            None => (None, None),
            Some(place) if place.kind() == "stage" => (Some(StageRef::try_from(place).ok()?), None),
            Some(place) => (None, Some(DeploymentRef::try_from(place).ok()?)),
        };
        let tags = match read::parse(if tags.is_empty() { "{}" } else { tags }).ok()? {
            Value::Map(tags) => {
                let texts = tags.into_iter().map(|(name, value)| Some((name, value.as_str()?.to_owned())));
                texts.collect::<Option<_>>()?
            }
            _ => return None,
        };
        Some(SeriesKey {
            run_ref: RunRef::parse(run).ok()?,
            stage_ref,
            deployment_ref,
            metric_key: metric_key.to_owned(),
            within: if within.is_empty() { None } else { Some(StableRef::parse(within).ok()?) },
            slice: Some(slice.to_owned()).filter(|slice| !slice.is_empty()),
            tags,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> impl Strategy<Value = SeriesKey> {
        let place = prop::sample::select(vec![None, Some("stage:p.r.s"), Some("deployment:p.d")]);
        let within = prop::sample::select(vec![None, Some("batch:p.r.s.b"), Some("sample:p.r.s.x")]);
        let slice = prop::option::of("[a-z]{1,4}");
        let tags = prop::collection::btree_map(any::<String>(), any::<String>(), 0..3);
        ("[^\\p{C}]{1,6}", place, within, slice, tags).prop_map(|(metric_key, place, within, slice, tags)| {
            let place = place.map(|place| StableRef::parse(place).unwrap());
            SeriesKey {
                run_ref: RunRef::parse("run:p.r").unwrap(),
                stage_ref: place.clone().and_then(|place| StageRef::try_from(place).ok()),
                deployment_ref: place.and_then(|place| DeploymentRef::try_from(place).ok()),
                metric_key,
                within: within.map(|within| StableRef::parse(within).unwrap()),
                slice,
                tags,
            }
        })
    }

    proptest! {
        #[test]
        fn decoded_key_equals_encoded_key(a in key(), b in key()) {
            prop_assert_eq!(SeriesKey::from_bytes(&a.to_bytes()), Some(a.clone()));
            prop_assert_eq!(a.to_bytes() == b.to_bytes(), a == b);
            // No row of one key begins with the prefix that all rows of the other key have.
            let rows = keys::join(&[&a.to_bytes(), b"x"]);
            prop_assert!(a == b || !rows.starts_with(&keys::join(&[&b.to_bytes(), b""])));
        }
    }
}

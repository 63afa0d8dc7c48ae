//! The JSON form of groups of runs.

use crate::contract::Value;
use crate::interpretation::{GroupPoint, RunGroup, RunGroups, Statistics};
use crate::surfaces::answer::parts::{list, with};
use crate::surfaces::answer::to_json::{ToJson, object};

impl ToJson for Statistics {
    fn json(&self) -> Value {
        object!(self; count, non_finite, mean, std, min, max)
    }
}

impl ToJson for GroupPoint {
    fn json(&self) -> Value {
        with(self.statistics.json(), vec![("step", self.step.json())])
    }
}

pub(super) fn groups(g: &RunGroups) -> Value {
    let group = |group: &RunGroup| {
        let columns = g.by.iter().zip(&group.values).map(|(column, value)| {
            Value::map([
                ("column", Value::text(column)),
                ("value", value.json()),
                ("present", value.is_some().into()),
            ])
        });
        let own = object!(group; columns: Value::List(columns.collect()), runs, without, curve);
        match group.statistics.json() {
            Value::Map(statistics) => {
                with(own, statistics.iter().map(|(name, value)| (name.as_str(), value.clone())).collect())
            }
            _ => own,
        }
    };
    object!(g;
        metric_key, stage_name, project_name, by: list(&g.by, |column| Value::text(column)), groups: list(&g.groups, group),
        step_width: g.ranges.map(|ranges| ranges.width()), notes
    )
}

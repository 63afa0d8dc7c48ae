//! The place of a value within a JSON value.

use crate::contract::json::value::Value;
use std::fmt;

/// One step of a place: a member of an object, or an item of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Step {
    Member(String),
    Index(usize),
}

/// The place of a value within a JSON value. Unlike the text of a path, a place is unambiguous, even if the name of a
/// member contains dots or brackets.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place(Vec<Step>);

impl Place {
    /// Appends a step to the member `name` of an object.
    pub(crate) fn enter_member(&mut self, name: &str) {
        self.0.push(Step::Member(name.to_owned()));
    }

    /// Appends a step to the item with this index in a list.
    pub(crate) fn enter_index(&mut self, index: usize) {
        self.0.push(Step::Index(index));
    }

    /// Reads a place from the text of a path, such as `$.extensions[1]`. No name in the path may contain a dot or
    /// bracket. Parts of another form are left out.
    pub(crate) fn of_path(path: &str) -> Place {
        let mut place = Place::default();
        for part in path.trim().trim_start_matches('$').split('.').filter(|part| !part.is_empty()) {
            let (name, indexes) = part.split_once('[').unwrap_or((part, ""));
            if !name.is_empty() {
                place.enter_member(name);
            }
            let indexes = indexes.split('[').filter_map(|index| index.trim_end_matches(']').parse().ok());
            indexes.for_each(|index| place.enter_index(index));
        }
        place
    }

    /// Returns the place in the whole value, if this place is relative to the value at `outer`.
    pub(crate) fn within(self, mut outer: Place) -> Place {
        outer.0.extend(self.0);
        outer
    }

    /// Returns the place of the object or list that contains the value at this place. Returns `None` for the place of
    /// the whole value.
    pub(crate) fn parent(&self) -> Option<Place> {
        let (_, rest) = self.0.split_last()?;
        Some(Place(rest.to_vec()))
    }

    /// Returns `true` if this is the place of the whole value.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `true` if this is the place of an item of a list.
    pub(crate) fn is_item(&self) -> bool {
        matches!(self.0.last(), Some(Step::Index(_)))
    }

    /// Returns `true` if the value at this place is the value at `inner`, or contains it.
    pub(crate) fn contains(&self, inner: &Place) -> bool {
        inner.0.starts_with(&self.0)
    }

    /// Removes the value at this place from `whole`. Returns `false`, and removes nothing, if there is no value at this
    /// place, or if this is the place of the whole value.
    pub(crate) fn remove(&self, whole: &mut Value) -> bool {
        let Some((last, rest)) = self.0.split_last() else { return false };
        let mut at = whole;
        for step in rest {
            let inner = match (step, at) {
                (Step::Member(name), Value::Map(members)) => members.get_mut(name),
                (Step::Index(n), Value::List(items)) => items.get_mut(*n),
                _ => None,
            };
            let Some(inner) = inner else { return false };
            at = inner;
        }
        match (last, at) {
            (Step::Member(name), Value::Map(members)) => members.remove(name).is_some(),
            (Step::Index(n), Value::List(items)) if *n < items.len() => {
                items.remove(*n);
                true
            }
            _ => false,
        }
    }

    /// Returns `true` if `whole` has a value at this place.
    pub(crate) fn exists(&self, whole: &Value) -> bool {
        let mut at = whole;
        for step in &self.0 {
            let inner = match (step, at) {
                (Step::Member(name), Value::Map(members)) => members.get(name),
                (Step::Index(n), Value::List(items)) => items.get(*n),
                _ => None,
            };
            let Some(inner) = inner else { return false };
            at = inner;
        }
        true
    }
}

/// Writes the place as a path, such as `$.tags.note` or `$.devices[1].driver`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|step| match step {
            Step::Member(name) => write!(f, ".{name}"),
            Step::Index(n) => write!(f, "[{n}]"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::json::read::parse;

    #[test]
    fn values_are_removed_at_their_places() {
        let mut value = parse(r#"{"a":[{"x.y":1},2],"b":3}"#).unwrap();
        let mut place = Place::of_path("$.a[0]");
        place.enter_member("x.y");
        assert_eq!(place.to_string(), "$.a[0].x.y");
        assert!(place.exists(&value) && place.remove(&mut value) && !place.exists(&value));
        assert!(!place.remove(&mut value) && !Place::default().remove(&mut value));
        assert!(Place::of_path("a[0]").remove(&mut value));
        assert_eq!(value, parse(r#"{"a":[2],"b":3}"#).unwrap());
        assert!(!Place::of_path("$.a[1]").exists(&value) && !Place::of_path("$.b[0]").exists(&value));
        assert!(Place::of_path("$.a").contains(&Place::of_path("$.a[0]")));
        assert_eq!(Place::of_path("$.a[0]").parent(), Some(Place::of_path("$.a")));
        let inner = Place::of_path("$.fields").within(Place::of_path("$.extensions[1]"));
        assert_eq!(inner, Place::of_path("$.extensions[1].fields"));
    }
}

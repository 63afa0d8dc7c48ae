//! Components of the refs of the children of a scope.

use crate::contract::refs::{COMPONENT_LEN_MAX, component_of, is_component};
use crate::contract::rules::trim;
use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// A name that a scope gives to a child: the component of the child's ref, and the name that answers show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ChildName {
    pub(super) component: String,
    pub(super) shown: String,
}

/// The names of the children of a scope. Needs about 30 bytes of memory for each different name.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Maps the hash of the kind and the component of each child to the number that was last added to the component.
    /// If two components have the same hash, the second one gets a number although its name is free.
    used: HashMap<u64, u64>,
    /// The suffix of every component; `None` if no other process names children of the same scope.
    suffix: Option<String>,
}

impl Names {
    /// Returns a name for a child of this kind, and marks its component as used. If the component is in use, a number
    /// is added: `train`, `train-2`. `fallback` is the component for a name without a letter or digit.
    pub(super) fn claim(&mut self, kind: &str, name: &str, fallback: &str) -> ChildName {
        let name = trim(name);
        let stem = match &self.suffix {
            Some(suffix) => with_suffix(&component_of(name, fallback), suffix),
            None => component_of(name, fallback),
        };
        let first = key(kind, &stem);
        let mut n = self.used.get(&first).map_or(1, |last| last + 1);
        loop {
            let component = numbered(&stem, n);
            let own = key(kind, &component);
            if n == 1 || !self.used.contains_key(&own) {
                self.used.insert(own, 1);
                self.used.insert(first, n);
                let shown = match n {
                    _ if is_component(name) => component.clone(),
                    1 => name.to_owned(),
                    _ => format!("{name} ({n})"),
                };
                return ChildName { component, shown };
            }
            n += 1;
        }
    }

    /// Adds `suffix` to every component that is claimed from now on, because other processes name children of the same
    /// scope.
    pub(super) fn share(&mut self, suffix: String) {
        self.suffix = Some(suffix);
    }

    /// Marks a component as used.
    pub(super) fn reserve(&mut self, kind: &str, component: &str) {
        self.used.entry(key(kind, component)).or_insert(1);
    }
}

/// Returns the component with a suffix. The component is cut so that the result is a valid component.
fn with_suffix(stem: &str, suffix: &str) -> String {
    let cut: String = stem.chars().take(COMPONENT_LEN_MAX.saturating_sub(suffix.len() + 1)).collect();
    format!("{}-{suffix}", cut.trim_end_matches('-'))
}

/// Returns the component with the number `n`, cut so that it is a valid component; the component itself if `n` is 1.
fn numbered(stem: &str, n: u64) -> String {
    if n == 1 { stem.to_owned() } else { with_suffix(stem, &n.to_string()) }
}

fn key(kind: &str, component: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, component).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_components_get_different_numbers() {
        let mut names = Names::default();
        let mut claim = |kind: &str, name: &str| {
            let ChildName { component, shown } = names.claim(kind, name, "stage");
            (component, shown)
        };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(claim("stage", "train"), pair("train", "train"));
        assert_eq!(claim("stage", "train"), pair("train-2", "train-2"));
        assert_eq!(claim("stage", "Train"), pair("train-3", "Train (3)"));
        assert_eq!(claim("op", "train"), pair("train", "train"));
        assert_eq!(claim("stage", "eval-2"), pair("eval-2", "eval-2"));
        assert_eq!(claim("stage", "eval"), pair("eval", "eval"));
        assert_eq!(claim("stage", "eval"), pair("eval-3", "eval-3"));
        let long = "x".repeat(63);
        assert_eq!(claim("stage", &long).0, long);
        assert_eq!(claim("stage", &long).0, format!("{}-2", "x".repeat(61)));
    }
}

//! One setting of a configuration, while all of them are visited.

use crate::config::leaf::Leaf;
use crate::config::limit::Rule;

/// One setting of a configuration, while all of them are visited.
pub(super) struct Field<'a> {
    pub(super) key: &'static str,
    pub(super) doc: &'static str,
    pub(super) rule: Rule,
    pub(super) leaf: &'a mut dyn Leaf,
}

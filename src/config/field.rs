//! The view of one setting that `UnifiedConfig::each` passes to its visitor.

use crate::config::leaf::Leaf;
use crate::config::limit::Rule;

/// The view of one setting that `UnifiedConfig::each` passes to its visitor.
pub(super) struct Field<'a> {
    pub(super) key: &'static str,
    pub(super) doc: &'static str,
    pub(super) rule: Rule,
    pub(super) leaf: &'a mut dyn Leaf,
}

//! One setting, as `UnifiedConfig::each` passes it to the closure: key, description, rule and value.

use crate::config::leaf::Leaf;
use crate::config::limit::Rule;

/// One setting, as `UnifiedConfig::each` passes it to the closure: key, description, rule and value.
pub(super) struct Field<'a> {
    pub(super) key: &'static str,
    pub(super) doc: &'static str,
    pub(super) rule: Rule,
    pub(super) leaf: &'a mut dyn Leaf,
}

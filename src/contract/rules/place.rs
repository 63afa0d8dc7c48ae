//! Rules for the ref of an object and the ref of its parent.

use crate::contract::error::code::ErrorCode;
use crate::contract::issue::collector::Issues;
use crate::contract::refs::component::is_component;
use crate::contract::refs::stable::StableRef;

/// Checks that the ref `child` is directly under the ref `parent`: the value of `child` is the value of `parent`, a dot
/// and one component.
pub(crate) fn child_of(
    issues: &mut Issues,
    code: ErrorCode,
    field: &str,
    child: &StableRef,
    parent: &StableRef,
) {
    let rest = child.value().strip_prefix(parent.value()).and_then(|rest| rest.strip_prefix('.'));
    if rest.is_none_or(|rest| rest.contains('.')) {
        issues.error(code, field, format!("{child} is not directly under {parent}"));
    }
}

/// Checks that the ref `child` is under the ref `parent`, at any depth: the value of `child` begins with the value of
/// `parent` and a dot.
pub(crate) fn under(
    issues: &mut Issues,
    code: ErrorCode,
    field: &str,
    child: &StableRef,
    parent: &StableRef,
) {
    let rest = child.value().strip_prefix(parent.value());
    if rest.is_none_or(|rest| !rest.starts_with('.')) {
        issues.error(code, field, format!("{child} is not under {parent}"));
    }
}

/// Checks the ref `own` of an object that has a name. The value of the ref must consist of the value of `owner`, a dot
/// and the name. If the name cannot be a component of a ref (for example, a name in another script), the ref may end in
/// any other component, and a warning is added.
pub(crate) fn own_ref(issues: &mut Issues, field: &str, own: &StableRef, owner: &StableRef, name: &str) {
    let rest = own.value().strip_prefix(owner.value()).and_then(|rest| rest.strip_prefix('.'));
    if rest.is_some_and(|rest| !rest.contains('.')) && !is_component(name) {
        let message = format!("the name {name:?} is not a component of a ref, so {own} does not end in it");
        issues.warning(ErrorCode::Component, field, message);
    } else if rest != Some(name) {
        let message = format!("the ref must be {}:{}.{name}, not {own}", own.kind(), owner.value());
        issues.error(ErrorCode::ContextPrefix, field, message);
    }
}

//! Aliases of artifacts: their refs, and the methods of `StoreView` that read them.

use crate::contract::refs::{COMPONENT_LEN_MAX, is_component, slug};
use crate::contract::rules::trim;
use crate::contract::{AliasRef, ArtifactAlias, Object, ObjectKind, ProjectRef};
use crate::engine::entry::Stamp;
use crate::projections::tables::OBJECTS;
use crate::store::error::Result;
use crate::store::journal::short_digest;
use crate::store::view::StoreView;

/// Returns the ref of the alias with this name. Aliases with different names have different refs.
pub fn alias_ref(project: &ProjectRef, name: &str) -> crate::contract::Result<AliasRef> {
    let name = trim(name);
    if is_component(name) {
        return AliasRef::under(project, name);
    }
    let digest = short_digest(name);
    let stem = slug(name, COMPONENT_LEN_MAX - digest.len() - 1).unwrap_or_else(|| "alias".to_owned());
    AliasRef::under(project, &format!("{stem}-{digest}"))
}

impl StoreView<'_> {
    /// Returns an alias; `None` if the project has no alias with this ref.
    pub fn alias(&self, alias: &AliasRef) -> Result<Option<ArtifactAlias>> {
        self.model(alias)
    }

    /// Returns the stamps of all facts about an alias. A new fact that sets the alias lists these stamps as replaced.
    pub fn alias_stamps(&self, alias: &AliasRef) -> Result<Vec<Stamp>> {
        let versions = self.view.versions_of(OBJECTS, alias.as_str().as_bytes())?;
        Ok(versions.into_iter().map(|version| version.stamp).collect())
    }

    /// Returns the aliases of a project, ordered by ref.
    pub fn aliases(&self, project: &ProjectRef) -> Result<Vec<ArtifactAlias>> {
        let mut aliases = Vec::new();
        for item in self.objects(ObjectKind::Alias, &format!("alias:{}.", project.value()))? {
            if let crate::store::objects::ListedObject::Object(Object::Alias(alias)) = item? {
                aliases.push((*alias).into_inner());
            }
        }
        Ok(aliases)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_names_have_different_refs() {
        let project = ProjectRef::parse("project:p").unwrap();
        let own = |name: &str| alias_ref(&project, name).unwrap().to_string();
        let names = [
            "model:best",
            "model-best",
            "Model-Best",
            "model:Best",
            "模型:最好",
            "模型:最新",
            &"x".repeat(300),
        ];
        let mut refs = names.map(own).to_vec();
        assert_eq!(refs[1], "alias:p.model-best");
        assert!(refs[0].starts_with("alias:p.model-best-"), "{refs:?}");
        assert_eq!(own(" model:best "), refs[0]);
        refs.sort();
        refs.dedup();
        assert_eq!(refs.len(), names.len());
    }
}

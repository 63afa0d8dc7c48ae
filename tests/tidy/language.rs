//! Checks the language of documentation: forbidden openings, internal process words, public items without
//! documentation.

use crate::tidy::modules::{attributes_of, is_test, line_of};
use syn::visit::{self, Visit};

/// Words that a doc comment must not begin with, because the first sentence must name its subject.
const OPENINGS: [&str; 6] = ["What", "How", "Where", "Whether", "Who", "That"];

/// Words about the work on the project. They must not occur in the product.
const PROCESS_WORDS: [&str; 4] = ["reviewer", "cold reading", "adversary", "fresh eyes"];

/// Words that are about the work on the project if a number follows them.
const NUMBERED_WORDS: [&str; 3] = ["part", "issue", "session"];

/// Returns the rules of language that a Rust file breaks.
pub(super) fn check_rust(path: &str, text: &str) -> Vec<String> {
    let parsed = syn::parse_file(text).unwrap_or_else(|e| panic!("{path}:{}: {e}", line_of(e.span())));
    let mut docs = Docs { path, broken: Vec::new(), is_library: path.starts_with("src/") };
    docs.check_docs(&parsed.attrs);
    docs.visit_file(&parsed);
    docs.broken.extend(check_words(path, text));
    docs.broken
}

/// Returns the internal process words that a text names.
pub(super) fn check_words(path: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        let words: Vec<&str> =
            lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
        let numbered = words
            .windows(2)
            .find(|pair| NUMBERED_WORDS.contains(&pair[0]) && pair[1].bytes().all(|b| b.is_ascii_digit()));
        let named = PROCESS_WORDS.iter().find(|word| lower.contains(**word));
        if let Some(word) = named.map(|w| (*w).to_owned()).or(numbered.map(|pair| pair.join(" "))) {
            broken.push(format!("{path}:{}: {word:?} is a word of the work, not of the product", n + 1));
        }
    }
    broken
}

struct Docs<'a> {
    path: &'a str,
    broken: Vec<String>,
    is_library: bool,
}

impl Docs<'_> {
    fn check_docs(&mut self, attributes: &[syn::Attribute]) {
        let Some((line, text)) = attributes.iter().find_map(doc_text) else { return };
        let first = text.trim_start().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        if OPENINGS.contains(&first) {
            self.broken.push(format!(
                "{}:{line}: a doc comment begins with {first}; name the subject first",
                self.path
            ));
        }
    }

    fn check_public(
        &mut self,
        visibility: &syn::Visibility,
        attributes: &[syn::Attribute],
        name: &syn::Ident,
    ) {
        let public = matches!(visibility, syn::Visibility::Public(_));
        if self.is_library && public && !attributes.iter().any(|a| a.path().is_ident("doc")) {
            let line = line_of(name.span());
            self.broken.push(format!("{}:{line}: public {name} has no documentation", self.path));
        }
    }
}

/// Returns the line and the text of a doc attribute.
fn doc_text(attribute: &syn::Attribute) -> Option<(usize, String)> {
    let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
    let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value else { return None };
    pair.path.is_ident("doc").then(|| (line_of(text.span()), text.value()))
}

impl<'ast> Visit<'ast> for Docs<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = attributes_of(item);
        self.check_docs(attributes);
        match item {
            syn::Item::Const(i) => self.check_public(&i.vis, attributes, &i.ident),
            syn::Item::Enum(i) => self.check_public(&i.vis, attributes, &i.ident),
            syn::Item::Fn(i) => self.check_public(&i.vis, attributes, &i.sig.ident),
            syn::Item::Static(i) => self.check_public(&i.vis, attributes, &i.ident),
            syn::Item::Struct(i) => self.check_public(&i.vis, attributes, &i.ident),
            syn::Item::Trait(i) => self.check_public(&i.vis, attributes, &i.ident),
            syn::Item::Type(i) => self.check_public(&i.vis, attributes, &i.ident),
            // The module of a file is documented by the header of the file.
            syn::Item::Mod(i) if is_test(&i.attrs) => {
                let library = std::mem::replace(&mut self.is_library, false);
                visit::visit_item(self, item);
                self.is_library = library;
                return;
            }
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.check_docs(&field.attrs);
        if let Some(name) = &field.ident {
            self.check_public(&field.vis, &field.attrs, name);
        }
        visit::visit_field(self, field);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.check_docs(&variant.attrs);
        visit::visit_variant(self, variant);
    }

    fn visit_impl_item_fn(&mut self, method: &'ast syn::ImplItemFn) {
        self.check_docs(&method.attrs);
        self.check_public(&method.vis, &method.attrs, &method.sig.ident);
        visit::visit_impl_item_fn(self, method);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.check_docs(&item.attrs);
        self.check_public(&item.vis, &item.attrs, &item.ident);
    }

    fn visit_trait_item_fn(&mut self, method: &'ast syn::TraitItemFn) {
        self.check_docs(&method.attrs);
        visit::visit_trait_item_fn(self, method);
    }
}

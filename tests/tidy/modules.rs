//! The modules of a crate as `syn` reads them, and the resolution of paths to the files that define the named items.

use std::collections::{BTreeMap, BTreeSet};
use syn::visit::{self, Visit};

/// The text of each source file, by the path below `src/`.
pub(super) type Sources = BTreeMap<String, String>;

/// One module: a file, or a `mod name { .. }` inside one.
#[derive(Debug, Default)]
pub(super) struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    defined: BTreeSet<String>,
    uses: Vec<Use>,
    /// Paths written in the code outside `use`, with their lines.
    paths: Vec<(usize, Vec<String>)>,
}

/// One name that a `use` brings into a module.
#[derive(Debug, Clone)]
struct Use {
    line: usize,
    path: Vec<String>,
    /// The name in this module; `None` for a glob.
    name: Option<String>,
}

/// All modules of a crate, except modules that exist in test builds only.
#[derive(Debug, Default)]
pub(super) struct Crate {
    modules: Vec<Module>,
}

/// One import: a file names an item that another file defines.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    pub(super) from: String,
    pub(super) line: usize,
    pub(super) to: String,
    pub(super) path: String,
}

enum Found {
    Module(usize),
    /// An item that is defined in the file of this module.
    Item(usize),
}

/// Reports whether an item exists in test builds only.
pub(super) fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|a| {
        a.path().is_ident("test")
            || a.path().is_ident("cfg") && a.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// Returns the line on which a span begins.
pub(super) fn line_of(span: proc_macro2::Span) -> usize {
    span.start().line
}

impl Crate {
    /// Reads a crate whose root is `lib.rs`. Panics with file and line if a file is not valid Rust.
    pub(super) fn read(sources: &Sources) -> Crate {
        let mut all = Crate::default();
        all.read_file(sources, "lib.rs", None);
        all
    }

    fn read_file(&mut self, sources: &Sources, file: &str, parent: Option<usize>) -> usize {
        let text = sources.get(file).unwrap_or_else(|| panic!("{file} is missing"));
        let parsed =
            syn::parse_file(text).unwrap_or_else(|e| panic!("src/{file}:{}: {e}", line_of(e.span())));
        self.read_items(sources, file, parent, &parsed.items)
    }

    fn read_items(
        &mut self,
        sources: &Sources,
        file: &str,
        parent: Option<usize>,
        items: &[syn::Item],
    ) -> usize {
        let at = self.modules.len();
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        for item in items {
            if is_test(attributes_of(item)) {
                continue;
            }
            match item {
                syn::Item::Use(item) => {
                    let mut uses = Vec::new();
                    flatten(&item.tree, Vec::new(), line_of(item.use_token.span), &mut uses);
                    self.modules[at].uses.extend(uses);
                }
                syn::Item::Mod(item) => {
                    let name = item.ident.to_string();
                    let child = match &item.content {
                        Some((_, items)) => self.read_items(sources, file, Some(at), items),
                        None => {
                            let file = self.file_of_child(sources, at, &name);
                            self.read_file(sources, &file, Some(at))
                        }
                    };
                    self.modules[at].children.insert(name, child);
                }
                other => {
                    self.modules[at].defined.extend(name_of(other));
                    let mut paths = Paths::default();
                    paths.visit_item(other);
                    self.modules[at].uses.extend(paths.uses);
                    self.modules[at].paths.extend(paths.found);
                }
            }
        }
        at
    }

    /// Returns the file of `mod name;` in module `at`.
    fn file_of_child(&self, sources: &Sources, at: usize, name: &str) -> String {
        let file = &self.modules[at].file;
        let (dir, stem) = file.rsplit_once('/').unwrap_or(("", file));
        let stem = stem.trim_end_matches(".rs");
        let mut inside: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
        if !matches!(stem, "lib" | "mod" | "main") {
            inside.push(stem);
        }
        inside.push(name);
        let base = inside.join("/");
        let candidates = [format!("{base}.rs"), format!("{base}/mod.rs")];
        let found = candidates.into_iter().find(|path| sources.contains_key(path));
        found.unwrap_or_else(|| panic!("src/{file}: the file of module {name} is missing"))
    }

    fn resolve(&self, from: usize, path: &[String], depth: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        if depth > 32 {
            return None;
        }
        let start = match first.as_str() {
            "crate" => Found::Module(0),
            "self" => Found::Module(from),
            "super" => Found::Module(self.modules[from].parent?),
            name => self.lookup(from, name, depth)?,
        };
        rest.iter().try_fold(start, |found, name| match found {
            Found::Module(module) if name == "super" => Some(Found::Module(self.modules[module].parent?)),
            Found::Module(module) => self.lookup(module, name, depth).or(Some(Found::Item(module))),
            item @ Found::Item(_) => Some(item),
        })
    }

    fn lookup(&self, module: usize, name: &str, depth: usize) -> Option<Found> {
        let here = &self.modules[module];
        if here.defined.contains(name) {
            return Some(Found::Item(module));
        }
        if let Some(child) = here.children.get(name) {
            return Some(Found::Module(*child));
        }
        let named = here.uses.iter().find(|u| u.name.as_deref() == Some(name) && u.path != [name]);
        if let Some(named) = named {
            return self.resolve(module, &named.path, depth + 1);
        }
        here.uses.iter().filter(|u| u.name.is_none()).find_map(|glob| {
            let Found::Module(inside) = self.resolve(module, &glob.path, depth + 1)? else { return None };
            if inside == module { None } else { self.lookup(inside, name, depth + 1) }
        })
    }

    /// Returns every import of one file from another. A path through re-exports counts as an import from the file that
    /// defines the name. A `use` of only the module of a folder does not count.
    pub(super) fn imports(&self) -> BTreeSet<Import> {
        let mut imports = BTreeSet::new();
        for (at, module) in self.modules.iter().enumerate() {
            let uses = module.uses.iter().map(|u| (u.line, &u.path));
            for (line, path) in uses.chain(module.paths.iter().map(|(line, path)| (*line, path))) {
                let target = match self.resolve(at, path, 0) {
                    Some(Found::Item(target)) => target,
                    Some(Found::Module(target)) if !self.modules[target].file.ends_with("mod.rs") => target,
                    _ => continue,
                };
                let to = &self.modules[target].file;
                if *to != module.file && to != "lib.rs" {
                    imports.insert(Import {
                        from: module.file.clone(),
                        line,
                        to: to.clone(),
                        path: path.join("::"),
                    });
                }
            }
        }
        imports
    }
}

/// Returns the imports that are part of a cycle, one group for each set of files that import each other.
pub(super) fn circles(imports: &BTreeSet<Import>) -> Vec<Vec<Import>> {
    let mut next: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for import in imports {
        next.entry(&import.from).or_default().insert(&import.to);
    }
    let reached = |from: &str| {
        let mut seen = BTreeSet::new();
        let mut todo = vec![from];
        while let Some(file) = todo.pop() {
            for to in next.get(file).into_iter().flatten() {
                if seen.insert(*to) {
                    todo.push(to);
                }
            }
        }
        seen
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = next.keys().map(|file| (*file, reached(file))).collect();
    let mutual = |a: &str, b: &str| {
        let reaches = |x: &str, y: &str| all.get(x).is_some_and(|seen| seen.contains(y));
        reaches(a, b) && reaches(b, a)
    };
    let mut groups: BTreeMap<&str, Vec<Import>> = BTreeMap::new();
    for import in imports.iter().filter(|i| mutual(&i.from, &i.to)) {
        let first = all.keys().find(|file| mutual(file, &import.from)).unwrap();
        groups.entry(first).or_default().push(import.clone());
    }
    groups.into_values().collect()
}

/// The paths in code, including those in the arguments of macros.
#[derive(Default)]
struct Paths {
    found: Vec<(usize, Vec<String>)>,
    uses: Vec<Use>,
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_test(attributes_of(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        flatten(&item.tree, Vec::new(), line_of(item.use_token.span), &mut self.uses);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            let segments = path.segments.iter().map(|s| s.ident.to_string()).collect();
            self.found.push((line_of(first.ident.span()), segments));
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        paths_in_tokens(item.tokens.clone(), &mut self.found);
        visit::visit_macro(self, item);
    }
}

fn paths_in_tokens(tokens: proc_macro2::TokenStream, found: &mut Vec<(usize, Vec<String>)>) {
    use proc_macro2::TokenTree;
    let mut path: Vec<String> = Vec::new();
    let (mut line, mut colons) = (0, 0);
    let mut end = |path: &mut Vec<String>, line| {
        if path.len() > 1 {
            found.push((line, std::mem::take(path)));
        }
        path.clear();
    };
    let mut groups = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => {
                if colons != 2 {
                    end(&mut path, line);
                    line = line_of(ident.span());
                }
                path.push(ident.to_string());
                colons = 0;
            }
            TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
            other => {
                end(&mut path, line);
                colons = 0;
                if let TokenTree::Group(group) = other {
                    groups.push(group.stream());
                }
            }
        }
    }
    end(&mut path, line);
    groups.into_iter().for_each(|group| paths_in_tokens(group, found));
}

fn flatten(tree: &syn::UseTree, mut before: Vec<String>, line: usize, uses: &mut Vec<Use>) {
    match tree {
        syn::UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, line, uses);
        }
        syn::UseTree::Name(name) if name.ident == "self" => {
            uses.push(Use { line, name: before.last().cloned(), path: before });
        }
        syn::UseTree::Name(name) => {
            before.push(name.ident.to_string());
            uses.push(Use { line, name: Some(name.ident.to_string()), path: before });
        }
        syn::UseTree::Rename(rename) => {
            if rename.ident != "self" {
                before.push(rename.ident.to_string());
            }
            uses.push(Use { line, name: Some(rename.rename.to_string()), path: before });
        }
        syn::UseTree::Glob(_) => uses.push(Use { line, name: None, path: before }),
        syn::UseTree::Group(group) => {
            group.items.iter().for_each(|tree| flatten(tree, before.clone(), line, uses));
        }
    }
}

/// Returns the attributes of an item.
pub(super) fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(i) => &i.attrs,
        syn::Item::Enum(i) => &i.attrs,
        syn::Item::Fn(i) => &i.attrs,
        syn::Item::Impl(i) => &i.attrs,
        syn::Item::Macro(i) => &i.attrs,
        syn::Item::Mod(i) => &i.attrs,
        syn::Item::Static(i) => &i.attrs,
        syn::Item::Struct(i) => &i.attrs,
        syn::Item::Trait(i) => &i.attrs,
        syn::Item::Type(i) => &i.attrs,
        syn::Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

fn name_of(item: &syn::Item) -> Option<String> {
    let ident = match item {
        syn::Item::Const(i) => &i.ident,
        syn::Item::Enum(i) => &i.ident,
        syn::Item::Fn(i) => &i.sig.ident,
        syn::Item::Macro(i) => i.ident.as_ref()?,
        syn::Item::Static(i) => &i.ident,
        syn::Item::Struct(i) => &i.ident,
        syn::Item::Trait(i) => &i.ident,
        syn::Item::Type(i) => &i.ident,
        _ => return None,
    };
    Some(ident.to_string())
}

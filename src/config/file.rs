//! Configuration files in TOML, YAML or JSON; the extension of the name selects the format. No other source file of the
//! configuration reads the disk.
//!
//! Limits bound the length and the nesting of a file, and the expansion of YAML aliases. A repeated key is an error,
//! and a byte order mark is skipped.

use crate::config::error::ConfigError;
use crate::config::quote::short;
use crate::config::value::ConfigValue;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

/// The greatest length of a file in bytes.
pub const FILE_BYTES_MAX: u64 = 1 << 20;

/// The greatest depth of nesting in a file. Settings need four levels.
const DEPTH_MAX: usize = 32;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// TOML, with the extension `.toml`.
    Toml,
    /// YAML, with the extension `.yaml` or `.yml`.
    Yaml,
    /// JSON, with the extension `.json`.
    Json,
}

impl FileFormat {
    /// Returns the format that the extension of a file name denotes; `None` for an unknown or missing extension.
    pub fn of(path: &Path) -> Option<FileFormat> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "toml" => Some(FileFormat::Toml),
            "yaml" | "yml" => Some(FileFormat::Yaml),
            "json" => Some(FileFormat::Json),
            _ => None,
        }
    }
}

/// Tells whether a file, a directory or a link (even a broken link) exists at the path.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Tells whether two paths lead to the same file or directory. If a path cannot be resolved, the paths themselves are
/// compared.
pub(super) fn same_place(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Reads the settings in a file, as a tree.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, ConfigValue>, ConfigError> {
    let unreadable = |why: String| ConfigError::FileUnreadable { path: path.to_path_buf(), why };
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(ConfigError::FileNotFound { path: path.to_path_buf() });
        }
        Err(e) => return Err(unreadable(e.to_string())),
    };
    // Opening a named pipe would block until another process opens the pipe for writing.
    if !meta.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    let format =
        FileFormat::of(path).ok_or_else(|| ConfigError::UnsupportedFile { path: path.to_path_buf() })?;
    let mut bytes = Vec::new();
    let opened = fs::File::open(path).and_then(|f| f.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    opened.map_err(|e| unreadable(e.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(unreadable(format!("it is longer than {FILE_BYTES_MAX} bytes")));
    }
    parse(&bytes, format, path)
}

/// Parses the bytes of a file. `path` is used for errors only.
pub fn parse(
    bytes: &[u8],
    format: FileFormat,
    path: &Path,
) -> Result<BTreeMap<String, ConfigValue>, ConfigError> {
    let invalid = |at, why| ConfigError::InvalidFile { path: path.to_path_buf(), at, why };
    let text = std::str::from_utf8(bytes).map_err(|e| {
        let before =
            bytes.get(..e.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
        invalid(Some(place(before, before.len())), "not UTF-8".to_owned())
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = match format {
        FileFormat::Toml => toml::from_str(text)
            .map_err(|e| invalid(e.span().map(|span| place(text, span.start)), first_line(e.message()))),
        FileFormat::Json => serde_json::from_str(text).map_err(|e| {
            let why = e.to_string();
            let why = why.rsplit_once(" at line ").map_or(why.as_str(), |(why, _)| why);
            invalid(Some((e.line() as u64, e.column() as u64)), first_line(why))
        }),
        FileFormat::Yaml => yaml(text).map_err(|(at, why)| invalid(at, why)),
    }?;
    match tree {
        ConfigValue::Map(members) if depth_fits(members.values(), DEPTH_MAX) => Ok(members),
        ConfigValue::Map(_) => Err(invalid(None, format!("nested more than {DEPTH_MAX} levels deep"))),
        // A YAML file that contains only comments is null.
        ConfigValue::Null if format == FileFormat::Yaml => Ok(BTreeMap::new()),
        _ => Err(invalid(
            None,
            "the file does not contain named settings; expected a mapping of keys to values".to_owned(),
        )),
    }
}

fn yaml(text: &str) -> Result<ConfigValue, (Option<(u64, u64)>, String)> {
    let budget = serde_saphyr::budget! {
        max_depth: DEPTH_MAX,
        max_documents: 1,
        max_nodes: 100_000,
        max_events: 400_000,
        max_aliases: 1_000,
        max_anchors: 1_000,
    };
    let options = serde_saphyr::options! {
        budget: budget,
        // `no` is a text, as in YAML 1.2; a setting of type bool reads that text as false.
        strict_booleans: true,
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::Error,
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|e| {
        let at = e.location().map(|at| (at.line(), at.column())).filter(|at| at.0 > 0);
        let why = e.without_snippet().to_string();
        // Line and column are reported separately.
        let why = why.split(" at line ").next().unwrap_or_default();
        (at, first_line(why))
    })
}

/// Returns line and column of an offset in a text, both from 1.
fn place(text: &str, offset: usize) -> (u64, u64) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() as u64 + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
    (line, column)
}

fn first_line(text: &str) -> String {
    short(text.lines().next().unwrap_or_default())
}

fn depth_fits<'a>(mut values: impl Iterator<Item = &'a ConfigValue>, left: usize) -> bool {
    values.all(|value| match (value, left.checked_sub(1)) {
        (ConfigValue::Map(_) | ConfigValue::List(_), None) => false,
        (ConfigValue::Map(members), Some(left)) => depth_fits(members.values(), left),
        (ConfigValue::List(items), Some(left)) => depth_fits(items.iter(), left),
        _ => true,
    })
}

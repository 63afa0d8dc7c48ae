//! Opening a workspace with settings from all sources, and the settings that it was opened with.

use crate::capture::{JoinBuilder, Sink};
use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::client::options::{OpenedWith, Options};
use crate::config::{ConfigWarning, LoadInputs, LoadedConfig, UnifiedConfig, load_config};
use std::sync::Arc;

impl Options {
    /// Returns the options that the settings from all sources describe, as for [`Contexta::load`]. Errors: the first
    /// problem of the settings.
    pub fn load(inputs: LoadInputs) -> Result<Options> {
        Options::from_loaded(&load_config(&inputs.discover_by_default())?)
    }

    /// Returns the options that loaded settings describe. The scopes of the session belong to the trace in
    /// [`LoadedConfig::trace_parent`]; a malformed header is ignored, as the standard requires. Errors: as for
    /// [`Options::from_config`].
    pub fn from_loaded(loaded: &LoadedConfig) -> Result<Options> {
        let mut options = Options::from_config(&loaded.config)?;
        options.capture.trace_parent = loaded.trace_parent.as_deref().and_then(|header| header.parse().ok());
        let OpenedWith { config, .. } = options.opened;
        options.opened = OpenedWith { config, warnings: loaded.warnings.clone(), run: loaded.run.clone() };
        Ok(options)
    }
}

impl Contexta {
    /// Opens a workspace with settings from all sources, or creates it if it does not exist: profile, file, environment
    /// variables, and the values in the inputs, each overriding the sources before it. Without inputs, the workspace is
    /// `.contexta` in the current directory, or the value of `CONTEXTA_WORKSPACE`, and the file is `contexta.toml` in the
    /// workspace, if it exists ([`LoadInputs::discover`] disables the search). [`Options::load`] allows further options,
    /// such as sinks.
    ///
    /// The environment variable `TRACEPARENT` sets the trace of the session, and `CONTEXTA_RUN` names the run for
    /// [`Contexta::attach_from_environment`]. Errors: the first problem of the settings, and those of [`Options::open`].
    ///
    /// ```
    /// use contexta::Contexta;
    /// use contexta::config::{ConfigValue, LoadInputs};
    ///
    /// # fn main() -> Result<(), contexta::Error> {
    /// # let dir = std::env::temp_dir().join(format!("contexta-doc-load-{}", std::process::id()));
    /// let inputs = LoadInputs::new()
    ///     .workspace(&dir)
    ///     .profile("local")
    ///     .config(ConfigValue::at("project_name", "wine"));
    /// let contexta = Contexta::load(inputs)?;
    /// assert_eq!(contexta.project_name(), "wine");
    /// for warning in contexta.warnings() {
    ///     eprintln!("{warning}");
    /// }
    ///
    /// // A process that `contexta exec` or another rank has started joins the run; otherwise a run is started.
    /// let run = match contexta.attach_from_environment()? {
    ///     Some(join) => join.label("rank-1").start()?,
    ///     None => contexta.run("ridge").start()?,
    /// };
    /// run.complete()?;
    /// # drop(contexta);
    /// # let _ = std::fs::remove_dir_all(dir);
    /// # Ok(())
    /// # }
    /// ```
    pub fn load(inputs: LoadInputs) -> Result<Contexta> {
        Options::load(inputs)?.open()
    }

    /// Returns the settings that the workspace was opened with, with the changes of the methods of [`Options`]. Without
    /// loaded settings, these are the defaults.
    pub fn config(&self) -> &UnifiedConfig {
        &self.opened.config
    }

    /// Returns the warnings about the loaded settings, such as misspelt environment variables.
    pub fn warnings(&self) -> &[ConfigWarning] {
        &self.opened.warnings
    }

    /// Returns the name of the project of new runs, as given.
    pub fn project_name(&self) -> &str {
        &self.session.options().project
    }

    /// Returns the sinks, in the order in which they are called.
    pub fn sinks(&self) -> &[Arc<dyn Sink>] {
        self.session.sinks()
    }

    /// Describes a writer that attaches to the run in the environment variable `CONTEXTA_RUN`, as [`Contexta::attach`]
    /// does. Returns `None` if the variable is missing or blank, or if the workspace was opened without the environment,
    /// that is in another way than by [`Contexta::load`] or [`Options::load`]. Errors: the value is not a ref, and no
    /// run or several runs have this id or name.
    pub fn attach_from_environment(&self) -> Result<Option<JoinBuilder>> {
        self.opened.run.as_ref().map(|run| self.attach(run)).transpose()
    }
}

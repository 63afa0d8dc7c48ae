//! Methods that open a workspace with the settings from all sources, and methods that return these settings.

use crate::capture::{JoinBuilder, Sink};
use crate::client::contexta::Contexta;
use crate::client::error::Result;
use crate::client::options::{OpenedWith, Options};
use crate::config::{ConfigWarning, LoadInputs, LoadedConfig, UnifiedConfig, load_config};
use std::sync::Arc;

impl Options {
    /// Loads the settings from the sources that [`Contexta::load`] uses, and returns options with these settings.
    /// Errors: the first problem that was found in the settings.
    pub fn load(inputs: LoadInputs) -> Result<Options> {
        Options::from_loaded(&load_config(&inputs.discover_by_default())?)
    }

    /// Returns options with loaded settings. The scopes of the session belong to the trace in
    /// [`LoadedConfig::trace_parent`]. A malformed header is ignored, as the standard requires. Errors: as for
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
    /// Opens a workspace with the settings from all sources. Creates the workspace if it does not exist, unless the
    /// settings forbid it. The sources are the profile, the file, the environment variables, and the values in the
    /// inputs. Each source overrides the sources before it in this list.
    ///
    /// By default, the workspace is the value of `CONTEXTA_WORKSPACE`, or `.contexta` in the current directory if this
    /// variable is not set. The default file is `contexta.toml` in the workspace, if it exists;
    /// [`LoadInputs::discover`] disables the search for it. Use [`Options::load`] to add further options, such as
    /// sinks.
    ///
    /// The environment variable `TRACEPARENT` sets the trace of the session, and `CONTEXTA_RUN` names the run for
    /// [`Contexta::attach_from_environment`]. Errors: the first problem that was found in the settings; the errors of
    /// [`Options::open`].
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
    /// // Within `contexta exec`, the environment names the run to join. Otherwise the program starts a run.
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

    /// Returns the settings with which the workspace was opened, including the changes that the methods of [`Options`]
    /// made. Without loaded settings, the settings have their default values.
    pub fn config(&self) -> &UnifiedConfig {
        &self.opened.config
    }

    /// Returns the warnings about the loaded settings, such as misspelt environment variables.
    pub fn warnings(&self) -> &[ConfigWarning] {
        &self.opened.warnings
    }

    /// Returns the name of the project that new runs belong to, as the options or the settings contain it.
    pub fn project_name(&self) -> &str {
        &self.session.options().project
    }

    /// Returns the sinks, in the order in which they are called.
    pub fn sinks(&self) -> &[Arc<dyn Sink>] {
        self.session.sinks()
    }

    /// Returns the builder of a writer that attaches to the run in the environment variable `CONTEXTA_RUN`, like
    /// [`Contexta::attach`]. Returns `None` if the variable is missing or blank, or if the workspace was opened without
    /// the environment. Only [`Contexta::load`], [`Options::load`] and [`Options::from_loaded`] use the environment.
    /// Errors: the value is an id or a name that matches no run or several runs.
    pub fn attach_from_environment(&self) -> Result<Option<JoinBuilder>> {
        self.opened.run.as_ref().map(|run| self.attach(run)).transpose()
    }
}

//! User interfaces.

use crate::config::choice::{CliVerbosity, OutputFormat};
use crate::config::limit::{Limit, Rule, any, filled, int};
use crate::config::section::sections;

sections! {
    /// Settings of the user interfaces.
    "surfaces." SurfaceConfig {}
    {
        /// Settings of the commands.
        cli: CliConfig,
        /// Settings of an HTTP server. None of these settings has an effect yet.
        http: HttpConfig,
        /// Settings of HTML pages.
        html: HtmlConfig,
        /// Settings of the display in notebooks.
        notebook: NotebookConfig,
        /// Settings of exports.
        export: ExportSurfaceConfig,
    }

    /// Settings of the commands.
    "surfaces.cli." CliConfig {
        /// Format of results if `--format` is not given.
        default_output_format: OutputFormat = OutputFormat::Text, any();
        /// Amount of detail in messages on standard error.
        verbosity: CliVerbosity = CliVerbosity::Normal, any();
        /// Use colours on a terminal.
        color: bool = true, any();
    }

    /// Settings of an HTTP server. None of these settings has an effect yet.
    "surfaces.http." HttpConfig {
        /// Enable an HTTP server; there is none yet.
        enabled: bool = false, any();
        /// Address that an HTTP server listens on; there is none yet.
        host: String = "127.0.0.1".to_owned(), filled();
        /// Port that an HTTP server listens on; there is none yet.
        port: u16 = 8765, int(1, 65_535);
        /// Open a browser when an HTTP server starts; there is none yet.
        open_browser: bool = false, any();
    }

    /// Settings of HTML pages.
    "surfaces.html." HtmlConfig {
        /// Enable HTML pages.
        enabled: bool = true, any();
        /// Include charts in the HTML page itself, not as separate files.
        inline_charts: bool = true, any();
    }

    /// Settings of the display in notebooks.
    "surfaces.notebook." NotebookConfig {
        /// Enable rich display in notebooks.
        enabled: bool = true, any();
    }

    /// Settings of exports.
    "surfaces.export." ExportSurfaceConfig {
        /// Separator between the cells of a CSV file.
        csv_delimiter: String = ",".to_owned(), Rule::new(Limit::OneAscii);
        /// Include charts in an exported HTML page itself, not as separate files.
        html_inline_charts: bool = true, any();
        /// Include notes on missing data in exports.
        include_completeness_notes: bool = true, any();
    }
}

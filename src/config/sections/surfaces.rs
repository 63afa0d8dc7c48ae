//! User interfaces.

use crate::config::choice::{CliVerbosity, OutputFormat};
use crate::config::limit::{Limit, Rule, any, filled, int};
use crate::config::section::sections;

sections! {
    /// User interfaces.
    "surfaces." SurfaceConfig {}
    {
        /// The command line.
        cli: CliConfig,
        /// The HTTP server.
        http: HttpConfig,
        /// HTML pages.
        html: HtmlConfig,
        /// Notebooks.
        notebook: NotebookConfig,
        /// Exports.
        export: ExportSurfaceConfig,
    }

    /// The command line.
    "surfaces.cli." CliConfig {
        /// Format of results if `--format` is not given.
        default_output_format: OutputFormat = OutputFormat::Text, any();
        /// Amount of detail in messages on standard error.
        verbosity: CliVerbosity = CliVerbosity::Normal, any();
        /// Use colours on a terminal.
        color: bool = true, any();
    }

    /// The HTTP server.
    "surfaces.http." HttpConfig {
        /// Enable the HTTP server.
        enabled: bool = false, any();
        /// Address that the HTTP server listens on.
        host: String = "127.0.0.1".to_owned(), filled();
        /// Port that the HTTP server listens on.
        port: u16 = 8765, int(1, 65_535);
        /// Open a browser when the HTTP server starts.
        open_browser: bool = false, any();
    }

    /// HTML pages.
    "surfaces.html." HtmlConfig {
        /// Enable HTML pages.
        enabled: bool = true, any();
        /// Include charts in the HTML page itself, not as separate files.
        inline_charts: bool = true, any();
    }

    /// Notebooks.
    "surfaces.notebook." NotebookConfig {
        /// Enable rich display in notebooks.
        enabled: bool = true, any();
    }

    /// Exports.
    "surfaces.export." ExportSurfaceConfig {
        /// Separator between the cells of a CSV file.
        csv_delimiter: String = ",".to_owned(), Rule::new(Limit::OneAscii);
        /// Include charts in an exported HTML page itself, not as separate files.
        html_inline_charts: bool = true, any();
        /// Include notes on missing data in exports.
        include_completeness_notes: bool = true, any();
    }
}

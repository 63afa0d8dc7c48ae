//! The filter language for runs: `metrics.loss < 0.3 and not status = failed`. `docs/QUERY.md` describes the language.

mod ast;
mod evaluate;
mod facts;
mod parse;
#[cfg(test)]
mod tests;

use crate::interpretation::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

pub use ast::{Expr, Field, Literal, MetricAggregate, Operator};
pub use evaluate::holds;
pub use facts::{Fact, Facts};

/// A condition on runs, parsed from a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    expr: Expr,
}

impl Filter {
    /// Returns the parsed condition.
    #[must_use]
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Returns `true` if the facts about a run fulfil the condition. Error: the facts cannot be read.
    pub fn holds<F: Facts>(&self, facts: &F) -> std::result::Result<bool, F::Error> {
        holds(&self.expr, facts)
    }
}

impl From<Expr> for Filter {
    fn from(expr: Expr) -> Filter {
        Filter { expr }
    }
}

impl FromStr for Filter {
    type Err = Error;

    /// Parses a filter. The error contains the column at which the invalid text begins. Columns are counted
    /// in characters. The first character has column 1.
    fn from_str(text: &str) -> Result<Filter> {
        let parsed = parse::parse(text);
        parsed.map(Filter::from).map_err(|fault| Error::InvalidFilter {
            text: text.to_owned(),
            column: fault.column,
            reason: fault.reason,
        })
    }
}

/// Writes the filter as text. Parsing the text returns an equal filter.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.expr.fmt(f)
    }
}

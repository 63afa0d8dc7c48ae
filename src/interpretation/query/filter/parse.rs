//! The parser of the filter language: a text becomes tokens, and the tokens become an expression by recursive descent.

use crate::contract::{MetricValue, Timestamp};
use crate::interpretation::query::filter::ast::{
    Expr, Field, Literal, MetricAggregate, Operator, VALUE_WORDS, ValueType, WORDS, is_in_name,
};
use winnow::Parser;
use winnow::combinator::{alt, delimited, preceded, repeat};
use winnow::token::{any, none_of, take_while};

/// The greatest nesting depth of conditions. The outermost condition has depth 1. Each pair of parentheses
/// and each `not` increases the depth by 1.
const NESTING_MAX: usize = 64;

/// The fields that are written as one word, in contrast to `metrics.KEY`, `params.NAME` and `tags.NAME`.
const FIELDS: [(&str, Field); 10] = [
    ("status", Field::Status),
    ("name", Field::Name),
    ("id", Field::Id),
    ("project", Field::Project),
    ("stage", Field::Stage),
    ("note", Field::Note),
    ("starred", Field::Starred),
    ("duration", Field::Duration),
    ("started_at", Field::StartedAt),
    ("ended_at", Field::EndedAt),
];

/// A syntax error in a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The column at which the invalid text begins. Columns are counted in characters. The first character
    /// has column 1.
    pub(super) column: usize,
    pub(super) reason: String,
}

type Result<T> = std::result::Result<T, Fault>;

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    /// A number, a date or a time.
    Digits(String),
    Operator(Operator),
    Open,
    Close,
    Comma,
    End,
}

/// Parses a filter.
pub(super) fn parse(text: &str) -> Result<Expr> {
    let mut parser = Parse { tokens: tokens(text)?, next: 0, nesting: 0 };
    let expr = parser.any()?;
    match parser.token() {
        Token::End => Ok(expr),
        _ => Err(parser.fault("expected `and`, `or` or the end of the filter")),
    }
}

/// Returns the tokens of a text, each with its column. The last token is the end.
fn tokens(text: &str) -> Result<Vec<(Token, usize)>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let start = text.len() - rest.len();
        let column = text.get(..start).unwrap_or_default().chars().count() + 1;
        if rest.is_empty() {
            tokens.push((Token::End, column));
            return Ok(tokens);
        }
        let Ok(token) = token(&mut rest) else {
            let reason = match rest.chars().next() {
                Some('"' | '\'') => "the quote is not closed".to_owned(),
                first => format!("unexpected character {:?}", first.unwrap_or_default()),
            };
            return Err(Fault { column, reason });
        };
        tokens.push((token, column));
    }
}

fn token(input: &mut &str) -> winnow::Result<Token> {
    let operator = alt((
        "!=".value(Operator::NotEqual),
        "!~".value(Operator::MatchesNot),
        "<=".value(Operator::LessOrEqual),
        ">=".value(Operator::GreaterOrEqual),
        "==".value(Operator::Equal),
        "=".value(Operator::Equal),
        "<".value(Operator::Less),
        ">".value(Operator::Greater),
        "~".value(Operator::Matches),
    ));
    let quoted = alt((in_quotes('"'), in_quotes('\'')));
    let digits = (
        take_while(1, |c: char| c.is_ascii_digit() || "+-.".contains(c)),
        take_while(0.., |c: char| c.is_alphanumeric() || "+-.:_".contains(c)),
    );
    let word = (take_while(1, |c: char| c.is_alphabetic() || c == '_'), take_while(0.., is_in_name)).take();
    alt((
        "(".value(Token::Open),
        ")".value(Token::Close),
        ",".value(Token::Comma),
        operator.map(Token::Operator),
        quoted.map(Token::Text),
        digits.take().map(|text: &str| Token::Digits(text.to_owned())),
        word.map(|text: &str| Token::Word(text.to_owned())),
    ))
    .parse_next(input)
}

/// Returns a parser for a quoted text. A backslash escapes a quote or a backslash inside the text.
fn in_quotes<'i>(quote: char) -> impl Parser<&'i str, String, winnow::error::ContextError> {
    let character = alt((preceded('\\', any), none_of(['\\', quote])));
    let text = repeat(0.., character).fold(String::new, |mut text, c: char| {
        text.push(c);
        text
    });
    delimited(quote, text, quote)
}

struct Parse {
    tokens: Vec<(Token, usize)>,
    next: usize,
    nesting: usize,
}

impl Parse {
    fn token(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(token, _)| token)
    }

    fn take(&mut self) -> Token {
        let token = self.token().clone();
        self.next += 1;
        token
    }

    /// Creates a fault with the column of the next token.
    fn fault(&self, reason: impl Into<String>) -> Fault {
        let at = self.next.min(self.tokens.len().saturating_sub(1));
        Fault { column: self.tokens.get(at).map_or(1, |(_, column)| *column), reason: reason.into() }
    }

    /// Consumes the next token if it is the word `word`. Returns `true` if the token was consumed.
    fn word(&mut self, word: &str) -> bool {
        let is_word = matches!(self.token(), Token::Word(other) if other == word);
        self.next += usize::from(is_word);
        is_word
    }

    /// Consumes the next token. Error: the next token is not `token`.
    fn expect(&mut self, token: &Token, name: &str) -> Result<()> {
        if self.token() != token {
            return Err(self.fault(format!("expected {name}")));
        }
        self.next += 1;
        Ok(())
    }

    fn any(&mut self) -> Result<Expr> {
        let mut parts = vec![self.all()?];
        while self.word("or") {
            parts.push(self.all()?);
        }
        Ok(single(parts, Expr::Any))
    }

    fn all(&mut self) -> Result<Expr> {
        let mut parts = vec![self.condition()?];
        while self.word("and") {
            parts.push(self.condition()?);
        }
        Ok(single(parts, Expr::All))
    }

    fn condition(&mut self) -> Result<Expr> {
        if self.nesting >= NESTING_MAX {
            return Err(self.fault(format!("more than {NESTING_MAX} nested parentheses or `not`")));
        }
        self.nesting += 1;
        let expr = if self.word("not") {
            Expr::Not(Box::new(self.condition()?))
        } else if *self.token() == Token::Open {
            self.next += 1;
            let expr = self.any()?;
            self.expect(&Token::Close, "`)`")?;
            expr
        } else if self.word("has") {
            self.has()?
        } else {
            self.comparison()?
        };
        self.nesting -= 1;
        Ok(expr)
    }

    fn has(&mut self) -> Result<Expr> {
        if !self.word("metric") {
            return Err(self.fault("expected `metric` after `has`"));
        }
        match self.token().clone() {
            Token::Word(name) | Token::Text(name) | Token::Digits(name) if !name.is_empty() => {
                self.next += 1;
                Ok(Expr::HasMetric(name))
            }
            _ => Err(self.fault("expected the key of a metric")),
        }
    }

    fn comparison(&mut self) -> Result<Expr> {
        let field = self.field()?;
        if self.word("is") {
            let is_negated = self.word("not");
            if !self.word("null") {
                return Err(self.fault("expected `null` or `not null`"));
            }
            let expr = Expr::IsNull(field);
            return Ok(if is_negated { Expr::Not(Box::new(expr)) } else { expr });
        }
        if self.word("in") {
            return Ok(Expr::In(field.clone(), self.list(&field)?));
        }
        if self.word("not") {
            if !self.word("in") {
                return Err(self.fault("expected `in` after `not`"));
            }
            return Ok(Expr::Not(Box::new(Expr::In(field.clone(), self.list(&field)?))));
        }
        let Token::Operator(operator) = *self.token() else {
            return Err(self.fault("expected =, !=, <, <=, >, >=, ~, !~, `in`, `not in` or `is null`"));
        };
        let is_match = matches!(operator, Operator::Matches | Operator::MatchesNot);
        if is_match && !matches!(field.value_type(), ValueType::Text | ValueType::Any) {
            return Err(self.fault("`~` and `!~` apply only to texts"));
        }
        self.next += 1;
        let at = self.next;
        let literal = self.literal(&field)?;
        if is_match && !matches!(literal, Literal::Text(_)) {
            self.next = at;
            return Err(self.fault("expected a text, such as \"^ab\""));
        }
        Ok(Expr::Compare(field, operator, literal))
    }

    fn list(&mut self, field: &Field) -> Result<Vec<Literal>> {
        self.expect(&Token::Open, "`(` and a list of values")?;
        let mut values = vec![self.literal(field)?];
        while *self.token() == Token::Comma {
            self.next += 1;
            values.push(self.literal(field)?);
        }
        self.expect(&Token::Close, "`,` or `)`")?;
        Ok(values)
    }

    fn field(&mut self) -> Result<Field> {
        let Token::Word(word) = self.token().clone() else {
            return Err(self.fault("expected a field, such as metrics.loss or status"));
        };
        if let Some((_, aggregate)) = MetricAggregate::ALL.iter().find(|(name, _)| *name == word) {
            self.next += 1;
            self.expect(&Token::Open, "`(` and a metric")?;
            let at = self.next;
            let field = self.field()?;
            let Field::Metric(name, MetricAggregate::Last) = field else {
                self.next = at;
                return Err(self.fault(format!("expected a metric, such as {word}(metrics.loss)")));
            };
            self.expect(&Token::Close, "`)`")?;
            return Ok(Field::Metric(name, *aggregate));
        }
        if let Some((_, field)) = FIELDS.iter().find(|(name, _)| *name == word) {
            self.next += 1;
            return Ok(field.clone());
        }
        let (kind, name) = word.split_once('.').unwrap_or((&word, ""));
        let of_name: fn(String) -> Field = match kind {
            "metrics" | "metric" => |name| Field::Metric(name, MetricAggregate::Last),
            "params" | "param" => Field::Param,
            "tags" | "tag" => Field::Tag,
            _ => {
                let known = FIELDS.map(|(name, _)| name).join(", ");
                let reason = format!(
                    "{word:?} is not a field; the fields are metrics.KEY, params.NAME, tags.NAME, {known}"
                );
                return Err(self.fault(reason));
            }
        };
        self.next += 1;
        match self.token().clone() {
            // The word ends with a dot, and a quoted name follows, as in `metrics."a b"`.
            Token::Text(quoted) if word.ends_with('.') && name.is_empty() && !quoted.is_empty() => {
                self.next += 1;
                Ok(of_name(quoted))
            }
            _ if name.is_empty() || name.ends_with('.') => {
                self.next -= 1;
                Err(self.fault(format!("expected a name, such as {kind}.NAME or {kind}.\"NAME\"")))
            }
            _ => Ok(of_name(name.to_owned())),
        }
    }

    /// Consumes the value that `field` is compared with. Error: the value does not have the type of the
    /// field.
    fn literal(&mut self, field: &Field) -> Result<Literal> {
        let value_type = field.value_type();
        match literal(value_type, self.token()) {
            Some(literal) => {
                self.take();
                Ok(literal)
            }
            None => Err(self.fault(match value_type {
                ValueType::Number => "expected a number",
                ValueType::Text => "expected a text",
                ValueType::Bool => "expected `true` or `false`",
                ValueType::Time => "expected a time, such as 2026-11-01 or 2026-11-01T08:00:00Z",
                ValueType::Any => "expected a number, a text, `true` or `false`",
            })),
        }
    }
}

/// Returns the value of a token for a field of the type `value_type`; `None` if the token is not a value of
/// this type.
fn literal(value_type: ValueType, token: &Token) -> Option<Literal> {
    let as_number = || match token {
        Token::Digits(digits) => number(digits).map(Literal::Number),
        Token::Word(word) if word == "nan" => Some(Literal::Number(MetricValue::Float(f64::NAN))),
        Token::Word(word) if word == "inf" => Some(Literal::Number(MetricValue::Float(f64::INFINITY))),
        _ => None,
    };
    let as_bool = || match token {
        Token::Word(word) => word.parse().ok().map(Literal::Bool),
        _ => None,
    };
    let as_text = |is_reserved: &dyn Fn(&str) -> bool| match token {
        Token::Text(text) => Some(Literal::Text(text.clone())),
        Token::Word(word) if !is_reserved(word) => Some(Literal::Text(word.clone())),
        _ => None,
    };
    match value_type {
        ValueType::Number => as_number(),
        ValueType::Bool => as_bool(),
        ValueType::Time => match token {
            Token::Digits(text) | Token::Text(text) => time(text),
            _ => None,
        },
        // All values of a text field are texts, so a number or a value word is also read as a text.
        ValueType::Text => match token {
            Token::Digits(digits) => Some(Literal::Text(digits.clone())),
            _ => as_text(&|word| WORDS.contains(&word) && !VALUE_WORDS.contains(&word)),
        },
        ValueType::Any => as_number().or_else(as_bool).or_else(|| match token {
            Token::Digits(digits) => time(digits).map(|_| Literal::Text(digits.clone())),
            _ => as_text(&|word| WORDS.contains(&word)),
        }),
    }
}

/// Returns the only part if there is one part. Otherwise joins the parts with `join`.
fn single(mut parts: Vec<Expr>, join: fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

/// Parses a number. A whole number is not rounded.
fn number(text: &str) -> Option<MetricValue> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let whole = text.parse().map(MetricValue::Int);
        let big = || {
            let sign = if text.starts_with('-') { "-" } else { "" };
            MetricValue::Big(format!("{sign}{}", digits.trim_start_matches('0')).into())
        };
        return Some(whole.unwrap_or_else(|_| big()));
    }
    text.parse().ok().map(MetricValue::Float)
}

/// Parses a time or a date. A date becomes the range from the first to the last microsecond of the day.
fn time(text: &str) -> Option<Literal> {
    let day = |time_of_day: &str| format!("{text}{time_of_day}").parse::<Timestamp>().ok();
    if let (10, Some(first), Some(last)) = (text.len(), day("T00:00:00Z"), day("T23:59:59.999999Z")) {
        return Some(Literal::Time(first, last));
    }
    text.parse().ok().map(|time| Literal::Time(time, time))
}

//! Text to syntax trees, and positions in the text.

use datafusion_sql::sqlparser::ast::Statement;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer};

use crate::clauses::{Clauses, Fault};
use crate::dialect::StreamDialect;
use crate::limits::{PARSER_DEPTH_MAX, STATEMENT_TOKENS_MAX};
use crate::refusal::Refusal;

/// A statement and where its text lies.
pub(crate) struct Parsed {
    pub(crate) statement: Statement,
    pub(crate) words: Words,
    pub(crate) clauses: Clauses,
}

/// The words of a statement, to find clauses that the syntax tree gives no position for.
pub(crate) struct Words {
    start: Location,
    words: Vec<(String, Location)>,
}

impl Words {
    /// Where the statement starts.
    pub(crate) fn start(&self) -> Location {
        self.start
    }

    /// The first such word at or after a place; else that place.
    pub(crate) fn find(&self, word: &str, after: Location) -> Location {
        let found = self.words.iter().find(|(text, at)| text == word && *at >= after);
        found.map_or(after, |(_, at)| *at)
    }
}

/// Start of a span, or `outer` if the span is empty.
pub(crate) fn start_of(span: Span, outer: Location) -> Location {
    if span.start.line == 0 { outer } else { span.start }
}

/// All statements of a text.
pub(crate) fn statements(sql: &str) -> Result<Vec<Parsed>, Vec<Refusal>> {
    let tokens = Tokenizer::new(&StreamDialect, sql).tokenize_with_location().map_err(|e| {
        vec![Refusal::at(e.location, format!("the SQL cannot be read: {}", e.message), "")]
    })?;
    let mut parsed = Vec::new();
    for part in tokens.split(|t| t.token == Token::SemiColon) {
        let is_space = |t: &TokenWithSpan| matches!(t.token, Token::Whitespace(_) | Token::EOF);
        let Some(first) = part.iter().find(|t| !is_space(t)) else { continue };
        parsed.push(statement(part, first.span.start).map_err(|e| vec![e])?);
    }
    if parsed.is_empty() {
        let start = Location { line: 1, column: 1 };
        return Err(vec![Refusal::at(start, "the SQL has no statement", STATEMENTS)]);
    }
    Ok(parsed)
}

pub(crate) const STATEMENTS: &str =
    "supported statements are CREATE VIEW … AS SELECT … and INSERT INTO … SELECT …";

fn statement(tokens: &[TokenWithSpan], start: Location) -> Result<Parsed, Refusal> {
    let count = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).count();
    if count > STATEMENT_TOKENS_MAX {
        let message =
            format!("the statement is longer than {STATEMENT_TOKENS_MAX} words and signs");
        return Err(Refusal::at(start, message, "split it with CREATE VIEW"));
    }
    let words = tokens.iter().filter_map(|t| match &t.token {
        Token::Word(word) if word.quote_style.is_none() => {
            Some((word.value.to_uppercase(), t.span.start))
        }
        _ => None,
    });
    let words = Words { start, words: words.collect() };
    let end = tokens.last().map_or(start, |t| t.span.end);
    let mut parser = Parser::new(&StreamDialect)
        .with_recursion_limit(PARSER_DEPTH_MAX)
        .with_tokens_with_locations(tokens.to_vec());
    let statement = parser.parse_statement().map_err(|e| syntax_error(&e, end))?;
    let clauses = Clauses::parse(&mut parser).map_err(|fault| match fault {
        Fault::Syntax(e) => syntax_error(&e, end),
        Fault::Refused(refusal) => refusal,
    })?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        let at = start_of(rest.span, end);
        return Err(Refusal::at(at, format!("'{}' is not expected here", rest.token), ""));
    }
    Ok(Parsed { statement, words, clauses })
}

/// The parser puts positions into its text.
fn syntax_error(error: &ParserError, end: Location) -> Refusal {
    let text = match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => text.as_str(),
        ParserError::RecursionLimitExceeded => {
            return Refusal::at(end, "the statement is nested too deeply", "");
        }
    };
    let (message, at) = match text.rsplit_once(" at Line: ") {
        Some((message, place)) => {
            let mut numbers = place.split(", Column: ").map(|n| n.trim().parse::<u64>());
            match (numbers.next(), numbers.next()) {
                (Some(Ok(line)), Some(Ok(column))) => (message, Location { line, column }),
                _ => (text, end),
            }
        }
        None => (text, end),
    };
    Refusal::at(start_of(Span::new(at, at), end), format!("syntax error: {message}"), "")
}

//! The clauses of ours that follow a `SELECT`: the parser of the library ends before them.

use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Location, Token};

use crate::expression::interval_ms;
use crate::parse::start_of;
use crate::refusal::Refusal;

const FORM: &str = "write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over \
                    windows";

const LATENESS: [&str; 2] = ["ALLOWED", "LATENESS"];
const LATE: [&str; 3] = ["LATE", "ROWS", "INTO"];

/// What stands after a statement.
#[derive(Debug, Default)]
pub(crate) struct Clauses {
    /// `ALLOWED LATENESS`, ms, and where it stands.
    pub(crate) lateness: Option<(i64, Location)>,
    /// `LATE ROWS INTO`, and where it stands.
    pub(crate) late: Option<(LateInto, Location)>,
}

/// A sink of late rows.
#[derive(Debug)]
pub(crate) struct LateInto {
    pub(crate) sink: String,
    /// Where the name stands.
    pub(crate) at: Location,
}

impl Clauses {
    /// Takes the clauses as far as there are some.
    pub(crate) fn parse(parser: &mut Parser<'_>) -> Result<Self, Fault> {
        let mut clauses = Self::default();
        let twice = |at, name| Refusal::at(at, format!("{name} stands twice"), FORM);
        loop {
            if let Some(at) = take_words(parser, &LATENESS) {
                if clauses.lateness.is_some() {
                    return Err(twice(at, LATENESS.join(" ")).into());
                }
                clauses.lateness = Some((lateness(parser, at)?, at));
            } else if let Some(at) = take_words(parser, &LATE) {
                if clauses.late.is_some() {
                    return Err(twice(at, LATE.join(" ")).into());
                }
                let name = parser.parse_identifier()?;
                let into = LateInto { sink: name.value, at: start_of(name.span, at) };
                clauses.late = Some((into, at));
            } else {
                return Ok(clauses);
            }
        }
    }

    /// Where the first clause stands, with its name.
    fn first(&self) -> Option<(String, Location)> {
        let lateness = self.lateness.map(|(_, at)| (LATENESS.join(" "), at));
        let late = self.late.as_ref().map(|(_, at)| (LATE.join(" "), *at));
        lateness.into_iter().chain(late).min_by_key(|(_, at)| *at)
    }

    /// Refuses all clauses.
    pub(crate) fn require_none(&self, why: &str) -> Result<(), Refusal> {
        match self.first() {
            None => Ok(()),
            Some((name, at)) => Err(Refusal::at(at, format!("{name} {why}"), FORM)),
        }
    }
}

/// Why clauses cannot be taken.
pub(crate) enum Fault {
    Syntax(ParserError),
    Refused(Refusal),
}

impl From<ParserError> for Fault {
    fn from(error: ParserError) -> Self {
        Self::Syntax(error)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

fn lateness(parser: &mut Parser<'_>, at: Location) -> Result<i64, Fault> {
    let start = start_of(parser.peek_token().span, at);
    match parser.parse_expr()? {
        ast::Expr::Interval(interval) => {
            let length = interval_ms(&interval, start)?;
            if length < 0 {
                return Err(Refusal::at(start, "the allowed lateness is negative", FORM).into());
            }
            Ok(length)
        }
        other => Err(Refusal::at(start, format!("{other} is not an interval"), FORM).into()),
    }
}

/// Takes these words if they are next; gives the place of the first.
fn take_words(parser: &mut Parser<'_>, words: &[&str]) -> Option<Location> {
    let at = parser.peek_token().span.start;
    for (place, expected) in words.iter().enumerate() {
        let next = parser.peek_nth_token(place).token;
        let same = matches!(&next, Token::Word(word)
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected));
        if !same {
            return None;
        }
    }
    for _ in words {
        parser.advance_token();
    }
    Some(at)
}

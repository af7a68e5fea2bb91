//! The clauses of ours that follow a `SELECT`: the parser of the library ends before them.

use dataflow::limits::EVENT_TIME_ABS_MAX;
use datafusion_sql::sqlparser::ast;
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::{Location, Token};

use crate::expression::interval_ms;
use crate::parse::start_of;
use crate::refusal::Refusal;

const FORM: &str = "write ALLOWED LATENESS INTERVAL '1' MINUTE or LATE ROWS INTO sink at the end of an INSERT over \
                    windows";

const EMIT_FORM: &str =
    "write EMIT CHANGES or EMIT ON WINDOW CLOSE at the end of an INSERT with GROUP BY";
const TTL_FORM: &str =
    "write STATE TTL INTERVAL '1' DAY, or STATE TTL NONE, at the end of an INSERT";

const LATENESS: [&str; 2] = ["ALLOWED", "LATENESS"];
const LATE: [&str; 3] = ["LATE", "ROWS", "INTO"];
const CHANGES: [&str; 2] = ["EMIT", "CHANGES"];
const ON_CLOSE: [&str; 4] = ["EMIT", "ON", "WINDOW", "CLOSE"];
const TTL: [&str; 2] = ["STATE", "TTL"];

/// A clause begins with these two.
pub(crate) fn begins(first: &Token, second: &Token) -> bool {
    let all: [&[&str]; 5] = [&LATENESS, &LATE, &CHANGES, &ON_CLOSE, &TTL];
    all.iter().any(|words| is_word(first, words[0]) && is_word(second, words[1]))
}

fn is_word(token: &Token, expected: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(expected))
}

/// What stands after a statement.
#[derive(Debug, Default)]
pub(crate) struct Clauses {
    /// `ALLOWED LATENESS`, ms, and where it stands.
    pub(crate) lateness: Option<(i64, Location)>,
    /// `LATE ROWS INTO`, and where it stands.
    pub(crate) late: Option<(LateInto, Location)>,
    /// `EMIT …`, and where it stands.
    pub(crate) emit: Option<(EmitClause, Location)>,
    /// `STATE TTL`, and where it stands.
    pub(crate) ttl: Option<(Ttl, Location)>,
}

/// What goes out, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EmitClause {
    Changes,
    OnWindowClose,
}

/// How long a key is kept that gets no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ttl {
    /// For ever, which the user knows.
    None,
    /// So long, ms.
    For(i64),
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
        let twice = |at, name, form| Refusal::at(at, format!("{name} stands twice"), form);
        loop {
            if let Some(at) = take_words(parser, &LATENESS) {
                if clauses.lateness.is_some() {
                    return Err(twice(at, LATENESS.join(" "), FORM).into());
                }
                clauses.lateness = Some((lateness(parser, at)?, at));
            } else if let Some(at) = take_words(parser, &LATE) {
                if clauses.late.is_some() {
                    return Err(twice(at, LATE.join(" "), FORM).into());
                }
                let name = parser.parse_identifier()?;
                let into = LateInto { sink: name.value, at: start_of(name.span, at) };
                clauses.late = Some((into, at));
            } else if let Some((emit, at)) = emit(parser) {
                if clauses.emit.is_some() {
                    return Err(twice(at, CHANGES[0].to_owned(), EMIT_FORM).into());
                }
                clauses.emit = Some((emit, at));
            } else if let Some(at) = take_words(parser, &TTL) {
                if clauses.ttl.is_some() {
                    return Err(twice(at, TTL.join(" "), TTL_FORM).into());
                }
                clauses.ttl = Some((ttl(parser, at)?, at));
            } else {
                return Ok(clauses);
            }
        }
    }

    /// Where the first clause stands, with its name.
    fn first(&self) -> Option<(String, Location, &'static str)> {
        let found = [
            self.lateness.map(|(_, at)| (LATENESS.join(" "), at, FORM)),
            self.late.as_ref().map(|(_, at)| (LATE.join(" "), *at, FORM)),
            self.emit.map(|(emit, at)| (emit.to_string(), at, EMIT_FORM)),
            self.ttl.map(|(_, at)| (TTL.join(" "), at, TTL_FORM)),
        ];
        found.into_iter().flatten().min_by_key(|(_, at, _)| *at)
    }

    /// Refuses all clauses.
    pub(crate) fn require_none(&self, why: &str) -> Result<(), Refusal> {
        match self.first() {
            None => Ok(()),
            Some((name, at, form)) => Err(Refusal::at(at, format!("{name} {why}"), form)),
        }
    }
}

impl std::fmt::Display for EmitClause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&match self {
            Self::Changes => CHANGES.join(" "),
            Self::OnWindowClose => ON_CLOSE.join(" "),
        })
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
    let (length, start) = interval(parser, at, FORM)?;
    if length < 0 {
        return Err(Refusal::at(start, "the allowed lateness is negative", FORM).into());
    }
    Ok(length)
}

fn ttl(parser: &mut Parser<'_>, at: Location) -> Result<Ttl, Fault> {
    if take_words(parser, &["NONE"]).is_some() {
        return Ok(Ttl::None);
    }
    let (length, start) = interval(parser, at, TTL_FORM)?;
    if !(1..=EVENT_TIME_ABS_MAX).contains(&length) {
        let message = "the TTL must be greater than zero, and not longer than event time reaches";
        return Err(Refusal::at(start, message, TTL_FORM).into());
    }
    Ok(Ttl::For(length))
}

fn emit(parser: &mut Parser<'_>) -> Option<(EmitClause, Location)> {
    let changes = take_words(parser, &CHANGES).map(|at| (EmitClause::Changes, at));
    changes.or_else(|| take_words(parser, &ON_CLOSE).map(|at| (EmitClause::OnWindowClose, at)))
}

/// The next expression, an interval in ms, and where it stands.
fn interval(
    parser: &mut Parser<'_>,
    at: Location,
    form: &'static str,
) -> Result<(i64, Location), Fault> {
    let start = start_of(parser.peek_token().span, at);
    match parser.parse_expr()? {
        ast::Expr::Interval(interval) => Ok((interval_ms(&interval, start)?, start)),
        other => Err(Refusal::at(start, format!("{other} is not an interval"), form).into()),
    }
}

/// Takes these words if they are next; gives the place of the first.
fn take_words(parser: &mut Parser<'_>, words: &[&str]) -> Option<Location> {
    let at = parser.peek_token().span.start;
    for (place, expected) in words.iter().enumerate() {
        if !is_word(&parser.peek_nth_token(place).token, expected) {
            return None;
        }
    }
    for _ in words {
        parser.advance_token();
    }
    Some(at)
}

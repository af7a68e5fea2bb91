//! The SQL dialect: standard SQL plus `TABLE name` as an argument of a table function, as in Flink SQL.

use datafusion_sql::sqlparser::ast::{Expr, Ident};
use datafusion_sql::sqlparser::dialect::Dialect;
use datafusion_sql::sqlparser::keywords::{Keyword, RESERVED_FOR_TABLE_ALIAS};
use datafusion_sql::sqlparser::parser::{Parser, ParserError};
use datafusion_sql::sqlparser::tokenizer::Token;

use crate::clauses::begins;

/// Marks a `TABLE name` argument in the syntax tree.
pub(crate) const TABLE_PREFIX: &str = "TABLE";

#[derive(Debug)]
pub(crate) struct StreamDialect;

impl Dialect for StreamDialect {
    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_'
    }

    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '"' || ch == '`'
    }

    // Understood in order to be refused with its name.
    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_select_wildcard_except(&self) -> bool {
        true
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    // The first word of a clause of ours that follows the table at once is no alias of it.
    fn is_table_alias(&self, keyword: &Keyword, parser: &mut Parser<'_>) -> bool {
        let own = begins(&parser.get_current_token().token, &parser.peek_token_ref().token);
        !own && !RESERVED_FOR_TABLE_ALIAS.contains(keyword)
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let is_table = matches!(&parser.peek_token_ref().token,
            Token::Word(word) if word.keyword == Keyword::TABLE && word.quote_style.is_none());
        let next = parser.peek_nth_token(1).token;
        if !is_table || !matches!(next, Token::Word(_)) {
            return None;
        }
        let span = parser.next_token().span;
        let name = parser.parse_object_name(false);
        Some(name.map(|name| {
            let parts = name.0.iter().filter_map(|part| part.as_ident().cloned()).collect();
            Expr::Prefixed {
                prefix: Ident::with_span(span, TABLE_PREFIX),
                value: Box::new(Expr::CompoundIdentifier(parts)),
            }
        }))
    }
}

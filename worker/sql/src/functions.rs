//! The scalar functions that a query may call: deterministic ones, by an explicit list.

use std::sync::Arc;

use datafusion_expr::{ScalarUDF, Volatility};

use crate::scope::AGGREGATES;

/// Name in the SQL → name of the function.
const SCALAR: &[(&str, &str)] = &[
    ("abs", "abs"),
    ("btrim", "btrim"),
    ("ceil", "ceil"),
    ("char_length", "character_length"),
    ("character_length", "character_length"),
    ("coalesce", "coalesce"),
    ("concat", "concat"),
    ("concat_ws", "concat_ws"),
    ("contains", "contains"),
    ("date_part", "date_part"),
    ("date_trunc", "date_trunc"),
    ("ends_with", "ends_with"),
    ("exp", "exp"),
    ("floor", "floor"),
    ("greatest", "greatest"),
    ("least", "least"),
    ("left", "left"),
    ("length", "character_length"),
    ("ln", "ln"),
    ("log10", "log10"),
    ("log2", "log2"),
    ("lower", "lower"),
    ("lpad", "lpad"),
    ("ltrim", "ltrim"),
    ("nullif", "nullif"),
    ("octet_length", "octet_length"),
    ("power", "power"),
    ("repeat", "repeat"),
    ("replace", "replace"),
    ("reverse", "reverse"),
    ("right", "right"),
    ("round", "round"),
    ("rpad", "rpad"),
    ("rtrim", "rtrim"),
    ("signum", "signum"),
    ("split_part", "split_part"),
    ("sqrt", "sqrt"),
    ("starts_with", "starts_with"),
    ("strpos", "strpos"),
    ("substr", "substr"),
    ("substring", "substr"),
    ("trim", "btrim"),
    ("trunc", "trunc"),
    ("upper", "upper"),
];

/// Functions whose value depends on more than their arguments (D3).
const NOT_DETERMINISTIC: &[&str] = &[
    "now",
    "current_timestamp",
    "current_date",
    "current_time",
    "localtime",
    "localtimestamp",
    "proctime",
    "today",
    "random",
    "rand",
    "uuid",
    "gen_random_uuid",
];

/// What a call of that name is.
pub(crate) enum Called {
    Scalar(Arc<ScalarUDF>),
    NotDeterministic,
    Unknown,
}

/// Looks a function up; names are not case-sensitive.
pub(crate) fn find(name: &str) -> Called {
    let name = name.to_lowercase();
    if NOT_DETERMINISTIC.contains(&name.as_str()) {
        return Called::NotDeterministic;
    }
    let Some((_, target)) = SCALAR.iter().find(|(listed, _)| *listed == name) else {
        return Called::Unknown;
    };
    let all = datafusion_functions::all_default_functions();
    let found = all.into_iter().find(|function| function.name() == *target);
    // The list is ours; that nothing volatile gets onto it is checked all the same.
    match found.filter(|function| function.signature().volatility == Volatility::Immutable) {
        Some(function) => Called::Scalar(function),
        None => Called::Unknown,
    }
}

/// For a refusal.
pub(crate) fn supported() -> String {
    let names: Vec<&str> = SCALAR.iter().map(|(name, _)| *name).collect();
    let aggregates = AGGREGATES.join(", ");
    format!("supported functions are {}; in a window {aggregates}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_function_exists() {
        for (name, _) in SCALAR {
            assert!(matches!(find(name), Called::Scalar(_)), "{name}");
        }
    }

    #[test]
    fn what_is_not_deterministic_is_known_as_such() {
        assert!(matches!(find("NOW"), Called::NotDeterministic));
        assert!(matches!(find("random"), Called::NotDeterministic));
        assert!(matches!(find("array_agg"), Called::Unknown));
    }
}

//! Which rules a schema has, and where.

use std::fmt;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// A step from a schema to one inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A field of an object.
    Field(String),
    /// An item of a list.
    Item,
    /// A value of a map.
    Entry,
}

/// A place in the schema, written `spec.sources[].columns[]`; values of a map are `{}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place(Vec<Step>);

impl Place {
    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(super) fn is_within(&self, field: &str) -> bool {
        self.0.first() == Some(&Step::Field(field.to_owned()))
    }

    fn then(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    /// The place of the first item, as the API server writes it; up to the first map.
    pub fn in_message(&self) -> String {
        let known = self.0.iter().take_while(|step| **step != Step::Entry).cloned().collect();
        Self(known).to_string().replace("[]", "[0]")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if at == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Item => f.write_str("[]")?,
                Step::Entry => f.write_str("{}")?,
            }
        }
        Ok(())
    }
}

/// What is demanded of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Demand {
    /// Its JSON type.
    Type(String),
    /// A number or a text.
    NumberOrText,
    /// A field that has to be there.
    Required(String),
    /// A regular expression.
    Pattern(String),
    /// Greatest number of characters.
    MaxLength(usize),
    /// Smallest number of characters.
    MinLength(usize),
    /// Smallest number.
    Minimum(i64),
    /// Greatest number.
    Maximum(i64),
    /// Greatest number of items.
    MaxItems(usize),
    /// Smallest number of items.
    MinItems(usize),
    /// Greatest number of entries.
    MaxProperties(usize),
    /// Smallest number of entries.
    MinProperties(usize),
    /// One of these words.
    OneOf(Vec<Value>),
    /// An instant.
    DateTime,
    /// No item twice; in a list of objects by the field of that name.
    Unique(Option<String>),
    /// A rule in CEL, by what it says.
    Says(String),
}

impl Demand {
    /// What the API server says when it is not met.
    pub fn refusal(&self) -> String {
        match self {
            Self::Type(_) | Self::NumberOrText => "must be of type".to_owned(),
            Self::Required(field) => format!("{field}: Required value"),
            Self::Pattern(pattern) => format!("should match '{pattern}'"),
            Self::MaxLength(n) => format!("Too long: may not be more than {n} byte"),
            Self::MinLength(n) => format!("should be at least {n} chars long"),
            Self::Minimum(n) => format!("should be greater than or equal to {n}"),
            Self::Maximum(n) => format!("should be less than or equal to {n}"),
            Self::MaxItems(n) | Self::MaxProperties(n) => format!("must have at most {n} items"),
            Self::MinItems(n) => format!("should have at least {n} items"),
            Self::MinProperties(n) => format!("should have at least {n} properties"),
            Self::OneOf(_) => "Unsupported value".to_owned(),
            Self::DateTime => "must be of type date-time".to_owned(),
            Self::Unique(_) => "Duplicate value".to_owned(),
            Self::Says(message) => message.clone(),
        }
    }
}

/// One rule at one place.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Where.
    pub place: Place,
    /// What.
    pub demand: Demand,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.place, self.demand)
    }
}

/// All rules of a schema.
pub(super) fn rules(schema: &Value) -> anyhow::Result<Vec<Rule>> {
    let mut found = Vec::new();
    walk(schema, &Place::default(), &mut found)?;
    Ok(found)
}

fn walk(schema: &Value, place: &Place, found: &mut Vec<Rule>) -> anyhow::Result<()> {
    for (keyword, value) in schema.as_object().context("a schema is an object")? {
        let demands = demands(keyword, value, schema).with_context(|| place.to_string())?;
        // The API server itself holds that an object is one.
        let kept =
            demands.into_iter().filter(|d| !place.0.is_empty() || !matches!(d, Demand::Type(_)));
        found.extend(kept.map(|demand| Rule { place: place.clone(), demand }));
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        walk(inner, &place.then(Step::Field(name.clone())), found)?;
    }
    for (keyword, step) in [("items", Step::Item), ("additionalProperties", Step::Entry)] {
        if schema[keyword].is_object() {
            walk(&schema[keyword], &place.then(step), found)?;
        }
    }
    Ok(())
}

fn demands(keyword: &str, value: &Value, schema: &Value) -> anyhow::Result<Vec<Demand>> {
    let text = || value.as_str().map(str::to_owned).with_context(|| format!("{keyword}: {value}"));
    let length = || usize::try_from(number(value)?).context("a length");
    let texts = || value.as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(match keyword {
        // They say nothing, say it elsewhere, or lift a rule.
        "description"
        | "title"
        | "properties"
        | "items"
        | "additionalProperties"
        | "nullable"
        | "x-kubernetes-preserve-unknown-fields"
        | "x-kubernetes-list-map-keys" => vec![],
        "type" => vec![Demand::Type(text()?)],
        "x-kubernetes-int-or-string" => vec![Demand::NumberOrText],
        "required" => texts().map(|field| Demand::Required(field.to_owned())).collect(),
        "pattern" => vec![Demand::Pattern(text()?)],
        "maxLength" => vec![Demand::MaxLength(length()?)],
        "minLength" => vec![Demand::MinLength(length()?)],
        "minimum" => vec![Demand::Minimum(number(value)?)],
        "maximum" => vec![Demand::Maximum(number(value)?)],
        "maxItems" => vec![Demand::MaxItems(length()?)],
        "minItems" => vec![Demand::MinItems(length()?)],
        "maxProperties" => vec![Demand::MaxProperties(length()?)],
        "minProperties" => vec![Demand::MinProperties(length()?)],
        "enum" => vec![Demand::OneOf(value.as_array().context("words")?.clone())],
        "format" if value == "date-time" => vec![Demand::DateTime],
        // The API server holds no number to them.
        "format" if value == "int32" || value == "int64" => vec![],
        "x-kubernetes-list-type" if value == "map" => {
            let key = schema["x-kubernetes-list-map-keys"][0].as_str().context("a key")?;
            vec![Demand::Unique(Some(key.to_owned()))]
        }
        "x-kubernetes-list-type" if value == "set" => vec![Demand::Unique(None)],
        "x-kubernetes-validations" => {
            let rules = value.as_array().into_iter().flatten();
            rules.filter_map(|r| Some(Demand::Says(r["message"].as_str()?.to_owned()))).collect()
        }
        _ => bail!("nobody tests the keyword {keyword}: {value}"),
    })
}

fn number(value: &Value) -> anyhow::Result<i64> {
    if let Some(number) = value.as_i64() {
        return Ok(number);
    }
    let text = value.as_f64().with_context(|| format!("{value} is no number"))?.to_string();
    text.parse().with_context(|| format!("{value} is no whole number"))
}

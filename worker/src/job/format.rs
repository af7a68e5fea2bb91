//! From the format that the spec names to that of the decoders and encoders.

use std::collections::BTreeMap;

use crds::Source;
use formats::csv::CsvDialect;
use formats::{Format, TimestampFormat};

/// A format whose records have so many fields, where that matters.
pub(super) fn of(written: &crds::Format, fields: usize) -> Format {
    match written {
        crds::Format::Json(_) => Format::Json,
        crds::Format::Csv(csv) => Format::Csv(CsvDialect {
            delimiter: csv.delimiter(),
            quote: csv.quote(),
            null: csv.null_literal().to_owned(),
            fields,
        }),
    }
}

pub(super) fn of_source(source: &Source) -> Format {
    let fields = source.columns.iter().filter(|column| column.is_field()).count();
    of(&source.format, fields)
}

/// The columns whose instants are written in a declared way.
pub(super) fn timestamps(source: &Source) -> BTreeMap<String, TimestampFormat> {
    use crds::TimestampFormat as Written;
    let declared = source.columns.iter().filter_map(|column| {
        let format = match column.format? {
            Written::Iso8601 => TimestampFormat::Iso8601,
            Written::EpochSeconds => TimestampFormat::EpochSeconds,
            Written::EpochMillis => TimestampFormat::EpochMillis,
            Written::EpochMicros => TimestampFormat::EpochMicros,
            Written::EpochNanos => TimestampFormat::EpochNanos,
        };
        Some((column.name.to_string(), format))
    });
    declared.collect()
}

/// What the plan says of it; nothing of what is not declared.
pub(super) fn reading(source: &Source) -> Option<String> {
    let mut said = Vec::new();
    if let Format::Csv(CsvDialect { delimiter, quote, null, fields }) = of_source(source) {
        let (delimiter, quote) = (char::from(delimiter), char::from(quote));
        said.push(format!("csv of {fields} fields, {delimiter:?} {quote:?}, null {null:?}"));
    }
    said.extend(timestamps(source).into_iter().map(|(name, format)| format!("{name} {format:?}")));
    (!said.is_empty()).then(|| said.join(", "))
}

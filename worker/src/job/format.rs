//! From the format that the spec names to that of the decoders and encoders.

use crds::Source;
use formats::Format;
use formats::csv::CsvDialect;

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
    let fields = source.columns.iter().filter(|column| column.metadata.is_none()).count();
    of(&source.format, fields)
}

//! Rows as Kafka records: JSON values and plain keys.

use std::io::Write as _;

use super::recipe::{Row, Shape};

/// Appends the JSON value of a row.
pub fn value(shape: Shape, partition: u32, n: u64, row: &Row, out: &mut Vec<u8>) {
    let written = match shape {
        Shape::Bids => write!(
            out,
            "{{\"auction\":{},\"bidder\":{},\"price\":{},\"channel\":\"channel-{}\",\"event_time\":{},\"ref\":\"{partition}:{n}\"}}",
            row.key,
            row.other,
            row.price,
            row.other % 10,
            row.event_time,
        ),
        Shape::Clicks => click(partition, n, row, out),
        Shape::Nexmark => envelope(partition, n, row, out),
    };
    written.expect("a Vec takes all that is written");
}

fn click(partition: u32, n: u64, row: &Row, out: &mut Vec<u8>) -> std::io::Result<()> {
    write!(out, "{{\"user_id\":{},\"event_time\":\"", row.key)?;
    rfc3339(row.event_time, out)?;
    write!(out, "\",\"price\":{}.{:02}", row.price / 100, row.price % 100)?;
    if row.optional {
        write!(out, ",\"url\":\"/item/{}?q=\\\"{}\\\"\"", row.other, row.price % 7)?;
    }
    write!(out, ",\"ref\":\"{partition}:{n}\"}}")
}

/// Nexmark's bids are 325 bytes long on average, most of it an address and filling that no query looks at.
fn envelope(partition: u32, n: u64, row: &Row, out: &mut Vec<u8>) -> std::io::Result<()> {
    write!(
        out,
        "{{\"event_type\":2,\"person\":null,\"auction\":null,\"bid\":{{\"auction\":{},\"bidder\":{},\"price\":{},\
         \"channel\":\"channel-{}\",\"url\":\"https://www.nexmark.example/{:016x}/item.htm?query=1&channel_id={}\",\
         \"dateTime\":{},\"extra\":\"{:0>68}\",\"ref\":\"{partition}:{n}\"}}}}",
        row.key,
        row.other,
        row.price,
        row.other % 10,
        row.price.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        row.other,
        row.event_time,
        row.other,
    )
}

/// Appends the record key of a row.
pub fn key(row: &Row, out: &mut Vec<u8>) {
    write!(out, "{}", row.key).expect("a Vec takes all that is written");
}

/// Milliseconds since 1970 as `2026-01-01T00:00:00.000Z`.
fn rfc3339(ms: i64, out: &mut Vec<u8>) -> std::io::Result<()> {
    let time = jiff::Timestamp::from_millisecond(ms).expect("event times lie in years 1 to 9999");
    write!(out, "{time:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: Row =
        Row { key: 7, other: 42, price: 1_205, event_time: 1_767_225_600_007, optional: true };

    #[test]
    fn values_are_frozen() {
        let mut out = Vec::new();
        value(Shape::Bids, 3, 9, &ROW, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"auction":7,"bidder":42,"price":1205,"channel":"channel-2","event_time":1767225600007,"ref":"3:9"}"#
        );
        out.clear();
        value(Shape::Clicks, 0, 1, &ROW, &mut out);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"user_id":7,"event_time":"2026-01-01T00:00:00.007Z","price":12.05,"url":"/item/42?q=\"1\"","ref":"0:1"}"#
        );
        out.clear();
        value(Shape::Clicks, 0, 1, &Row { optional: false, ..ROW }, &mut out);
        let parsed: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(parsed["price"], 12.05);
        assert!(parsed.get("url").is_none());
    }

    #[test]
    fn an_envelope_holds_a_bid_and_is_as_long_as_nexmarks() {
        let mut out = Vec::new();
        value(Shape::Nexmark, 3, 9, &ROW, &mut out);
        let parsed: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(parsed["event_type"], 2);
        assert!(parsed["auction"].is_null());
        assert_eq!(parsed["bid"]["auction"], 7);
        assert_eq!(parsed["bid"]["price"], 1_205);
        assert_eq!(parsed["bid"]["dateTime"], 1_767_225_600_007i64);
        assert_eq!(parsed["bid"]["ref"], "3:9");
        assert!((300..350).contains(&out.len()), "{} bytes", out.len());
    }
}

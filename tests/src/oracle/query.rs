//! The queries that tests run: one definition gives the streaming SQL and the oracle's.

use crate::generator::Shape;

/// How event time is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Windows side by side, ms.
    Tumble {
        /// Length.
        size: i64,
    },
    /// A window every `slide`, ms.
    Hop {
        /// Length, a multiple of `slide`.
        size: i64,
        /// Distance of two starts.
        slide: i64,
    },
}

impl Window {
    /// Length, ms.
    pub fn size(self) -> i64 {
        match self {
            Self::Tumble { size } | Self::Hop { size, .. } => size,
        }
    }

    /// Distance of two starts, ms.
    pub fn slide(self) -> i64 {
        match self {
            Self::Tumble { size } => size,
            Self::Hop { slide, .. } => slide,
        }
    }

    fn function(self, table: &str, time: &str) -> String {
        let interval = |ms: i64| format!("INTERVAL '{}' SECOND", ms / 1_000);
        let of = format!("TABLE {table}, DESCRIPTOR({time})");
        match self {
            Self::Tumble { size } => format!("TUMBLE({of}, {})", interval(size)),
            Self::Hop { size, slide } => {
                format!("HOP({of}, {}, {})", interval(slide), interval(size))
            }
        }
    }
}

/// A query over one source topic into one sink topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Kind of input rows.
    pub shape: Shape,
    /// `None`: rows pass one by one, and `keys` must tell each of them apart.
    pub window: Option<Window>,
    /// The watermark's delay, ms.
    pub delay: i64,
    /// Grouping columns; with the window they identify an output row.
    pub keys: Vec<String>,
    /// Window columns in the output, `window_start` and perhaps `window_end`; none without a window.
    pub window_columns: Vec<String>,
    /// The rest of the select list, each with a name.
    pub values: String,
    /// Which rows count.
    pub filter: Option<String>,
    /// Equal keys lie in one log, so that every log closes its windows by its own watermark.
    pub claimed: bool,
    /// Time is when a row was read, not what it says: the column `proc_time`.
    pub clocked: bool,
}

impl Query {
    /// Flagship: tumbling windows of 10 s by auction; count and highest price.
    pub fn bids_per_auction(claimed: bool) -> Self {
        Self {
            shape: Shape::Bids,
            window: Some(Window::Tumble { size: 10_000 }),
            delay: 4_000,
            keys: vec!["auction".into()],
            window_columns: vec!["window_start".into(), "window_end".into()],
            values: "count(*) AS bids, max(price) AS top".into(),
            filter: None,
            claimed,
            clocked: false,
        }
    }

    /// Hopping windows of 10 s every 2 s by auction, through an exchange unless claimed.
    pub fn bids_hopping(claimed: bool) -> Self {
        Self {
            window: Some(Window::Hop { size: 10_000, slide: 2_000 }),
            values: "count(*) AS bids, sum(price) AS total, min(price) AS low, max(price) AS top"
                .into(),
            ..Self::bids_per_auction(claimed)
        }
    }

    /// The example of the documentation: clicks per user.
    pub fn clicks_per_user() -> Self {
        Self {
            shape: Shape::Clicks,
            window: Some(Window::Tumble { size: 10_000 }),
            delay: 5_000,
            keys: vec!["user_id".into()],
            window_columns: vec!["window_start".into()],
            values: "count(*) AS clicks, max(price) AS top".into(),
            filter: None,
            claimed: true,
            clocked: false,
        }
    }

    /// Every row with an even price, one by one.
    pub fn bids_filtered() -> Self {
        Self {
            shape: Shape::Bids,
            window: None,
            delay: 4_000,
            keys: vec!["ref".into()],
            window_columns: Vec::new(),
            values: "auction, price * 2 AS double_price".into(),
            filter: Some("price % 2 = 0".into()),
            claimed: true,
            clocked: false,
        }
    }

    /// When each row was read, beside a query over processing time.
    pub fn bids_stamps() -> Self {
        Self {
            values: "auction, bidder, price, proc_time AS event_time".into(),
            filter: None,
            clocked: true,
            ..Self::bids_filtered()
        }
    }

    /// The same over processing time: no row is late, and nothing waits for one.
    #[must_use]
    pub fn clocked(self) -> Self {
        Self { clocked: true, delay: 1, ..self }
    }

    /// The streaming statement.
    pub fn streaming_sql(&self, source: &str, sink: &str) -> String {
        let from = match self.window {
            Some(window) => window.function(source, self.time()),
            None => source.to_owned(),
        };
        let filter = self.filter.as_ref().map_or(String::new(), |f| format!("\nWHERE {f}"));
        let group = match self.window {
            Some(_) => format!("\n{}", self.group_by()),
            None => String::new(),
        };
        let list = self.select_list();
        format!("INSERT INTO {sink}\nSELECT {list}\nFROM {from}{filter}{group};")
    }

    /// The same over the oracle's table `rows`, which has one row per input row and window, and `due`: whether the
    /// window closes by the watermark.
    pub(super) fn batch_sql(&self) -> String {
        let filter = self.filter.as_ref().map_or(String::new(), |f| format!(" WHERE {f}"));
        let list = self.select_list();
        match self.window {
            Some(_) => {
                format!("SELECT {list}, bool_and(due) AS due FROM rows{filter} {}", self.group_by())
            }
            None => format!("SELECT {list}, due FROM rows{filter}"),
        }
    }

    /// The columns that tell output rows apart.
    pub fn identity(&self) -> Vec<String> {
        self.keys.iter().chain(&self.window_columns).cloned().collect()
    }

    /// The column that the watermark is over.
    pub fn time(&self) -> &'static str {
        if self.clocked { "proc_time" } else { "event_time" }
    }

    fn group_by(&self) -> String {
        format!("GROUP BY {}, window_start, window_end", self.keys.join(", "))
    }

    fn select_list(&self) -> String {
        format!("{}, {}", self.identity().join(", "), self.values)
    }

    /// How far the closing row of a log must lie beyond all others, ms.
    pub fn closing(&self) -> i64 {
        self.delay + self.window.map_or(0, Window::size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_definition_gives_both_statements() {
        let query = Query::bids_hopping(false);
        assert_eq!(
            query.streaming_sql("bids", "out"),
            "INSERT INTO out\n\
             SELECT auction, window_start, window_end, count(*) AS bids, sum(price) AS total, \
             min(price) AS low, max(price) AS top\n\
             FROM HOP(TABLE bids, DESCRIPTOR(event_time), INTERVAL '2' SECOND, INTERVAL '10' SECOND)\n\
             GROUP BY auction, window_start, window_end;"
        );
        assert_eq!(
            Query::bids_filtered().streaming_sql("bids", "out"),
            "INSERT INTO out\nSELECT ref, auction, price * 2 AS double_price\nFROM bids\n\
             WHERE price % 2 = 0;"
        );
        let clocked = Query::bids_per_auction(true).clocked().streaming_sql("bids", "out");
        assert!(clocked.contains("(TABLE bids, DESCRIPTOR(proc_time), INTERVAL '10' SECOND)"));
        assert!(
            query.batch_sql().ends_with("FROM rows GROUP BY auction, window_start, window_end")
        );
    }
}

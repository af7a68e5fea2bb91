//! The command line of the checker.

use std::io::Write as _;

use anyhow::Context as _;

use super::judge::{Case, Delivery, Open, Upto, judge};
use crate::oracle::Query;

/// A query that the checker knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum QueryName {
    /// Tumbling windows of 10 s, count and highest price per auction.
    BidsPerAuction,
    /// Hopping windows of 10 s every 2 s per auction.
    BidsHopping,
    /// Rows with an even price, one by one.
    BidsFiltered,
    /// Tumbling windows of 10 s, count and highest price per user.
    ClicksPerUser,
}

/// Compares the output of a job with a batch engine over its input.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckerArguments {
    /// Kafka's address
    #[arg(long)]
    pub bootstrap: String,
    /// The query that the job ran
    #[arg(long, value_enum)]
    pub query: QueryName,
    /// The same key may lie in several partitions (the job uses an exchange)
    #[arg(long)]
    pub unkeyed: bool,
    /// Source topic
    #[arg(long)]
    pub source: String,
    /// Sink topic
    #[arg(long)]
    pub sink: String,
    /// The query is over processing time; sink topic of when each row was read (ref, auction, bidder, price,
    /// event time)
    #[arg(long, conflicts_with = "committed_by")]
    pub stamps: Option<String>,
    /// Only the input that this group has committed counts
    #[arg(long)]
    pub committed_by: Option<String>,
    /// Windows that no watermark has closed may be there
    #[arg(long)]
    pub allow_open: bool,
    /// Rows may come again; they are counted
    #[arg(long)]
    pub at_least_once: bool,
    /// Also judge every commit of the groups that start so (a real Kafka only)
    #[arg(long)]
    pub groups: Option<String>,
}

impl CheckerArguments {
    /// What is to be judged.
    pub fn case(&self) -> Case {
        let claimed = !self.unkeyed;
        let query = match self.query {
            QueryName::BidsPerAuction => Query::bids_per_auction(claimed),
            QueryName::BidsHopping => Query::bids_hopping(claimed),
            QueryName::BidsFiltered => Query::bids_filtered(),
            QueryName::ClicksPerUser => Query { claimed, ..Query::clicks_per_user() },
        };
        Case {
            bootstrap: self.bootstrap.clone(),
            query: if self.stamps.is_some() { query.clocked() } else { query },
            stamps: self.stamps.clone(),
            source: self.source.clone(),
            sink: self.sink.clone(),
            upto: match &self.committed_by {
                Some(group) => Upto::Committed { group: group.clone() },
                None => Upto::End,
            },
            open: if self.allow_open { Open::Allowed } else { Open::Refused },
            delivery: if self.at_least_once {
                Delivery::AtLeastOnce
            } else {
                Delivery::ExactlyOnce
            },
            groups: self.groups.clone(),
        }
    }
}

/// Judges, prints the verdict, and fails when it is not clean.
pub fn run(arguments: &CheckerArguments) -> anyhow::Result<()> {
    let verdict = judge(&arguments.case())?;
    writeln!(std::io::stdout(), "{verdict}").context("standard output")?;
    anyhow::ensure!(verdict.is_clean(), "the output differs from the oracle");
    Ok(())
}

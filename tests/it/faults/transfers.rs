//! Both rows of a transfer become visible together, whoever is killed meanwhile.

use std::time::{Duration, Instant};

use rdkafka::producer::Producer as _;
use serde_json::{Value, json};
use tests::checker::Verdict;
use tests::checker::conservation::{Conservation, ConservationReader};
use tests::generator::Pace;
use tests::generator::random::{Purpose, below, draw};
use tests::harness::wait;
use tests::kafka::topics;
use tests::oracle::Query;

use crate::judging::write;
use crate::stage::{Stage, scale, seed};

/// One partition: every end that a reader reaches is one of a transaction.
const OUTPUT: &str = "transfers";
const SETTLE_MAX: Duration = Duration::from_mins(2);

/// Every bid moves its price from an auction to a bidder.
const SQL: &str = "INSERT INTO snk SELECT ref, auction AS account, 0 - price AS amount FROM src;
INSERT INTO snk SELECT ref, bidder AS account, price AS amount FROM src;";

fn judged(seen: Conservation, transfers: u64) -> Verdict {
    let mut verdict = Verdict { events: transfers, ..Verdict::default() };
    seen.finish(transfers, &mut verdict);
    verdict
}

#[test]
fn no_reader_ever_sees_half_a_transfer() {
    let (seed, kills) = (seed(), scale("STREAMJOB_KILLS", 6));
    let mut stage = Stage::real("transfers", Query::bids_filtered());
    topics::create(&stage.job.bootstrap, &[(OUTPUT, 1)]).unwrap();
    let mut object = stage.job.object();
    object["spec"]["sql"] = json!(SQL);
    object["spec"]["sinks"][0]["topic"] = json!(OUTPUT);
    object["spec"]["sinks"][0]["key"] = json!(["account"]);
    stage.job_path = stage.scratch.file("job.json", &object.to_string()).unwrap();
    stage.plan();
    let mut crew = stage.generation(1, 1, true);
    let mut reader = ConservationReader::open(&stage.job.bootstrap, OUTPUT).unwrap();
    // A second of load for each kill at the least.
    let rows = 20_000.max(kills * 1_500);
    let load = stage.load(stage.recipe(seed), rows, Pace::PerSecond(4_000));
    for kill in 0..kills {
        // Something new was seen, and then a while.
        let before = reader.transfers();
        wait::until_true("transfers", SETTLE_MAX, || {
            crew.tend()?;
            reader.read_on(Duration::from_millis(100))?;
            Ok(reader.transfers() > before || load.is_done())
        })
        .unwrap();
        let calm = Duration::from_millis(below(draw(seed, 4, kill, Purpose::Disorder), 500));
        let until = Instant::now() + calm;
        while Instant::now() < until {
            reader.read_on(Duration::from_millis(20)).unwrap();
        }
        crew.kill(0).unwrap();
    }
    while !load.is_done() {
        crew.tend().unwrap();
        reader.read_on(Duration::from_millis(100)).unwrap();
    }
    let transfers = load.written().unwrap().rows;
    stage.until_committed(transfers as i64, || crew.tend().unwrap());
    reader.read_until(transfers, SETTLE_MAX).unwrap();
    crew.stop().unwrap();
    let seen = reader.into_seen();
    let boundaries = seen.boundaries();
    assert!(boundaries > 3 * kills, "{boundaries} boundaries are too few to see anything");
    let verdict = judged(seen, transfers).require_clean().unwrap();
    eprintln!("{kills} kills, {boundaries} prefixes that sum to zero: {verdict}");
    stage.survived(|figures| {
        (figures.faults, figures.kills) = (kills, kills);
        figures.judged(&verdict);
    });
}

/// The reader at work on outputs that are wrong.
#[test]
fn half_a_transfer_is_seen_when_it_is_committed_by_itself() {
    let stage = Stage::development("half-a-transfer", Query::bids_filtered());
    let bootstrap = stage.job.bootstrap.clone();
    let leg = |transfer: &str, amount: i64| json!({"ref": transfer, "amount": amount});
    let whole = [leg("0:1", -5), leg("0:1", 5)];
    let verdict = |topic: &str, commits: &[&[Value]]| {
        topics::create(&bootstrap, &[(topic, 1)]).unwrap();
        let mut reader = ConservationReader::open(&bootstrap, topic).unwrap();
        for rows in commits {
            write(&bootstrap, topic, rows, 1, "commit");
            reader.read_until(1, SETTLE_MAX).unwrap();
        }
        judged(reader.into_seen(), 1)
    };
    assert!(verdict("whole", &[&whole]).is_clean());
    let halves = verdict("halves", &[&whole[..1], &whole[1..]]);
    assert_eq!(halves.findings[0].fault, "prefix that does not sum to zero", "{halves}");
    // What is not committed is not seen.
    topics::create(&bootstrap, &[("open", 1)]).unwrap();
    write(&bootstrap, "open", &whole, 1, "commit");
    let open = write(&bootstrap, "open", &whole[..1], 1, "leave open");
    let mut reader = ConservationReader::open(&bootstrap, "open").unwrap();
    reader.read_until(1, SETTLE_MAX).unwrap();
    assert!(judged(reader.into_seen(), 1).is_clean());
    open.abort_transaction(SETTLE_MAX).unwrap();
}

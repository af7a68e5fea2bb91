//! Has what the former owner of a transactional id left open ended, before the C client takes it over.
//!
//! While a coordinator ends a transaction it answers that it is busy with it, for some milliseconds;
//! the C client then asks again after half a second, which nothing can change. So the id is asked for
//! by a request of our own first, again and again in short intervals, until the coordinator is
//! through. Nothing depends on it: what goes wrong here is found, and told, by the client. A request
//! that comes late costs the client its epoch, and with it a replaced producer.

use std::time::Duration;

use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use super::connection::{Broken, Connection, Dialer};
use super::fetcher::addresses;
use super::messages::{
    FIND_COORDINATOR, INIT_PRODUCER, read_coordinator, read_error, write_coordinator, write_init,
};
use super::refusal::text;
use super::way::{Way, decide};
use crate::kafka::KafkaConfig;
use crate::limits::{ENDING_MAX, ENDING_PAUSE};

const CONCURRENT_TRANSACTIONS: i16 = 51;

/// Comes back when nothing is left open, or nothing more can be done about it.
pub(crate) fn end_former(config: &KafkaConfig, id: &str, transaction: Duration) {
    if decide(&config.bootstrap, &config.properties) != Way::Own {
        return;
    }
    let Ok(runtime) = Builder::new_current_thread().enable_all().build() else { return };
    let ending = async { timeout(ENDING_MAX, end(config, id, transaction)).await };
    match runtime.block_on(ending) {
        Ok(Ok(())) => tracing::debug!(target: "kafka", "nothing of {id} is open"),
        Ok(Err(broken)) => tracing::debug!(target: "kafka", "end what {id} left open: {broken}"),
        Err(_) => tracing::debug!(target: "kafka", "what {id} left open takes long to end"),
    }
}

async fn end(config: &KafkaConfig, id: &str, transaction: Duration) -> Result<(), Broken> {
    let dialer = Dialer { client_id: config.client_id.clone() };
    let mut frame = Vec::new();
    let mut connection = coordinator(&dialer, &config.bootstrap, id, &mut frame).await?;
    let transaction_ms = i32::try_from(transaction.as_millis()).unwrap_or(i32::MAX);
    loop {
        let mut request = connection.begin(INIT_PRODUCER);
        write_init(&mut request, id, transaction_ms);
        connection.exchange(request, &mut frame, Duration::ZERO).await?;
        match read_error(&mut connection.body(INIT_PRODUCER, &frame)?)? {
            0 => return Ok(()),
            CONCURRENT_TRANSACTIONS => sleep(ENDING_PAUSE).await,
            other => return Err(Broken::retry(text(other))),
        }
    }
}

/// A connection to the broker that answers for the id.
async fn coordinator(
    dialer: &Dialer,
    bootstrap: &str,
    id: &str,
    frame: &mut Vec<u8>,
) -> Result<Connection, Broken> {
    let mut last = Broken::retry("there are no brokers");
    for (host, port) in addresses(bootstrap) {
        let mut connection = match dialer.open(&host, port).await {
            Ok(connection) => connection,
            Err(broken) => {
                last = broken;
                continue;
            }
        };
        let mut request = connection.begin(FIND_COORDINATOR);
        write_coordinator(&mut request, id);
        connection.exchange(request, frame, Duration::ZERO).await?;
        let found = read_coordinator(&mut connection.body(FIND_COORDINATOR, frame)?)?;
        return match found {
            Ok((host, port)) if connection.leads_to(&host, port) => Ok(connection),
            Ok((host, port)) => dialer.open(&host, port).await,
            Err(error) => Err(Broken::retry(text(error))),
        };
    }
    Err(last)
}

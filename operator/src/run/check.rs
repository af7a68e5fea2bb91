//! Asks another operator for its health: for `helm test`, which knows no other program in the image.

use std::time::Duration;

use crate::limits::{API_TIMEOUT, CHECK_INTERVAL, CHECK_MAX};

/// Asks once; or, where a text is expected, again until the answer holds it.
pub(super) async fn check(url: &str, expected: Option<&str>) -> anyhow::Result<()> {
    // A connection of its own for each question: behind the name stand several replicas, of which one acts.
    let client = reqwest::Client::builder()
        .timeout(API_TIMEOUT)
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()?;
    let began = tokio::time::Instant::now();
    loop {
        let left = CHECK_MAX.saturating_sub(began.elapsed());
        match (ask(&client, url, expected).await, expected) {
            (Ok(()), _) => break,
            // Of several replicas one acts; the next answer may be its.
            (Err(_), Some(_)) if left > Duration::ZERO => {
                tokio::time::sleep(CHECK_INTERVAL).await;
            }
            (Err(error), _) => return Err(error),
        }
    }
    tracing::info!(%url, "healthy");
    Ok(())
}

async fn ask(client: &reqwest::Client, url: &str, expected: Option<&str>) -> anyhow::Result<()> {
    let answer = client.get(url).send().await?;
    anyhow::ensure!(answer.status().is_success(), "{url} answers {}", answer.status());
    let Some(expected) = expected else { return Ok(()) };
    let text = answer.text().await?;
    anyhow::ensure!(text.contains(expected), "{url} does not answer with {expected}");
    Ok(())
}

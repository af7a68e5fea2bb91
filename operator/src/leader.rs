//! Leader election by a Lease: of several replicas one acts. Whoever cannot renew ends the process
//! well before the lease runs out, so two never act at once while clocks run at the same speed.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client, ResourceExt};
use tokio::time::Instant;

use crate::limits::{LEASE_GIVE_UP, LEASE_RENEW, LEASE_SECS};

/// The lease was lost, or could not be renewed.
#[derive(Debug, thiserror::Error)]
#[error("the lease is lost: {0}")]
pub struct Lost(String);

/// A candidate for a Lease.
pub struct Candidate {
    leases: Api<Lease>,
    name: String,
    identity: String,
}

/// What a look at the lease comes to.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    /// It is ours or free: write it.
    Take,
    /// Another's, until it stops being renewed.
    Wait,
}

impl Candidate {
    /// A candidate of this name.
    pub fn new(client: Client, namespace: &str, name: &str, identity: &str) -> Self {
        let leases = Api::namespaced(client, namespace);
        Self { leases, name: name.to_owned(), identity: identity.to_owned() }
    }

    /// Waits until this replica leads.
    pub async fn acquire(&self) {
        // A holder is judged by whether it renews while we watch, never by its clock.
        let mut seen: Option<(Lease, Instant)> = None;
        loop {
            match self.try_claim(&mut seen).await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the lease cannot be read or written"),
            }
            tokio::time::sleep(LEASE_RENEW / 2).await;
        }
    }

    async fn try_claim(&self, seen: &mut Option<(Lease, Instant)>) -> Result<bool, kube::Error> {
        let Some(lease) = self.leases.get_opt(&self.name).await? else {
            self.leases.create(&PostParams::default(), &self.lease(None)).await?;
            return Ok(true);
        };
        let unchanged_for = match seen {
            Some((known, since)) if known.spec == lease.spec => since.elapsed(),
            _ => {
                *seen = Some((lease.clone(), Instant::now()));
                Duration::ZERO
            }
        };
        if claim(lease.spec.as_ref(), &self.identity, unchanged_for) == Claim::Wait {
            return Ok(false);
        }
        self.leases.replace(&self.name, &PostParams::default(), &self.lease(Some(&lease))).await?;
        Ok(true)
    }

    /// Renews for ever; returns only when the lease is lost.
    pub async fn keep(&self) -> Lost {
        let mut renewed = Instant::now();
        loop {
            tokio::time::sleep(LEASE_RENEW).await;
            let left = LEASE_GIVE_UP.saturating_sub(renewed.elapsed());
            let began = Instant::now();
            match tokio::time::timeout(left, self.renew()).await {
                Ok(Ok(true)) => renewed = began,
                Ok(Ok(false)) => return Lost("another replica holds it".to_owned()),
                Ok(Err(error)) => tracing::warn!(%error, "the lease was not renewed"),
                Err(_) => return Lost("the API server did not answer in time".to_owned()),
            }
            if renewed.elapsed() >= LEASE_GIVE_UP {
                return Lost("it could not be renewed in time".to_owned());
            }
        }
    }

    async fn renew(&self) -> Result<bool, kube::Error> {
        let lease = self.leases.get(&self.name).await?;
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref());
        if holder != Some(&self.identity) {
            return Ok(false);
        }
        let renewed = self.lease(Some(&lease));
        self.leases.replace(&self.name, &PostParams::default(), &renewed).await.map(|_| true)
    }

    /// Lets the next replica begin at once.
    pub async fn release(&self) {
        let Ok(lease) = self.leases.get(&self.name).await else { return };
        let mut free = self.lease(Some(&lease));
        if let Some(spec) = &mut free.spec {
            if lease.spec.and_then(|spec| spec.holder_identity).as_ref() != Some(&self.identity) {
                return;
            }
            spec.holder_identity = None;
        }
        if let Err(error) = self.leases.replace(&self.name, &PostParams::default(), &free).await {
            tracing::debug!(%error, "the lease was not released");
        }
    }

    fn lease(&self, before: Option<&Lease>) -> Lease {
        let now = MicroTime(Timestamp::now());
        let old = before.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let ours = old.holder_identity.as_ref() == Some(&self.identity);
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: before.and_then(ResourceExt::resource_version),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(LEASE_SECS).ok(),
                acquire_time: if ours { old.acquire_time } else { Some(now.clone()) },
                renew_time: Some(now),
                lease_transitions: Some(
                    old.lease_transitions.unwrap_or(0) + i32::from(!ours && before.is_some()),
                ),
                ..LeaseSpec::default()
            }),
        }
    }
}

fn claim(spec: Option<&LeaseSpec>, identity: &str, unchanged_for: Duration) -> Claim {
    let holder = spec.and_then(|spec| spec.holder_identity.as_deref()).unwrap_or_default();
    let valid_for = spec.and_then(|spec| spec.lease_duration_seconds).unwrap_or(0);
    let valid_for = Duration::from_secs(u64::try_from(valid_for).unwrap_or(0));
    if holder.is_empty() || holder == identity || unchanged_for > valid_for {
        Claim::Take
    } else {
        Claim::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_taken_only_when_its_holder_stopped_renewing() {
        let held = |holder: &str| LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        };
        let second = Duration::from_secs(1);
        let cases = [
            (None, second, Claim::Take),
            (Some(held("")), second, Claim::Take),
            (Some(held("us")), second, Claim::Take),
            (Some(held("them")), second * 15, Claim::Wait),
            (Some(held("them")), second * 16, Claim::Take),
        ];
        for (spec, unchanged_for, want) in cases {
            assert_eq!(claim(spec.as_ref(), "us", unchanged_for), want, "{spec:?}");
        }
    }
}

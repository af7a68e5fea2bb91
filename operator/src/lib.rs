//! The operator: it turns `StreamJob` objects into worker pods and keeps them what the spec says.
//!
//! A reconciliation is fetch → validate → machine → plan → status → apply. Only [`fetch`],
//! [`apply`] and [`savepoint::edge`] hold a client; what lies between are pure functions of what
//! was read.
//! Intent stands in the object's status before a side effect follows from it: a pass either
//! changes the memory in the status, or acts on the memory that it read, never both.
//!
//! A pass that finds nothing to do lets the job rest ([`rests`]): watches and workers say when to
//! look again, never what to decide.
//!
//! Absent on purpose: Kafka, the object store, webhooks, and any state that is not in the API
//! server and that a decision depends on.

pub mod admin_client;
pub mod apply;
pub mod args;
pub mod change;
pub mod digest;
pub mod fetch;
pub mod http;
pub mod leader;
pub mod limits;
pub mod machine;
pub mod metrics;
pub mod names;
pub mod observed;
pub mod orders;
pub mod outages;
pub mod partitions;
pub mod patrol;
pub mod plan;
pub mod proposal;
pub mod reconcile;
pub mod rests;
pub mod run;
pub mod savepoint;
pub mod schedule;
pub mod sightings;
pub mod status;
pub mod validate;
pub mod watched;

//! `kubectl streamjob`: looks at StreamJobs and works with them, with the rights of whoever types.
//!
//! Commands read objects and the status that workers show on their open port, through the API server; what they change
//! are fields of the StreamJob and Savepoints, never a pod. What is shown is made by pure functions of what was read.
//!
//! Absent on purpose: Kafka, the object store, and the token of the workers' admin port.

pub mod args;
pub mod change;
pub mod cluster;
pub mod complete;
pub mod explain;
pub mod logs;
pub mod out;
pub mod plan;
pub mod redact;
pub mod report;
pub mod run;
pub mod savepoint;
pub mod seen;
pub mod status;
pub mod table;
pub mod tar;

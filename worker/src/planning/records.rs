//! Can the records of every source be read, and the rows for every sink be written, in their formats?

use dataflow::JobPlan;
use formats::Encoder;
use protocol::acquire::Stop;
use protocol::reason::Reason;

use crate::job::Job;

/// What a format cannot hold.
pub(super) fn faults(job: &Job, plan: &JobPlan) -> Vec<Stop> {
    let mut faults = Vec::new();
    let mut fault = |what: &str, name: &str, error: &dyn std::fmt::Display| {
        faults.push(Stop::new(Reason::NotSupported, format!("{what} '{name}': {error}")));
    };
    for source in &plan.sources {
        let Some(settings) = job.sources.iter().find(|s| s.name == source.name) else { continue };
        if let Err(error) = settings.decoder(source, None) {
            fault("source", &source.name, &error);
        }
    }
    for sink in &plan.sinks {
        let Some(format) = job.sink_format(&sink.name) else { continue };
        if let Err(error) = Encoder::new(&format, &sink.schema, sink.key.clone()) {
            fault("sink", &sink.name, &error);
        }
    }
    faults
}

//! Which logs every stage reads.

use std::collections::BTreeMap;

use dataflow::{Input, JobPlan};
use protocol::acquire::Stop;
use protocol::generation::{Layout, StageLogs, TopicPartitions};
use protocol::names::Names;
use protocol::reason::Reason;

/// Partitions of the topics that exist.
pub type Partitions = BTreeMap<String, u32>;

/// The topic that an input reads.
pub fn topic_of(plan: &JobPlan, names: &Names, input: Input) -> Result<String, Stop> {
    match input {
        Input::Source(source) => Ok(plan.sources[source].topic.clone()),
        Input::Exchange(exchange) => {
            let exchange = &plan.exchanges[exchange];
            names
                .exchange_topic(&exchange.id, &exchange.fingerprint)
                .map_err(|e| Stop::new(Reason::InvalidSpec, e.to_string()))
        }
    }
}

/// The logs of every stage: the topics of a stage in the order of their names, a source with the partitions that it
/// has, an exchange with those that are fixed at creation.
pub fn layout(plan: &JobPlan, names: &Names, sources: &Partitions) -> Result<Layout, Stop> {
    let mut stages = Vec::with_capacity(plan.stages.len());
    for stage in &plan.stages {
        let mut topics = Vec::with_capacity(stage.inputs.len());
        for input in &stage.inputs {
            let topic = topic_of(plan, names, input.input)?;
            let partitions = match input.input {
                Input::Source(_) => *sources.get(&topic).ok_or_else(|| missing(&topic))?,
                Input::Exchange(exchange) => plan.exchanges[exchange].partitions,
            };
            topics.push(TopicPartitions { topic, partitions });
        }
        topics.sort_by(|a, b| a.topic.cmp(&b.topic));
        stages.push(StageLogs { stage: stage.id, topics });
    }
    Ok(Layout { stages })
}

fn missing(topic: &str) -> Stop {
    Stop::new(Reason::TopicMissing, format!("the source topic '{topic}' does not exist"))
}

/// The layout with at least the partitions that an earlier generation reads: a log that was counted once is never
/// left out because an answer was old.
pub fn at_least(mut layout: Layout, earlier: &Layout) -> Layout {
    for stage in &mut layout.stages {
        let Some(before) = earlier.stage(stage.stage) else { continue };
        for topic in &mut stage.topics {
            let counted = before.topics.iter().find(|t| t.topic == topic.topic);
            topic.partitions = topic.partitions.max(counted.map_or(0, |t| t.partitions));
        }
    }
    layout
}

/// The plan reads the logs of this layout and no others.
pub fn fits(layout: &Layout, plan: &JobPlan, names: &Names) -> Result<(), Stop> {
    let wrong = |what: String| Err(Stop::new(Reason::InvalidSpec, what));
    if layout.stages.len() != plan.stages.len() {
        let (has, wants) = (layout.stages.len(), plan.stages.len());
        return wrong(format!("the layout has {has} stages, the plan {wants}"));
    }
    for stage in &plan.stages {
        let mut wanted = Vec::new();
        for input in &stage.inputs {
            wanted.push(topic_of(plan, names, input.input)?);
        }
        wanted.sort();
        let logs = layout.stage(stage.id);
        let has: Vec<&String> =
            logs.iter().flat_map(|s| s.topics.iter().map(|t| &t.topic)).collect();
        if has != wanted.iter().collect::<Vec<_>>() {
            return wrong(format!("the layout of stage {} is not that of the plan", stage.id));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use protocol::StageId;

    use super::*;

    fn one(topics: &[(&str, u32)]) -> Layout {
        let topics = topics
            .iter()
            .map(|(topic, partitions)| TopicPartitions {
                topic: (*topic).to_owned(),
                partitions: *partitions,
            })
            .collect();
        Layout { stages: vec![StageLogs { stage: StageId(0), topics }] }
    }

    #[test]
    fn a_log_that_was_counted_is_never_left_out() {
        let table = [
            (one(&[("a", 2)]), one(&[("a", 4)]), one(&[("a", 4)])),
            (one(&[("a", 4)]), one(&[("a", 2)]), one(&[("a", 4)])),
            (one(&[("a", 2), ("b", 1)]), one(&[("b", 3)]), one(&[("a", 2), ("b", 3)])),
            (one(&[("a", 2)]), one(&[("gone", 9)]), one(&[("a", 2)])),
        ];
        for (now, earlier, expected) in table {
            assert_eq!(at_least(now, &earlier), expected);
        }
    }
}

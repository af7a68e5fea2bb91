//! Topics come, grow and go.

use anyhow::Result;
use rdkafka::admin::{NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode;

use super::clients::{Contract, PATIENCE, admin_options, block_on, reports, send};

type Answers = Vec<Result<String, (String, RDKafkaErrorCode)>>;

fn text(answers: &Answers) -> String {
    let texts = answers.iter().map(|answer| match answer {
        Ok(name) => format!("{name} ok"),
        Err((name, code)) => format!("{name} error {code:?}"),
    });
    texts.collect::<Vec<_>>().join(", ")
}

fn create(contract: &mut Contract, what: &str, topic: &NewTopic<'_>) -> Result<()> {
    let answers = block_on(contract.admin()?.create_topics([topic], &admin_options()))?;
    contract.line(what, text(&answers));
    Ok(())
}

fn delete(contract: &mut Contract, name: &str) -> Result<()> {
    let answers = block_on(contract.admin()?.delete_topics(&[name], &admin_options()))?;
    contract.line("delete", text(&answers));
    Ok(())
}

pub(super) fn create_delete(contract: &mut Contract) -> Result<()> {
    let name = contract.topic("one", 2)?;
    let once = || TopicReplication::Fixed(1);
    create(contract, "the same", &NewTopic::new(&name, 2, once()))?;
    let odd = contract.name("o*d");
    create(contract, "an odd name", &NewTopic::new(&odd, 1, once()))?;
    let long = contract.name(&"l".repeat(250));
    create(contract, "a long name", &NewTopic::new(&long, 1, once()))?;
    let other = contract.name("other");
    create(contract, "two replicas", &NewTopic::new(&other, 1, TopicReplication::Fixed(2)))?;
    let topic = NewTopic::new(&other, 1, once()).set("no.such.config", "1");
    create(contract, "unknown config", &topic)?;
    let topic = NewTopic::new(&other, 1, once()).set("retention.ms", "soon");
    create(contract, "bad config", &topic)?;
    delete(contract, &name)?;
    contract.wait_partitions(&name, None)?;
    delete(contract, &name)
}

pub(super) fn create_again(contract: &mut Contract) -> Result<()> {
    let name = contract.topic("in", 1)?;
    let producer = contract.producer(&[])?;
    for number in 0..3 {
        send(&producer, (&name, 0), "k", &format!("old {number}"))?;
    }
    contract.line("reports", reports(&producer)?);
    delete(contract, &name)?;
    contract.wait_partitions(&name, None)?;
    let name = contract.topic("in", 1)?;
    let ends = contract.ends("read_committed", (&name, 0))?;
    contract.line("ends", format!("{ends:?}"));
    let producer = contract.producer(&[])?;
    send(&producer, (&name, 0), "k", "new")?;
    contract.line("reports", reports(&producer)?);
    contract.show("read_committed", (&name, 0), 0)?;
    contract.show("read_committed", (&name, 0), 3)
}

pub(super) fn unknown(contract: &mut Contract) -> Result<()> {
    let name = contract.name("nowhere");
    let producer = contract.producer(&[
        ("message.timeout.ms", "3000"),
        ("topic.metadata.propagation.max.ms", "500"),
    ])?;
    send(&producer, (&name, 0), "k", "v")?;
    contract.line("reports", reports(&producer)?);
    let consumer = contract.consumer("group", "read_committed")?;
    let ends = consumer.fetch_watermarks(&name, 0, PATIENCE);
    contract.line("ends", super::clients::outcome(&ends));
    let metadata = consumer.fetch_metadata(Some(&name), PATIENCE)?;
    for topic in metadata.topics() {
        let error = topic.error().map(RDKafkaErrorCode::from);
        contract.line("metadata", format!("{} partitions, {error:?}", topic.partitions().len()));
    }
    Ok(())
}

pub(super) fn growth(contract: &mut Contract) -> Result<()> {
    let name = contract.topic("in", 2)?;
    let admin = contract.admin()?;
    for count in [4, 4, 3] {
        let growth = NewPartitions::new(&name, count);
        let answers = block_on(admin.create_partitions([&growth], &admin_options()))?;
        contract.line(&format!("to {count}"), text(&answers));
    }
    let nowhere = contract.name("nowhere");
    let growth = NewPartitions::new(&nowhere, 2);
    let answers = block_on(admin.create_partitions([&growth], &admin_options()))?;
    contract.line("of nothing", text(&answers));
    contract.wait_partitions(&name, Some(4))?;
    let producer = contract.producer(&[])?;
    for partition in 0..4 {
        send(&producer, (&name, partition), "k", &format!("in {partition}"))?;
        contract.line("reports", reports(&producer)?);
    }
    contract.show("read_committed", (&name, 3), 0)
}

pub(super) fn configuration(contract: &mut Contract) -> Result<()> {
    let name = contract.name("in");
    let topic = NewTopic::new(&name, 1, TopicReplication::Fixed(1))
        .set("cleanup.policy", "compact")
        .set("retention.ms", "12345");
    create(contract, "create", &topic)?;
    contract.wait_partitions(&name, Some(1))?;
    let asked = ResourceSpecifier::Topic(&name);
    let answers = block_on(contract.admin()?.describe_configs([&asked], &admin_options()))?;
    for answer in answers {
        let Ok(resource) = answer else {
            contract.line("describe", format!("{:?}", answer.err()));
            continue;
        };
        for key in ["cleanup.policy", "retention.ms", "min.insync.replicas"] {
            let value = resource.get(key).and_then(|entry| entry.value.clone());
            contract.line(key, value.unwrap_or_default());
        }
    }
    Ok(())
}

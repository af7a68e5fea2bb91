//! Offsets of groups, and what there is to say of groups that have no members.

use kafka_protocol::ResponseError;
use kafka_protocol::messages::delete_groups_request::DeleteGroupsRequest;
use kafka_protocol::messages::delete_groups_response::{
    DeletableGroupResult, DeleteGroupsResponse,
};
use kafka_protocol::messages::describe_groups_request::DescribeGroupsRequest;
use kafka_protocol::messages::describe_groups_response::{DescribeGroupsResponse, DescribedGroup};
use kafka_protocol::messages::list_groups_request::ListGroupsRequest;
use kafka_protocol::messages::list_groups_response::{ListGroupsResponse, ListedGroup};
use kafka_protocol::messages::offset_commit_request::OffsetCommitRequest;
use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequest;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition,
    OffsetFetchResponsePartitions, OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{GroupId, TopicName};

use super::offsets::{asked, commit_answers, fetch_answers};
use super::{Call, code, text};
use crate::model::{Broker, Group, Member, Offset};

/// From this version on, `OffsetFetch` asks for many groups.
const GROUPS_SINCE: i16 = 8;
/// State of a group that has offsets and no members.
const EMPTY: &str = "Empty";

pub(super) fn offset_commit(
    broker: &mut Broker,
    request: &OffsetCommitRequest,
) -> OffsetCommitResponse {
    let member = Member { generation: request.generation_id_or_member_epoch };
    let mut asked = asked!(broker, request);
    let whole = broker.groups_mut().commit(&request.group_id, member, asked.take_commits());
    let topics = commit_answers!(
        request,
        asked.codes(whole),
        OffsetCommitResponseTopic,
        OffsetCommitResponsePartition
    );
    OffsetCommitResponse::default().with_topics(topics)
}

/// A committed offset as an answer has it: offset, leader epoch, metadata, error.
fn committed(broker: &Broker, group: &str, log: (&str, i32), stable: bool) -> (Offset, i16) {
    let none = Offset { offset: -1, leader_epoch: -1, metadata: String::new() };
    let Some(group) = broker.groups().get(group) else { return (none, 0) };
    if stable && group.is_pending(log.0, log.1) {
        return (none, ResponseError::UnstableOffsetCommit.code());
    }
    (group.offset(log.0, log.1).cloned().unwrap_or(none), 0)
}

/// The logs of an answer: the asked ones, or all that the group knows.
fn logs_of<'a>(
    broker: &Broker,
    group: &str,
    asked: Option<impl Iterator<Item = (&'a TopicName, &'a Vec<i32>)>>,
) -> Vec<(String, Vec<i32>)> {
    if let Some(asked) = asked {
        return asked.map(|(name, partitions)| (name.to_string(), partitions.clone())).collect();
    }
    let mut topics: Vec<(String, Vec<i32>)> = Vec::new();
    for (topic, partition) in broker.groups().get(group).map(Group::logs).into_iter().flatten() {
        match topics.last_mut() {
            Some((last, partitions)) if *last == topic => partitions.push(partition),
            _ => topics.push((topic, vec![partition])),
        }
    }
    topics
}

pub(super) fn offset_fetch(
    broker: &Broker,
    call: &Call<'_>,
    request: &OffsetFetchRequest,
) -> OffsetFetchResponse {
    let stable = request.require_stable;
    if call.version >= GROUPS_SINCE {
        let groups = request.groups.iter().map(|asked| {
            let topics = asked.topics.as_ref();
            let topics =
                topics.map(|list| list.iter().map(|topic| (&topic.name, &topic.partition_indexes)));
            let logs = logs_of(broker, &asked.group_id, topics);
            group_response(broker, &asked.group_id, logs, stable)
        });
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let topics = request.topics.as_ref();
    let topics =
        topics.map(|list| list.iter().map(|topic| (&topic.name, &topic.partition_indexes)));
    let group = &request.group_id;
    let topics = fetch_answers!(
        logs_of(broker, group, topics),
        |log| committed(broker, group, log, stable),
        OffsetFetchResponseTopic,
        OffsetFetchResponsePartition
    );
    OffsetFetchResponse::default().with_topics(topics)
}

fn group_response(
    broker: &Broker,
    group: &GroupId,
    logs: Vec<(String, Vec<i32>)>,
    stable: bool,
) -> OffsetFetchResponseGroup {
    let topics = fetch_answers!(
        logs,
        |log| committed(broker, group, log, stable),
        OffsetFetchResponseTopics,
        OffsetFetchResponsePartitions
    );
    OffsetFetchResponseGroup::default().with_group_id(group.clone()).with_topics(topics)
}

pub(super) fn list_groups(broker: &Broker, request: &ListGroupsRequest) -> ListGroupsResponse {
    let states = &request.states_filter;
    let wanted = states.is_empty() || states.iter().any(|state| state.eq_ignore_ascii_case(EMPTY));
    let groups = broker.groups().names().filter(|_| wanted).map(|name| {
        ListedGroup::default().with_group_id(GroupId(text(name))).with_group_state(text(EMPTY))
    });
    ListGroupsResponse::default().with_groups(groups.collect())
}

pub(super) fn describe_groups(
    broker: &Broker,
    request: &DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let groups = request.groups.iter().map(|asked| {
        let state = if broker.groups().get(asked).is_some() { EMPTY } else { "Dead" };
        DescribedGroup::default().with_group_id(asked.clone()).with_group_state(text(state))
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

pub(super) fn delete_groups(
    broker: &mut Broker,
    request: &DeleteGroupsRequest,
) -> DeleteGroupsResponse {
    let results = request.groups_names.iter().map(|asked| {
        let result = broker.groups_mut().delete(asked);
        DeletableGroupResult::default().with_group_id(asked.clone()).with_error_code(code(&result))
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}

//! Finds the log of a message without looking at its topic's name.

use std::collections::HashMap;

use protocol::Log;

use super::native::Message;

/// One topic of the cache: its token and the index of each of its partitions.
type TopicEntry = (usize, Vec<Option<u32>>);

/// Which log a message belongs to, by the client's topic pointer. Emptied whenever the assignment changes, because
/// only an assigned partition keeps its topic's pointer from being given to another.
#[derive(Default)]
pub(crate) struct LogCache {
    last: Option<(usize, i32, u32)>,
    topics: Vec<TopicEntry>,
}

impl LogCache {
    pub(crate) fn clear(&mut self) {
        self.last = None;
        self.topics.clear();
    }

    /// The log of a message, `None` for one that was never assigned.
    pub(crate) fn resolve(
        &mut self,
        index: &HashMap<Log, u32>,
        message: Message<'_>,
    ) -> Option<u32> {
        let (token, partition) = (message.topic_token(), message.partition());
        if let Some(found) = self.find(token, partition) {
            return Some(found);
        }
        let found = *index.get(&Log::new(message.topic()?, partition))?;
        self.insert(token, partition, found);
        Some(found)
    }

    fn find(&mut self, token: usize, partition: i32) -> Option<u32> {
        if let Some((last_token, last_partition, index)) = self.last
            && last_token == token
            && last_partition == partition
        {
            return Some(index);
        }
        let (_, partitions) = self.topics.iter().find(|(known, _)| *known == token)?;
        let index = (*partitions.get(usize::try_from(partition).ok()?)?)?;
        self.last = Some((token, partition, index));
        Some(index)
    }

    fn insert(&mut self, token: usize, partition: i32, index: u32) {
        let Ok(slot) = usize::try_from(partition) else { return };
        let position = self.topics.iter().position(|(known, _)| *known == token);
        let position = position.unwrap_or_else(|| {
            self.topics.push((token, Vec::new()));
            self.topics.len() - 1
        });
        let partitions = &mut self.topics[position].1;
        if partitions.len() <= slot {
            partitions.resize(slot + 1, None);
        }
        partitions[slot] = Some(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_found_until_the_assignment_changes() {
        let mut cache = LogCache::default();
        cache.insert(7, 3, 30);
        cache.insert(8, 3, 31);
        cache.insert(7, 0, 32);
        for _ in 0..2 {
            assert_eq!(
                [cache.find(7, 3), cache.find(8, 3), cache.find(7, 0)],
                [Some(30), Some(31), Some(32)]
            );
            assert_eq!([cache.find(7, 1), cache.find(9, 3), cache.find(7, -1)], [None; 3]);
        }
        cache.clear();
        assert_eq!(cache.find(7, 3), None);
    }
}

//! Merged panes, kept for the next windows: a window of 600 panes that slides by one pane merges a few dozen tables,
//! not 600.
//!
//! A node covers `FAN^level` panes aligned to multiples of that; a window is covered by few nodes. What a node
//! covers can no longer change when the first window fires that contains it: a row that comes later has missed that
//! window and lies in another table. The shape depends on the panes alone, so float sums come out the same whatever
//! has been kept, also after a restart.

use std::collections::BTreeMap;

use super::tables::Tables;
use crate::assign::PaneId;
use crate::error::DataflowError;
use crate::group::GroupTable;
use crate::plan::Grouping;
use crate::window::Panes;

const FAN: i64 = 4;

/// `FAN^level` panes from the pane `index · FAN^level` on. Level 0 is a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    level: u32,
    index: i64,
}

enum Made {
    /// None of its panes has a table.
    Empty,
    /// Only this one below it has a table.
    Same(Node),
    Merged(Box<GroupTable>),
}

pub(super) struct MergeTree {
    panes: Panes,
    made: BTreeMap<Node, Made>,
}

impl MergeTree {
    pub(super) fn new(panes: Panes) -> Self {
        Self { panes, made: BTreeMap::new() }
    }

    /// The nodes with tables that together hold all whole panes of the window, in order of time. Panes with rows
    /// that missed earlier windows are not among them.
    pub(super) fn window(
        &mut self,
        end: i64,
        tables: &mut Tables,
        grouping: &Grouping,
    ) -> Result<Vec<Node>, DataflowError> {
        let last = self.panes.index(end);
        let first = self.panes.index(self.panes.start_of(end)) + 1;
        let mut nodes = Vec::new();
        for node in cover(first, last) {
            self.make(node, tables, grouping)?;
            nodes.extend(self.resolve(node, tables));
        }
        Ok(nodes)
    }

    /// The table of a node that [`window`](Self::window) gave.
    pub(super) fn table<'a>(&'a self, node: Node, tables: &'a Tables) -> Option<&'a GroupTable> {
        match self.made.get(&node) {
            Some(Made::Merged(table)) => Some(table.as_ref()),
            _ => tables.by_pane.get(&self.pane(node)),
        }
    }

    fn pane(&self, node: Node) -> PaneId {
        let end = self.panes.end_of(node.index);
        PaneId { end, from: self.panes.first_end(end) }
    }

    fn resolve(&self, node: Node, tables: &Tables) -> Option<Node> {
        if node.level == 0 {
            return tables.by_pane.contains_key(&self.pane(node)).then_some(node);
        }
        match self.made.get(&node) {
            Some(Made::Merged(_)) => Some(node),
            Some(Made::Same(below)) => Some(*below),
            Some(Made::Empty) | None => None,
        }
    }

    fn make(
        &mut self,
        node: Node,
        tables: &mut Tables,
        grouping: &Grouping,
    ) -> Result<(), DataflowError> {
        if node.level == 0 || self.made.contains_key(&node) {
            return Ok(());
        }
        let mut parts = Vec::new();
        for child in 0..FAN {
            let child = Node { level: node.level - 1, index: node.index * FAN + child };
            self.make(child, tables, grouping)?;
            parts.extend(self.resolve(child, tables));
        }
        let made = match parts.as_slice() {
            [] => Made::Empty,
            [only] => Made::Same(*only),
            parts => {
                let largest = parts.iter().filter_map(|part| self.table(*part, tables));
                let mut merged = tables.apart(largest.map(GroupTable::len).max().unwrap_or(0))?;
                for part in parts {
                    if let Some(table) = self.table(*part, tables) {
                        merged.absorb(grouping, table)?;
                    }
                }
                Made::Merged(Box::new(merged))
            }
        };
        self.made.insert(node, made);
        Ok(())
    }

    /// Forgets the nodes with a pane that ends below: no window to come contains them whole.
    pub(super) fn drop_below(&mut self, live_from: i64) {
        let first = self.panes.index(live_from);
        self.made.retain(|node, _| node.index * FAN.pow(node.level) >= first);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let of = |made: &Made| match made {
            Made::Merged(table) => table.memory_bytes(),
            Made::Empty | Made::Same(_) => 0,
        };
        self.made.values().map(of).sum::<usize>() + self.made.len() * size_of::<(Node, Made)>()
    }
}

/// The fewest aligned nodes that cover the panes `first..=last`.
fn cover(first: i64, last: i64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let mut at = first;
    while at <= last {
        let (mut level, mut span) = (0, 1);
        while at.rem_euclid(span * FAN) == 0 && at + span * FAN - 1 <= last {
            span *= FAN;
            level += 1;
        }
        nodes.push(Node { level, index: at.div_euclid(span) });
        at += span;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cover_holds_every_pane_once_and_is_small() {
        for first in -70..70 {
            for len in [1, 2, 7, 64, 100, 600] {
                let nodes = cover(first, first + len - 1);
                let panes: Vec<i64> = nodes
                    .iter()
                    .flat_map(|n| {
                        let span = FAN.pow(n.level);
                        n.index * span..(n.index + 1) * span
                    })
                    .collect();
                assert_eq!(panes, (first..first + len).collect::<Vec<_>>());
                assert!(nodes.len() <= 30, "{} nodes for {len} panes", nodes.len());
            }
        }
    }
}

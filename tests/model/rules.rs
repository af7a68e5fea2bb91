//! The rules of `docs/protocol.md` that can be taken away, one at a time.

/// A rule, or a part of one, that the model can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// C1: produce at once, and keep the transaction open while reading on.
    C1BurstAtTheBoundary,
    /// C2: metadata without commit number and nonce.
    C2Identity,
    /// C2: metadata without the nonce.
    C2Nonce,
    /// C2: metadata without the commit number.
    C2Number,
    /// C4: a commit without an answer is taken for committed.
    C4UnknownEnds,
    /// C4: a commit without an answer is taken for aborted, and sent again behind C6.
    C4UnknownIsNotAborted,
    /// C5: the producer is kept after a commit that is known but unclean.
    C5UncleanReplaces,
    /// C6: a replaced producer does not list the generations.
    C6List,
    /// C6: a replaced producer does not read its shards again.
    C6Read,
    /// C9: after a known abort the next interval is sent instead of the same commit.
    C9SameCommit,
    /// C9: after a known abort the producer aborts and goes on.
    C9NewProducer,
    /// C10: a cut emission leaves no cursor.
    C10Cursor,
    /// C10: the offset moves with the first part of a cut emission.
    C10OffsetStands,
    /// O1: transactional ids name the slot only.
    O1IdNamesGeneration,
    /// O1: the objects of older generations are deleted.
    O1ObjectsStay,
    /// O2: a slot that warms up creates its generation's object.
    O2WarmWritesNothing,
    /// O3, 1: the generation's object is not created.
    O3Create,
    /// O3, 3: the generations are not listed.
    O3List,
    /// O3, 4: nobody is fenced.
    O3Fence,
    /// O3, 4: who has released is not fenced.
    O3FenceReleased,
    /// O3, 4: only ids of the generation that the metadata names are fenced.
    O3FenceSince,
    /// O3, 5: what was read before the fences is used.
    O3ReadAfterFence,
    /// O3, 5: offsets that are still pending are not waited for.
    O3ReadStable,
    /// O3, 5: an answer is taken without proof that it is fresh.
    O3ReadFresh,
    /// O3, 6: the replay up to the committed offset is not muted.
    O3Muted,
    /// O3, 7: a slot processes without a claim.
    O3Claim,
    /// O4: old slots do not release.
    O4Release,
    /// O4: a slot releases its shards one by one.
    O4AllAtOnce,
    /// O5: nobody fences a dead slot before its time.
    O5FenceTheDead,
    /// O6: a successor that cannot read the exchange does not wait until it is drained.
    O6Drained,
    /// O7: going back moves the offset to the restored checkpoint.
    O7OffsetsStay,
}

/// A rule of the protocol that is broken on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// The protocol as it is.
    #[default]
    None,
    /// A redelivery of an event that is recorded is a duplicate, whatever is known of its message.
    NaiveDrop,
    /// If the queue does not accept the message, the record is deleted and the provider is asked to send
    /// again; there is no outbox.
    CompensatingDelete,
    /// A message whose event another holds is acknowledged.
    AcknowledgeWhenBusy,
    /// The provider is answered before the message is sent.
    AnswerBeforeSend,
    /// A message whose event has no item is dropped.
    ClaimWithoutUpsert,
    /// A claim does not keep others out.
    NoLease,
    /// A replay first writes the event back to `received`, at the new epoch, and then sends.
    ReplayResetsFirst,
    /// A dead event cannot be claimed.
    DeadIsFinal,
    /// A claim does not look at the item's epoch.
    StaleEpochClaims,
    /// The provider is answered with a 2xx though the outbox did not accept the message.
    AnswerWithoutOutbox,
    /// The sweeper removes the entry, and then sends its message.
    SweeperRemovesFirst,
    /// A message is acknowledged though its completion failed.
    AcknowledgeUncompleted,
    /// An event that is done can be claimed again at its own epoch.
    DoneIsClaimable,
    /// A replay's message carries the epoch that the event already has.
    ReplayKeepsEpoch,
    /// A redelivery marks the event as enqueued, and then sends its message.
    MarkBeforeSend,
    /// A redelivery's message carries epoch 0, whatever the stored epoch is.
    RedeliveryAtEpochZero,
    /// A failure is noted before the next message is sent or written down.
    NoteBeforeNext,
    /// A failure is noted though the next message is nowhere.
    NoteWithoutNext,
    /// A claim does not compare the numbers of one epoch.
    StaleNumberClaims,
    /// The next message has the number of the one before.
    NextKeepsNumber,
    /// A message that is held has the number that it came with.
    HoldKeepsNumber,
    /// A row of the outbox is removed whatever it says by then.
    RowRemovedBlindly,
    /// A row of the outbox is written over whatever it says.
    RowReplacedBlindly,
    /// A redelivery's message carries the first number of the stored epoch.
    RedeliveryAtFirstNumber,
}

impl Mutation {
    /// All that break a rule, the nine of the design first.
    pub(crate) const ALL: [Mutation; 24] = [
        Mutation::NaiveDrop,
        Mutation::CompensatingDelete,
        Mutation::AcknowledgeWhenBusy,
        Mutation::AnswerBeforeSend,
        Mutation::ClaimWithoutUpsert,
        Mutation::NoLease,
        Mutation::ReplayResetsFirst,
        Mutation::DeadIsFinal,
        Mutation::StaleEpochClaims,
        Mutation::AnswerWithoutOutbox,
        Mutation::SweeperRemovesFirst,
        Mutation::AcknowledgeUncompleted,
        Mutation::DoneIsClaimable,
        Mutation::ReplayKeepsEpoch,
        Mutation::MarkBeforeSend,
        Mutation::RedeliveryAtEpochZero,
        Mutation::NoteBeforeNext,
        Mutation::NoteWithoutNext,
        Mutation::StaleNumberClaims,
        Mutation::NextKeepsNumber,
        Mutation::HoldKeepsNumber,
        Mutation::RowRemovedBlindly,
        Mutation::RowReplacedBlindly,
        Mutation::RedeliveryAtFirstNumber,
    ];

    /// Its name in the documents and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Mutation::None => "none",
            Mutation::NaiveDrop => "naive-drop",
            Mutation::CompensatingDelete => "compensating-delete",
            Mutation::AcknowledgeWhenBusy => "acknowledge-when-busy",
            Mutation::AnswerBeforeSend => "answer-before-send",
            Mutation::ClaimWithoutUpsert => "claim-without-upsert",
            Mutation::NoLease => "no-lease",
            Mutation::ReplayResetsFirst => "replay-resets-first",
            Mutation::DeadIsFinal => "dead-is-final",
            Mutation::StaleEpochClaims => "stale-epoch-claims",
            Mutation::AnswerWithoutOutbox => "answer-without-outbox",
            Mutation::SweeperRemovesFirst => "sweeper-removes-first",
            Mutation::AcknowledgeUncompleted => "acknowledge-uncompleted",
            Mutation::DoneIsClaimable => "done-is-claimable",
            Mutation::ReplayKeepsEpoch => "replay-keeps-epoch",
            Mutation::MarkBeforeSend => "mark-before-send",
            Mutation::RedeliveryAtEpochZero => "redelivery-at-epoch-zero",
            Mutation::NoteBeforeNext => "note-before-next",
            Mutation::NoteWithoutNext => "note-without-next",
            Mutation::StaleNumberClaims => "stale-number-claims",
            Mutation::NextKeepsNumber => "next-keeps-number",
            Mutation::HoldKeepsNumber => "hold-keeps-number",
            Mutation::RowRemovedBlindly => "row-removed-blindly",
            Mutation::RowReplacedBlindly => "row-replaced-blindly",
            Mutation::RedeliveryAtFirstNumber => "redelivery-at-first-number",
        }
    }
}

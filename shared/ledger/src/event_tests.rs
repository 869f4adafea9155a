//! Every cell of state × epoch × lease × event, spelled out.

use super::*;

const NOW: u64 = 1_760_000_000_000;
const ME: u8 = 1;
const OTHER: u8 = 2;

/// An item of the table: none, or a state at an epoch with or without a live lease.
fn stored(state: State, epoch: u32, owner: u8, lease_until_ms: u64) -> Item<u8> {
    Item {
        state,
        number: at(epoch),
        owner: (owner != 0).then_some(owner),
        lease_until_ms,
        expires_s: NOW / 1000 + 3600,
    }
}

/// The third carrier at an epoch.
const fn at(epoch: u32) -> Number {
    Number { epoch, seq: 2 }
}

const LIVE: u64 = NOW + 1;
const LAST_MS: u64 = NOW;
const OVER: u64 = NOW - 1;

#[rustfmt::skip]
#[test]
fn what_a_request_means_in_every_state() {
    use RecordDecision::*;
    use State::*;
    let cells = [
        // state,    epoch, lease,   same body, means
        (Received,   0,     0,       true,  SendAgain { number: at(0) }),
        (Received,   3,     0,       true,  SendAgain { number: at(3) }),
        (Enqueued,   0,     0,       true,  Duplicate),
        (Enqueued,   3,     0,       true,  Duplicate),
        (Processing, 0,     LIVE,    true,  Duplicate),
        (Processing, 0,     LAST_MS, true,  Duplicate),
        (Processing, 0,     OVER,    true,  SendAgain { number: at(0) }),
        (Processing, 2,     OVER,    true,  SendAgain { number: at(2) }),
        (Processing, 2,     0,       true,  SendAgain { number: at(2) }),
        (Done,       0,     0,       true,  Duplicate),
        (Done,       1,     0,       true,  Duplicate),
        (Dead,       0,     0,       true,  Duplicate),
        (Dead,       1,     0,       true,  Duplicate),
        (Received,   0,     0,       false, PayloadMismatch),
        (Enqueued,   0,     0,       false, PayloadMismatch),
        (Processing, 0,     LIVE,    false, PayloadMismatch),
        (Processing, 0,     OVER,    false, PayloadMismatch),
        (Done,       0,     0,       false, PayloadMismatch),
        (Dead,       0,     0,       false, PayloadMismatch),
    ];
    for (state, epoch, lease, same_body, means) in cells {
        let item = stored(state, epoch, OTHER, lease);
        assert_eq!(on_record(Some(&item), same_body, NOW), means, "{item:?} same_body={same_body}");
        let expired = Item { expires_s: NOW / 1000 - 1, ..item };
        assert_eq!(on_record(Some(&expired), same_body, NOW), New, "forgotten {item:?}");
        let last_second = Item { expires_s: NOW / 1000, ..item };
        assert_eq!(on_record(Some(&last_second), same_body, NOW), means, "in its last second {item:?}");
    }
    assert_eq!(on_record::<u8>(None, true, NOW), New);
}

#[rustfmt::skip]
#[test]
fn who_may_claim_in_every_state() {
    use ClaimDecision::*;
    use State::*;
    let busy = Busy { until_ms: LIVE };
    let cells = [
        // state,    owner, lease,   older message, same epoch, newer message
        (Received,   0,     0,       Settled,       Granted,    Granted),
        (Enqueued,   0,     0,       Settled,       Granted,    Granted),
        (Processing, OTHER, LIVE,    Settled,       busy,       busy),
        (Processing, OTHER, LAST_MS, Settled,       Busy { until_ms: NOW }, Busy { until_ms: NOW }),
        (Processing, OTHER, OVER,    Settled,       Granted,    Granted),
        (Processing, OTHER, 0,       Settled,       Granted,    Granted),
        (Processing, ME,    LIVE,    Settled,       Granted,    busy),
        (Processing, ME,    OVER,    Settled,       Granted,    Granted),
        (Done,       OTHER, 0,       Settled,       Settled,    Granted),
        (Done,       ME,    LIVE,    Settled,       Settled,    Granted),
        (Dead,       OTHER, LIVE,    Settled,       Granted,    Granted),
        (Dead,       ME,    0,       Settled,       Granted,    Granted),
    ];
    for (state, owner, lease, older, same, newer) in cells {
        let item = stored(state, 5, owner, lease);
        for seq in [1, 2, 3] {
            let claim = |epoch| on_claim(Some(&item), Number { epoch, seq }, &ME, NOW);
            assert_eq!(claim(4), older, "older message {seq}, {item:?}");
            let same = match seq {
                1 => Settled,
                // Only a claim with the same number can be its own.
                3 if state == Processing && lease == LIVE => busy,
                _ => same,
            };
            assert_eq!(claim(5), same, "same epoch, message {seq}, {item:?}");
            assert_eq!(claim(6), newer, "newer message {seq}, {item:?}");
        }
    }
    assert_eq!(on_claim(None, Number::first_of(0), &ME, NOW), Granted);
}

#[rustfmt::skip]
#[test]
fn what_a_discarded_message_means_in_every_state() {
    use DiscardDecision::{Busy, Dead as Dies, Settled};
    use State::*;
    let cells = [
        // state,    lease,   at the message's epoch
        (Received,   0,       Dies),
        (Enqueued,   0,       Dies),
        (Processing, 0,       Dies),
        (Processing, OVER,    Dies),
        (Processing, LAST_MS, Busy { until_ms: NOW }),
        (Processing, LIVE,    Busy { until_ms: LIVE }),
        (Done,       0,       Settled),
        (Done,       LIVE,    Settled),
        (Dead,       0,       Dies),
        (Dead,       LIVE,    Dies),
    ];
    for (state, lease, means) in cells {
        let item = stored(state, 5, OTHER, lease);
        assert_eq!(on_discard(Some(&item), at(5), NOW), means, "{item:?}");
        assert_eq!(on_discard(Some(&item), at(5).next(), NOW), means, "{item:?}");
        for other in [at(4), at(6), Number { epoch: 5, seq: 1 }] {
            assert_eq!(on_discard(Some(&item), other, NOW), Settled, "{other:?}, {item:?}");
        }
    }
    assert_eq!(on_discard::<u8>(None, at(0), NOW), Settled);
}

#[rustfmt::skip]
#[test]
fn what_may_be_written_in_every_state() {
    use State::*;
    let cells = [
        // state,    owner, mark at epoch 5, complete at 4/5/6,      release or dead-letter
        (Received,   0,     true,            [false, true,  true],   false),
        (Received,   ME,    true,            [false, true,  true],   false),
        (Enqueued,   0,     false,           [false, true,  true],   false),
        (Processing, ME,    false,           [false, true,  true],   true),
        (Processing, OTHER, false,           [false, true,  true],   false),
        (Done,       ME,    false,           [false, false, true],   false),
        (Done,       OTHER, false,           [false, false, true],   false),
        (Dead,       ME,    false,           [false, true,  true],   false),
        (Dead,       OTHER, false,           [false, true,  true],   false),
    ];
    for (state, owner, mark, complete, mine) in cells {
        for lease in [0, OVER, LIVE] {
            let item = stored(state, 5, owner, lease);
            assert_eq!(may_mark_enqueued(Some(&item), 5), mark, "{item:?}");
            assert!(!may_mark_enqueued(Some(&item), 4), "{item:?}");
            assert!(!may_mark_enqueued(Some(&item), 6), "{item:?}");
            assert_eq!([4, 5, 6].map(|epoch| may_complete(Some(&item), epoch)), complete, "{item:?}");
            assert_eq!(may_release(Some(&item), &ME), mine, "{item:?}");
            assert_eq!(may_dead_letter(Some(&item), &ME), mine, "{item:?}");
        }
    }
    assert!(!may_mark_enqueued::<u8>(None, 0));
    assert!(may_complete::<u8>(None, 0));
    assert!(!may_release(None, &ME));
    assert!(!may_dead_letter(None, &ME));
}

#[test]
fn a_row_is_written_over_by_its_successors_and_removed_as_it_was_read() {
    for (old, number, replaced, removed) in [
        (at(1), at(1), false, true),
        (at(1), at(1).next(), true, false),
        (at(1).next(), at(1), false, false),
    ] {
        assert_eq!(may_replace_row(Some(old), number), replaced, "{old:?}");
        assert_eq!(may_remove_row(Some(old), number), removed, "{old:?}");
    }
    assert!(may_replace_row(None, at(0)));
    assert!(may_remove_row(None, at(0)));
}

#[test]
fn every_state_has_its_own_code_and_name() {
    for state in State::ALL {
        assert_eq!(State::from_code(state.code()), Some(state));
        assert_eq!(State::from_name(state.name()), Some(state));
    }
    assert_eq!(State::from_code("?"), None);
    assert_eq!(State::from_name("lost"), None);
}

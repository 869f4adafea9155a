//! The protocol's promises, in every state that can be reached; and every broken rule found out.

#[path = "../examples/model/protocol/mod.rs"]
mod protocol;

use protocol::{BUDGETS, Invariant, Mutation, Verdict, search};

#[test]
fn every_promise_holds_in_every_state() {
    for budget in BUDGETS {
        match search(budget, Mutation::None) {
            Verdict::Holds(found) => println!(
                "{} states, {} steps, {} deep: {budget}",
                found.states, found.steps, found.depth
            ),
            Verdict::Broken(way) => panic!("with {budget}:\n{way}"),
        }
    }
}

/// The invariant by which each broken rule is found out, and after how many steps at the least.
const DEATHS: [(Mutation, Invariant, usize); 14] = [
    (Mutation::NaiveDrop, Invariant::Carried, 4),
    (Mutation::CompensatingDelete, Invariant::OneHandler, 8),
    (Mutation::AcknowledgeWhenBusy, Invariant::Ends, 6),
    (Mutation::AnswerBeforeSend, Invariant::Carried, 2),
    (Mutation::ClaimWithoutUpsert, Invariant::Ends, 4),
    (Mutation::NoLease, Invariant::OneHandler, 7),
    (Mutation::ReplayResetsFirst, Invariant::Ends, 5),
    (Mutation::DeadIsFinal, Invariant::Ends, 8),
    (
        Mutation::StaleEpochClaims,
        Invariant::EffectsHaveReasons,
        20,
    ),
    (Mutation::AnswerWithoutOutbox, Invariant::Carried, 4),
    (Mutation::SweeperRemovesFirst, Invariant::Carried, 6),
    (
        Mutation::AcknowledgeUncompleted,
        Invariant::AcknowledgedLate,
        7,
    ),
    (Mutation::DoneIsClaimable, Invariant::EffectsHaveReasons, 10),
    (Mutation::ReplayKeepsEpoch, Invariant::ReplayCarried, 4),
];

#[test]
fn every_broken_rule_is_found_out_by_a_shortest_way() {
    assert_eq!(DEATHS.map(|(mutation, ..)| mutation), Mutation::ALL);
    for (mutation, invariant, steps) in DEATHS {
        let name = mutation.name();
        match search(mutation.budget(), mutation) {
            Verdict::Broken(way) => {
                println!("{name}\n{way}\n");
                assert_eq!(
                    (way.invariant, way.steps.len()),
                    (invariant, steps),
                    "{name}:\n{way}"
                );
            }
            Verdict::Holds(_) => panic!("{name} is not found out"),
        }
    }
}

//! The protocol's promises, in every state that can be reached; and every broken rule found out.

#[path = "../examples/model/protocol/mod.rs"]
mod protocol;

use protocol::{BUDGETS, Invariant, Mutation, Verdict, search};

/// The number of states that each budget reaches, of steps between them, and of steps on the longest path, as in
/// docs/model.md. A model that reaches fewer states no longer tries everything.
#[rustfmt::skip]
const REACHED: [(usize, usize, usize); 7] = [
    (1_080_477,  11_378_932, 48),
    (358_122,     2_360_751, 34),
    (481_581,     2_351_280, 36),
    (655_522,     3_526_016, 38),
    (318_817,     1_514_250, 35),
    (1_055_293,   5_160_793, 36),
    (1_736_023,   8_565_327, 41),
];

#[test]
fn every_promise_holds_in_every_state() {
    for (budget, reached) in BUDGETS.into_iter().zip(REACHED) {
        match search(budget, Mutation::None) {
            Verdict::Holds(found) => {
                let found = (found.states, found.steps, found.depth);
                assert_eq!(
                    found, reached,
                    "states, steps and longest way with {budget}"
                );
            }
            Verdict::Broken(way) => panic!("with {budget}:\n{way}"),
        }
    }
}

#[test]
fn the_page_about_the_model_says_what_it_reaches() {
    let page = include_str!("../../../docs/model.md");
    for (states, steps, depth) in REACHED {
        let row = format!("| {} | {} | {depth} |", grouped(states), grouped(steps));
        assert!(page.contains(&row), "docs/model.md lacks `{row}`");
    }
}

/// A number with commas, as pages have it.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits"))
        .collect();
    groups.join(",")
}

/// The invariant by which each broken rule is found out, and after how many steps at the least.
const DEATHS: [(Mutation, Invariant, usize); 24] = [
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
    (Mutation::MarkBeforeSend, Invariant::Carried, 7),
    (Mutation::RedeliveryAtEpochZero, Invariant::Ends, 15),
    (Mutation::NoteBeforeNext, Invariant::Ends, 7),
    (Mutation::NoteWithoutNext, Invariant::Ends, 7),
    (Mutation::StaleNumberClaims, Invariant::NotOvertaken, 10),
    (Mutation::NextKeepsNumber, Invariant::AcknowledgedLate, 8),
    (Mutation::HoldKeepsNumber, Invariant::Ends, 7),
    (Mutation::RowRemovedBlindly, Invariant::Ends, 7),
    (Mutation::RowReplacedBlindly, Invariant::Ends, 8),
    (Mutation::RedeliveryAtFirstNumber, Invariant::Ends, 14),
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

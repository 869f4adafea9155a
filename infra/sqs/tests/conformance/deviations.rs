//! The known deviations of servers from what AWS documents.

use crate::servers::Other::{self, Fauxqs, Ministack};

/// A known failure of some servers at a case.
pub(crate) struct Deviation {
    pub(crate) servers: &'static [Other],
    /// The case, or the module whose cases they all are.
    pub(crate) case: &'static str,
    /// A part of what the case says when it fails.
    pub(crate) seen: &'static str,
    pub(crate) why: &'static str,
}

const fn known(
    servers: &'static [Other],
    case: &'static str,
    seen: &'static str,
    why: &'static str,
) -> Deviation {
    Deviation {
        servers,
        case,
        seen,
        why,
    }
}

/// The message of a case when a server accepts a request that AWS rejects.
const TAKEN: &str = "it is not refused";

/// Every known deviation, by module.
#[rustfmt::skip]
pub(crate) const DEVIATIONS: &[Deviation] = &[
    known(&[Ministack, Fauxqs], "a_message_has_ten_attributes_at_most", TAKEN, "it does not count attributes"),
    known(&[Ministack, Fauxqs], "a_number_is_a_number", TAKEN, "it does not read numbers"),
    known(&[Ministack, Fauxqs], "an_attribute_has_a_known_type_and_a_value", TAKEN, "it does not check attributes"),
    known(&[Ministack, Fauxqs], "an_attribute_holds_no_character_that_xml_cannot", TAKEN, "it checks the body alone"),
    known(&[Ministack, Fauxqs], "names_of_attributes_have_no_stray_dots_blanks_or_reserved_prefix", TAKEN, "it does not check names"),
    known(&[Ministack], "attributes_count_as_part_of_the_size", TAKEN, "it counts the body alone"),
    known(&[Fauxqs], "attributes_are_shown_as_they_are_asked_for", "failed: None", "it shows all attributes unasked"),

    known(&[Fauxqs], "the_id_of_an_entry_is_plain_and_at_most_80_long", TAKEN, "it takes any id"),
    known(&[Fauxqs], "a_batch_of_deletions_names_what_failed", "left: []", "it takes any receipt handle"),

    known(&[Fauxqs], "a_bad_attribute_has_a_code_without_prefix", "AWS.SimpleQueueService.", "it puts the prefix before every code"),
    known(&[Fauxqs], "a_bad_character_has_a_code_without_prefix", "AWS.SimpleQueueService.", "it puts the prefix before every code"),
    known(&[Fauxqs], "a_bad_parameter_has_a_code_without_prefix", "AWS.SimpleQueueService.", "it puts the prefix before every code"),
    known(&[Fauxqs], "a_queue_that_exists_has_the_code_of_the_older_protocol", "AWS.SimpleQueueService.QueueNameExists", "it puts the prefix before the newer name"),

    known(&[Fauxqs], "a_dead_letter_keeps_its_group", "left: None", "it drops groups on standard queues"),
    known(&[Fauxqs], "a_dead_letter_says_which_queue_it_comes_from", "left: None", "it does not remember"),
    known(&[Ministack, Fauxqs], "a_queue_that_takes_no_dead_letters_cannot_be_named", TAKEN, "it ignores redrive allow policies"),
    known(&[Fauxqs], "a_redrive_policy_allows_at_least_one_receive", TAKEN, "it takes any count"),
    known(&[Fauxqs], "a_redrive_policy_names_a_queue_that_exists", TAKEN, "it takes any name"),
    known(&[Fauxqs], "receives_count_across_queues", "left: Some(\"3\")", "it counts the move as a receive"),

    known(&[Fauxqs], "a_handle_that_no_receive_gave_out_is_invalid", "left: Ok(())", "it takes any receipt handle"),
    known(&[Ministack], "an_older_handle_is_accepted_and_the_latest_still_works", "ReceiptHandleIsInvalid", "it forgets older handles"),

    known(&[Ministack, Fauxqs], "moves", "InvalidAction", "it has no message move tasks"),

    known(&[Ministack, Fauxqs], "a_queue_is_named_with_letters_digits_hyphens_and_underscores", TAKEN, "it takes any name"),
    known(&[Ministack, Fauxqs], "a_queue_is_purged_once_a_minute", TAKEN, "it purges whenever it is asked"),

    known(&[Ministack], "a_long_poll_is_twenty_seconds_at_most", TAKEN, "it takes any wait"),
    known(&[Ministack], "a_receive_hides_messages_for_twelve_hours_at_most", TAKEN, "it takes any visibility timeout"),

    known(&[Ministack, Fauxqs], "a_delay_is_fifteen_minutes_at_most", TAKEN, "it takes any delay"),
    known(&[Fauxqs], "a_message_group_is_carried_on_a_standard_queue", "left: None", "it drops groups on standard queues"),
    known(&[Ministack, Fauxqs], "a_message_group_is_up_to_128_visible_characters", TAKEN, "it takes any group"),
    known(&[Fauxqs], "every_other_character_arrives_as_it_was", "InvalidMessageContents", "it refuses what lies beyond U+FFFF"),
    known(&[Fauxqs], "the_trace_header_is_carried", "left: None", "it drops the trace header"),

    known(&[Ministack], "a_visibility_timeout_is_twelve_hours_at_most", "left: Ok(())", "it takes any visibility timeout"),
    known(&[Ministack, Fauxqs], "the_twelve_hours_count_from_the_receive", "left: Ok(())", "it does not add visibility timeouts up"),
    known(&[Ministack, Fauxqs], "visibility_is_changed_of_messages_in_flight_only", "left: Ok(())", "it hides a visible message"),
];

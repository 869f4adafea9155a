#!/usr/bin/env python3
"""Breaks one rule of the protocol at a time, in a copy of the project, and shows which test notices.

    tests/scripts/mutations.py                every mutation: an hour or two
    tests/scripts/mutations.py lease epoch    those whose name, or file, contains one of the words
    tests/scripts/mutations.py --check        only whether each can still be made

Exits with 0 only if every mutation compiles and was noticed. The copy, with its build, is in target/mutations.
"""
import os
import re
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COPY = os.path.join(ROOT, "target", "mutations")
RULES = "shared/ledger/src/event.rs"
INGEST = "functions/ingest/src/lib.rs"
PROCESSOR = "functions/processor/src/lib.rs"
TRANSACT = "shared/hookgate/src/event/transact.rs"
ATTEMPT = "functions/processor/src/attempt.rs"
OUTCOME = "functions/processor/src/outcome.rs"
SWEEPER = "functions/sweeper/src/lib.rs"
SLICES = "functions/sweeper/src/replays.rs"
REDRIVE = "functions/admin/src/redrive.rs"
DEAD_LETTERS = "functions/admin/src/dead_letters.rs"
REPLAY = "functions/admin/src/replay.rs"
LAYOUT = "shared/signature/src/layout.rs"
SHARED_SECRET = "shared/signature/src/shared_secret.rs"
SIGNATURE_FIELD = "shared/signature/src/signature_field.rs"
SECRETS = "shared/hookgate/src/source/secrets.rs"
SOURCES = "shared/hookgate/src/source/sources.rs"
SOURCE = "shared/hookgate/src/source/mod.rs"
LEDGER = "shared/hookgate/src/event/ledger.rs"
OUTBOX = "shared/hookgate/src/event/outbox.rs"
HISTORY = "shared/hookgate/src/event/history.rs"
OUTCOMES = "shared/hookgate/src/replay/outcomes.rs"
ITEM = "shared/hookgate/src/event/item.rs"
LIST = "shared/hookgate/src/event/list.rs"
UNWELL = "shared/hookgate/src/event/unwell.rs"
SEARCH = "shared/hookgate/src/event/search.rs"
ARCHIVE = "shared/hookgate/src/event/archive/"
SEARCH_ARCHIVE = "shared/hookgate/src/event/search_archive.rs"
RANGE = "shared/hookgate/src/event/range.rs"
REPLAYS = "shared/hookgate/src/replay/store.rs"
ADMIN = "functions/admin/src/lib.rs"

# Name, file, text, the text that takes its place. Of a pair of texts, the second is replaced where it first comes
# after the first. Then maybe the test that is known to notice: one of SUITES or of tests/tests, with a part of its name
# where it is slow. It is tried first, and all of SUITES only where it passes.
MUTATIONS = [
    ("a redelivery of a recorded event is dropped", RULES,
     "State::Received | State::Processing => RecordDecision::SendAgain { number: old.number },",
     "State::Received | State::Processing => RecordDecision::Duplicate,", "ledger"),
    ("a recorded event is recorded again", RULES,
     '"attribute_not_exists(pk) OR #exp < :now_s"',
     '"attribute_not_exists(pk) OR attribute_exists(pk) OR #exp < :now_s"', "expressions embedded"),
    ("a 2xx though neither queue nor outbox took it", INGEST,
     "self.table\n                .add_to_outbox(&message, Until::Due(message.event.received))\n                .await\n                .map_err(Rejection::Queue)?;",
     "drop(self.table.add_to_outbox(&message, Until::Due(message.event.received)).await);", "crash_points goes_by_the_outbox"),
    ("the outbox is not written", INGEST,
     "self.table\n                .add_to_outbox(&message, Until::Due(message.event.received))\n                .await\n                .map_err(Rejection::Queue)?;",
     "", "crash_points goes_by_the_outbox"),
    ("queue first: a 2xx before the message is durable", INGEST,
     "let event = self.enqueue(event, body, Number::default()).await?;\n        self.recent.add(&event);",
     "let copy = event.clone();\n        let event = self.enqueue(event, body, Number::default()).await.unwrap_or(copy);\n        self.recent.add(&event);",
     "crash_points before_it_is_recorded_and::goes_by_the_outbox"),
    ("queue first: an event is remembered before its message is durable", INGEST,
     "if self.recent.contains(&event) {",
     "let known = self.recent.contains(&event);\n        self.recent.add(&event);\n        if known {",
     "crash_points before_it_is_recorded_and::is_handled_at_once"),
    ("queue first: another body is told as a duplicate", "functions/ingest/src/recent.rs",
     "(event.key.clone(), event.body.sha256())", "(event.key.clone(), [0; 32])", "queue_first"),
    ("an event can be claimed with another body", LEDGER,
     '"(attribute_not_exists(#bh) OR #bh = :bh)"', '"(attribute_not_exists(#bh) OR #bh = :bh OR #bh <> :bh)"', "queue_first"),
    ("a message with another body comes again for ever", OUTCOME,
     ("fn other_body(", "Outcome::finished("), "Outcome::again(", "queue_first"),
    ("a message is sent though its body was not kept", INGEST,
     "put.map_err(Rejection::Bodies)?;", "drop(put);", "bodies while_the_bucket"),
    ("a redelivery of what was handled uploads its body again", INGEST,
     "RecordDecision::Duplicate => Ok(Reply::Duplicate(event)),",
     "RecordDecision::Duplicate => {\n                if let (Body::Stored(stored), Some(bodies)) = (&event.body, &self.bodies) {\n"
     "                    bodies.put(stored, body).await.map_err(Rejection::Bodies)?;\n                }\n"
     "                Ok(Reply::Duplicate(event))\n            }", "bodies uploads_nothing"),
    ("bytes that were not signed reach the handler", "shared/hookgate/src/event/bodies.rs",
     "if Sha256::digest(&body)[..] == stored.sha256 {", "if !stored.sha256.is_empty() {", "bodies body_is_gone"),
    ("an event whose body is gone is tried for ever", ATTEMPT,
     "HandlerError::permanent(error.to_string())", "HandlerError::transient(error.to_string())", "bodies body_is_gone"),
    ("an event is handled though it was not archived", ATTEMPT,
     "if let Some(error) = self.not_archived {", "if let (Some(error), false) = (self.not_archived, true) {",
     "trouble archive"),
    ("an archive that does not answer costs an attempt", ATTEMPT,
     "return Err(NotDone::NotBegun(error.clone()));",
     "return Err(NotDone::Failed(HandlerError::transient(chain(&**error))));", "trouble archive"),
    ("events are archived after their targets ran", PROCESSOR, "let not_archived = self.aws.table.archive_all(to_archive).await;",
     "let to_archive: Vec<_> = to_archive.map(|(place, event)| (place.to_owned(), event.clone())).collect();\n"
     "        let (not_archived, table) = (NotArchived::new(), self.aws.table.clone());\n"
     "        tokio::spawn(async move {\n            tokio::time::sleep(Duration::from_millis(200)).await;\n"
     "            let events = to_archive.iter().map(|(place, event)| (place.as_str(), event));\n"
     "            table.archive_all(events).await.len()\n        });", "trouble archive"),
    ("a place in the archive is noted though it was not written", PROCESSOR, "archived: claimed.place.filter(|_| failed.is_none()),",
     "archived: claimed.place,", "trouble archive"),
    ("what is archived is archived again", PROCESSOR, ".filter(|_| !grant.is_archived)", "", "trouble handled_again"),
    ("a payload is not shown before its event is done", LIST, "[ARCHIVED, PLACE].into_iter()", "[ARCHIVED].into_iter()", "archive a_payload_is"),
    ("an event that was archived twice is listed twice", SEARCH, "let is_new = found.last().is_none_or(|(last, _)| *last != entry.position);", "let is_new = true;", "archive twice"),
    ("an event that came in again is listed at both times", SEARCH, "noted.is_none_or(|noted| place.is_none_or(|place| place == noted))", "noted.is_none_or(|_| true)",
     "crash_points a_range_is_replayed"),
    ("an event that was archived twice is replayed twice", RANGE, "noted.is_none_or(|place| place == self.place)", "noted.is_none_or(|_| true)",
     "archive twice"),
    ("a list does not look ahead to the events of a place", SEARCH_ARCHIVE, "Order::Newest => (ms..ms + SPAN_MS)", "Order::Newest => (ms..ms + 1)",
     "archive reaches_over"),
    ("a list begins after the places that reach into it", SEARCH_ARCHIVE, "Some((since.saturating_sub(SPAN_MS - 1), until))", "Some((since, until))",
     "archive reaches_over"),
    ("a range begins after the places that reach into it", RANGE, "before(range.since_ms.saturating_sub(SPAN_MS - 1))", "before(range.since_ms)",
     "archive reaches_over"),
    ("events are archived though their day is not marked", ARCHIVE + "write.rs", "self.mark_day(&first.source, &place, retention).await?;",
     "drop(self.mark_day(&first.source, &place, retention).await);", "trouble pass_over"),
    ("the first part of a large payload is written first", ARCHIVE + "write.rs", "for (index, part) in parts.iter().enumerate().skip(1) {",
     "for (index, part) in parts.iter().enumerate() {", "storage a_payload_stays"),
    ("events of two days have one place", ARCHIVE + "place.rs", "&& self.day == day(event.received)", "", "hookgate two_days"),
    ("events of two seconds have one place", ARCHIVE + "place.rs", "&& event.received < end", "", "hookgate a_second"),
    ("a claim that is given back stays counted", LEDGER, "ADD #att :less, #{claims} :less", "ADD #att :zero, #{claims} :zero", "trouble archive"),
    ("an event that waits is not listed", LEDGER,
     "if_not_exists(#{failed}, :now), {arc}{LIST} REMOVE #at",
     "if_not_exists(#{failed}, :now), {arc}#gpk = if_not_exists(#gpk, :gpk) REMOVE #at", "unwell"),
    ("an event that is done stays listed as one that is not", LEDGER, 'format!(", {UNLIST}")', 'String::new()', "unwell"),
    ("an event that is dead stays listed as one that waits", LEDGER, "end.extend(listed(EventState::Dead,", "end.extend(listed(EventState::Waiting,", "unwell"),
    ("an event without a target is not listed", LEDGER, "listed(EventState::Unhandled, claim.event)", "listed(EventState::Waiting, claim.event)", "unwell"),
    ("a list of a state misses a part of its index", UNWELL, "(0..SHARDS).map(move |shard| unwell_partition(state, source, shard))",
     "(0..SHARDS / 2).map(move |shard| unwell_partition(state, source, shard))", "unwell"),
    ("a list of a state shows what has left it", SEARCH, "search.admits(event));", "search.admits_described(event));", "unwell"),
    ("a completion is tried once", ATTEMPT, "if tried.is_ok() || Instant::now() + pause >= end {", "if true {", "trouble completion"),
    ("a claim that is not answered waits for the queue's time-out", ATTEMPT,
     "        self.delay(record, delay).await;\n        Again::ByItself",
     "        Again::ByItself", "trouble claim"),
    ("a message of another version is dead-lettered", PROCESSOR,
     "Err(MessageError::Version(version)) => return Err(self.leave(record, *version).await),", "", "trouble version"),
    ("the sweeper removes before it sends", SWEEPER,
     "            sent?;\n            self.table.remove_from_outbox(row).await",
     "            self.table.remove_from_outbox(row).await?;\n            sent", "crash_points"),
    ("no claim without a record", RULES,
     "const CLAIM: &str = \"attribute_not_exists(pk) \\\n    OR ((#ep",
     "const CLAIM: &str = \"((#ep", "expressions embedded"),
    ("a dead event cannot be claimed", RULES,
     "(#ep < :ep OR (#ep = :ep AND #st <> :done AND",
     "(#ep < :ep OR (#ep = :ep AND #st IN (:processing) AND", "expressions embedded"),
    ("no lease", RULES,
     "AND (#st <> :processing OR #lu < :now))\";",
     "AND (#st <> :processing OR #lu < :now OR #lu >= :now))\";", "expressions embedded"),
    ("a done event can be claimed", RULES,
     "(#ep = :ep AND #st <> :done AND (attr",
     "(#ep = :ep AND (#st <> :done OR #st = :done) AND (attr", "expressions embedded"),
    ("a done event cannot be replayed", RULES,
     "OR ((#ep < :ep OR (",
     "OR (((#ep < :ep AND #st <> :done) OR (", "expressions embedded"),
    ("a stale epoch can be claimed", RULES,
     "OR ((#ep < :ep OR (",
     "OR ((#ep < :ep OR (#ep > :ep AND #st <> :done) OR (", "expressions embedded"),
    ("another's claim is released", RULES,
     'const OWNED: &str = "#st = :processing AND #own = :me"',
     'const OWNED: &str = "#st = :processing AND (#own = :me OR #own <> :me)"', "expressions embedded"),
    ("a message is acknowledged while another holds the event", OUTCOME,
     ("fn busy(", "Outcome::again("), "Outcome::finished(", "crash_points somebody_held"),
    ("a failed claim is acknowledged", OUTCOME,
     ("fn not_claimed(", "Outcome::again("), "Outcome::finished(", "crash_points is_handled_at_once"),
    ("a failed completion is acknowledged", OUTCOME,
     ("fn not_completed(", "Outcome::again("), "Outcome::finished(", "crash_points is_handled_at_once"),
    ("a failed dead letter is acknowledged", OUTCOME,
     ("fn not_dead_lettered(", "Outcome::again("), "Outcome::finished(",
     "crash_points the_dead_letter_queue_does_not_take"),
    ("a transient failure is acknowledged", OUTCOME,
     ("fn retry(", "Outcome::again("), "Outcome::finished(", "crash_points fails_and_then_is_handled"),
    ("a dead letter is acknowledged though it was not sent", ATTEMPT,
     "if let Err(error) = queue.dead_letter(dead_letter(self.record, &reason)).await {",
     "if false {\n            let error = hookgate::AwsError::new(\"\", \"\");", "crash_points is_poison"),
    ("a dead letter that was not sent is tried again at once", ATTEMPT,
     "let delay = full_jitter(DEAD_LETTER_WAIT);",
     "let delay = Duration::ZERO;", "crash_points the_dead_letter_queue_does_not_take"),
    ("a completion with writes is not fenced", TRANSACT, ".condition_expression(COMPLETE)",
     '.condition_expression(format!("{COMPLETE} OR attribute_exists(pk)"))', "writes"),
    ("writes that meet another writer count as done", TRANSACT,
     "return TransactOutcome::Conflict;", "return TransactOutcome::Done;", "hookgate transact"),
    ("writes that meet another writer are given up", TRANSACT,
     "if codes.iter().any(|code| PASSING.contains(code)) {", "if codes.is_empty() {", "hookgate transact"),
    ("an event whose writes meet another writer is dead", ATTEMPT,
     'HandlerError::transient("another writer was faster")', 'HandlerError::permanent("another writer was faster")', "writes"),
    ("writes that are refused are tried again", ATTEMPT,
     "Ok(TransactOutcome::Refused(why)) => HandlerError::permanent(why),",
     "Ok(TransactOutcome::Refused(why)) => HandlerError::transient(why),", "writes"),
    ("writes to a table that is not there are tried for ever", TRANSACT, "error.is_resource_not_found_exception() || ", "",
     "hookgate transact"),
    ("malformed writes are tried for ever", TRANSACT, ' || error.code() == Some("ValidationException")', "",
     "hookgate transact"),
    ("an event is forgotten in its last second", "shared/ledger/src/state.rs",
     "self.expires_s < now_ms / 1000", "self.expires_s <= now_ms / 1000", "ledger"),
    ("attempts are not limited", "shared/ledger/src/retry.rs",
     "let used_up = self.attempts.is_some_and(|most| attempt >= most)",
     "let used_up = self.attempts.is_some_and(|most| attempt >= most * 10)", "ledger"),
    ("a replay keeps its epoch", "shared/hookgate/src/replay/sending.rs",
     "epoch: epoch.checked_add(1)?,", "epoch,", "crash_points is_replayed_by_its_key"),
    ("a replay is answered though it was not noted", REPLAY,
     "self.table.add_replay(&replay, self.clock.now()).await?;",
     "drop(self.table.add_replay(&replay, self.clock.now()).await);", "crash_points is_replayed_by_its_time"),
    ("a slice is done before its messages are sent", SLICES,
     "if replay.progress.pending.is_empty() && replay.progress.exhausted {", "if replay.progress.exhausted {",
     "sweeping no_queue_takes"),
    ("a message that the queue refused is forgotten by its replay", SLICES,
     "again.extend(replay.progress.count(pending, sent));", "drop(replay.progress.count(pending, sent));",
     "crash_points is_replayed_by_its_time"),
    ("a dead letter is removed before it is sent", REDRIVE,
     "self.dead_letters.send_again(dead_letter).await?;\n        if let Err(error) = self.dead_letters.remove(dead_letter).await {",
     "drop(self.dead_letters.remove(dead_letter).await);\n        self.dead_letters.send_again(dead_letter).await?;\n"
     "        if let Err(error) = self.dead_letters.remove(dead_letter).await {", "crash_points is_poison_and_redriven"),
    ("a redelivery is marked before its message is sent", INGEST,
     "let event = self.enqueue(event, body, number).await?;",
     "drop(self.table.mark_enqueued(&event.key, number.epoch).await);\n                let event = self.enqueue(event, body, number).await?;", "crash_points was_recorded_without"),
    ("two messages of a batch have one owner", PROCESSOR,
     'format!("{}/{message_id}/{index}", invocation.request_id)', "invocation.request_id.clone()",
     "crash_points has_two_messages"),
    ("a lease ends with its invocation", PROCESSOR, "invocation.deadline + LEASE_MARGIN", "invocation.deadline",
     "crash_points a_lease_outlasts"),
    ("a lease holds for a second", PROCESSOR, "invocation.deadline + LEASE_MARGIN", "now + Duration::from_secs(1)",
     "crash_points a_lease_outlasts"),
    ("a lease holds for an hour", PROCESSOR, "invocation.deadline + LEASE_MARGIN", "now + Duration::from_secs(3600)",
     "crash_points a_lease_outlasts"),
    ("a held event is looked at again at once", PROCESSOR, "rest + Duration::from_secs(1) + jitter", "jitter",
     "crash_points an_event_that_is_held"),
    ("a failed event is tried again at once", ATTEMPT,
     "Next::Retry(wait)) => Some(drawn(wait)),",
     "Next::Retry(_)) => Some(Duration::ZERO),", "crash_points waits_up_to_its_ceiling"),
    ("what a handler says of waiting is ignored", ATTEMPT,
     "Some((*after).min(policy.max_elapsed.unwrap_or(MAX_THROTTLED)))",
     "Some((*after).min(Duration::ZERO))", "crash_points says_when"),
    ("the queue is asked for no delay", "shared/hookgate/src/queue.rs",
     "let delay = delay.min(MAX_DELAY);", "let delay = delay.min(Duration::ZERO);", "crash_points says_when"),
    ("a delay is cut to whole seconds", "shared/hookgate/src/queue.rs",
     "u64::from(delay.subsec_nanos() > 0)", "u64::from(delay.subsec_nanos() > 999_999_999)", "crash_points half_of_it"),
    ("a message of others is acknowledged though it was not dead-lettered", OUTCOME,
     ("fn unreadable_not_dead_lettered(", "comes_again: true,"), "comes_again: false,",
     "crash_points of_somebody_else"),
    ("the sweeper removes what it cannot read", SWEEPER,
     "let readable = |row| readable_message(row).map(|message| (row, message));",
     "let readable = |row| readable_message(row).map(|message| (row, message));\n        for row in rows.iter().filter(|row| row.message.is_none()) {\n            drop(self.table.remove_from_outbox(row).await);\n        }", "crash_points cannot_be_read"),
    ("a slice is sent before it is saved", SLICES,
     "self.plan(replay).await?;", "self.plan(replay).await?;\n                self.send_pending(replay, &mut pace).await;",
     "crash_points is_a_write_and_replayed_by_its_time"),
    ("a range leaves out what the ledger has forgotten", RANGE,
     "range.filter.admits(&summary).then(", "(event.item.is_some() && range.filter.admits(&summary)).then(", "operators_forgotten"),
    ("a list leaves out what the ledger has forgotten", SEARCH,
     "known.or_else(|| entry.forgotten.clone());", "known.or_else(|| entry.forgotten.clone().filter(|_| false));", "operators_forgotten"),
    ("the first of two equal headers counts", "shared/signature/src/request.rs",
     "Some(_) => Err(LookupError::Repeated),\n            None => Ok(trim_blanks(value)),", "_ => Ok(trim_blanks(value)),",
     "signature request"),
    ("a version counts by the start of its name", LAYOUT,
     "wanted.as_bytes() == *name", "name.starts_with(wanted.as_bytes())", "presented"),
    ("the first of two timestamps counts", LAYOUT, "[time] => Ok(Paired {", "[time, ..] => Ok(Paired {", "presented"),
    ("any number of items is read", LAYOUT, "if items.len() > 2 * MAX_CANDIDATES {", "if items.is_empty() {",
     "presented"),
    ("any number of signatures is tried", SIGNATURE_FIELD, "1..=MAX_CANDIDATES => Ok(presented),", "1.. => Ok(presented),",
     "presented"),
    ("a signature may be of any length", SIGNATURE_FIELD, "if value.len() > MAX_SIGNATURE_BYTES {", "if value.is_empty() {",
     "presented"),
    ("a signed id may be empty", "shared/signature/src/reading.rs",
     "if id.is_empty() {\n        Err(Reason::MissingId)", "if id.is_empty() && scheme.id.is_none() {\n        Err(Reason::MissingId)",
     "presented"),
    ("a time without a zone may take characters of the body", SHARED_SECRET,
     "if adjacent && !structured &&", "if adjacent && structured &&", "round_trip"),
    ("a key whose every signature can be made up is used", "shared/signature/src/jwks.rs",
     "exponent.last().is_some_and(|last| last % 2 == 1) && exponent != [1]", "exponent.last().is_some_and(|last| last % 2 == 1)",
     "vectors"),
    ("an even exponent is used", "shared/signature/src/jwks.rs",
     "exponent.last().is_some_and(|last| last % 2 == 1) && exponent != [1]", "exponent != [1]", "vectors"),
    ("not_after does not reach the secret", SOURCE,
     "Some(time) => secrets.map(|secret| secret.not_after(time)).collect(),", "Some(_) => secrets.collect(),",
     "settings not_after"),
    ("an empty secret lets anybody sign", SOURCE,
     "if texts.is_empty() || texts.iter().any(String::is_empty) {", "if texts.is_empty() {", "hookgate sources"),
    ("a source without secrets asks for them at every request", SOURCES,
     "None => self.may_be_asked(now),", "None => true,", "hookgate sources"),
    ("secrets that are too old are used", SOURCES, "Some(_) => has_passed(self.due, now),", "Some(_) => false,",
     "hookgate sources"),
    ("a shared secret lives longer than it may", SOURCES, "due: asked + self.every,", "due: now + self.every,",
     "hookgate sources"),
    ("a parameter that is forbidden hides the others", SECRETS,
     "Err(SecretError::Missing(_)) if names.len() > 1 =>", "Err(SecretError::Missing(_)) if names.len() > 10 =>",
     "hookgate parameters"),
    ("a shared secret is fetched for each source", SECRETS, "fetched.at > oldest", "fetched.at > now", "hookgate sources"),
    ("issuers at plain http are trusted in production", SOURCE, "loopback_http_issuers: ", "loopback_http_issuers: true || ",
     "settings plain_http"),
    *((f"{setting} does not reach the source", SOURCE, "..config.options.clone()",
       f"..Options {{ {field}: Default::default(), ..config.options.clone() }}", f"settings {setting}")
      for setting, field in [("tolerance_s", "tolerance"), ("public_url", "public_url"), ("variant", "variant"),
                             ("assume_utc", "assume_utc"), ("leeway_s", "leeway")]),
    ("a source's throttle is ignored", "shared/hookgate/src/config/source.rs",
     "throttle: written.throttle,", "throttle: written.throttle.and(None),", "hookgate throttle"),
    ("on_mismatch does not reach the source", SOURCE,
     "on_mismatch: config.on_mismatch,", "on_mismatch: MismatchPolicy::default(),", "settings on_mismatch"),
    ("a tolerance of the configuration is ignored", SHARED_SECRET,
     "self.options.tolerance.unwrap_or(Duration::from_secs(row))", "Duration::from_secs(row)", "settings tolerance"),
    ("an event is remembered for a minute", "shared/hookgate/src/table.rs",
     "pub const LEDGER_RETENTION: Duration = Duration::from_secs(35 * 24 * 3600);",
     "pub const LEDGER_RETENTION: Duration = Duration::from_secs(60);", "storage remembered"),
    ("an event that was forgotten is remembered for a minute", ITEM,
     "let expires = n(expires_s(event.received, LEDGER_RETENTION));",
     "let expires = n(expires_s(event.received, LEDGER_RETENTION / 50_400));", "storage remembered"),
    ("a payload stays for a minute", ARCHIVE + "write.rs",
     "expires_s(last.unwrap_or(first.received), retention)", "expires_s(last.unwrap_or(first.received), retention.min(std::time::Duration::from_secs(60)))",
     "storage a_payload_stays"),
    ("another body than the signed one is replayed", LIST,
     "bytes(item, BODY_SHA256) == Some(&event.body.sha256()[..])", "bytes(item, BODY_SHA256) != Some(&event.body.sha256()[..1])",
     "storage a_body_other"),
    ("a message in the outbox expires", OUTBOX, ".item(DATA, b(compressed))",
     '.item(DATA, b(compressed))\n            .item("exp", crate::table::n(unix_ms(message.event.received) / 1000 + 60))',
     "storage stays_until_it_is_sent"),
    ("a replay's message overwrites the first one in the outbox", OUTBOX,
     '(SK, s(format!("{PREFIX}{epoch}")))', '(SK, s(format!("{PREFIX}{}", epoch.min(0))))', "storage outbox"),
    ("the newest message of the outbox is sent first", OUTBOX,
     "            .limit(limit)\n",
     "            .limit(limit)\n            .scan_index_forward(false)\n", "storage oldest_message"),
    ("a part of the outbox is never read", "shared/hookgate/src/event/outbox_shards.rs",
     "Ok(0..largest", "Ok(1..largest", "sweeping"),
    ("a smaller number of shards forgets the rows of others", "shared/hookgate/src/event/outbox_shards.rs",
     "largest.unwrap_or(0).max(self.outbox_shards)", "self.outbox_shards.max(largest.unwrap_or(0).min(1))", "sweeping fewer_shards"),
    ("replays wait among live events", "shared/hookgate/src/queue.rs",
     "replays.filter(|_| message.replay.is_some())", "replays.filter(|_| message.replay.is_none())", "sweeping messages_of_replays"),
    ("a part of a range is left after its first page", SLICES,
     "open.extend(page.next);", "drop(page.next);", "sweeping many_pages"),
    ("the number of shards is not noted", "shared/hookgate/src/event/outbox_shards.rs",
     "self.outbox_shards <= SHARDS ||", "self.outbox_shards > SHARDS ||", "sweeping fewer_shards"),
    ("messages of a fair queue have no group", "shared/hookgate/src/queue.rs",
     "self.is_fair.then(|| group(&message.event))", "None", "sweeping fair"),
    ("tenants share a group of a fair queue", "shared/hookgate/src/queue.rs",
     "let group = format!(\"{source}/{tenant}\");", "let group = format!(\"{source}/\");", "sweeping fair"),
    ("the outbox counts as empty", OUTBOX,
     "let counts = counts.map(|partition| self.count(partition, until_ms));",
     "let counts = counts.map(|partition| self.count(partition, until_ms * 0));", "sweeping depth"),
    ("a sweep goes on beyond its time", SWEEPER,
     "while self.clock.now() + CLOSING_TIME <= deadline {",
     "while self.clock.now() <= deadline + 100 * CLOSING_TIME {", "sweeping a_sweep_ends"),
    ("replays wait while the outbox cannot be swept", SWEEPER, "let replayed = sweeper.replay(deadline).await;",
     "let replayed = match &swept {\n        Ok(_) => sweeper.replay(deadline).await,\n        Err(_) => Ok(Slice::default()),\n    };",
     "sweeping replays_go_on"),
    ("a replay is saved over what another saved", REPLAYS,
     '.condition_expression("#ver = :read")', '.condition_expression("#ver = :read OR attribute_exists(#ver)")',
     "storage two_writers"),
    ("replays are listed oldest first", REPLAYS,
     "by_id.into_values().rev().take(limit)", "by_id.into_values().take(limit)", "storage replays_are_listed"),
    ("an event that cannot be sent is tried for ever", "shared/hookgate/src/replay/sending.rs",
     "if failures < MAX_FAILURES {", "if failures < 100 * MAX_FAILURES {", "sweeping no_queue_takes"),
    ("the rest of a part of a range is skipped", RANGE, "looked_at.last().filter(|_| is_cut || !is_last)", "looked_at.last().filter(|_| false)",
     "storage a_range_of"),
    ("the last part of a range's days is skipped", RANGE, "match cursor.shard.checked_add(1) {", "match cursor.shard.checked_add(1).filter(|shard| *shard < 30) {",
     "storage a_range_of"),
    ("the last day of a range is skipped", RANGE, "let last = day(time(range.until_ms));", "let last = day(time(range.until_ms - 86_400_000));",
     "storage a_range_of"),
    ("the first moment of a range is not part of it", RANGE, "let times = range.since_ms..=range.until_ms;", "let times = range.since_ms + 1..=range.until_ms;",
     "storage a_range_of"),
    ("the last moment of a range is not part of it", RANGE, "let times = range.since_ms..=range.until_ms;", "let times = range.since_ms..=range.until_ms - 1;",
     "storage a_range_of"),
    ("a list ends after the first day that has events", SEARCH,
     "merged.next.or(following)", "merged.next.or(following.filter(|_| events.is_empty()))",
     "storage a_list_of"),
    ("a list has one page of each part", SEARCH_ARCHIVE, "read.read_to = read_to;", "",
     "operators_lists a_day_whose"),
    ("a list passes over the events of some shards", ARCHIVE + "days.rs", "parts.extend(part);", "parts.extend(part.filter(|part| part.shard != 7));",
     "operators_lists pages_of_any_size"),
    ("a list of a state has one page of each part", UNWELL, "read.read_to = last.map(|last| last.position.received_ms);", "let _ = last;", "unwell each_state"),
    ("a list begins with the oldest events", SEARCH_ARCHIVE,
     ".scan_index_forward(search.order == Order::Oldest)", ".scan_index_forward(true)", "operators_lists pages_of_any_size"),
    ("a list shows the oldest events first", SEARCH, "Order::Newest => b.cmp(a),", "Order::Newest => a.cmp(b),",
     "operators_lists pages_of_any_size"),
    ("a list repeats the events of its last millisecond", SEARCH,
     "self.compare(from, position) == Ordering::Less", "self.compare(from, position) != Ordering::Greater",
     "operators_lists"),
    ("a list of a state passes over the rest of a millisecond", UNWELL, "first.position.received_ms != last.position.received_ms", "first.position.received_ms >= last.position.received_ms",
     "unwell of_one_millisecond"),
    ("a list shows the events of every tenant", SEARCH, "&& same(&self.tenant, &event.tenant)", "", "operators_lists"),
    ("the next attempt's time is not cleared at the claim", LEDGER, "REMOVE #t1, #tgt, #nx{before}", "REMOVE #t1, #tgt{before}",
     "attempts"),
    ("the next attempt's time is not cleared at the end", LEDGER, "REMOVE #own, #lu, #err, #nx,", "REMOVE #own, #lu, #err,",
     "attempts"),
    ("the target is not noted", LEDGER, '(":tgt", s(claim.target.unwrap_or_default()))', '(":tgt", s(""))', "history"),
    ("an event that is handled again names its old target", LEDGER, "REMOVE #t1, #tgt, #nx{before}", "REMOVE #t1, #nx{before}",
     "attempts"),
    ("an event waits for a time that its handler did not ask for", ATTEMPT, "next: now + delay,", "next: now,",
     "history"),
    ("the history is not bounded", HISTORY, 'format!("h{}", number % SLOTS)', 'format!("h{number}")', "history"),
    ("a history has whole reasons", HISTORY, "if reason.len() <= MAX_REASON {", "if reason.len() < usize::MAX {",
     "attempts"),
    ("an attempt that was interrupted runs for ever", HISTORY, "item.is_leased(unix_ms(now))", "item.is_leased(unix_ms(now).min(0))",
     "attempts"),
    ("an attempt that was interrupted never began", HISTORY, "Some(next) => Some(next.previous_ms),", "Some(_) => None,",
     "history"),
    ("each round has its own history", LEDGER, "number: claim.grant.claims,", "number: claim.grant.attempt,",
     "history"),
    ("a message does not name its replay", "shared/hookgate/src/replay/sending.rs",
     "replay: Some(replay.to_string()),", "replay: Some(String::new()),", "operators a_range_is_counted"),
    ("a claim does not note the replay", LEDGER, '.map_or("", |_| "#rp = :rp, ")',
     '.map_or("", |_| "#rp = if_not_exists(#rp, :rp), ")', "outcomes"),
    ("a later claim counts for an earlier replay", ITEM,
     "is_current.then_some(replay)", "(is_current || true).then_some(replay)", "outcomes"),
    ("an event that another replay took over is not begun", OUTCOMES,
     "began >= replay.asked_ms", "began < replay.asked_ms", "outcomes"),
    ("outcomes leave out all but the first batch", OUTCOMES,
     "        Ok(next)\n", "        Ok(next.filter(|_| keys.is_empty()))\n", "outcomes"),
    ("a body that S3 refused counts as stored", "shared/hookgate/src/signed_call.rs",
     "if response.status().is_success() {", "if response.status().as_u16() < 404 {", "bodies a_bucket_that_refuses"),
    ("a redelivery's message is at epoch 0", INGEST,
     ("RecordDecision::SendAgain { number } => {", "self.enqueue(event, body, number)"),
     "self.enqueue(event, body, number.min(Number::default()))", "redelivery"),
    ("a redelivery leaves no note that it was sent", INGEST,
     "self.table.mark_enqueued(&event.key, number.epoch).await",
     "Err::<(), _>(hookgate::AwsError::new(\"\", number.epoch.to_string()))", "redelivery"),
    ("no one is told when to come again", "functions/ingest/src/rejection.rs",
     "if status == StatusCode::SERVICE_UNAVAILABLE {", "if status == StatusCode::IM_A_TEAPOT {", "redelivery"),
    ("a dead letter's reason has control characters", ATTEMPT, "c.is_control() || matches!(c,", "matches!(c,",
     "bodies whatever_a_handler"),
    ("a dead letter's reason has characters that SQS refuses", ATTEMPT,
     "c.is_control() || matches!(c, '\\u{fffe}' | '\\u{ffff}')", "c.is_control()", "bodies whatever_a_handler"),
    ("a part of the twin's token opens its operators' API", "infra/twin/src/token.rs",
     "given.ct_eq(self.0.as_bytes()).into()", "given.ct_eq(&self.0.as_bytes()[..given.len().min(self.0.len())]).into()",
     "operators without_the_token"),
    ("anyone may cancel the twin's replays", "infra/twin/src/http.rs",
     "if !front.token.opens(request.headers()) {", 'if request.method() != "DELETE" && !front.token.opens(request.headers()) {',
     "operators without_the_token"),
    ("more keys than allowed are replayed", REPLAY, "texts.len() > MAX_KEYS", "texts.len() > 2 * MAX_KEYS",
     "operators_limits the_greatest"),
    ("more events a second than allowed are replayed", REPLAY,
     "(1..=MAX_RATE).contains(&rate)", "(1..=2 * MAX_RATE).contains(&rate)", "operators_limits the_greatest"),
    *((f"a list of {rows} is as long as is asked for", f"functions/admin/src/{file}.rs",
       "limit(asked.limit, LIMIT, MAX_LIMIT)?", "limit(asked.limit, LIMIT, usize::MAX)?", "operators_limits no_list")
      for rows, file in [("events", "events"), ("dead letters", "dead_letters"), ("replays", "replays")]),
    ("more dead letters than allowed are redriven by name", REDRIVE, "(1..=MAX_NAMES, None)", "(1.., None)",
     "operators_limits the_greatest"),
    ("more dead letters than allowed are discarded", REDRIVE, "!(1..=MAX_NAMES).contains(", "!(1..=2 * MAX_NAMES).contains(",
     "operators_limits the_greatest"),
    ("a dry run always counts everything", REPLAY, "break place.is_none();", "break true;",
     "operators_limits a_dry_run"),
    ("a range reaches further back than payloads are kept", ADMIN, "Ok((since.max(oldest),", "Ok((since,",
     "operators_limits a_range_begins"),
    ("a range may end in the future", ADMIN, 'time("until", text)?.min(now)', 'time("until", text)?',
     "operators_limits a_range_begins"),
    ("a list of dead letters is always complete", DEAD_LETTERS,
     ("dead_letters: meant,", "complete,"), "complete: true,", "operators_limits dead_letters"),
    ("dead letters that were listed stay hidden", DEAD_LETTERS,
     ("async fn list_dead_letters(", "self.release(&received.dead_letters).await;"), "", "operators_limits dead_letters"),
    ("two redrives of all run at once", DEAD_LETTERS, 'task.status == "RUNNING"', 'task.status == "NONE"',
     "operators_limits dead_letters"),
    ("a discarded dead letter is gone before its event says so", REDRIVE,
     "self.mark_discarded(&message, &text).await?;", "drop(text);", "operators_dead_letters"),
    ("a discarded dead letter stays", REDRIVE,
     ("async fn discard_dead_letter(", "self.dead_letters.remove(dead_letter).await?;"), "", "operators_dead_letters"),
    ("an event waits for ever for its discarded message", RULES,
     "AND (#st IN (:received, :enqueued, :dead) OR",
     "AND ((#st IN (:received, :enqueued, :dead) AND #st = :dead) OR", "operators_dead_letters an_event_is_dead"),
    ("the message of an event that is running is discarded", RULES, ("pub fn on_discard<", "if item.is_leased(now_ms) =>"),
     "if item.is_leased(now_ms) && item.epoch != epoch =>", "ledger what_a_discarded"),
    ("an event that is done is discarded", RULES, "if item.state != State::Done => DiscardDecision::Dead", "=> DiscardDecision::Dead",
     "ledger what_a_discarded"),
    ("an event of another epoch is discarded", RULES,
     "match old.filter(is_last) {",
     "match old.filter(|_| true) {", "ledger what_a_discarded"),
    ("an event that is running is marked as dead", RULES, "#st = :processing AND #lu < :now))", "#st = :processing AND #lu <> :now))",
     "operators_dead_letters an_event_is_dead"),
    ("a dead letter that comes back is redriven by the same command", "functions/admin/src/names.rs",
     "letter.sent_ms.is_some_and(|sent| sent < before)", "letter.sent_ms.is_some_and(|sent| sent < before.max(u64::MAX))",
     "operators_dead_letters a_dead_letter_that"),
    ("a search by id ends with the event of no tenant", "functions/admin/src/events.rs",
     "None => Some(search.start()),", "None => None,", "operators_lists an_event"),
    ("an event that is found by its id is listed twice", "functions/admin/src/events.rs",
     "list.events.retain(|other| other.key != event.key);", "list.events.retain(|other| other.key != event.source);",
     "operators_lists an_event"),
    ("an event that is found by its id may be of any time", "shared/hookgate/src/event/by_id.rs",
     "times.contains(&ms)", "times.contains(&ms) || ms > 0", "operators_lists an_event"),
    ("a list of none looks like the end", ADMIN, "Some(0) => Err", "Some(usize::MAX) => Err", "operators_limits a_list_of_none"),
    ("dead letters of other types are sent again, too", "functions/admin/src/names.rs",
     "view.key.is_some() && matches(pattern, &event_type)", "view.key.is_some() || matches(pattern, &event_type)",
     "operators_dead_letters"),
    ("a failure is noted before the next message is sent", ATTEMPT,
     "let number = self.send_next(delay, now).await;",
     "let number = Some(self.claim.number.next());", "crash_points told_to_wait"),
    ("the next message keeps its number", ATTEMPT,
     "let number = self.claim.number.next();\n        let next", "let number = self.claim.number;\n        let next", "crash_points told_to_wait"),
    ("a message that the queue does not accept is not written down", ATTEMPT,
     "match table.add_to_outbox(&next, Until::Due(now + delay)).await {",
     "match Ok::<(), AwsError>(()) {", "crash_points for_long"),
    ("a long wait is cut to what the queue allows", ATTEMPT,
     "if delay <= MAX_SEND_DELAY {", "if delay <= MAX_SEND_DELAY * 1000 {", "trouble any_wait"),
    ("a failure that was not noted is acknowledged", ATTEMPT,
     "let is_noted = number.is_some() && released.is_ok();", "let is_noted = true;", "crash_points"),
    ("a message below the item's number can be claimed", RULES,
     "AND #st <> :done AND (attribute_not_exists(#sq) OR #sq <= :sq)))", "AND #st <> :done))", "expressions embedded"),
    ("a held message keeps its number", PROCESSOR,
     "number: message.number.next(),\n            probe: false,", "number: message.number,\n            probe: false,", "crash_points is_held"),
    ("a paused route's events go to its target", PROCESSOR,
     "return Err(self.hold(record, message.clone(), route).await);", "", "held"),
    ("an old state of a route counts while the table does not answer", "functions/processor/src/gate.rs",
     "let stored = self.read(table, route, now).await?;\n        Ok(match",
     "let stored = match self.read(table, route, now).await {\n            Ok(stored) => stored,\n            Err(_) => self.entry(route, |known| known.stored.clone()),\n        };\n        Ok(match",
     "crash_points is_held"),
    ("a breaker never opens", "functions/processor/src/gate.rs",
     "Answer::Fails if in_a_row >= limits.failures as usize =>", "Answer::Fails if in_a_row >= limits.failures as usize * 1000 =>", "held"),
    ("an event that fails again and again opens a breaker", "functions/processor/src/gate.rs",
     "known.failed.insert(message.event.key.clone());",
     "known.failed.insert(EventKey::new(None, \"\", &known.failed.len().to_string()));", "held"),
    ("a release that runs out of time is over", "functions/sweeper/src/held.rs",
     "still be held: the release stands as it was.\n                    return Ok(swept);",
     "still be held: the release stands as it was.\n                    break;", "crash_points is_held"),
    ("the same event is every probe", "functions/sweeper/src/held.rs",
     "fastrand::choice(candidates)", "candidates.into_iter().min_by_key(|row| row.due)", "held"),
    ("the release of a route that is gone never ends", "functions/sweeper/src/held.rs",
     "if !is_configured && is_held || is_idle && looks {",
     "if !is_configured && !is_idle || is_idle && looks {", "held"),
    ("a probe that works does not close the breaker", "functions/processor/src/gate.rs",
     "Answer::Works if message.probe => {", "Answer::Works if message.probe && in_a_row > 0 => {", "held"),
    ("a row is written over by an older message", RULES,
     'pub const REPLACE_ROW: &str = "attribute_not_exists(#sq) OR #sq < :sq";',
     'pub const REPLACE_ROW: &str = "attribute_not_exists(#sq) OR #sq < :sq OR #sq > :sq";', "expressions embedded"),
    ("a row is written over by another body of its number", RULES,
     'pub const REPLACE_ROW: &str = "attribute_not_exists(#sq) OR #sq < :sq";',
     'pub const REPLACE_ROW: &str = "attribute_not_exists(#sq) OR #sq <= :sq";', "expressions embedded"),
    ("time for which an event was held counts against its route's limit", ATTEMPT,
     "elapsed.unwrap_or_default().saturating_sub(held)", "elapsed.unwrap_or_default().max(held)", "held"),
    ("a row that was written anew is removed", RULES,
     'pub const REMOVE_ROW: &str = "attribute_not_exists(#sq) OR #sq = :sq";',
     'pub const REMOVE_ROW: &str = "attribute_not_exists(#sq) OR #sq = :sq OR #sq <> :sq";', "expressions embedded"),
    ("a release ends with the first empty minute", "shared/hookgate/src/route/state.rs",
     "let late = now_ms < release.since_ms + LATE_HOLDS_MS;", "let late = false;", "hookgate"),
    ("a message that waits for AWS is received until the queue gives it up", ATTEMPT,
     "if receives(record) >= MAX_RECEIVES {", "if receives(record) >= MAX_RECEIVES * 100 {", "trouble for_long"),
    ("a claim whose reply was lost is counted twice", RULES,
     "AND (#st <> :processing OR #lu < :now))\";", "AND (#st <> :processing OR #lu < :now OR #own = :me))\";", "expressions embedded"),
]

# The tests that may notice, the quickest first. Where a crate alone has other dependencies, or fewer of their features,
# hookgate-tests is named beside it: else cargo would compile them a second time.
BESIDE = ["-p", "hookgate-tests"]
SUITES = {
    "ledger": ["-p", "hookgate-ledger", "--lib"],
    **{test: [*BESIDE, "-p", "hookgate-signature", "--test", test]
       for test in ["vectors", "presented", "round_trip", "scenarios", "config", "event", "hostile"]},
    "settings": [*BESIDE, "-p", "hookgate", "--test", "settings"],
    **{crate: [*BESIDE, "-p", f"hookgate-{crate}", "--lib"] for crate in ["signature", "processor"]},
    "hookgate": [*BESIDE, "-p", "hookgate", "--lib"],
    **{test: [*BESIDE, "--test", test] for test in [
        "attempts", "history", "outcomes", "storage", "sweeping", "redelivery", "operators_limits", "operators_lists", "operators_dead_letters",
        "operators_forgotten", "bodies", "writes", "operators", "inbound"]},
    "model": ["-p", "hookgate-ledger", "--test", "model"],
    "expressions embedded": [*BESIDE, "--test", "expressions", "embedded"],
    "crash_points": [*BESIDE, "--test", "crash_points"],
}

# A test that takes longer hangs.
TIMEOUT = 1800

DOES_NOT_COMPILE = "DOES NOT COMPILE"


def suite(first):
    """The words for cargo that run a mutation's own test."""
    if first in SUITES:
        return SUITES[first]
    test, *part = first.split()
    return SUITES.get(test, [*BESIDE, "--test", test]) + part


def sh(*words, **more):
    return subprocess.run(words, cwd=COPY, text=True, capture_output=True, **more)


def fresh_copy():
    """A clone at the commit that is checked out; what is not committed is not mutated."""
    if not os.path.isdir(os.path.join(COPY, ".git")):
        subprocess.run(["git", "clone", "--quiet", ROOT, COPY], check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True, capture_output=True, check=True)
    sh("git", "fetch", "--quiet", "origin", head.stdout.strip(), check=True)
    sh("git", "checkout", "--quiet", "--force", head.stdout.strip(), check=True)


def mutated(source, text, instead):
    """The source with the text replaced; None where it is not there."""
    after, text = text if isinstance(text, tuple) else ("", text)
    start = source.find(after)
    place = source.find(text, start)
    return None if min(start, place) < 0 else source[:place] + instead + source[place + len(text):]


def check():
    """Stops where the code has changed, and a mutation has not."""
    for name, path, text, instead, *_ in MUTATIONS:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            if mutated(file.read(), text, instead) is None:
                sys.exit(f"{path} does not contain what `{name}` changes: adapt tests/scripts/mutations.py")


def run(words):
    """The exit code and output of a test; a test that hangs has none."""
    environment = dict(os.environ, HOOKGATE_SEEDS="0..100", RUST_BACKTRACE="0", CARGO_TARGET_DIR="target")
    test = subprocess.Popen(["cargo", "test", "--quiet", *words], cwd=COPY, env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = test.communicate(timeout=TIMEOUT)
        return test.returncode, output
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        if test.poll() is None:
            os.killpg(test.pid, signal.SIGKILL)


def noticed(first):
    """What the first suite that fails says; None where none fails."""
    for words in [*map(suite, first), *SUITES.values()]:
        code, output = run(words)
        if code == 0:
            continue
        if "error[E" in output or "could not compile" in output:
            return DOES_NOT_COMPILE, output
        failed = re.findall(r"^test (\S+) \.\.\. FAILED|^    ([\w:]+)$", output, re.M)
        why = re.findall(r"(?:I\d|exactly once|archived): .*", output)
        name = next((a or b for a, b in failed), "hangs: " * (code is None) + " ".join(words))
        return name, (why or [""])[0][:160]
    return None


def broken(path, text, instead, first):
    """What notices one mutation, which is undone at the end."""
    file = os.path.join(COPY, path)
    source = open(file, encoding="utf-8").read()
    open(file, "w", encoding="utf-8").write(mutated(source, text, instead))
    try:
        return noticed(first)
    finally:
        sh("git", "checkout", "--quiet", "--", path)


def main():
    words = sys.argv[1:]
    if words == ["--check"]:
        return check()
    wanted = [m for m in MUTATIONS if not words or any(word in m[0] or word in m[1] for word in words)]
    check()
    fresh_copy()
    counted, compiler = 0, []
    # Those of one crate after each other: the others need no new build.
    for name, path, text, instead, *first in sorted(wanted, key=lambda mutation: mutation[1]):
        started = time.monotonic()
        found, why = broken(path, text, instead, first) or ("NO ONE NOTICED", "")
        if found == DOES_NOT_COMPILE:
            compiler.append(f"\n`{name}` does not compile: adapt tests/scripts/mutations.py\n{why}")
            why = ""
        counted += found not in (DOES_NOT_COMPILE, "NO ONE NOTICED")
        print(f"{time.monotonic() - started:4.0f} s  {name:<66} {found}  {why}", flush=True)
    print(*compiler, f"{counted} of {len(wanted)} mutations were noticed", sep="\n")
    sys.exit(0 if counted == len(wanted) else 1)


main()

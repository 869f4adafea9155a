#!/usr/bin/env python3
"""Breaks one rule of the protocol at a time, in a copy of the project, and shows which test notices.

    tests/scripts/mutations.py                every mutation: an hour or two
    tests/scripts/mutations.py lease epoch    those whose name contains one of the words
    tests/scripts/mutations.py --check        only whether each can still be made

Exits with 0 only if every mutation was noticed. The copy, with its build, is in target/mutations.
"""
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COPY = os.path.join(ROOT, "target", "mutations")
RULES = "shared/ledger/src/event.rs"
INGEST = "functions/ingest/src/lib.rs"
PROCESSOR = "functions/processor/src/lib.rs"
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
SOURCE = "shared/hookgate/src/source/mod.rs"
LEDGER = "shared/hookgate/src/event/ledger.rs"
OUTBOX = "shared/hookgate/src/event/outbox.rs"
HISTORY = "shared/hookgate/src/event/history.rs"
ITEM = "shared/hookgate/src/event/item.rs"
LIST = "shared/hookgate/src/event/list.rs"
SEARCH = "shared/hookgate/src/event/search.rs"
RANGE = "shared/hookgate/src/event/range.rs"
REPLAYS = "shared/hookgate/src/replay/store.rs"
ADMIN = "functions/admin/src/lib.rs"

# Name, file, text, the text that takes its place. Of a pair of texts, the second is replaced where it first comes
# after the first.
MUTATIONS = [
    ("a redelivery of a recorded event is dropped", RULES,
     "State::Received | State::Processing => RecordDecision::SendAgain { epoch: old.epoch },",
     "State::Received | State::Processing => RecordDecision::Duplicate,"),
    ("a recorded event is recorded again", RULES,
     '"attribute_not_exists(pk) OR #exp < :now_s"',
     '"attribute_not_exists(pk) OR attribute_exists(pk) OR #exp < :now_s"'),
    ("a 2xx though neither queue nor outbox took it", INGEST,
     "self.table\n                .add_to_outbox(&message)\n                .await\n                .map_err(Rejection::Queue)?;",
     "drop(self.table.add_to_outbox(&message).await);"),
    ("the outbox is not written", INGEST,
     "self.table\n                .add_to_outbox(&message)\n                .await\n                .map_err(Rejection::Queue)?;", ""),
    ("a message is sent though its body was not kept", INGEST,
     "put.map_err(Rejection::Bodies)?;", "drop(put);"),
    ("bytes that were not signed reach the handler", "shared/hookgate/src/event/bodies.rs",
     "if Sha256::digest(&body)[..] == stored.sha256 {", "if !stored.sha256.is_empty() {"),
    ("an event whose body is gone is tried for ever", ATTEMPT,
     "HandlerError::permanent(error.to_string())", "HandlerError::transient(error.to_string())"),
    ("the sweeper removes before it sends", SWEEPER,
     "self.queue.send(message).await?;\n        self.table.remove_from_outbox(entry).await?;",
     "self.table.remove_from_outbox(entry).await?;\n        self.queue.send(message).await?;"),
    ("no claim without a record", RULES,
     'const CLAIM: &str = "attribute_not_exists(pk) \\\n    OR (#st IN', 'const CLAIM: &str = "(#st IN'),
    ("a dead event cannot be claimed", RULES,
     "(#st IN (:received, :enqueued, :dead) AND #ep <= :ep)",
     "(#st IN (:received, :enqueued) AND #ep <= :ep) OR (#st = :dead AND #ep < :ep)"),
    ("no lease", RULES, "(#lu < :now OR #own = :me)", "(#lu < :now OR #own = :me OR #lu >= :now)"),
    ("a done event can be claimed", RULES,
     'OR (#st = :done AND #ep < :ep)"', 'OR (#st = :done AND #ep <= :ep)"'),
    ("a done event cannot be replayed", RULES, 'OR (#st = :done AND #ep < :ep)"', 'OR (#st = :done AND #ep < :ep AND #ep > :ep)"'),
    ("a stale epoch can be claimed", RULES,
     "(#st IN (:received, :enqueued, :dead) AND #ep <= :ep)", "#st IN (:received, :enqueued, :dead)"),
    ("another's claim is released", RULES,
     'const OWNED: &str = "#st = :processing AND #own = :me"',
     'const OWNED: &str = "#st = :processing AND (#own = :me OR #own <> :me)"'),
    ("a message is acknowledged while another holds the event", OUTCOME,
     ("fn busy(", "Outcome::again("), "Outcome::finished("),
    ("a failed claim is acknowledged", OUTCOME,
     ("fn not_claimed(", "Outcome::again("), "Outcome::finished("),
    ("a failed completion is acknowledged", OUTCOME,
     ("fn not_completed(", "Outcome::again("), "Outcome::finished("),
    ("a failed dead letter is acknowledged", OUTCOME,
     ("fn not_dead_lettered(", "Outcome::again("), "Outcome::finished("),
    ("a transient failure is acknowledged", OUTCOME,
     ("fn retry(", "Outcome::again("), "Outcome::finished("),
    ("a dead letter is acknowledged though it was not sent", ATTEMPT,
     "if let Err(error) = queue.dead_letter(dead_letter(self.record, &reason)).await {",
     "if false {\n            let error = hookgate::AwsError::new(\"\", \"\");"),
    ("an event is forgotten in its last second", "shared/ledger/src/state.rs",
     "self.expires_s < now_ms / 1000", "self.expires_s <= now_ms / 1000"),
    ("attempts are not limited", "shared/ledger/src/retry.rs",
     "pub const MAX_ATTEMPTS: u32 = 8;", "pub const MAX_ATTEMPTS: u32 = 80;"),
    ("a replay keeps its epoch", "shared/hookgate/src/replay/sending.rs",
     "epoch: epoch.checked_add(1)?,", "epoch,"),
    ("a replay is answered though it was not noted", REPLAY,
     "self.table.add_replay(&replay, self.clock.now()).await?;",
     "drop(self.table.add_replay(&replay, self.clock.now()).await);"),
    ("a slice is done before its messages are sent", SLICES,
     "if replay.progress.pending.is_empty() && replay.progress.exhausted {", "if replay.progress.exhausted {"),
    ("a message that the queue refused is forgotten by its replay", SLICES,
     "again.extend(replay.progress.count(pending, sent));", "drop(replay.progress.count(pending, sent));"),
    ("a dead letter is removed before it is sent", REDRIVE,
     "self.dead_letters.send_again(letter).await?;\n        if let Err(error) = self.dead_letters.remove(letter).await {",
     "drop(self.dead_letters.remove(letter).await);\n        self.dead_letters.send_again(letter).await?;\n"
     "        if let Err(error) = self.dead_letters.remove(letter).await {"),
    ("a redelivery is marked before its message is sent", INGEST,
     "let event = self.enqueue(event, body, epoch).await?;",
     "drop(self.table.mark_enqueued(&event.key, epoch).await);\n                let event = self.enqueue(event, body, epoch).await?;"),
    ("two messages of a batch have one owner", PROCESSOR,
     'format!("{}/{message_id}/{index}", invocation.request_id)', "invocation.request_id.clone()"),
    ("a lease ends with its invocation", PROCESSOR, "invocation.deadline + LEASE_MARGIN", "invocation.deadline"),
    ("a lease holds for a second", PROCESSOR, "invocation.deadline + LEASE_MARGIN", "now + Duration::from_secs(1)"),
    ("a lease holds for an hour", PROCESSOR, "invocation.deadline + LEASE_MARGIN", "now + Duration::from_secs(3600)"),
    ("a held event is looked at again at once", PROCESSOR, "rest + Duration::from_secs(1) + jitter", "jitter"),
    ("a failed event is tried again at once", ATTEMPT,
     "Next::RetryWithin(ceiling)) => full_jitter(ceiling),", "Next::RetryWithin(_)) => Duration::ZERO,"),
    ("what a handler says of waiting is ignored", ATTEMPT,
     "(HandlerError::Throttled(_, after), _) => *after,", "(HandlerError::Throttled(..), _) => Duration::ZERO,"),
    ("the queue is asked for no delay", "shared/hookgate/src/queue.rs",
     "delay.min(MAX_DELAY).as_secs();", "delay.min(MAX_DELAY).as_secs() * 0;"),
    ("a message of others is acknowledged though it was not dead-lettered", OUTCOME,
     ("fn unreadable_not_dead_lettered(", "comes_again: true,"), "comes_again: false,"),
    ("the sweeper removes what it cannot read", SWEEPER,
     "swept.unreadable += 1;\n            return Ok(());",
     "swept.unreadable += 1;\n            return self.table.remove_from_outbox(entry).await;"),
    ("a slice is sent before it is saved", SLICES,
     "self.plan(replay).await?;", "self.plan(replay).await?;\n                self.send_pending(replay).await;"),
    ("a range leaves out what the ledger has forgotten", "shared/hookgate/src/event/list.rs",
     "if !forgotten.is_empty() {", "if forgotten.len() > 100 {"),
    ("the first of two equal headers counts", "shared/signature/src/request.rs",
     "Some(_) => Err(LookupError::Repeated),\n            None => Ok(trim_blanks(value)),", "_ => Ok(trim_blanks(value)),"),
    ("a version counts by the start of its name", LAYOUT,
     "wanted.as_bytes() == *name", "name.starts_with(wanted.as_bytes())"),
    ("the first of two timestamps counts", LAYOUT, "[time] => Ok(Paired {", "[time, ..] => Ok(Paired {"),
    ("any number of items is read", LAYOUT, "if items.len() > 2 * MAX_CANDIDATES {", "if items.is_empty() {"),
    ("any number of signatures is tried", SIGNATURE_FIELD, "1..=MAX_CANDIDATES => Ok(presented),", "1.. => Ok(presented),"),
    ("a signature may be of any length", SIGNATURE_FIELD, "if value.len() > MAX_SIGNATURE_BYTES {", "if value.is_empty() {"),
    ("a signed id may be empty", "shared/signature/src/reading.rs",
     "if id.is_empty() {\n        Err(Reason::MissingId)", "if id.is_empty() && scheme.id.is_none() {\n        Err(Reason::MissingId)"),
    ("a time without a zone may take characters of the body", SHARED_SECRET,
     "if adjacent && !structured &&", "if adjacent && structured &&"),
    ("a key whose every signature can be made up is used", "shared/signature/src/jwks.rs",
     "exponent.last().is_some_and(|last| last % 2 == 1) && exponent != [1]", "exponent.last().is_some_and(|last| last % 2 == 1)"),
    ("an even exponent is used", "shared/signature/src/jwks.rs",
     "exponent.last().is_some_and(|last| last % 2 == 1) && exponent != [1]", "exponent != [1]"),
    ("not_after does not reach the secret", SOURCE,
     "Some(time) => fetched.map(|fetched| fetched.not_after(time)).collect(),", "Some(_) => fetched.collect(),"),
    ("issuers at plain http are trusted in production", SOURCE, "loopback_http_issuers: ", "loopback_http_issuers: true || "),
    *((f"{setting} does not reach the source", SOURCE, "..config.options.clone()",
       f"..Options {{ {field}: Default::default(), ..config.options.clone() }}")
      for setting, field in [("tolerance_s", "tolerance"), ("public_url", "public_url"), ("variant", "variant"),
                             ("assume_utc", "assume_utc"), ("leeway_s", "leeway")]),
    ("on_mismatch does not reach the source", SOURCE,
     "on_mismatch: config.on_mismatch,", "on_mismatch: MismatchPolicy::default(),"),
    ("a tolerance of the configuration is ignored", SHARED_SECRET,
     "self.options.tolerance.unwrap_or(Duration::from_secs(row))", "Duration::from_secs(row)"),
    ("an event is remembered for a minute", "shared/hookgate/src/table.rs",
     "pub const LEDGER_RETENTION: Duration = Duration::from_secs(35 * 24 * 3600);",
     "pub const LEDGER_RETENTION: Duration = Duration::from_secs(60);"),
    ("an event that was forgotten is remembered for a minute", ITEM,
     "let expires = n(expires_s(event.received, LEDGER_RETENTION));",
     "let expires = n(expires_s(event.received, LEDGER_RETENTION / 50_400));"),
    ("a payload stays for a minute", "shared/hookgate/src/event/archive.rs",
     "expires_s(event.received, retention)", "expires_s(event.received, retention.min(std::time::Duration::from_secs(60)))"),
    ("another body than the signed one is replayed", LIST,
     "bytes(item, BODY_SHA256) == Some(&event.body.sha256()[..])", "bytes(item, BODY_SHA256) != Some(&event.body.sha256()[..1])"),
    ("a message in the outbox expires", OUTBOX, ".item(DATA, b(compressed))",
     '.item(DATA, b(compressed))\n            .item("exp", crate::table::n(unix_ms(message.event.received) / 1000 + 60))'),
    ("a replay's message overwrites the first one in the outbox", OUTBOX,
     '(SK, s(format!("{PREFIX}{epoch}")))', '(SK, s(format!("{PREFIX}{}", epoch.min(0))))'),
    ("the newest message of the outbox is sent first", OUTBOX, ".limit(PAGE)", ".limit(PAGE)\n            .scan_index_forward(false)"),
    ("a part of the outbox is never read", OUTBOX,
     "(0..SHARDS).map(|shard| self.outbox_keys(shard))", "(0..SHARDS - 1).map(|shard| self.outbox_keys(shard))"),
    ("the outbox counts as empty", OUTBOX, "Ok(shards.into_iter().sum())", "Ok(shards.into_iter().map(|_| 0).sum())"),
    ("a sweep goes on beyond its time", SWEEPER,
     "self.clock.now() + CLOSING_TIME > deadline", "self.clock.now() > deadline + 100 * CLOSING_TIME"),
    ("replays wait while the outbox cannot be swept", SWEEPER, "let replayed = sweeper.replay(deadline).await;",
     "let replayed = match &swept {\n        Ok(_) => sweeper.replay(deadline).await,\n        Err(_) => Ok(Slice::default()),\n    };"),
    ("a replay is saved over what another saved", REPLAYS,
     '.condition_expression("#ver = :read")', '.condition_expression("#ver = :read OR attribute_exists(#ver)")'),
    ("replays are listed oldest first", REPLAYS,
     "by_id.into_values().rev().take(limit)", "by_id.into_values().take(limit)"),
    ("an event that cannot be sent is tried for ever", "shared/hookgate/src/replay/sending.rs",
     "if failures < MAX_FAILURES {", "if failures < 100 * MAX_FAILURES {"),
    ("the rest of a part of a range is skipped", RANGE,
     "let (keys, after) = self.index_page(range, &cursor, limit).await?;",
     "let (keys, _) = self.index_page(range, &cursor, limit).await?;\n        let after: Option<(String, String)> = None;"),
    ("the last part of a range's days is skipped", RANGE, "cursor.shard + 1 < SHARDS", "cursor.shard + 2 < SHARDS"),
    ("the last day of a range is skipped", RANGE, "(next <= last).then(", "(next < last).then("),
    ("the first moment of a range is not part of it", RANGE, "index_time(range.since_ms)", "index_time(range.since_ms + 1)"),
    ("the last moment of a range is not part of it", RANGE, "index_time(range.until_ms)", "index_time(range.until_ms - 1)"),
    ("a list ends after the first day that has events", SEARCH,
     "merged.next.or_else(|| search.following(first_ms))", "merged.next.or_else(|| search.following(first_ms).filter(|_| events.is_empty()))"),
    ("a list has one page of each part", SEARCH, "read.read_to = read.entries.last().map(|last| last.received_ms);", ""),
    ("a list begins with the oldest events", SEARCH,
     ".scan_index_forward(search.order == Order::Oldest)", ".scan_index_forward(true)"),
    ("a list shows the oldest events first", SEARCH, "Order::Newest => b.cmp(a),", "Order::Newest => a.cmp(b),"),
    ("a list repeats the events of its last millisecond", SEARCH,
     "is_whole(entry.received_ms) && self.compare(from, entry) == Ordering::Less", "is_whole(entry.received_ms)"),
    ("a list passes over the rest of a millisecond", SEARCH, "self.entries.len() >= enough\n            &&", "self.entries.len() < enough\n            ||"),
    ("a list shows the events of every tenant", SEARCH, "&& same(&self.tenant, &event.tenant)", ""),
    ("the next attempt's time is not cleared at the claim", LEDGER, "REMOVE #t1, #tgt, #nx{before}", "REMOVE #t1, #tgt{before}"),
    ("the next attempt's time is not cleared at the end", LEDGER, "REMOVE #own, #lu, #err, #nx,", "REMOVE #own, #lu, #err,"),
    ("the target is not noted", LEDGER, '(":tgt", s(claim.target.unwrap_or_default()))', '(":tgt", s(""))'),
    ("an event that is handled again names its old target", LEDGER, "REMOVE #t1, #tgt, #nx{before}", "REMOVE #t1, #nx{before}"),
    ("an event waits for a time that its handler did not ask for", ATTEMPT, "next: now + delay,", "next: now,"),
    ("the history is not bounded", HISTORY, 'format!("h{}", number % SLOTS)', 'format!("h{number}")'),
    ("a history has whole reasons", HISTORY, "&self.reason[..self.reason.floor_char_boundary(MAX_REASON)]", "&self.reason"),
    ("an attempt that was interrupted runs for ever", HISTORY, "item.is_leased(unix_ms(now))", "item.is_leased(unix_ms(now).min(0))"),
    ("an attempt that was interrupted never began", HISTORY, "Some(next) => Some(next.previous_ms),", "Some(_) => None,"),
    ("each round has its own history", LEDGER, "number: claim.grant.claims,", "number: claim.grant.attempt,"),
    ("a body that S3 refused counts as stored", "shared/hookgate/src/event/bodies.rs",
     "if response.status().is_success() {", "if response.status().as_u16() < 404 {"),
    ("a redelivery's message is at epoch 0", INGEST,
     ("RecordDecision::SendAgain { epoch } => {", "self.enqueue(event, body, epoch)"), "self.enqueue(event, body, epoch.min(0))"),
    ("a redelivery leaves no note that it was sent", INGEST,
     "self.table.mark_enqueued(&event.key, epoch).await", 'Err::<(), _>(hookgate::AwsError::new("", epoch.to_string()))'),
    ("no one is told when to come again", "functions/ingest/src/rejection.rs",
     "if status == StatusCode::SERVICE_UNAVAILABLE {", "if status == StatusCode::IM_A_TEAPOT {"),
    ("a dead letter's reason has control characters", ATTEMPT, "c.is_control() || matches!(c,", "matches!(c,"),
    ("a dead letter's reason has characters that SQS refuses", ATTEMPT,
     "c.is_control() || matches!(c, '\\u{fffe}' | '\\u{ffff}')", "c.is_control()"),
    ("a part of the twin's token opens its operators' API", "infra/twin/src/token.rs",
     "given.ct_eq(self.0.as_bytes()).into()", "given.ct_eq(&self.0.as_bytes()[..given.len().min(self.0.len())]).into()"),
    ("anyone may cancel the twin's replays", "infra/twin/src/http.rs",
     "if !front.token.opens(request.headers()) {", 'if request.method() != "DELETE" && !front.token.opens(request.headers()) {'),
    ("more keys than allowed are replayed", REPLAY, "texts.len() > MAX_KEYS", "texts.len() > 2 * MAX_KEYS"),
    ("more events a second than allowed are replayed", REPLAY,
     "(1..=MAX_RATE).contains(&rate)", "(1..=2 * MAX_RATE).contains(&rate)"),
    ("a dry run always counts everything", REPLAY, "break place.is_none();", "break true;"),
    ("a range reaches further back than payloads are kept", ADMIN, "Ok((since.max(oldest),", "Ok((since,"),
    ("a range may end in the future", ADMIN, 'time("until", text)?.min(now)', 'time("until", text)?'),
    ("a list of dead letters is always complete", DEAD_LETTERS,
     ("Ok(more) => letters.extend(more)", "complete: false,"), "complete: true,"),
    ("dead letters that were listed stay hidden", DEAD_LETTERS,
     ("async fn list_dead_letters(", "self.release(&received.letters).await;"), ""),
    ("two redrives of all run at once", DEAD_LETTERS, 'task.status == "RUNNING"', 'task.status == "NONE"'),
    ("a discarded dead letter is gone before its event says so", REDRIVE,
     "self.table.note_discarded(&event.key, epoch, &text).await?;", "drop((epoch, text));"),
    ("a discarded dead letter stays", REDRIVE,
     ("async fn discard_letter(", "self.dead_letters.remove(letter).await?;"), ""),
    ("dead letters of other types are sent again, too", "functions/admin/src/names.rs",
     "view.key.is_some() && matches(pattern, &event_type)", "view.key.is_some() || matches(pattern, &event_type)"),
]

# The tests that may notice, the quickest first.
SUITES = [
    ["-p", "hookgate-signature", "--tests"],
    ["-p", "hookgate", "--test", "settings"],
    ["-p", "hookgate-ledger"],
    ["-p", "hookgate-processor", "--lib"],
    ["-p", "hookgate-tests", *(word for test in ["attempts", "history", "storage", "sweeping", "redelivery", "operators_limits", "operators_lists", "operators_dead_letters", "bodies", "operators"]
                               for word in ["--test", test])],
    ["-p", "hookgate-tests", "--test", "crash_points"],
    ["-p", "hookgate-tests", "--test", "expressions", "embedded"],
]


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
    for name, path, text, instead in MUTATIONS:
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            if mutated(file.read(), text, instead) is None:
                sys.exit(f"{path} does not contain what `{name}` changes: adapt tests/scripts/mutations.py")


def noticed():
    """What the first suite that fails says; None where none fails."""
    environment = dict(os.environ, HOOKGATE_SEEDS="0..100", RUST_BACKTRACE="0", CARGO_TARGET_DIR="target")
    for suite in SUITES:
        test = sh("cargo", "test", "--quiet", *suite, env=environment, timeout=1800)
        if test.returncode == 0:
            continue
        output = test.stdout + test.stderr
        if "error[E" in output or "could not compile" in output:
            return "does not compile", output
        failed = re.findall(r"^test (\S+) \.\.\. FAILED|^    ([a-z_:]+)$", output, re.M)
        why = re.findall(r"(?:I\d|exactly once): .*", output)
        name = next((a or b for a, b in failed), " ".join(suite))
        return name, (why or [""])[0][:160]
    return None


def main():
    words = sys.argv[1:]
    if words == ["--check"]:
        return check()
    wanted = [m for m in MUTATIONS if not words or any(word in m[0] for word in words)]
    check()
    fresh_copy()
    survivors = 0
    for name, path, text, instead in wanted:
        file = os.path.join(COPY, path)
        source = open(file, encoding="utf-8").read()
        open(file, "w", encoding="utf-8").write(mutated(source, text, instead))
        started = time.monotonic()
        found = noticed()
        sh("git", "checkout", "--quiet", "--", path)
        took = f"{time.monotonic() - started:4.0f} s"
        if found is None:
            survivors += 1
        elif found[0] == "does not compile":
            sys.exit(f"`{name}` does not compile: adapt tests/scripts/mutations.py\n{found[1]}")
        told = "NOBODY NOTICED" if found is None else f"{found[0]}  {found[1]}"
        print(f"{took}  {name:<66} {told}", flush=True)
    print(f"{len(wanted) - survivors} of {len(wanted)} mutations were noticed")
    sys.exit(1 if survivors else 0)


main()

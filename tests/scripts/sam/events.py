"""Invokes functions with each of their events in functions/*/events, and says whether the answers are right.

    python events.py ingest admin -- cargo lambda invoke {function} --data-file {event}

The command is one that prints the answer as JSON; {function} is ingest, {Function} is Ingest, and {event}
is the event's file. Ingest gets its events as they are, which nobody signed, and signed by Pakk.
"""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

def events(function):
    """What the function is invoked with: names, events, and what is expected of the answers."""
    for path in sorted(Path("functions", function, "events").glob("*.json")):
        event = json.loads(path.read_text(encoding="utf-8"))
        yield from CASES[function](path.stem, event)


def of_ingest(name, event):
    yield name, event, answered(401, lambda body: "error" in body)
    signed = signed_by_pakk(name, event)
    yield f"{name}, signed", signed, answered(200, lambda body: body["status"] == "accepted")
    yield f"{name}, again", signed, answered(200, lambda body: body["status"] == "duplicate")


def of_processor(name, event):
    # Each of their messages ends, well or in the dead-letter queue, so that none has to come again.
    yield name, received_now(event), lambda answer: answer == {"batchItemFailures": []}


def of_sweeper(name, event):
    yield name, event, lambda answer: answer is None


def of_admin(name, event):
    shown = {
        "dead-letters": lambda body: len(body["dead_letters"]) == 8,  # of malformed.json and mixed.json
        "list-events": lambda body: body == [],  # what Pakk sent waits in the queue
        "replay-dry-run": lambda body: body["found"] == 0,
    }
    yield name, event, answered(200, shown[name])


CASES = {
    "ingest": of_ingest,
    "processor": of_processor,
    "sweeper": of_sweeper,
    "admin": of_admin,
}


def answered(status, shown):
    """Whether the answer is an HTTP response of this status that shows this."""
    return lambda answer: answer["statusCode"] == status and shown(json.loads(answer["body"]))


def signed_by_pakk(name, event):
    """The event with a body of its own, and the signature of that, in the shape's own headers."""
    secret = dict(line.strip().split("=", 1) for line in open("cli/demo.env") if "=" in line)
    body = json.dumps({"event": "stock.changed", "sku": name, "quantity": 1})
    mac = hmac.digest(secret["PAKK_SECRET"].encode(), body.encode(), hashlib.sha256)
    signature = base64.b64encode(mac).decode()
    header = "x-pakk-webhook-signature"
    signed = {**event, "body": body}
    if "headers" in event:
        signed["headers"] = {**event["headers"], header: signature}
    if "multiValueHeaders" in event:
        signed["multiValueHeaders"] = {**event["multiValueHeaders"], header: [signature]}
    return signed


def received_now(batch):
    """The batch with its events received just now: the table forgets old ones."""
    for record in batch["Records"]:
        try:
            message = json.loads(record["body"])
        except ValueError:
            continue
        if "received_ms" in message:
            message["received_ms"] = int(time.time() * 1000)
            record["body"] = json.dumps(message)
    return batch


def invoked(command, function, event):
    """The function's answer, and the seconds until it came."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(event, file)
        file.flush()
        names = {"function": function, "Function": function.capitalize(), "event": file.name}
        began = time.monotonic()
        done = subprocess.run(
            [word.format(**names) for word in command],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            timeout=600,  # cargo-lambda may build first
        )
        seconds = time.monotonic() - began
    if done.returncode:
        sys.exit(f"{function} was not invoked: {done.stdout}")
    lines = done.stdout.strip().splitlines()
    return json.loads(lines[-1]) if lines else None, seconds


def is_good(answer, right):
    """Whether the answer is right, and no error of the function."""
    try:
        return not (isinstance(answer, dict) and "errorType" in answer) and right(answer)
    except (KeyError, TypeError, ValueError):  # an answer of another form
        return False


def main(*arguments):
    end = arguments.index("--")
    functions, command = arguments[:end], arguments[end + 1 :]
    wrong = 0
    for function in functions:
        for name, event, right in events(function):
            answer, seconds = invoked(command, function, event)
            ok = is_good(answer, right)
            wrong += not ok
            print(f"{'ok' if ok else 'WRONG':5} {seconds:5.1f} s  {function:9}  {name}", flush=True)
            if not ok:
                print(f"      {json.dumps(answer)[:600]}", flush=True)
    sys.exit(f"{wrong} answers are wrong" if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])

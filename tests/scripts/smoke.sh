#!/usr/bin/env bash
# Sends a signed event to a deployed gateway, and looks whether it is handled, once.
#
#   tests/scripts/smoke.sh hookgate stripe                   the stack of this name; needs the aws CLI
#   tests/scripts/smoke.sh http://127.0.0.1:8080 partssource a gateway at this URL
#
# The source's secret comes from where hookgate.toml says; the operators' API wants AWS credentials, or finds
# a local gateway's token by itself. HOOKGATE_COMMAND is the command where it is built.
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    printf 'tests/scripts/smoke.sh: %s\n' "$*" >&2
    exit 1
}

[ $# -eq 2 ] || fail "usage: tests/scripts/smoke.sh STACK|URL SOURCE"
source=$2

hookgate() {
    if [ -n "${HOOKGATE_COMMAND:-}" ]; then
        "$HOOKGATE_COMMAND" "$@"
    else
        cargo run --quiet --bin hookgate -- "$@"
    fi
}

output() {
    aws cloudformation describe-stacks --stack-name "$stack" \
        --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text
}

# field NAME: of the JSON on standard input
field() {
    python3 -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1], ""))' "$1"
}

case $1 in
http://* | https://*) api=${1%/} admin=${1%/} ;;
*)
    stack=$1
    command -v aws >/dev/null || fail "the aws CLI is missing; it is: pip install awscli"
    api=$(output ApiUrl) admin=$(output AdminUrl)
    [ -n "$api" ] || fail "the stack $stack has no output ApiUrl"
    ;;
esac

id=smoke-$(date +%s)-$$

# sent WORD: sends the event, which is to be answered with this word
sent() {
    local answer
    answer=$(hookgate send "$source" --id "$id" --to "$api/webhooks/$source") || fail "the event is refused: $answer"
    [ "$(field status <<<"${answer#* }")" = "$1" ] || fail "the event should be $1: $answer"
    key=$(field event <<<"${answer#* }")
    echo "$1: $key"
}

sent accepted
for _ in $(seq 60); do
    state=$(hookgate events show --url "$admin" --json -- "$key" | field state) ||
        fail "operators cannot see the event $key"
    case $state in done | unhandled) break ;; esac
    sleep 1
done
# A source needs no route for this: what counts is that the processor came to an end with its event.
case $state in
done | unhandled) ;;
*) fail "the event is not done after a minute, but $state" ;;
esac
echo "done: as the operators' API says"
sent duplicate
if answer=$(hookgate send "$source" --tamper --to "$api/webhooks/$source"); then
    fail "an altered event is taken: $answer"
fi
echo "refused: altered, ${answer%% *}"

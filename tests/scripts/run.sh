#!/usr/bin/env bash
# Runs every test: provisions what tests/scripts/provision.sh pins, starts the AWS-compatible servers on free
# loopback ports, checks the template, builds the programs, and runs the whole suite.
#
#   tests/scripts/run.sh                   every test
#   tests/scripts/run.sh --test emulator   the tests that cargo chooses by these arguments
set -euo pipefail
cd "$(dirname "$0")/../.."

# Nothing here may fetch a toolchain, phone home, or look for an account.
export RUSTUP_DIST_SERVER=http://127.0.0.1:9 RUSTUP_UPDATE_ROOT=http://127.0.0.1:9
export SAM_CLI_TELEMETRY=0 AWS_EC2_METADATA_DISABLED=true

servers=$(realpath -m "${CARGO_TARGET_DIR:-target}")/test-servers
started=$SECONDS
pids=()

stop_servers() {
    for pid in "${pids[@]}"; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    rm -rf "${servers:?}/tmp"
}
trap stop_servers EXIT
trap 'exit 130' INT TERM

step() {
    printf '\n== %s (%d s)\n' "$1" $((SECONDS - started))
}

fail() {
    printf '\ntests/run: %s\n' "$*" >&2
    exit 1
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# answers URL: waits until a server is there
answers() {
    python3 - "$1" <<'PYTHON'
import sys, time, urllib.request
for _ in range(150):
    try:
        urllib.request.urlopen(sys.argv[1], timeout=2)
        sys.exit(0)
    except OSError:
        time.sleep(0.2)
sys.exit(1)
PYTHON
}

start_ministack() {
    local port
    port=$(free_port)
    # It unpacks deployed functions into its temporary folder and leaves them there.
    rm -rf "${servers:?}/tmp" && mkdir "$servers/tmp"
    BIND_HOST=127.0.0.1 GATEWAY_PORT=$port TMPDIR=$servers/tmp "$servers/ministack/bin/ministack" \
        >"$servers/ministack.log" 2>&1 &
    pids+=($!)
    export HOOKGATE_TEST_MINISTACK_URL=http://127.0.0.1:$port
    answers "$HOOKGATE_TEST_MINISTACK_URL/_ministack/health" ||
        fail "ministack does not start; see $servers/ministack.log"
}

start_fauxqs() {
    local port node
    port=$(free_port)
    node=("$servers"/fauxqs/node_modules/node-linux-*/bin/node)
    # Modules are looked for beside the script that asks for them.
    cp tests/fauxqs/serve.mjs "$servers/fauxqs"
    PORT=$port "${node[0]}" "$servers/fauxqs/serve.mjs" >"$servers/fauxqs.log" 2>&1 &
    pids+=($!)
    export HOOKGATE_TEST_FAUXQS_URL=http://127.0.0.1:$port
    answers "$HOOKGATE_TEST_FAUXQS_URL/health" ||
        fail "fauxqs does not start; see $servers/fauxqs.log"
}

# Shows one line for each group of tests, and keeps the rest in the log.
summarise() {
    awk '
        /^ +Running / {
            name = $NF; sub(/^.*\//, "", name); sub(/-[0-9a-f]+\)$/, "", name)
            if ($2 == "unittests") name = "units of " name
        }
        /^ +Doc-tests / { name = "examples of " $2 }
        /^test result: / { split($0, n, /[ ;.]+/); if (n[4] + n[6]) printf "%6d passed %3d failed  %s\n", n[4], n[6], name; fflush() }
        /^test .* FAILED$/ || /^error/ { print; fflush() }
    '
}

step "servers"
tests/scripts/provision.sh
start_ministack
start_fauxqs
export HOOKGATE_TEST_RIE=$servers/rie/aws-lambda-rie
echo "ministack at $HOOKGATE_TEST_MINISTACK_URL, fauxqs at $HOOKGATE_TEST_FAUXQS_URL"

step "template"
export HOOKGATE_TEST_TEMPLATE=$servers/translated.json
tests/scripts/lint.sh "$HOOKGATE_TEST_TEMPLATE"
tests/scripts/mutations.py --check

step "build of the programs, then of the tests: some minutes the first time"
cargo build --workspace --bins
cargo test --workspace --no-run "$@" 2>&1 | grep --line-buffered -v '^ *Executable '

step "tests"
log=$servers/tests.log
if ! cargo test --workspace --no-fail-fast "$@" -- --include-ignored 2>&1 | tee "$log" | summarise; then
    sed -n '/^failures:$/,/^test result:/p' "$log"
    fail "tests failed; the whole output is in $log"
fi

awk '/^test result: /{ split($0, n, /[ ;.]+/); passed += n[4] } END { print "\nall " passed " tests passed" }' "$log"
echo "in $((SECONDS - started)) s"

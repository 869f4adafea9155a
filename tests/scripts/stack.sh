#!/usr/bin/env bash
# What can be done with the stack without an account: the pinned SAM and cargo-lambda check, build and run it.
#
#   tests/scripts/stack.sh validate     SAM reads and lints the template
#   tests/scripts/stack.sh build        SAM builds the functions and the configuration's layer, and packages them
#   tests/scripts/stack.sh lambda       cargo-lambda builds and runs the functions; each gets its events
#   tests/scripts/stack.sh local        SAM runs what it built in Lambda's container layout; each function gets its events
#   tests/scripts/stack.sh arm64        cargo-lambda builds for arm64; each function gets its events in Lambda's emulator
#
# Exit status 77: this machine cannot do it; the last line says why.
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/scripts/sam/servers.sh

SAM_CLI=$(sed -n 's/^SAM_CLI=\([0-9.]*\).*/\1/p' tests/scripts/provision.sh)
CARGO_LAMBDA=1.9.2
ZIG=0.17.1

# Nothing here may fetch a toolchain, phone home, or look for an account.
export RUSTUP_DIST_SERVER=http://127.0.0.1:9 RUSTUP_UPDATE_ROOT=http://127.0.0.1:9
export SAM_CLI_TELEMETRY=0 AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN

functions=(ingest processor sweeper admin)
servers=$(realpath -m "${CARGO_TARGET_DIR:-target}")/test-servers
tools=$servers/sam

fail() {
    printf 'tests/scripts/stack.sh: %s\n' "$*" >&2
    exit 1
}

provision() {
    local wanted="aws-sam-cli==$SAM_CLI cargo-lambda==$CARGO_LAMBDA ziglang==$ZIG"
    if [ "$(cat "$tools.version" 2>/dev/null)" != "$wanted" ]; then
        echo "provisioning $wanted"
        rm -rf "$tools"
        python3 -m venv "$tools" ||
            fail "python3 cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"
        # shellcheck disable=SC2086 # three requirements
        "$tools/bin/pip" install --quiet --disable-pip-version-check $wanted || fail "pip could not install $wanted"
        echo "$wanted" >"$tools.version"
    fi
    export PATH=$tools/bin:$PATH
}

machine() {
    case $(uname -m) in
    x86_64) echo x86_64 ;;
    *) echo arm64 ;;
    esac
}

validate() {
    sam validate --lint --template template.yaml --region us-east-1
}

# The template that SAM makes has to lead to each function's program, and to the configuration where the
# functions look for it.
build() {
    local function
    sam build --parameter-overrides "Architecture=$(machine)"
    # The events below are signed for this configuration, whatever hookgate.toml says.
    cp cli/demo.toml .aws-sam/build/Configuration/hookgate.toml
    for function in Ingest Processor Sweeper Admin; do
        [ -x ".aws-sam/build/$function/bootstrap" ] || fail "sam build made no program of $function"
    done
    du -b .aws-sam/build/*/bootstrap | awk '{ printf "%s %.1f MB\n", $2, $1 / 1e6 }'
    start_ministack 127.0.0.1
    package
}

# What sam deploy would upload: the functions' and the layer's archives.
package() {
    "${as_client[@]}" "$tools/bin/python" tests/scripts/sam/artifacts.py make artifacts
    "${as_client[@]}" sam package --s3-bucket artifacts --region us-east-1 \
        --output-template-file .aws-sam/packaged.yaml >"$servers/package.log" 2>&1 ||
        fail "sam package failed; see $servers/package.log"
    "${as_client[@]}" "$tools/bin/python" tests/scripts/sam/artifacts.py check artifacts .aws-sam/packaged.yaml
}

# What the functions call, and `variables`, which lead them there.
environment() {
    start_ministack 127.0.0.1
    resources
    # No layer is mounted here.
    variables=("HOOKGATE_CONFIG=$PWD/cli/demo.toml")
    mapfile -t -O 1 variables < <("$tools/bin/python" -c '
import json, sys
print(*(f"{name}={value}" for name, value in json.load(open(sys.argv[1])).items()), sep="\n")' "$run/variables.json")
}

lambda() {
    local function port variables
    (cd functions/ingest && cargo lambda build --release)
    environment
    for function in "${functions[@]}"; do
        cargo build --quiet --bin "$function" -p "hookgate-$function"
        port=$(free_port)
        "${as_client[@]}" "${variables[@]}" cargo lambda watch -A 127.0.0.1 -P "$port" --ignore-changes -p "hookgate-$function" \
            >"$servers/watch-$function.log" 2>&1 &
        started+=($!)
        listens 127.0.0.1 "$port" || fail "cargo lambda watch does not start; see $servers/watch-$function.log"
        "$tools/bin/python" tests/scripts/sam/events.py "$function" -- \
            cargo lambda invoke '{function}' -A 127.0.0.1 -P "$port" --data-file '{event}'
    done
}

# Elsewhere than on arm64, QEMU runs the programs.
arm64() {
    local function port variables qemu=() library
    library=$("${RUSTC:-rustc}" --print target-libdir --target aarch64-unknown-linux-gnu)
    [ -d "$library" ] ||
        not_here "Rust's standard library for arm64 is missing; it is: rustup target add aarch64-unknown-linux-gnu"
    if [ "$(machine)" != arm64 ]; then
        qemu=(qemu-aarch64-static -L /usr/aarch64-linux-gnu)
        { command -v "${qemu[0]}" && [ -d "${qemu[2]}" ]; } >/dev/null ||
            not_here "QEMU for arm64 is missing; on Debian and Ubuntu: apt-get install qemu-user-static libc6-arm64-cross"
    fi
    (cd functions/ingest && cargo lambda build --release --arm64)
    cargo lambda build --release --arm64 -p hookgate-processor -p hookgate-sweeper -p hookgate-admin
    environment
    for function in "${functions[@]}"; do
        printf '#!/bin/sh\nexec %s "%s"\n' "${qemu[*]}" "$(dirname "$servers")/lambda/$function/bootstrap" >"$run/$function"
        chmod +x "$run/$function"
        port=$(free_port)
        "${as_client[@]}" "${variables[@]}" AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256 "$servers/rie/aws-lambda-rie" \
            --runtime-interface-emulator-address "127.0.0.1:$port" --runtime-api-address "127.0.0.1:$(free_port)" \
            "$run/$function" >"$servers/arm64-$function.log" 2>&1 &
        started+=($!)
        listens 127.0.0.1 "$port" || fail "Lambda's emulator does not start; see $servers/arm64-$function.log"
        "$tools/bin/python" tests/scripts/sam/events.py "$function" -- curl --no-progress-meter --data-binary '@{event}' \
            "http://127.0.0.1:$port/2015-03-31/functions/function/invocations"
    done
}

# Runs what `sam build` made, with Docker of its own in a network of its own.
container() {
    can_have_docker
    [ -f .aws-sam/build/template.yaml ] || build
    start_network
    start_docker
    import_base_image public.ecr.aws/lambda/provided:al2023 .aws-sam/build/Ingest/bootstrap
    start_ministack 0.0.0.0
    resources
    "$tools/bin/python" tests/scripts/sam/overlay.py .aws-sam/build/template.yaml "$run/variables.json" \
        >.aws-sam/build/local.yaml
    DOCKER_HOST=unix://$run/docker.sock "${inside[@]}" "$tools/bin/python" tests/scripts/sam/events.py "${functions[@]}" -- \
        sam local invoke '{Function}' --event '{event}' --template .aws-sam/build/local.yaml \
        --skip-pull-image --layer-cache-basedir "$run/layers" --region us-east-1 \
        --parameter-overrides "Architecture=$(machine)"
}

case ${1:-} in
validate | build | lambda | arm64)
    provision
    "$1"
    ;;
local)
    provision
    container
    ;;
*) fail "usage: tests/scripts/stack.sh validate|build|lambda|local|arm64" ;;
esac

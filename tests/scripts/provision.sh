#!/usr/bin/env bash
# Puts the pinned programs that tests/scripts/run.sh needs into target/test-servers, and leaves alone what is
# already there: two AWS-compatible servers, Lambda's own Runtime Interface Emulator, and the linters
# of the template.
#
#   tests/scripts/provision.sh          what tests/scripts/run.sh needs
#   tests/scripts/provision.sh peers    what `hookgate-bench cold` measures, and what it measures it by
set -euo pipefail
cd "$(dirname "$0")/../.."

MINISTACK=1.5.33
SAM_CLI=1.170.0 # carries the emulator's binary
CFN_LINT=1.58.0
SAM_TRANSLATOR=1.115.0

to=${CARGO_TARGET_DIR:-target}/test-servers

fail() {
    printf 'tests/scripts/provision.sh: %s\n' "$@" >&2
    exit 1
}

# present NAME VERSION...: whether this part was provisioned before, in these versions
present() {
    [ "$(cat "$to/$1.version" 2>/dev/null)" = "${*:2}" ]
}

done_with() {
    printf '%s\n' "${*:2}" >"$to/$1.version"
}

# python_programs NAME REQUIREMENT...: a virtual environment of its own
python_programs() {
    present "$@" && return
    echo "provisioning ${*:2}"
    rm -rf "${to:?}/$1"
    python3 -m venv "$to/$1" ||
        fail "python3 cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"
    "$to/$1/bin/pip" install --quiet --disable-pip-version-check "${@:2}" ||
        fail "pip could not install ${*:2}"
    done_with "$@"
}

emulator() {
    local name machine
    case $(uname -m) in
    x86_64) machine=x86_64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) fail "there is no Lambda emulator for $(uname -m)" ;;
    esac
    present rie "$SAM_CLI" "$machine" && return
    echo "provisioning Lambda's emulator out of aws-sam-cli $SAM_CLI"
    rm -rf "$to/rie" && mkdir -p "$to/rie"
    "$to/lint/bin/pip" download --quiet --disable-pip-version-check --no-deps \
        --dest "$to/rie" "aws-sam-cli==$SAM_CLI" || fail "pip could not download aws-sam-cli $SAM_CLI"
    name=samcli/local/rapid/aws-lambda-rie-$machine
    python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
        "$to"/rie/aws_sam_cli-*.whl "$name" >"$to/rie/aws-lambda-rie"
    chmod +x "$to/rie/aws-lambda-rie"
    rm -f "$to"/rie/*.whl
    done_with rie "$SAM_CLI" "$machine"
}

# The second SQS, and a Node.js of its own: it needs a newer one than many systems have. Versions are
# in tests/fauxqs.
fauxqs() {
    local version
    version=$(sha256sum tests/fauxqs/package-lock.json | cut -d ' ' -f 1)
    present fauxqs "$version" && return
    command -v npm >/dev/null ||
        fail "npm is missing; on Debian and Ubuntu: apt-get install npm"
    echo "provisioning fauxqs and Node.js"
    rm -rf "$to/fauxqs" && mkdir -p "$to/fauxqs"
    cp tests/fauxqs/package.json tests/fauxqs/package-lock.json "$to/fauxqs"
    npm ci --prefix "$to/fauxqs" --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null ||
        fail "npm could not install what tests/fauxqs/package-lock.json pins"
    done_with fauxqs "$version"
}

# The functions as they are deployed, a Rust function that does nothing, and a Python one of the same job.
peers() {
    mapfile -t wanted <tests/peers/powertools/requirements.txt
    python_programs powertools "${wanted[@]}"
    cargo build --release --manifest-path tests/peers/hello/Cargo.toml --target-dir "$to/../peers"
    cargo --config functions/ingest/.cargo/config.toml build --release -p hookgate-ingest
    cargo build --release -p hookgate-processor
}

[ "$(uname -s)" = Linux ] ||
    fail "Lambda's emulator runs on Linux only; run: cargo test --workspace"
command -v python3 >/dev/null ||
    fail "python3 is missing; on Debian and Ubuntu: apt-get install python3 python3-venv"

mkdir -p "$to"
python_programs ministack "ministack==$MINISTACK"
python_programs lint "cfn-lint==$CFN_LINT" "aws-sam-translator==$SAM_TRANSLATOR"
emulator
case ${1:-} in
"") fauxqs ;;
peers) peers ;;
*) fail "usage: tests/scripts/provision.sh [peers]" ;;
esac

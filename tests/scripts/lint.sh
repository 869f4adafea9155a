#!/usr/bin/env bash
# Lints the templates as they are written, and what they translate to: with every parameter's default, which
# is kept in the file that is named, and with each option of the stack.
#
#   tests/scripts/lint.sh target/translated.json
set -euo pipefail
cd "$(dirname "$0")/../.."

lint=${CARGO_TARGET_DIR:-target}/test-servers/lint/bin
key=arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555

# translated FILE PARAMETER=VALUE...: a template that the transform has read still has the parameters of its own.
translated() {
    "$lint/python" tests/scripts/translate.py template.yaml "${@:2}" >"$1"
    "$lint/cfn-lint" --ignore-checks W2001 -- "$1"
}

# versions PARAMETER=VALUE...: the functions' versions, by the ids that the transform gives them.
versions() {
    "$lint/python" tests/scripts/translate.py template.yaml "$@" | grep -o '"[A-Za-z]*Version[0-9a-f]*": {'
}

[ "$(versions Release=1764022000)" != "$(versions Release=1764022001)" ] || {
    echo "tests/scripts/lint.sh: a release makes no new version" >&2
    exit 1
}
"$lint/cfn-lint" template.yaml infra/*.yaml
translated "$1"
option=$(mktemp --suffix=.json)
trap 'rm -f "$option"' EXIT
translated "$option" Endpoint=FunctionUrl
translated "$option" GradualDeployment=true
translated "$option" DataKeyArn=$key SecretsKeyArn=$key Tracing=Active IngestReservedConcurrency=5 \
    SenderArn=arn:aws:iam::123456789012:role/operators AlarmEmail=operators@example.com WatchedSources=stripe,github
echo "the templates and what they translate to are clean"

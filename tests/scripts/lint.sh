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
option=$(mktemp --suffix=.json) release=$(mktemp -d)
trap 'rm -rf "$option" "$release"' EXIT
translated "$option" Endpoint=FunctionUrl
translated "$option" Endpoint=Both
translated "$option" GradualDeployment=true
translated "$option" DomainName=hooks.example.com BasePath=in HostedZoneId=Z0123456789ABC ExecuteApiEndpoint=false \
    CertificateArn=arn:aws:acm:us-east-1:123456789012:certificate/11111111-2222-3333-4444-555555555555
translated "$option" ProcessorTimeoutSeconds=900 ProcessorPolicyArns=arn:aws:iam::123456789012:policy/books \
    HandlerSettings='{}' ProcessorSubnetIds=subnet-11111111,subnet-22222222 ProcessorSecurityGroupIds=sg-11111111 \
    ProcessorLayerArn=arn:aws:lambda:us-east-1:123456789012:layer:traces:1 LogsKeyArn=$key
translated "$option" WarmWriteUnits=20000 WarmReadUnits=24000 MaxWriteUnits=40000 MaxReadUnits=40000 \
    ProvisionedPollers=2 ProvisionedPollersMaximum=40
translated "$option" DataKeyArn=$key SecretsKeyArn=$key Tracing=Active IngestReservedConcurrency=5 \
    SenderArn=arn:aws:iam::123456789012:role/operators AlarmEmail=operators@example.com WatchedSources=stripe,github

# What a release packs has all that its template refers to.
for function in ingest processor sweeper admin; do
    echo "$function" >"$release/hookgate-$function-arm64.zip"
done
infra/bundle.sh arm64 "$release"
(cd "$release" && python3 -m zipfile -e hookgate-stack-arm64.zip stack)
"$lint/cfn-lint" "$release/stack/template.yaml"
[ -f "$release/stack/configuration/hookgate.toml" ]
files=0
while read -r file; do
    [ -e "$release/stack/$file" ] || {
        echo "tests/scripts/lint.sh: the release's template refers to $file, which is not packed" >&2
        exit 1
    }
    files=$((files + 1))
done < <(sed -n 's/^ *\(CodeUri\|ContentUri\|TemplateURL\): //p' "$release/stack/template.yaml")
[ "$files" = 7 ]
echo "the templates and what they translate to are clean"

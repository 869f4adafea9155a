#!/usr/bin/env bash
# Makes an archive that is deployed without a build: the template, what it refers to, and the functions of a release.
#
#   infra/bundle.sh arm64 RELEASE    reads RELEASE/hookgate-*-arm64.zip, writes RELEASE/hookgate-stack-arm64.zip
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -eq 2 ] || {
    echo "usage: infra/bundle.sh arm64|x86_64 FOLDER" >&2
    exit 2
}
architecture=$1 release=$(cd "$2" && pwd)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/infra" "$folder/configuration"
cp hookgate.toml "$folder/configuration"
cp infra/alarms.yaml infra/dashboard.yaml "$folder/infra"
for function in ingest processor sweeper admin; do
    cp "$release/hookgate-$function-$architecture.zip" "$folder/$function.zip"
done
# What is built already has no metadata for a build, and is for one architecture only.
sed -e 's|^      CodeUri: functions/\(.*\)$|      CodeUri: \1.zip|' \
    -e 's|^      ContentUri: infra/configuration$|      ContentUri: configuration|' \
    -e '/^      Build\(Method\|Properties\): /d; /^      BuildProperties:$/d; /^        Binary: /d' \
    -e '/^      WorkingDirectory: /d; /^    Metadata:$/d' \
    -e "/^  Architecture:\$/,/^    Description/ { s/Default: .*/Default: $architecture/; s/AllowedValues: .*/AllowedValues: [$architecture]/ }" \
    template.yaml >"$folder/template.yaml"
rm -f "$release/hookgate-stack-$architecture.zip"
(cd "$folder" && python3 -m zipfile -c "$release/hookgate-stack-$architecture.zip" ./*)

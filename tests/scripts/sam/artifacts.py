"""Looks into the archives that `sam package` uploaded to the AWS-compatible server that AWS_ENDPOINT_URL names.

    python artifacts.py make BUCKET             makes the bucket
    python artifacts.py check BUCKET packaged.yaml

Lambda unpacks a function's archive into /var/task and a layer's into /opt: it wants an executable `bootstrap`
there, and the functions want their configuration.
"""

import io
import sys
import zipfile
from pathlib import Path

import boto3
from samcli.yamlhelper import yaml_parse

WANTED = {
    "AWS::Serverless::Function": ("CodeUri", "bootstrap"),
    "AWS::Serverless::LayerVersion": ("ContentUri", "hookgate.toml"),
}


def make(s3, bucket):
    s3.create_bucket(Bucket=bucket)


def check(s3, bucket, packaged):
    template = yaml_parse(Path(packaged).read_text(encoding="utf-8"))
    for name, resource in template["Resources"].items():
        if resource["Type"] not in WANTED:
            continue
        uri, wanted = WANTED[resource["Type"]]
        key = resource["Properties"][uri].removeprefix(f"s3://{bucket}/")
        content = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        files = zipfile.ZipFile(io.BytesIO(content)).infolist()
        print(f"{name}: {', '.join(file.filename for file in files)}, {len(content) / 1e6:.1f} MB packed")
        if [file.filename for file in files] != [wanted]:
            sys.exit(f"the archive of {name} should hold {wanted}, and nothing else")
        if wanted == "bootstrap" and not files[0].external_attr >> 16 & 0o111:
            sys.exit(f"the program of {name} is not executable")


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](boto3.client("s3"), *sys.argv[2:])

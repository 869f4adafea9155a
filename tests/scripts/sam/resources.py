"""Creates the template's table, queues and bucket on the AWS-compatible server that AWS_ENDPOINT_URL names, and
prints, as JSON, the variables that lead the functions there.

    python resources.py target/test-servers/translated.json
"""

import json
import os
import sys
from pathlib import Path

import boto3

# The template names its variables; these are the outputs that hold their values.
VARIABLES = {
    "HOOKGATE_TABLE": "TableName",
    "HOOKGATE_QUEUE_URL": "QueueUrl",
    "HOOKGATE_REPLAY_QUEUE_URL": "ReplayQueueUrl",
    "HOOKGATE_DLQ_URL": "DeadLetterQueueUrl",
    "ARCHIVE_BUCKET": "ArchiveBucket",
}


def data(template):
    """The part of the template that keeps data, without the functions."""
    resources = ["Table", "Queue", "ReplayQueue", "DeadLetterQueue", "ArchiveBucket"]
    template["Resources"] = {name: template["Resources"][name] for name in resources}
    template["Outputs"] = {name: template["Outputs"][name] for name in VARIABLES.values()}
    return template


def created(template):
    """The outputs of the template's stack."""
    cloudformation = boto3.client("cloudformation")
    cloudformation.create_stack(StackName="hookgate", TemplateBody=json.dumps(template))
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="hookgate", WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    stack = cloudformation.describe_stacks(StackName="hookgate")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def secrets():
    """The secrets of the configuration under test."""
    lines = Path("cli/demo.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def main(translated):
    template = json.loads(Path(translated).read_text(encoding="utf-8"))
    outputs = created(data(template))
    names = {variable: outputs[output] for variable, output in VARIABLES.items()}
    url = os.environ["AWS_ENDPOINT_URL"]
    json.dump({"AWS_ENDPOINT_URL": url, **names, **secrets()}, sys.stdout, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])

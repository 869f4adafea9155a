#!/usr/bin/env python3
"""Prints the CloudFormation that template.yaml stands for, as the Serverless transform makes it.

    tests/scripts/translate.py template.yaml                          with every parameter's default
    tests/scripts/translate.py template.yaml Endpoint=FunctionUrl     with other values

Linting that finds what linting the template itself does not. Runs in the environment that
tests/scripts/provision.sh makes.
"""

import json
import logging
import os
import sys
from pathlib import Path

os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
logging.disable(logging.WARNING)  # a line for each toggle that only the transform in AWS has

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoManagedPolicies:
    """The template writes its policies out; naming a managed one is an error."""

    def load(self):
        return {}


def main(path, *values):
    template = yaml_parse(Path(path).read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        for key in ("CodeUri", "ContentUri"):
            if key in resource.get("Properties", {}):
                resource["Properties"][key] = "s3://bucket/" + key  # what packaging puts there
        if "TemplateURL" in resource.get("Properties", {}):
            url = "https://bucket.s3.amazonaws.com/" + resource["Properties"]["TemplateURL"]
            resource["Properties"]["TemplateURL"] = url
    parameters = {
        name: parameter["Default"] for name, parameter in template.get("Parameters", {}).items()
    }
    parameters.update(value.split("=", 1) for value in values)
    json.dump(transform(template, parameters, NoManagedPolicies()), sys.stdout, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Prints the template that `sam build` made, with these variables in every function's environment: SAM sets only
those that a template declares.

    python overlay.py .aws-sam/build/template.yaml variables.json
"""

import json
import sys
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse


def main(built, variables):
    template = yaml_parse(Path(built).read_text(encoding="utf-8"))
    variables = json.loads(Path(variables).read_text(encoding="utf-8"))
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            environment = resource["Properties"].setdefault("Environment", {})
            environment.setdefault("Variables", {}).update(variables)
    print(yaml_dump(template))


if __name__ == "__main__":
    main(*sys.argv[1:])

#!/usr/bin/env python3
"""Draws docs/dashboard.png: the widgets of infra/dashboard.yaml, with the metrics of four busy minutes.

    tests/scripts/picture.py               runs the functions under Lambda's emulator, and draws
    tests/scripts/picture.py lines.json    draws what an earlier run printed

A period of CloudWatch's 60 or 300 seconds is 5 seconds here.
"""
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import defaultdict
from datetime import datetime

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVERS = os.path.join(ROOT, "target", "test-servers")
PERIOD_MS = 5000
# That of the functions that run.
NAMESPACE = "Hookgate/tests"
MATPLOTLIB = "matplotlib==3.10.8"


def python():
    """A Python that has what draws, provisioned where it is missing."""
    folder = os.path.join(SERVERS, "picture")
    program = os.path.join(folder, "bin", "python3")
    if not os.path.exists(os.path.join(folder, "ready")):
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([program, "-m", "pip", "install", "--quiet", MATPLOTLIB], check=True)
        open(os.path.join(folder, "ready"), "w").close()
    return program


def run(path):
    """Runs the functions for a while, and keeps what they and the emulator say."""
    subprocess.run([os.path.join(ROOT, "tests", "scripts", "provision.sh")], check=True)
    subprocess.run(["cargo", "build", "--quiet", "--workspace", "--bins"], cwd=ROOT, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    server = subprocess.Popen(
        [os.path.join(SERVERS, "ministack", "bin", "ministack")], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": port})
    try:
        time.sleep(5)
        environment = {
            **os.environ,
            "HOOKGATE_TEST_MINISTACK_URL": f"http://127.0.0.1:{port}",
            "HOOKGATE_TEST_RIE": os.path.join(SERVERS, "rie", "aws-lambda-rie"),
        }
        with open(path, "w") as lines:
            subprocess.run(["cargo", "run", "--quiet", "-p", "hookgate-tests", "--example", "dashboard"],
                           cwd=ROOT, env=environment, stdout=lines, check=True)
    finally:
        server.terminate()
        server.wait()


def metrics(path):
    """Values by namespace, metric and dimensions, then by time."""
    found = defaultdict(lambda: defaultdict(list))
    for text in open(path):
        if '"outcome":"accepted"' in text:
            # Counted by the template's metric filters.
            line = json.loads(text[text.index("{"):])
            ms = datetime.fromisoformat(line["timestamp"]).timestamp() * 1000
            for words in ((), (("source", line["source"]),)):
                found[NAMESPACE, "EventsAccepted", words][int(ms) // PERIOD_MS].append(1)
            continue
        if '"_aws"' not in text:
            continue
        line = json.loads(text[text.index("{"):])
        for directive in line["_aws"]["CloudWatchMetrics"]:
            for dimensions in directive["Dimensions"]:
                words = tuple((name, line[name]) for name in dimensions)
                for metric in directive["Metrics"]:
                    value = line[metric["Name"]]
                    values = value if isinstance(value, list) else [value]
                    key = (directive["Namespace"], metric["Name"], words)
                    found[key][line["_aws"]["Timestamp"] // PERIOD_MS].extend(values)
    return found


def widgets():
    text = open(os.path.join(ROOT, "infra", "dashboard.yaml")).read()
    body = text[text.index('{ "widgets"'):text.index("# A metric of no API")]
    names = {"IngestFunction": "ingest", "ProcessorFunction": "processor", "SweeperFunction": "sweeper",
             "AdminFunction": "admin", "Api": "api", "QueueName": "events", "DeadLetterQueueName": "dead",
             "TableName": "table", "Gateway": "tests", "AWS::Region": "-"}
    return json.loads(re.sub(r"\$\{([\w:]+)\}", lambda name: names[name[1]], body))["widgets"]


def reduced(values, stat):
    if stat.startswith("p"):
        return sorted(values)[min(len(values) - 1, int(len(values) * int(stat[1:]) / 100))]
    return {"Sum": sum, "Maximum": max}[stat](values)


def series(properties, found, times):
    """A widget's lines: label and values."""
    import numpy

    def values(key, stat):
        return numpy.array([reduced(found[key][t], stat) if t in found[key] else numpy.nan for t in times])

    lines, by_id, expressions = [], {}, []
    for parts in properties["metrics"]:
        options = parts[-1] if isinstance(parts[-1], dict) else {}
        words = [part for part in parts if isinstance(part, str)]
        if "expression" in options:
            expressions.append(options)
            continue
        key = (words[0], words[1], tuple(zip(words[2::2], words[3::2])))
        line = values(key, options.get("stat", properties["stat"]))
        by_id[options.get("id")] = line
        if options.get("visible", True):
            label = options.get("label") or (words[3] if len(words) > 3 and words[0].startswith("Hookgate/") else words[1])
            lines.append((label, line))
    for options in expressions:
        search = re.match(r"SEARCH\('\{\"([^\"]+)\",(\w+)\} MetricName=\"(\w+)\"', '(\w+)', \d+\)", options["expression"])
        if search:
            space, dimension, metric, stat = search.groups()
            keys = sorted(key for key in found if key[:2] == (space, metric) and [n for n, _ in key[2]] == [dimension])
            lines += [(key[2][0][1], values(key, stat)) for key in keys]
        else:
            names = {**by_id, "FILL": lambda line, value: numpy.where(numpy.isnan(line), value, line)}
            with numpy.errstate(invalid="ignore"):
                lines.append((options["label"], eval(options["expression"], {"__builtins__": {}}, names)))
    return lines


def draw(path):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plot
    import numpy

    found = metrics(path)
    seen = [t for by_time in found.values() for t in by_time]
    times = range(min(seen), max(seen))
    seconds = [(t - times[0]) * PERIOD_MS / 1000 for t in times]
    plot.rcParams.update({"font.size": 7, "axes.spines.top": False, "axes.spines.right": False})
    all_widgets = widgets()
    rows = max(widget["y"] + widget["height"] for widget in all_widgets)
    figure = plot.figure(figsize=(14, rows * 0.45), dpi=100)
    for widget in all_widgets:
        x, y, properties = widget["x"], widget["y"], widget["properties"]
        width, height = widget["width"], widget["height"]
        # Room for numbers on the left, the title above, the legend below.
        place = [(x + 0.8) / 24, 1 - (y + height - 1.5) / rows, (width - 1.1) / 24, (height - 2.3) / rows]
        axes = figure.add_axes(place)
        axes.set_title(properties["title"], loc="left", fontsize=8, fontweight="bold")
        lines = series(properties, found, times)
        if properties.get("stacked") and lines:
            axes.stackplot(seconds, [numpy.nan_to_num(line) for _, line in lines], labels=[l for l, _ in lines])
        else:
            for label, line in lines:
                axes.plot(seconds, line, label=label, linewidth=1.2, marker=".", markersize=2)
        limits = properties.get("yAxis", {}).get("left", {})
        axes.set_ylim(limits.get("min", 0), limits.get("max", 0) * 1.02 or None)
        axes.grid(axis="y", linewidth=0.3)
        axes.set_xlim(0, seconds[-1])
        axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.1), fontsize=6, frameon=False, ncols=4)
    figure.savefig(os.path.join(ROOT, "docs", "dashboard.png"))


if __name__ == "__main__":
    lines = sys.argv[1] if len(sys.argv) > 1 else os.path.join(SERVERS, "dashboard-lines.json")
    program = python()
    if os.path.realpath(sys.prefix) != os.path.realpath(os.path.dirname(os.path.dirname(program))):
        if len(sys.argv) == 1:
            run(lines)
        sys.exit(subprocess.run([program, __file__, lines]).returncode)
    draw(lines)
    print("docs/dashboard.png")

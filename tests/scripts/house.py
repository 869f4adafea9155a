#!/usr/bin/env python3
"""Prints how the code is laid out in figures, and fails where one is over its limit.

    tests/scripts/house.py              the figures
    tests/scripts/house.py --circles    with each circle's files

Counted is production code: what is under src/ in functions, shared, infra and cli, without tests.
"""
import os
import re
import subprocess
import sys
from collections import defaultdict

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# How many files one webhook's way may have, and places a recipe may touch.
WAY, PROVIDER, TARGET, NOUN = 25, 2, 6, 6
TYPE_PARAMETERS = 1
SAME_NAMES = 0.03


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def production():
    """Each crate's folder with its files."""
    listed = subprocess.run(["git", "ls-files", "*.rs"], cwd=ROOT, text=True, capture_output=True, check=True)
    crates = defaultdict(list)
    for path in listed.stdout.split():
        folder = re.match(r"((?:functions|shared|infra)/[^/]+|cli)/src/", path)
        # Handlers are the user's own; those that are there are examples.
        example = re.search(r"/handlers/(?!mod\.rs)", path)
        if folder and not example and not re.search(r"(_tests|/tests)\.rs$", path):
            crates[folder[1]].append(path)
    return crates


def code(path):
    """A file without its comments, texts and unit tests."""
    text = read(path).split("#[cfg(test)]")[0]
    text = re.sub(r"//[^\n]*", "", text)
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text)


def section(page, title):
    """A page's text under a title."""
    found = re.search(rf"^(#+) {re.escape(title)}\n(.*?)(?=^\1 |\Z)", read(page), re.M | re.S)
    if not found:
        sys.exit(f"{page} has no section `{title}`")
    return found[2]


def way():
    """The files on the path of a webhook, as docs/architecture.md lists them. Each must exist."""
    paths = re.findall(r"`((?:functions|shared)/[\w/.-]+)`", section("docs/architecture.md", "The path of a webhook"))
    missing = [path for path in paths if not os.path.exists(os.path.join(ROOT, path))]
    if missing:
        sys.exit(f"docs/architecture.md names files that are not there: {', '.join(missing)}")
    return sorted(set(paths))


def places(recipe):
    """The places that a recipe of CONTRIBUTING.md names: an item of its list is one."""
    return re.findall(r"^\d+\. .+", section("CONTRIBUTING.md", recipe), re.M)


def type_parameters():
    """The function's type that has the most."""
    worst = ("none", 0)
    for folder, paths in production().items():
        if not folder.startswith("functions/"):
            continue
        for path in paths:
            for name, parameters in re.findall(r"pub struct (\w+)<([^>]*)>", code(path)):
                count = len([p for p in parameters.split(",") if p.strip() and not p.strip().startswith("'")])
                worst = max(worst, (name, count), key=lambda found: found[1])
    return worst


def module(path, folder):
    """A file's module path, as a tuple."""
    inner = path[len(folder) + len("/src/"):-len(".rs")].split("/")
    if inner[-1] in ("mod", "lib", "main"):
        inner = inner[:-1]
    return tuple(inner)


def leaves(tree):
    """The paths of a `use` tree: `a::{b, c::D as E}` is `a::b` and `a::c::D`."""
    tree = tree.strip()
    opened = tree.find("{")
    if opened < 0:
        return [re.sub(r"\s+as\s+\w+$", "", tree).strip()]
    prefix, inside = tree[:opened], tree[opened + 1:tree.rfind("}")]
    parts, depth, start = [], 0, 0
    for place, char in enumerate(inside):
        depth += {"{": 1, "}": -1}.get(char, 0)
        if char == "," and depth == 0:
            parts.append(inside[start:place])
            start = place + 1
    parts.append(inside[start:])
    return [prefix + leaf for part in parts if part.strip() for leaf in leaves(part)]


class Crate:
    """The modules of a crate, what each defines or passes on, and what each uses."""

    def __init__(self, folder, paths):
        self.files = {module(path, folder): path for path in paths if not path.endswith("/main.rs") or folder == "cli"}
        self.code = {name: code(path) for name, path in self.files.items()}
        self.exports = {name: {} for name in self.files}
        for name, text in self.code.items():
            for tree in re.findall(r"\bpub(?:\([^)]*\))? use ([^;]+);", text):
                for leaf in leaves(tree):
                    target = self.absolute(leaf, name)
                    if target:
                        self.exports[name][leaf.split("::")[-1]] = target

    def absolute(self, path, here):
        """A path within the crate as module names and an item; None for another crate's."""
        words = [word for word in path.split("::") if word]
        if words[0] == "crate":
            return tuple(words[1:])
        if words[0] in ("self", "super"):
            base = list(here)
            while words and words[0] in ("self", "super"):
                base = base[:-1] if words.pop(0) == "super" else base
            return tuple(base + words)
        return here + tuple(words) if here + (words[0],) in self.files else None

    def defined(self, target, depth=0):
        """The module that defines what a path names: what is passed on is followed."""
        for length in range(len(target), -1, -1):
            if target[:length] in self.files:
                break
        at, rest = target[:length], target[length:]
        if rest and depth < 9 and rest[0] in self.exports[at]:
            return self.defined(self.exports[at][rest[0]] + rest[1:], depth + 1)
        return at

    def arrows(self):
        """From each module to those that it uses. A module's own declarations and passings-on do not count."""
        for name, text in self.code.items():
            own = re.sub(r"\bpub(?:\([^)]*\))? use [^;]+;", "", text)
            used = [leaf for tree in re.findall(r"\buse ([^;]+);", own) for leaf in leaves(tree)]
            used += re.findall(r"\b(?:crate|super)(?:::\w+)+", re.sub(r"\buse [^;]+;", "", own))
            targets = {self.absolute(path, name) for path in used}
            for target in {self.defined(target) for target in targets if target is not None}:
                if target != name:
                    yield name, target

    def circles(self):
        """Groups of files that reach each other."""
        graph = defaultdict(set)
        for start, end in self.arrows():
            graph[start].add(end)
        reach = {}
        for start in self.files:
            seen, todo = set(), [start]
            while todo:
                for end in graph[todo.pop()] - seen:
                    seen.add(end)
                    todo.append(end)
            reach[start] = seen
        groups = {frozenset(other for other in reach[name] if name in reach[other]) for name in self.files}
        return [sorted(self.files[name] for name in group) for group in groups if len(group) > 1]


def same_names():
    """Type names that more than one place defines, and how many types there are."""
    places_of = defaultdict(set)
    for paths in production().values():
        for path in paths:
            for name in re.findall(r"^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union|type) ([A-Z]\w*)", code(path), re.M):
                if re.search(rf"^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|type) {name}\b", code(path), re.M):
                    places_of[name].add(path)
    twice = sorted(name for name, paths in places_of.items() if len(paths) > 1)
    return twice, len(places_of), places_of


def main():
    show = "--circles" in sys.argv
    failed = []

    def figure(what, value, limit, detail=""):
        fits = value <= limit
        if not fits:
            failed.append(what)
        value, limit = (f"{value:.1%}", f"{limit:.0%}") if isinstance(value, float) else (value, limit)
        print(f"{what:<46} {value:>6}  at most {limit}{'' if fits else '  <- over'}{'  ' + detail if detail else ''}")

    figure("files to follow one webhook", len(way()), WAY)
    figure("places to add a provider", len(places("Add a provider")), PROVIDER)
    figure("places to add a route target", len(places("Add a route target")), TARGET)
    figure("places to add a noun", len(places("Add a noun")), NOUN)
    name, count = type_parameters()
    figure("type parameters of a function's type", count, TYPE_PARAMETERS, name)
    circles = [circle for folder, paths in production().items() for circle in Crate(folder, paths).circles()]
    figure("circles between files", len(circles), 0)
    if show or circles:
        for circle in circles:
            print("    " + "\n    ".join(circle), end="\n\n")
    twice, types, places_of = same_names()
    figure("type names with two meanings", len(twice) / types, SAME_NAMES, f"{len(twice)} of {types}")
    if len(twice) / types > SAME_NAMES or show:
        for name in twice:
            print(f"    {name}: {', '.join(sorted(places_of[name]))}")
    lines = sum(read(path).count("\n") for paths in production().values() for path in paths)
    print(f"{'lines of production code':<46} {lines:>6}")
    if failed:
        sys.exit(f"over the limit: {', '.join(failed)}")


main()

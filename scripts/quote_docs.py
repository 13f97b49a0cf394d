#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Code in the documents is quoted from files that are built and tested.

    scripts/quote_docs.py --write      fills the quotes in
    scripts/quote_docs.py --check      fails if one is not what its file says

A quote is a fence after a line of its own,

    <!-- quote FILE | FIRST | LAST -->

and holds the lines of FILE from the first that contains FIRST to the next that contains LAST, or that is LAST where that is
a bracket; without LAST, that one line, without both, the whole file.
"""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
QUOTE = re.compile(r"^(<!-- quote (.+?) -->)\n```(\w*)\n(.*?)^```$", re.M | re.S)


def lines_of(specification):
    """The quoted lines, or None and why not."""
    name, *ends = [part.strip() for part in specification.split("|")]
    path = ROOT / name
    if not path.is_file():
        return None, f"there is no file {name}"
    lines = path.read_text().splitlines()
    if not ends:
        return lines, ""
    first = next((i for i, line in enumerate(lines) if ends[0] in line), None)
    if first is None:
        return None, f"{name} has no line with '{ends[0]}'"
    if len(ends) == 1:
        return [lines[first]], ""
    if re.search(r"\w", ends[1]):
        ends_here = lambda line: ends[1] in line
    else:
        # A bracket closes what the first line opened: it stands as far to the left.
        margin = len(lines[first]) - len(lines[first].lstrip())
        ends_here = lambda line: line.strip() == ends[1] and len(line) - len(line.lstrip()) == margin
    last = next((i for i, line in enumerate(lines) if i >= first and ends_here(line)), None)
    if last is None:
        return None, f"{name} has no line with '{ends[1]}' after '{ends[0]}'"
    return lines[first:last + 1], ""


def filled(text, problems):
    def replace(match):
        lines, why = lines_of(match[2])
        if lines is None:
            problems.append(why)
            return match[0]
        return f"{match[1]}\n```{match[3]}\n" + "\n".join(lines) + "\n```"
    return QUOTE.sub(replace, text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    quotes, failed = 0, False
    for path in sorted((ROOT / "docs").glob("*.md")):
        text = path.read_text()
        problems = []
        current = filled(text, problems)
        quotes += len(QUOTE.findall(text))
        if text.count("<!-- quote ") != len(QUOTE.findall(text)):
            problems.append("a quote without a fence after it")
        if options.write and not problems:
            path.write_text(current)
        elif current != text:
            problems.append("a quote is not what its file says: run scripts/quote_docs.py --write")
        for problem in problems:
            print(f"{path.relative_to(ROOT)}: {problem}")
            failed = True
    if not quotes:
        print("no quote was found")
    return 1 if failed or not quotes else 0


if __name__ == "__main__":
    sys.exit(main())

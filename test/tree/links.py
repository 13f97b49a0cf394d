# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Relative links in documents lead to files and folders that are there: links.py [FOLDER]."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\[\]]+\]\(([^()\s]+)\)")


def targets(text):
    """What the text of a document links to, without places on the web and in the same document."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for target in LINK.findall(prose):
        if not re.match(r"\w+:|#", target):
            yield target.split("#")[0]


def broken(documents):
    for document in documents:
        for target in targets(document.read_text()):
            if not (document.parent / target).exists():
                yield f"{document}: there is no {target}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        documents = sorted(pathlib.Path(sys.argv[1]).rglob("*.md"))
    else:
        listing = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, text=True, capture_output=True)
        if listing.returncode:
            sys.exit(f"git ls-files ends with {listing.returncode}: {listing.stderr.strip()}")
        documents = [ROOT / name for name in listing.stdout.split()]
    if not documents:
        sys.exit("there is no document to check")
    found = list(broken(documents))
    print("\n".join(found), end="\n" if found else "")
    # The check checks itself.
    text = "[a](docs/A.md#b) [c](https://d) [](Lambda &e)\n```\n[f](g)\n```\n"
    assert list(targets(text)) == ["docs/A.md"]
    sys.exit(1 if found else 0)

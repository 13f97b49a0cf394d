# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""graph-page.py FILE [timed] [ir] [asm] [svg]: a drawing of `tinyc graph` is whole, needs nothing else and runs nothing
that came out of the model; its kernels have what the words say."""
import html.parser
import json
import sys
import xml.etree.ElementTree

text = open(sys.argv[1]).read()
wanted = set(sys.argv[2:])
tags, attributes, data = [], [], []


class Page(html.parser.HTMLParser):
    def handle_starttag(self, tag, attrs):
        tags.append(tag)
        attributes.extend(attrs)
        self.in_data = tag == "script" and ("id", "data") in attrs

    def handle_data(self, part):
        if tags and self.in_data:
            data.append(part)


Page().feed(text)
assert "img" not in tags and "b" not in tags, "a name became markup"
assert not any(name.startswith("on") for name, _ in attributes), "a name became a handler"
assert not any(name in ("src", "xlink:href") or (name == "href" and value) for name, value in attributes), "not alone"
if "svg" in wanted:
    xml.etree.ElementTree.fromstring(text)
    sys.exit()
assert tags.count("script") == 2 and "svg" in tags
graph = json.loads("".join(data))
kernels = [node for node in graph["nodes"] if node["kind"] == "kernel"]
assert kernels
for kernel in kernels:
    assert kernel["ops"] and kernel["bytes"] > 0 and kernel["units"] > 0, kernel["name"]
    assert ("timed" in wanted) == (kernel["us"] is not None), kernel["name"]
    assert bool(kernel["ir"]) == ("ir" in wanted) and bool(kernel["schedule"]) == ("ir" in wanted), kernel["name"]
    assert bool(kernel["asm"]) == ("asm" in wanted), kernel["name"]
for index, node in enumerate(graph["nodes"]):
    assert f'id="n{index}"' in text, f"node {index} is not drawn"
    assert any(index in (edge["from"], edge["to"]) for edge in graph["edges"]), f"nothing flows to or from {node['name']}"

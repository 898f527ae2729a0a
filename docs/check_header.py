#!/usr/bin/env python3
"""check_header.py include/ntk.h: every public function names its arguments in its comment, and every array with a shape.

Left out: the context, the handle that a function belongs to, the new handle, `options` (its struct is documented), and `name` and
`value` of the functions that share one comment."""
import re
import sys

text = open(sys.argv[1], encoding="utf-8").read()
sections = dict(re.findall(r"@defgroup (\w+) \d+  .*?\n((?: \*.*\n)*)", text))
pattern = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s*(?:NTK_API|static inline) ([^;{]*?)\b(ntk_\w+)\(([^)]*)\)", re.S)
obvious = {"ctx", "context", "options", "void"}
problems = []
seen = 0


def section_of(position):
    names = re.findall(r"@defgroup (\w+)", text[:position])
    return sections[names[-1]] if names else ""


for match in pattern.finditer(text):
    comment, _, function, parameters = match.groups()
    seen += 1
    for parameter in filter(None, (p.strip() for p in parameters.split(","))):
        name = re.sub(r"\[.*", "", parameter).split("*")[-1].split()[-1]
        handle = re.search(r"\bntk_(\w+) \*+" + name + r"$", parameter)
        handle = handle and handle.group(1) not in ("array", "attribute", "request", "test_set")
        if name in obvious or handle:
            continue
        words = comment + section_of(match.start())
        if not re.search(r"\b%s\b" % re.escape(name), words) and not (name == "kind" and "kind" in words):
            problems.append("%s: the comment does not name `%s`" % (function, name))
        elif "ntk_array *" in parameter and not re.search(r"\b%s\b[^\n.;]*\[" % re.escape(name), words) and "shape" not in words:
            problems.append("%s: `%s` has no shape" % (function, name))

print("\n".join(problems) if problems else "check_header: %d comments name every argument, and every array with its shape" % seen)
sys.exit(bool(problems))

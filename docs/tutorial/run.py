#!/usr/bin/env python3
"""run.py PAGE NTK [SOURCE]: runs every ```sh block of a page of the tutorial, in order, in one new folder, with the program NTK and the
examples of its build on the PATH and the checkout SOURCE as $NTK_SOURCE.  A ```text block is what the block before it prints: its words must be there, in order, and
its numbers agree to 2 % (machines round differently).  "..." stands for lines left out.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?$")


def same(want, got):
    if NUMBER.match(want) and NUMBER.match(got):
        return abs(float(want) - float(got)) <= 0.02 * abs(float(want)) + 1e-12
    return want == got


def found(line, lines):
    """The index behind the first of `lines` that says the same; None."""
    want = line.split()
    for i, other in enumerate(lines):
        got = other.split()
        if len(got) == len(want) and all(map(same, want, got)):
            return i + 1
    return None


def check(text, output):
    lines = output.splitlines()
    for line in text.strip("\n").split("\n"):
        if line.strip() in ("", "..."):
            continue
        at = found(line, lines)
        if at is None:
            sys.exit("the page promises\n    %s\nbut the command printed\n%s" % (line.strip(), output))
        lines = lines[at:]


def main():
    page, ntk = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    source = pathlib.Path(sys.argv[3] if len(sys.argv) > 3 else page.resolve().parents[2]).resolve()
    blocks = re.findall(r"^```(sh|text)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    env = dict(os.environ, PATH="%s:%s:%s" % (ntk.parent, ntk.parent.parent / "examples", os.environ["PATH"]), NTK_SOURCE=str(source))
    output = ""
    with tempfile.TemporaryDirectory() as folder:
        for kind, body in blocks:
            if kind == "text":
                check(body, output)
                continue
            p = subprocess.run(["bash", "-euo", "pipefail", "-c", body], cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            output = p.stdout
            if p.returncode:
                sys.exit("exit status %d of\n%s\n%s" % (p.returncode, body, output))
    print("%s: %d blocks run" % (page.name, sum(kind == "sh" for kind, _ in blocks)))


if __name__ == "__main__":
    main()

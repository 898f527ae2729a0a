#!/usr/bin/env python3
"""try_recipes.py [FOLDER]: does what CONTRIBUTING.md says, literally, in a copy of the checkout, builds it and tests what came of it.

A fenced block stands under the name of its file: ```c after "`FILE`, new" is the file, ```diff replaces, once, the text of its " " and "-"
lines by that of its " " and "+" lines (parts of lines, where it shows parts).  FOLDER stays; without one everything is removed at the end."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
TESTS = ["infinite/laws", "infinite/truth", "network/ops", "network/format", "core/names", "solve/sweeps", "solve/solver", "predict/engine", "frame/rooms", "frame/symbols"]


def recipes(text):
    """(section, file, kind, block) in order; a block without a name of its own belongs to the file named last."""
    section = name = None
    for line in re.finditer(r"^## ([^\n]*)$|^```(c|diff)\n(.*?)^```$|`((?:lib|include|tests)/[\w/.]+\.(?:c|h|build))`", text, flags=re.M | re.S):
        section = line.group(1) or section
        name = line.group(4) or name
        if line.group(2):
            yield section, name, line.group(2), line.group(3)


def replace(path, block):
    lines = block.rstrip("\n").split("\n")
    old = "\n".join(l[1:] for l in lines if l[0] in " -")
    new = "\n".join(l[1:] for l in lines if l[0] in " +")
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        sys.exit("%s: found %d times:\n%s" % (path, text.count(old), old))
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return sum(l[0] == "+" for l in lines)


def apply(folder):
    count = {}
    for section, name, kind, block in recipes((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        new, edited, lines = count.setdefault(section, (set(), set(), [0, 0]))
        if kind == "c":
            (folder / name).write_text(block, encoding="utf-8")
            new.add(name)
            lines[0] += block.count("\n")
        else:
            lines[1] += replace(folder / name, block)
            edited.add(name)
    for section, (new, edited, lines) in count.items():
        print("%s: %d new files (%d lines), %d lines in %d other files" % (section, len(new), lines[0], lines[1], len(edited)), flush=True)


def check_numbers(folder):
    """linear_scaled and scale turn every kernel by a²; forward, kernel and Jacobian agree."""
    tool = str(folder / "build-try/tools/ntk")

    def kernel(layers, *flags):
        description = {"format": "ntk-network", "version": 1, "input": [3], "layers": layers}
        pathlib.Path("net.json").write_text(json.dumps(description))
        subprocess.run([tool, *flags, "--network", "net.json", "--x1", "x.npy", "--out", "out.npy"], check=True, stdout=subprocess.DEVNULL)
        return np.load("out.npy")

    dense = {"op": "dense", "units": 5, "w_std": 1.3, "b_std": 0.2}
    np.save("x.npy", np.sin(np.arange(12.0)).reshape(4, 3))
    for layer in ({"op": "linear_scaled", "a": -1.5}, {"op": "scale", "factor": -1.5}):
        nngp = [kernel([dense, *middle], "kernel", "--kind", "nngp") for middle in ([], [layer])]
        ntk = [kernel([dense, *middle], "kernel") for middle in ([], [layer])]
        assert np.allclose(nngp[1], 2.25 * nngp[0], rtol=1e-14) and np.allclose(ntk[1], 2.25 * ntk[0], rtol=1e-14), layer
        theta = np.cos(np.arange(5 * 3 + 5 + 5 * 5 + 5.0))
        j = []
        for middle in ([], [layer]):
            np.save("theta.npy", theta)
            j.append(kernel([dense, *middle, dense], "network", "jacobian", "--params", "theta.npy"))
        j0, j1 = j  # the first layer's columns are multiplied by the factor, the second's weights too, its bias not
        assert np.allclose(j1[:, :45], -1.5 * j0[:, :45], rtol=1e-13) and np.allclose(j1[:, 45:], j0[:, 45:], rtol=1e-13), layer


def outputs(folder, names):
    """Build folders and the like, which a copy does without."""
    return [n for n in names if pathlib.Path(folder) == ROOT and (n == ".git" or n.startswith("build"))]


def main():
    keep = len(sys.argv) > 1
    folder = pathlib.Path(sys.argv[1] if keep else tempfile.mkdtemp()).resolve()
    try:
        shutil.copytree(ROOT, folder, dirs_exist_ok=True, ignore=outputs)
        apply(folder)
        subprocess.run([str(folder / "scripts/build"), "build-try", "-Dexamples=false"], check=True)
        log = subprocess.run(["meson", "test", "-C", str(folder / "build-try"), "--no-rebuild", *TESTS], check=True, capture_output=True, text=True)
        passed = int(re.search(r"^Ok: +(\d+)", log.stdout, flags=re.M).group(1))
        if passed != len(TESTS):
            sys.exit("%d of the %d tests were run" % (passed, len(TESTS)))
        os.chdir(folder / "build-try")
        check_numbers(folder)
        print("recipes: all of CONTRIBUTING.md works as written")
    finally:
        if not keep:
            os.chdir(ROOT)
            shutil.rmtree(folder, ignore_errors=True)


main()

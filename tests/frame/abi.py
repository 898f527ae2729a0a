"""abi.py BASELINE SUPPRESSIONS: programs linked against the release of BASELINE work with the library of this source tree.

Additions pass: new functions, new fields at the end of an options struct, new enumerators.  Anything else that abidiff calls a
change fails.  NTK_BUILD: the build folder; the library with debug information that abidiff needs is built in its folder abi.
"""
import os
import pathlib
import shutil
import subprocess
import sys

SKIPPED = 77
baseline, suppressions = sys.argv[1:]
describe = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "abi-baseline"


def main():
    if shutil.which("abidiff") is None or shutil.which("abidw") is None:
        print("skipped: abidiff is not installed (scripts/setup installs abigail-tools)")
        sys.exit(SKIPPED)
    folder = pathlib.Path(os.environ["NTK_BUILD"]) / "abi"
    now = folder.parent / "libntk.abi"
    if subprocess.run([describe, now, folder]).returncode != 0:
        sys.exit("the ABI of this source tree could not be read")
    status = subprocess.run(["abidiff", "--no-added-syms", "--suppressions", suppressions, baseline, now]).returncode
    print("abidiff %s %s: %d" % (baseline, now, status))
    sys.exit(1 if status else 0)


main()

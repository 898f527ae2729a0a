#!/usr/bin/env python3
"""check_manual.py NTK PAGE: every command has its section in the manual page, and in it every flag that its --help shows."""
import re
import subprocess
import sys

tool, page = sys.argv[1:]


def ntk(*words):
    return subprocess.run([tool, *words], check=True, capture_output=True, text=True).stdout


commands = re.findall(r"^  (\w+(?: \w+)?)  ", ntk("--help").split("\n\n")[2] + "\n", flags=re.M)
sections = re.split(r"^\.S[SH] ", open(page, encoding="utf-8").read(), flags=re.M)
by_title = {s.split("\n")[0].replace("\\-", "-"): s.replace("\\-", "-") for s in sections}
missing, count = [], 0
for command in commands:
    section = by_title.get("ntk " + command, "")
    for flag in re.findall(r"^  (--[\w-]+)", ntk(*command.split(), "--help"), flags=re.M):
        count += 1
        if not re.search(r"^\.B %s( |$)" % re.escape(flag), section, flags=re.M):
            missing.append("ntk %s: the manual page lacks %s" % (command, flag))
print("\n".join(missing) or "%d commands, %d flags" % (len(commands), count))
sys.exit(1 if missing or len(commands) < 5 or count < 50 else 0)

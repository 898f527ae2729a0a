#!/usr/bin/env python3
"""manual.py NTK: the manual page ntk.1, from what the program says of itself (`ntk --help`, `ntk help COMMAND`)."""
import re
import subprocess
import sys

TOOL = sys.argv[1]


def ntk(*words):
    return subprocess.run([TOOL, *words], check=True, capture_output=True, text=True).stdout


def roff(text):
    """Plain text, safe as input of troff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in ".'" else line for line in text.split("\n"))


def paragraphs(text):
    """Lines that are indented are examples, set as they are."""
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if block.startswith("  "):
            yield ".PP\n.nf\n.RS 2\n%s\n.RE\n.fi" % roff("\n".join(line[2:] for line in block.split("\n")))
        else:
            yield ".PP\n" + roff(block)


def flags(lines):
    for name, value, words in re.findall(r"^  --(\S+) (\S*) +(.*)$", lines, flags=re.M):
        yield ".TP\n.B \\-\\-%s%s\n%s" % (roff(name), " \\fI%s\\fP" % roff(value) if value else "", roff(words))


def command(name):
    title, usage, *rest = ntk("help", *name.split()).split("\n\n")
    yield ".SS ntk %s" % roff(name)
    yield roff(title.split(": ", 1)[1][:1].upper() + title.split(": ", 1)[1][1:] + ".")
    yield from paragraphs(usage)
    yield from paragraphs("\n\n".join(rest[:-1]))
    yield from flags(rest[-1])


def page():
    version = ntk("--version").split()[1]
    overview = ntk("--help").split("\n\n")
    commands = [line.strip().split("  ")[0] for line in overview[2].split("\n")]
    yield '.\\" Made by docs/manual.py.'
    yield '.TH NTK 1 "" "libntk %s" "User Commands"' % version
    yield ".SH NAME\nntk \\- neural tangent kernels from the shell"
    yield ".SH SYNOPSIS\n.B ntk\n.I COMMAND\n[\\fB\\-\\-flag\\fP \\fIvalue\\fP ...]\n.br\n.B ntk help\n.I COMMAND\n.br\n.B ntk \\-\\-version"
    yield ".SH DESCRIPTION"
    yield ("Kernels of neural networks in the limit of infinite width and at finite parameters, and what follows from them: regression with its\n"
           "covariance, spectra, the course of training in time, Gramians.  A front end of the library\n.BR libntk ,\nwhose header\n.I ntk.h\n"
           "is the reference of all that is computed.")
    yield from paragraphs("\n\n".join(overview[3:]).replace("More: man ntk.\n", ""))
    yield ".SH COMMANDS"
    for name in commands:
        yield from command(name)
    yield ".SH ENVIRONMENT"
    yield ".TP\n.B NTK_CPU\navx512, avx2 or c: the most that the library's own loops may use."
    yield ".TP\n.B OPENBLAS_CORETYPE, OPENBLAS_NUM_THREADS\nRead by OpenBLAS.  If the former is not set and OpenBLAS has chosen kernels for an older processor,\n.B ntk\nsets it and starts itself again."
    yield ".SH EXIT STATUS\n0 done; 1 the work failed (memory, disk, a matrix that cannot be factorised); 2 bad usage or input; 130 interrupted."
    yield ".SH SEE ALSO\nThe network description: docs/network\\-format.md of the sources.  The mathematics: docs/mathematics.md."


sys.stdout.reconfigure(encoding="utf-8")
print("\n".join(page()))

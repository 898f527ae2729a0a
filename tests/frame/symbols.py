"""Functions declared NTK_API in ntk.h == names in ntk.map == symbols that libntk.so exports."""
import re
import subprocess
import sys


def declared(header):
    text = re.sub(r"/\*.*?\*/", "", open(header, encoding="utf-8").read(), flags=re.S)
    text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", "", text, flags=re.M)
    names = re.findall(r"\bNTK_API\b[^;{]*?\b(ntk_\w+)\s*\(", text)
    if len(names) != len(re.findall(r"\bNTK_API\b", text)):
        sys.exit("ntk.h: a declaration with NTK_API could not be read")
    return set(names)


def mapped(map_file):
    return set(re.findall(r"\b(ntk_\w+)\s*;", open(map_file, encoding="utf-8").read()))


def exported(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout.split("\n")
    rows = [line.split() for line in lines if line]
    return {row[2].split("@")[0] for row in rows if row[1] != "A"}


def complain(what, names):
    for name in sorted(names):
        print("%s: %s" % (what, name))
    return len(names)


header, map_file, library = sys.argv[1:]
h, m, b = declared(header), mapped(map_file), exported(library)
bad = complain("declared in ntk.h, not in ntk.map", h - m) + complain("in ntk.map, not declared in ntk.h", m - h)
bad += complain("in ntk.map, not exported by the library", m - b) + complain("exported by the library, not in ntk.map", b - m)
print("%d functions in the header, %d in the map, %d exported" % (len(h), len(m), len(b)))
sys.exit(1 if bad or not h else 0)

"""Who may include whom: rooms.py SOURCE_ROOT ROOM...   (the rooms as lib/meson.build lists them, from the ground up)

A room includes itself and the rooms below it; rooms that stand side by side do not see each other.  Only linalg speaks CBLAS and
LAPACK.  tools/ and examples/ know the public header only.
"""
import pathlib
import re
import sys

LEVELS = [["core"], ["linalg"], ["network"], ["optimizer"], ["finite", "infinite"], ["kernel"], ["duality"], ["solve"], ["predict"],
          ["dynamics", "control", "train"], ["design"], ["tune"]]
ONLY_LINALG = {"cblas.h", "lapack.h", "lapacke.h", "f77blas.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def includes(path):
    return [(name, quote == '"') for quote, name in INCLUDE.findall(path.read_text(encoding="utf-8"))]


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".c", ".h"))


def below(room):
    """The rooms that `room` may include."""
    seen = []
    for level in LEVELS:
        if room in level:
            return seen + [room]
        seen += level
    sys.exit("the room %s has no place in LEVELS of tests/frame/rooms.py" % room)


def check_file(path, own, allowed, owner, root, complaints):
    for name, quoted in includes(path):
        where, base = path.relative_to(root), pathlib.PurePath(name).name
        if base in ONLY_LINALG and own != "linalg":
            complaints.append("%s includes %s: only linalg speaks CBLAS and LAPACK" % (where, name))
        elif base in owner and owner[base] not in allowed:
            complaints.append("%s includes %s of %s; %s may use %s" % (where, name, owner[base], own, ", ".join(allowed) or "ntk.h only"))
        elif quoted and base not in owner and base != "ntk.h" and not (path.parent / name).exists():
            complaints.append("%s includes \"%s\", which belongs to no room" % (where, name))


def main():
    root, rooms = pathlib.Path(sys.argv[1]), sys.argv[2:]
    lib = root / "lib"
    owner = {h.name: room for room in rooms for h in sources(lib / room) if h.suffix == ".h"}
    complaints, files = [], 0
    for folder in sorted(p for p in lib.iterdir() if p.name not in rooms and p.is_dir() and sources(p)):
        complaints.append("lib/%s is no room of lib/meson.build" % folder.name)
    for room in rooms:
        allowed = below(room)
        for path in sources(lib / room):
            check_file(path, room, allowed, owner, root, complaints)
            files += 1
    for outside in ("tools", "examples"):
        own = {h.name for h in sources(root / outside)}
        seen = {name: room for name, room in owner.items() if name not in own}
        for path in sources(root / outside):
            check_file(path, outside, [], seen, root, complaints)
            files += 1
    for line in complaints:
        print(line)
    print("%d files in %d rooms, tools and examples: %d complaints" % (files, len(rooms), len(complaints)))
    sys.exit(1 if complaints or files == 0 else 0)


main()

#!/usr/bin/env python3
"""filter.py ROOT FILE: what Doxygen shall read of a file.

include/ntk.h    as it is, the list of statuses written out
lib/ROOM/FILE.c  its opening comment, word for word, as the page "ROOM: FILE"; a private header's names the pages of its room
*.md             as it is, with links into the source tree turned into the names of the files
"""
import pathlib
import re
import sys

NUMERIC = ["linalg", "infinite", "finite", "duality", "solve", "predict", "dynamics", "control", "design", "optimizer", "kernel"]


def public_header(text):
    rows = re.findall(r"^    X\((\w+), (\d+), \"(.*?)\"\)", text, flags=re.M)
    enumerators = "".join("    NTK_%s = %s, /**< %s */\n" % row for row in rows)
    text = re.sub(r"^#(define|undef) NTK_STATUS_ENUMERATOR.*\n", "", text, flags=re.M)
    return text.replace("typedef enum ntk_status { NTK_STATUS_LIST(NTK_STATUS_ENUMERATOR) } ntk_status;",
                        "typedef enum ntk_status {\n%s} ntk_status;" % enumerators)


def opening(text):
    """The first comment without its stars; None if code comes first."""
    comment = re.match(r"\s*/\*+(.*?)\*/", text, flags=re.S)
    return comment and re.sub(r"^ \*(?: |$)", "", comment.group(1), flags=re.M).strip("\n ")


def page_name(path):
    return "math_" + re.sub(r"\W", "_", "/".join(path.parts[1:]))


def is_page(root, path):
    numeric = path.parts[0] == "lib" and len(path.parts) == 3 and path.parts[1] in NUMERIC and path.suffix == ".c"
    return numeric and opening((root / path).read_text(encoding="utf-8")) is not None


def source_page(root, path, text):
    room = path.parts[1]
    if room not in NUMERIC:
        return ""
    head = opening(text)
    if path.name == room + ".h":
        pages = [page_name(p) for p in sorted(p.relative_to(root) for p in (root / "lib" / room).glob("*.c")) if is_page(root, p)]
        return "/** @page math_%s Mathematics: %s\n@verbatim\n%s\n@endverbatim\n%s */\n" % (
            room, room, head, "\n".join("@subpage " + name + "\n" for name in pages))
    if not is_page(root, path):
        return ""
    return "/** @page %s %s: %s\n@verbatim\n%s\n@endverbatim\n*/\n" % (page_name(path), room, path.name, head)


def markdown(root, path, text):
    """Links to pages of the documentation stay; links to other files become their names.  Doxygen takes a ' for a closing `."""
    def link(match):
        words, target = match.groups()
        if re.match(r"\w+:|#", target) or target.endswith(".md"):
            return match.group(0)
        return words if words.startswith("`") else "`%s`" % words
    text = re.sub(r"\[([^\]\n]+)\]\(([^)\n]+)\)", link, text)
    return re.sub(r"(?<!`)`([^`\n]*'[^`\n]*)`(?!`)", r"``\1``", text)


def main():
    root, path = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    text = path.read_text(encoding="utf-8")
    path = path.relative_to(root.resolve())
    if path.suffix == ".md":
        text = markdown(root, path, text)
    elif path.parts[0] == "include":
        text = public_header(text)
    else:
        text = source_page(root, path, text)
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write(text)


main()

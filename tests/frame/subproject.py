"""subproject.py SOURCE_ROOT: libntk as subprojects/ntk of a stranger's Meson project: the library only, no tests, no examples,
and `dependency('ntk')` gives it.  CC: the compiler."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(sys.argv[1])
frame = pathlib.Path(__file__).parent


def run(command, **more):
    print("+", " ".join(map(str, command)), flush=True)
    return subprocess.run(command, check=True, **more)


def not_source(folder, names):
    """Build folders and the history of git."""
    return [name for name in names if name[0] == "." or name.startswith("build") and (pathlib.Path(folder) / name).is_dir()
            or (pathlib.Path(folder) / name / "meson-private").exists()]


def lay_out(parent):
    shutil.copytree(frame / "parent", parent)
    shutil.copy(frame / "consumer.c", parent)
    shutil.copytree(root, parent / "subprojects" / "ntk", ignore=not_source)


def surplus(build):
    """Programs that a library has no business to build in its parent."""
    text = run(["meson", "introspect", "--targets", build], capture_output=True, text=True).stdout
    return [target["name"] for target in json.loads(text) if target["type"] == "executable" and target["name"] != "consumer"]


def main():
    with tempfile.TemporaryDirectory() as folder:
        parent, build = pathlib.Path(folder) / "parent", pathlib.Path(folder) / "build"
        lay_out(parent)
        run(["meson", "setup", build, parent, "--force-fallback-for=ntk", "-Dntk:tools=false", "-Doptimization=0", "-Ddebug=false"],
            stdout=subprocess.DEVNULL)
        if surplus(build):
            sys.exit("built although libntk is a subproject: " + ", ".join(surplus(build)))
        run(["ninja", "-C", build, "--quiet", "consumer"])
        run([build / "consumer"])
        linked = run(["ldd", build / "consumer"], capture_output=True, text=True).stdout
        if str(build / "subprojects") not in linked:
            sys.exit("the program does not use the libntk of the subproject:\n" + linked)


main()

"""consumer.py shared|static PROGRAM: installs into a folder of its own, compiles a stranger's program with what pkg-config says,
runs it, and shows that it does not compile without.  PROGRAM: a C file, or a page of documentation that opens one with ```c.
CC, NTK_BUILD: the compiler and the build folder."""
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

kind, program_text = sys.argv[1:]
build, compiler = os.environ["NTK_BUILD"], shlex.split(os.environ["CC"])


def run(command, **more):
    print("+", " ".join(map(str, command)), flush=True)
    return subprocess.run(command, **more)


def pkg_config(stage, *arguments):
    """The flags, with the files where the staged installation has put them."""
    places = [str(next(stage.rglob("ntk.pc")).parent), os.environ.get("PKG_CONFIG_PATH", "")]
    environment = dict(os.environ, PKG_CONFIG_PATH=":".join(filter(None, places)), PKG_CONFIG_ALLOW_SYSTEM_CFLAGS="1",
                       PKG_CONFIG_ALLOW_SYSTEM_LIBS="1")
    out = run(["pkg-config", *arguments, "ntk"], check=True, capture_output=True, text=True, env=environment).stdout
    prefix = run(["pkg-config", "--variable", "prefix", "ntk"], check=True, capture_output=True, text=True, env=environment).stdout.strip()
    return [flag.replace(prefix, str(stage) + prefix, 1) if flag[:2] in ("-I", "-L") and flag[2:].startswith(prefix) else flag
            for flag in shlex.split(out)]


def c_file(path, folder):
    if path.suffix == ".c":
        return path
    block = re.search(r"^```c\n(.*?)^```", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    source = folder / "program.c"
    source.write_text(block.group(1), encoding="utf-8")
    return source


def main():
    with tempfile.TemporaryDirectory() as folder:
        source = c_file(pathlib.Path(program_text), pathlib.Path(folder))
        stage = pathlib.Path(folder) / "stage"
        program = pathlib.Path(folder) / "consumer"
        run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", stage], check=True, stdout=subprocess.DEVNULL)
        library = next(stage.rglob("libntk.so"))
        if run([*compiler, source, "-o", program, "-lntk", "-lm"], stderr=subprocess.DEVNULL).returncode == 0:
            sys.exit("it compiles without pkg-config's flags: an installed libntk stands in the way of this test")
        flags = pkg_config(stage, "--cflags", "--libs", *(["--static"] if kind == "static" else []))
        if kind == "static":  # what a distribution without the shared library would do
            for shared in stage.rglob("libntk.so*"):
                shared.unlink()
        run([*compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags, "-lm"], check=True)
        run([program], check=True, env=dict(os.environ, LD_LIBRARY_PATH=str(library.parent)))
        linked = run(["ldd", program], check=True, capture_output=True, text=True).stdout
        if ("libntk.so" in linked) != (kind == "shared"):
            sys.exit("linked against the wrong kind of library:\n" + linked)


main()

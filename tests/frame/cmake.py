"""cmake.py: installs into a folder, moves that to another place, and builds and runs a stranger's CMake project against it, shared
and static; refuses versions that this one cannot stand for.  CC, NTK_BUILD: the compiler and the build folder."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
project = pathlib.Path(__file__).parent / "cmake"


def run(command, **more):
    print("+", " ".join(map(str, command)), flush=True)
    return subprocess.run(command, **more)


def configure(folder, prefix, version):
    return run(["cmake", "-S", project, "-B", folder, "-DCMAKE_PREFIX_PATH=%s" % prefix, "-DWANTED_VERSION=%s" % version],
               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def installed(folder):
    """The prefix of an installation that has been moved since."""
    stage = folder / "stage"
    os.environ.pop("LD_LIBRARY_PATH", None)  # Meson points it at the build, where the program must not look
    run(["meson", "install", "-C", os.environ["NTK_BUILD"], "--no-rebuild", "--quiet", "--destdir", stage], check=True,
        stdout=subprocess.DEVNULL)
    header = next(stage.rglob("include/ntk.h"))
    return pathlib.Path(shutil.move(header.parent.parent, folder / "moved"))


def check_builds(folder, prefix):
    made = configure(folder, prefix, "0.1")
    if made.returncode != 0:
        sys.exit(made.stderr)
    run(["cmake", "--build", folder], check=True, stdout=subprocess.DEVNULL)
    for kind, wants_shared in (("ntk", True), ("ntk-static", False)):
        program = folder / ("consumer-" + kind)
        run([program], check=True)
        linked = run(["ldd", program], check=True, capture_output=True, text=True).stdout
        if ("libntk.so" in linked) != wants_shared or (wants_shared and str(prefix) not in linked):
            sys.exit("ntk::%s is linked against the wrong library:\n%s" % (kind, linked))


def check_refuses(folder, prefix, version):
    made = configure(folder, prefix, version)
    if made.returncode == 0 or "ntkConfig.cmake" not in made.stderr:
        sys.exit("a request for version %s was not refused:\n%s" % (version, made.stderr))


def main():
    if shutil.which("cmake") is None:
        print("skipped: cmake is not installed (scripts/setup installs it)")
        sys.exit(SKIPPED)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        prefix = installed(folder)
        check_builds(folder / "build", prefix)
        for version in ("0.99", "1.0"):
            check_refuses(folder / ("build-" + version), prefix, version)


main()

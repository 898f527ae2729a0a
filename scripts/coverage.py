#!/usr/bin/env python3
"""coverage.py FOLDER ROOM LEAST: the branches of lib/ROOM that the tests took, by file, from gcov's counts in a build
folder with -Db_coverage=true.  Every branch counts, none is left out.  Exit status 0 if at least LEAST % were taken."""
import glob
import json
import subprocess
import sys


def branches(folder, room):
    """{file: [(line, taken), ...]}"""
    files = {}
    notes = sorted(glob.glob(f'{folder}/lib/libntk_objects.a.p/{room}_*.gcno'))
    for note in notes:
        out = subprocess.run(['gcov', '--branch-counts', '--branch-probabilities', '--json-format', '--stdout', note],
                             capture_output=True, text=True, check=True).stdout
        for entry in json.loads(out)['files']:
            if f'lib/{room}/' not in entry['file'] or not entry['file'].endswith('.c'):
                continue
            found = files.setdefault(entry['file'].rsplit('/', 1)[1], [])
            for line in entry['lines']:
                found += [(line['line_number'], branch['count'] > 0) for branch in line['branches']]
    return files


def main():
    folder, room, least = sys.argv[1], sys.argv[2], float(sys.argv[3])
    taken = total = 0
    for name, found in branches(folder, room).items():
        ok = sum(hit for _, hit in found)
        missed = sorted({line for line, hit in found if not hit})
        taken, total = taken + ok, total + len(found)
        print(f'{room}/{name}: {ok} of {len(found)}' + (f'; not all of lines {", ".join(map(str, missed))}' if missed else ''))
    share = 100 * taken / total if total else 0
    print(f'lib/{room}: {taken} of {total} branches, {share:.1f} %; at least {least:g} % expected')
    return 0 if share >= least else 1


if __name__ == '__main__':
    sys.exit(main())

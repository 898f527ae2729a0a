#!/usr/bin/env python3
"""compare_uci.py FOLDER NTK [MOST]: does the ranking of `ntk compare` hold on data it has not seen?

FOLDER holds sets in the format of Fernandez-Delgado et al. 2014 (NAME/NAME_R.dat, NAME/conxuntos_kfold.dat); of those with at most MOST
samples (2000) the first fold's training rows rank twelve networks, by several measures, and its test rows score them.  Prints Spearman's
rank correlation per set and its mean.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

MEASURES = {"loo_error": -1, "loo_accuracy": 1, "loo_log_score": 1, "log_evidence": 1, "alignment": 1}  # more is better, or less


def ranks(values):
    """Equal values share the mean of their ranks."""
    values = np.asarray(values)
    return np.array([(values > v).sum() + ((values == v).sum() + 1) / 2 for v in values])


def correlation(a, b):
    a, b = ranks(a) - ranks(a).mean(), ranks(b) - ranks(b).mean()
    return a @ b / np.sqrt((a @ a) * (b @ b)) if a.any() and b.any() else np.nan


def networks(folder, d):
    def write(name, layers):
        path = folder / (name + ".json")
        path.write_text(json.dumps({"format": "ntk-network", "version": 1, "input": [d], "layers": layers}))
        return str(path)

    def dense(b=0.0):
        return {"op": "dense", "units": 64, "w_std": 1.4142135623730951, "b_std": b}
    nets = [write("linear", [dense(0.1)])]
    for activation in ("relu", "erf", "sin"):
        for depth in (1, 2, 4):
            nets.append(write("%s%d" % (activation, depth), [dense(0.1), {"op": activation}] * depth + [dense(0.1)]))
    nets.append(write("relu3-no-bias", [dense(), {"op": "relu"}] * 3 + [dense()]))
    nets.append(write("rbf", [dense(), {"op": "rbf"}]))
    return nets


def rows(folder, name):
    table = np.loadtxt(folder / (name + "_R.dat"), skiprows=1)
    folds = (folder / "conxuntos_kfold.dat").read_text().split("\n")
    train, test = (np.array(line.split(), dtype=int) for line in folds[:2])
    return table[train, 1:-1], table[train, -1].astype(int), table[test, 1:-1], table[test, -1].astype(int)


def compare(ntk, name, folder):
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        x, y, xt, yt = rows(folder, name)
        for file, values in (("x", x), ("y", y), ("xt", xt), ("yt", yt)):
            np.save(work / (file + ".npy"), values)
        base = [ntk, "compare", *networks(work, x.shape[1]), "--ridge-relative", "1e-2", "--json"]
        for flag, file in (("x", "x"), ("y", "y"), ("x-test", "xt"), ("y-test", "yt")):
            base += ["--" + flag, str(work / (file + ".npy"))]
        report = json.loads(subprocess.run(base, check=True, capture_output=True).stdout)
    designs = report["designs"]
    accuracies = {d["network"]: d["accuracy"] for d in designs}
    correlations = [correlation([sign * d[m] for d in designs], list(accuracies.values())) for m, sign in MEASURES.items()]
    return correlations, accuracies[report["ranking"][0]], max(accuracies.values()), np.mean(list(accuracies.values()))


def main():
    folder, ntk = pathlib.Path(sys.argv[1]), str(pathlib.Path(sys.argv[2]).resolve())
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 2000
    results = []
    print("%-34s %5s" % ("set", "n"), *("%13s" % m for m in MEASURES), "%7s %7s %7s" % ("chosen", "best", "mean"))
    for path in sorted(p for p in folder.iterdir() if (p / (p.name + "_R.dat")).exists()):
        n = len((path / "conxuntos_kfold.dat").read_text().split("\n")[0].split())
        if n < 50 or n > most:
            continue
        correlations, chosen, best, mean = compare(ntk, path.name, path)
        results.append([*correlations, chosen, best, mean])
        print("%-34s %5d" % (path.name, n), *("%13.2f" % c for c in results[-1][:-3]), "%7.3f %7.3f %7.3f" % (chosen, best, mean), flush=True)
    print("%-34s %5d" % ("mean", len(results)), *("%13.2f" % c for c in np.nanmean(results, axis=0)[:-3]), "%7.3f %7.3f %7.3f" % tuple(np.mean(results, axis=0)[-3:]))


if __name__ == "__main__":
    main()

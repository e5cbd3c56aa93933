#!/usr/bin/env python3
"""The short table at the end of run.sh, from what its steps left in a folder. Only Python's standard library."""
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])


def lines(name):
    path = folder / name
    return [json.loads(line) for line in path.read_text().splitlines() if line.startswith("{")] if path.exists() else []


def last_line(name):
    path = folder / name
    return path.read_text().strip().splitlines()[-1] if path.exists() and path.read_text().strip() else ""


def check():
    rows = lines("check.jsonl")
    failed = [f"{r['operation']} {r['shape']}" for r in rows if not r["passed"]]
    worst = max((r["relative_l2"] / r["bound"] for r in rows), default=0)
    return f"{len(rows) - len(failed)} of {len(rows)} within bounds, worst error {worst:.2f} of its bound" + "".join(f"; FAILED {name}" for name in failed[:5])


def profile():
    found = lines("profile.json")
    if not found:
        return ""
    run = found[0]
    conv = [k for k in run["kernels"] if k["kernel"].startswith(("ConvReluBn", "TensorConv"))]
    seconds = sum(k["seconds"] for k in conv)
    rate = sum(k["operations"] for k in conv) / seconds if seconds else 0
    return (f"{run['utterances']} utterances, {run['frames']} frames: {1e3 * run['run_seconds']:.2f} ms; convolutions {rate / 1e12:.2f} TFLOP/s,"
            f" {100 * rate / run['ceilings']['operations_per_second']:.0f} % of the measured ceiling")


def benchmark():
    return "; ".join(f"{r['model']} {r['batch']}x{r['frames']} {r['ms']:.2f} ms" for r in lines("cases.jsonl"))


told = {
    "devices": lambda: ", ".join(d["device"] for d in lines("devices.jsonl") if d.get("device")),
    "compiler cases": lambda: last_line("compiler-cases.txt"),
    "check": check,
    "profile": profile,
    "benchmark": benchmark,
}
compared = folder / "compare.md"
if compared.exists():
    print(compared.read_text())
print(f"{'step':16} {'seconds':>7}  result")
for row in (folder / "steps.tsv").read_text().splitlines():
    name, code, seconds = row.split("\t")
    try:
        result = told.get(name, lambda: "")()
    except (KeyError, ValueError, ZeroDivisionError) as problem:
        result = f"cannot be read: {problem!r}"
    print(f"{name:16} {seconds:>7}  {'ok' if code == '0' else f'ENDED WITH {code}'}{': ' if result else ''}{result}")
print(f"results: {folder}")

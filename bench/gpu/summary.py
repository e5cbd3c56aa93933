#!/usr/bin/env python3
"""The short table at the end of run.sh, from what its steps left in a folder, and all of it as one file, results.json. Only Python's
standard library."""
import json
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])


def text(name):
    path = folder / name
    return path.read_text() if path.exists() else ""


def objects(name):
    """The objects of a file of one a line; a last one that was torn is left out."""
    return [json.loads(line) for line in text(name).splitlines(keepends=True) if line.startswith("{") and line.endswith("\n")]


def devices(name):
    return ", ".join(d["device"] for d in objects(name) if d.get("device"))


def check(name):
    rows = objects(name)
    failed = [f"{r['operation']} {r['shape']} in {r['precision']} on {r['device']}" for r in rows if not r["passed"]]
    # A result that is no number is null.
    worst = max((r["relative_l2"] / r["bound"] for r in rows if r["relative_l2"] is not None), default=0)
    more = f"; and {len(failed) - 5} more" if len(failed) > 5 else ""
    named = "".join(f"; FAILED {name}" for name in failed[:5]) + more
    return f"{len(rows) - len(failed)} of {len(rows)} within bounds, worst error {worst:.2f} of its bound{named}"


def profile(name):
    run = objects(name)[0]
    conv = [k for k in run["kernels"] if k["kernel"].startswith(("ConvReluBn", "TensorConv"))]
    seconds = sum(k["seconds"] for k in conv)
    rate = sum(k["operations"] for k in conv) / seconds
    reached = sum(k["seconds"] * k["share_of_operations_ceiling"] for k in conv) / seconds
    ceilings = ", ".join(dict.fromkeys(k["operations_ceiling"] for k in conv))
    graph = f"; {1e3 * run['graph_run_seconds']:.2f} ms by graph" if "graph_run_seconds" in run else ""
    return (f"{run['precision']}, {run['utterances']} x {run['frames'] // run['utterances']} frames: {1e3 * run['run_seconds']:.2f} ms{graph};"
            f" convolutions {rate / 1e12:.2f} TFLOP/s, {100 * reached:.0f} % of the measured ceiling ({ceilings});"
            f" markers {100 * run['overhead']:+.1f} %")


def latency(name):
    run = objects(name)[0]
    return (f"{run['precision']}, {run['frames']} frames: median {1e3 * run['median_seconds']:.3f} ms,"
            f" 95 % within {1e3 * run['percentile_95_seconds']:.3f} ms ({run['runs']} runs)")


def cases(name):
    return "; ".join(f"{r['mode']} {r['model']} {r['batch']}x{r['frames']} {r['ms']:.2f} ms" for r in objects(name))


def compared(name):
    table = json.loads(text(name.replace(".md", ".json")) or '{"table": []}')["table"]
    ratios = [r["ratio"] for r in table]
    return f"{len(table)} ratios, from {min(ratios):.2f}x to {max(ratios):.2f}x" if table else "no case that both ran"


def last_line(name):
    return (text(name).strip().splitlines() or [""])[-1]


TOLD = {
    "devices": devices, "check": check, "networks": check, "profile": profile, "latency": latency, "cases": cases, "compare": compared,
    "compiler": last_line, "embed": last_line,
}

steps, whole = [], json.loads(text("machine.json"))
for row in text("steps.tsv").splitlines():
    name, code, seconds, file = row.split("\t")
    try:
        result = TOLD[file.replace(".", "-").split("-")[0]](file) if text(file) else ""
    except (KeyError, IndexError, ValueError, TypeError, ZeroDivisionError) as problem:
        result = f"cannot be read: {problem!r}"
    ended = {"0": "ok", "124": "OUT OF TIME", "137": "OUT OF TIME", "left-out": "LEFT OUT, no time"}.get(code, f"ENDED WITH {code}")
    steps.append({"step": name, "ended": ended, "seconds": int(seconds), "result": result})
whole["steps"] = steps
for path in sorted(folder.glob("*.json*")):
    if path.name not in ("machine.json", "results.json") and not path.name.startswith("trace-"):
        try:
            whole[path.stem] = objects(path.name) if path.suffix == ".jsonl" else json.loads(path.read_text())
        except ValueError:
            pass  # of a step that was stopped; the table says so
(folder / "results.json").write_text(json.dumps(whole, indent=1) + "\n")

for path in sorted(folder.glob("compare-*.md")):
    print(f"{path.read_text()}")
wide = max((len(s["step"]) for s in steps), default=0)
print(f"{'step':{wide}} {'seconds':>7}  result")
for s in steps:
    print(f"{s['step']:{wide}} {s['seconds']:>7}  {s['ended']}{': ' if s['result'] else ''}{s['result']}")
print(f"results: {folder / 'results.json'}")

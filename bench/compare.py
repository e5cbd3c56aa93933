#!/usr/bin/env python3
"""Runs the PyTorch peer and this engine in turn on the same cases and prints one table of ratios.

Needs only Python's standard library here; the peer needs torch (Debian: python3-torch python3-numpy
libopenblas0-pthread, so /usr/bin/python3). Rounds alternate between the two, so that what else the machine does meets
both; every figure is the median over the rounds. Writes bench/results/<date>-<machine>.json.

  bench/compare.py --threads 2 --rounds 3
  bench/compare.py --device cuda --program bench/gpu/bin/EcapaIlgpu.Bench --cases 1x200,64x300,256x300,mixed
  bench/compare.py --threads 1 --channels 512 --cases 1x300 --python /usr/bin/python3 --peer ../shared/peers/torch_ecapa.py
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent
PROJECT = BENCH / "EcapaIlgpu.Bench"


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--device", default="cpu", help="cpu or cuda, for both; ours may also be opencl or cpu-kernels against the peer on the cpu")
    p.add_argument("--program", help="a published EcapaIlgpu.Bench, where there is no .NET SDK to build it")
    p.add_argument("--modes", default="fp32", help="the peer's precisions")
    p.add_argument("--channels", default="512,1024")
    p.add_argument("--cases", default="1x200,1x300,8x300,32x200,mixed")
    p.add_argument("--seconds", type=float, default=2.0, help="per case and round")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--peer", type=pathlib.Path, default=BENCH.parent.parent / "shared" / "peers" / "torch_ecapa.py")
    p.add_argument("--python", default="/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable)
    p.add_argument("--machine", help="name in the results' file name; the processor's by default")
    p.add_argument("--no-write", action="store_true", help="print only")
    return p.parse_args()


def json_lines(command, environment=None):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        sys.exit(f"{command[0]} ended with {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def processor():
    try:
        found = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
        return found.group(1).strip()
    except (OSError, AttributeError):
        return platform.processor() or platform.machine()


def case_of(row):
    """mixed runs as one batch here, one by one or padded there: it is one case all the same"""
    name = "mixed" if isinstance(row["frames"], str) else f"{row['batch']}x{row['frames']}"
    return row["model"], name


def median(rows, field):
    return statistics.median(r[field] for r in rows)


def main():
    a = options()
    if not a.peer.exists():
        sys.exit(f"no peer script at {a.peer}: give its place with --peer")
    if a.program:
        program = [a.program]
    else:
        subprocess.run(["dotnet", "build", "-c", "Release", "-v", "quiet", "-nologo", PROJECT], check=True, stdout=sys.stderr)
        program = ["dotnet", next((PROJECT / "bin" / "Release").glob("*/EcapaIlgpu.Bench.dll"))]
    common = ["--threads", a.threads, "--channels", a.channels, "--cases", a.cases, "--seconds", a.seconds]
    ours, peers = [], []
    for turn in range(a.rounds):
        print(f"round {turn + 1} of {a.rounds}", file=sys.stderr, flush=True)
        peers += json_lines([a.python, a.peer, "--device", "cuda" if a.device.startswith("cuda") else "cpu", "--modes", a.modes, *common], {"OMP_NUM_THREADS": str(a.threads)})
        ours += json_lines([*program, "cases", "--device", a.device, *common])

    table = []
    for model, case in dict.fromkeys(map(case_of, ours)):
        mine = [r for r in ours if case_of(r) == (model, case)]
        theirs = [r for r in peers if case_of(r) == (model, case)]
        for mode in dict.fromkeys(r["mode"] for r in theirs):
            same_mode = [r for r in theirs if r["mode"] == mode]
            table.append({
                "model": model, "case": case, "peer_mode": mode,
                "peer_ms": round(median(same_mode, "ms"), 2), "ms": round(median(mine, "ms"), 2),
                "ratio": round(median(same_mode, "ms") / median(mine, "ms"), 3),
                "audio_s_per_s": round(median(mine, "audio_s_per_s")),
                "share_of_peak": None if mine[0]["share_of_peak"] is None else round(median(mine, "share_of_peak"), 3),
                "peak_tflops": None if mine[0]["peak_tflops"] is None else round(median(mine, "peak_tflops"), 4),
            })

    today = datetime.date.today().isoformat()
    print(f"{ours[0]['peer']} against {peers[0]['peer']}, {a.threads} threads, {processor()}, {today}, median of {a.rounds} rounds\n")
    print("| model | case | PyTorch | PyTorch ms | ours ms | ours is faster by | audio s/s | share of peak |")
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for r in table:
        share = "" if r["share_of_peak"] is None else f"{100 * r['share_of_peak']:.0f} %"
        print(f"| {r['model']} | {r['case']} | {r['peer_mode']} | {r['peer_ms']:.2f} | {r['ms']:.2f} | {r['ratio']:.2f}x"
              f" | {r['audio_s_per_s']} | {share} |")

    if not a.no_write:
        machine = re.sub(r"[^a-z0-9]+", "-", (a.machine or processor()).lower()).strip("-")
        out = BENCH / "results" / f"{today}-{machine}.json"
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps({
            "date": today, "machine": processor(), "system": platform.platform(), "threads": a.threads, "rounds": a.rounds,
            "seconds": a.seconds, "table": table, "ours": ours, "peer": peers,
        }, indent=1) + "\n")
        print(f"\n{out}", file=sys.stderr)


if __name__ == "__main__":
    main()

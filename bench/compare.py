#!/usr/bin/env python3
"""Runs PyTorch and this engine in turn on the same cases and prints one table of ratios.

Cases start from feature rows (the network alone; the peer is shared/peers/torch_ecapa.py), from 16-bit samples in memory, or
from WAV files in the page cache (the peer is torch_from_audio.py beside this script, which adds torchaudio's filterbank to
the same network). Needs only Python's standard library here; the peer needs torch (Debian: python3-torch python3-torchaudio
libopenblas0-pthread, so /usr/bin/python3). Rounds alternate between the two, so that what else the machine does meets
both; every figure is the median over the rounds. Writes bench/results/<date>-<machine>.json.

  bench/compare.py --threads 2 --rounds 3
  bench/compare.py --threads 2 --inputs features,pcm,files --channels 512 --cases 1x200,8x300,mixed
  bench/compare.py --device cuda --program bench/gpu/bin/ecapa-gpu --modes fp32,tf32,bf16,compile-bf16 --precisions 3xtf32,tf32,bf16
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
import time

BENCH = pathlib.Path(__file__).resolve().parent
PROJECT = BENCH / "EcapaIlgpu.Bench"
FROM_AUDIO = BENCH / "torch_from_audio.py"


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=os.cpu_count())
    p.add_argument("--device", default="cpu", help="cpu or cuda, for both; ours may also be opencl or cpu-kernels against the peer on the cpu")
    p.add_argument("--program", help="a published EcapaIlgpu.Bench, where there is no .NET SDK to build it")
    p.add_argument("--modes", default="fp32", help="the peer's precisions: fp32, tf32, bf16, compile-bf16, ...")
    p.add_argument("--precisions", default="fp32", help="ours: fp32, 3xtf32, tf32, bf16, fp16")
    p.add_argument("--inputs", default="features", help="features, pcm, files: what the cases start from")
    p.add_argument("--channels", default="512,1024")
    p.add_argument("--cases", default="1x200,8x300,64x200,256x300,mixed", help="256x300 takes minutes on a few cores")
    p.add_argument("--seconds", type=float, default=2.0, help="per case and round")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--limit", type=float, help="seconds after which no more is measured: the table is of what there is")
    p.add_argument("--peer", type=pathlib.Path, default=BENCH.parent.parent / "shared" / "peers" / "torch_ecapa.py")
    p.add_argument("--python", default="/usr/bin/python3" if os.path.exists("/usr/bin/python3") else sys.executable)
    p.add_argument("--machine", help="name in the results' file name; the processor's by default")
    p.add_argument("--no-write", action="store_true", help="print only")
    p.add_argument("--write", type=pathlib.Path, help="the results' file, in place of the one in bench/results")
    return p.parse_args()


def json_lines(command, deadline, problems, environment=None):
    """The objects that a program prints. Of one that fails or is stopped those before count: minutes of a GPU are not thrown away."""
    command = [str(c) for c in command]
    left = None if deadline is None else deadline - time.monotonic()
    output = b""
    try:
        if left is not None and left <= 0:
            raise subprocess.TimeoutExpired(command, 0)
        done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=left, env={**os.environ, **(environment or {})})
        output = done.stdout
        if done.returncode != 0:
            problems.append(f"ended with {done.returncode}: {' '.join(command)}")
    except subprocess.TimeoutExpired as stopped:
        output = stopped.stdout or b""
        problems.append(f"no time left for all of: {' '.join(command)}")
    whole = [line for line in output.decode().splitlines(keepends=True) if line.endswith("\n")]
    return [json.loads(line) for line in whole if line.startswith("{")]


def processor():
    try:
        found = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
        return found.group(1).strip()
    except (OSError, AttributeError):
        return platform.processor() or platform.machine()


def case_of(row):
    """mixed runs as one batch here, one by one or padded there: it is one case all the same"""
    name = "mixed" if isinstance(row["frames"], str) else f"{row['batch']}x{row['frames']}"
    return row["model"], row.get("input", "features"), name


def precision_of(mode):
    """What a mode of either program may be compared by: 3xtf32 keeps float32's bounds, so it stands beside float32."""
    name = mode.split()[0].removeprefix("compile-")
    return "fp32" if name == "3xtf32" else name


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
    ours, peers, problems = [], [], []
    deadline = None if a.limit is None else time.monotonic() + a.limit
    for turn in range(a.rounds):
        print(f"round {turn + 1} of {a.rounds}", file=sys.stderr, flush=True)
        for start in a.inputs.split(","):
            script = [a.peer] if start == "features" else [FROM_AUDIO, "--input", start, "--peer", a.peer]
            device = "cuda" if a.device.startswith("cuda") else "cpu"
            # Ours first: of the two it is the one that nobody has measured yet, should there be too little time for both.
            for precision in a.precisions.split(","):
                arguments = ["--device", a.device, "--precision", precision, "--inputs", start, *common]
                ours += json_lines([*program, "cases", *arguments], deadline, problems)
            arguments = ["--device", device, "--modes", a.modes, *common]
            peers += json_lines([a.python, *script, *arguments], deadline, problems, {"OMP_NUM_THREADS": str(a.threads)})

    table = []
    for key in dict.fromkeys(map(case_of, ours)):
        model, start, case = key
        mine = [r for r in ours if case_of(r) == key]
        theirs = [r for r in peers if case_of(r) == key]
        for mode in dict.fromkeys(r["mode"] for r in mine):
            same = [r for r in mine if r["mode"] == mode]
            for peer_mode in dict.fromkeys(r["mode"] for r in theirs if precision_of(r["mode"]) == precision_of(mode)):
                peer = [r for r in theirs if r["mode"] == peer_mode]
                table.append({
                    "model": model, "input": start, "case": case, "mode": mode, "peer_mode": peer_mode,
                    "peer_ms": round(median(peer, "ms"), 2), "ms": round(median(same, "ms"), 2),
                    "ratio": round(median(peer, "ms") / median(same, "ms"), 3),
                    "audio_s_per_s": round(median(same, "audio_s_per_s")),
                    "share_of_peak": None if same[0]["share_of_peak"] is None else round(median(same, "share_of_peak"), 3),
                    "peak_tflops": None if same[0]["peak_tflops"] is None else round(median(same, "peak_tflops"), 4),
                })

    for problem in problems:
        print(problem, file=sys.stderr)
    if not ours and not peers:
        sys.exit("nothing was measured")
    today = datetime.date.today().isoformat()
    sides = " against ".join(rows[0]["peer"] if rows else "nothing" for rows in (ours, peers))
    print(f"{sides}, {a.threads} threads, {processor()}, {today}, median of {a.rounds} rounds\n")
    print("| model | from | case | ours | PyTorch | PyTorch ms | ours ms | ours is faster by | audio s/s | share of peak |")
    print("|---|---|---|---|---|---:|---:|---:|---:|---:|")
    for r in table:
        share = "" if r["share_of_peak"] is None else f"{100 * r['share_of_peak']:.0f} %"
        print(f"| {r['model']} | {r['input']} | {r['case']} | {r['mode']} | {r['peer_mode']} | {r['peer_ms']:.2f} | {r['ms']:.2f} | {r['ratio']:.2f}x"
              f" | {r['audio_s_per_s']} | {share} |")

    if not a.no_write:
        machine = re.sub(r"[^a-z0-9]+", "-", (a.machine or processor()).lower()).strip("-")
        out = a.write or BENCH / "results" / f"{today}-{machine}.json"
        out.parent.mkdir(exist_ok=True)
        out.write_text(json.dumps({
            "date": today, "machine": processor(), "system": platform.platform(), "threads": a.threads, "rounds": a.rounds,
            "seconds": a.seconds, "problems": problems,
            "table": table, "ours": ours, "peer": peers,
        }, indent=1) + "\n")
        print(f"\n{out}", file=sys.stderr)
    if problems:
        sys.exit(1)


if __name__ == "__main__":
    main()

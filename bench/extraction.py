#!/usr/bin/env python3
"""How close `ecapa embed` comes to its engine's own rate on many files of 2 to 15 s, decoding and filterbank included.

Cuts speech into 16-bit WAV and FLAC files in a temporary folder, then measures
  * pairs: the same utterances as rows in memory and as files, in turn, in one process (`EcapaIlgpu.Bench extraction`);
  * the command: `ecapa embed` over all files, from start of the process to its end, its peak memory and its stages.
Needs python3 and ffmpeg (for FLAC). Writes bench/results/<date>-extraction-<processor>.json.
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import wave

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
RATE = 16000


def speech(folder):
    """All samples of the 16-bit mono WAV files of a folder, end to end."""
    parts = []
    for path in sorted(pathlib.Path(folder).rglob("*.wav")):
        with wave.open(str(path), "rb") as file:
            if (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2):
                parts.append(file.readframes(file.getnframes()))
    if not parts:
        sys.exit(f"{folder} has no 16-bit mono WAV at {RATE} Hz")
    return b"".join(parts)


def make_files(source, folder, count):
    """Every second file is FLAC. Lengths are even over 2 to 15 s, the same in every run."""
    chance = random.Random(7)
    flac = []
    for i in range(count):
        samples = int(chance.uniform(2, 15) * RATE)
        start = 2 * chance.randrange(len(source) // 2 - samples)
        path = folder / f"{i:05}.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(source[start:start + 2 * samples])
        if i % 2:
            flac.append(path)
    for first in range(0, len(flac), 50):
        group = flac[first:first + 50]
        command = ["ffmpeg", "-nostdin", "-v", "error"]
        for path in group:
            command += ["-i", str(path)]
        for i, path in enumerate(group):
            command += ["-map", f"{i}:a", str(path.with_suffix(".flac"))]
        subprocess.run(command, check=True)
        for path in group:
            path.unlink()


def whole_run(files, threads, output):
    """The command over all files: seconds by the clock and of processor time, peak memory, its own statistics."""
    stats = output.with_suffix(".stats.json")
    command = ["dotnet", str(ROOT / "src/EcapaIlgpu.Cli/bin/Release/net10.0/ecapa.dll"), "embed", str(files), "-o", str(output),
               "--device", "cpu", "--threads", str(threads), "--quiet", "--stats-json", str(stats)]
    start = time.monotonic()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status:
        sys.exit(f"ecapa embed failed: {status}")
    return {"seconds": round(seconds, 2), "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
            "peak_mb": round(usage.ru_maxrss / 1024, 1), "stats": json.loads(stats.read_text())}


def processor():
    text = pathlib.Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    name = re.search(r"model name\s*:\s*(.*)", text)
    return name.group(1).strip() if name else "unknown"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", default=ROOT.parent / "shared/reference/audio", help="folder of 16-bit WAV to cut from")
    parser.add_argument("--files", type=pathlib.Path, help="folder of files made before (with --keep)")
    parser.add_argument("--keep", type=pathlib.Path, help="folder to leave the files in")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--files-per-round", type=int, default=100)
    parser.add_argument("--no-whole-run", action="store_true", help="pairs only")
    parser.add_argument("--no-build", action="store_true", help="take what was built before")
    arguments = parser.parse_args()

    for project in [] if arguments.no_build else ["bench/EcapaIlgpu.Bench", "src/EcapaIlgpu.Cli"]:
        subprocess.run(["dotnet", "build", "-c", "Release", "-m:1", "-v", "quiet", str(ROOT / project)], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as temporary:
        files = arguments.files or arguments.keep or pathlib.Path(temporary) / "audio"
        if not arguments.files:
            files.mkdir(parents=True)
            make_files(speech(arguments.speech), files, arguments.count)
        result = {"processor": processor(), "threads": arguments.threads, "load_before": os.getloadavg(), "files": len(list(files.iterdir())),
                  "bytes": sum(path.stat().st_size for path in files.iterdir())}
        command = ["dotnet", str(ROOT / "bench/EcapaIlgpu.Bench/bin/Release/net10.0/EcapaIlgpu.Bench.dll"), "extraction", "--folder", str(files),
                   "--threads", str(arguments.threads), "--files", str(arguments.files_per_round), "--rounds", str(arguments.rounds)]
        result["pairs"] = []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                pair = json.loads(line)
                result["pairs"].append(pair)
                print(f"{pair['audio_s']:7.0f} s of audio: rows {pair['rows_s']:7.2f} s, files {pair['files_s']:7.2f} s: "
                      f"{pair['share_of_engine']:.1%} of the engine by the clock, {pair['share_of_engine_cpu']:.1%} by processor time", flush=True)
        if process.returncode:
            sys.exit("the pairs failed")
        for share in ["share_of_engine", "share_of_engine_cpu"]:
            result[share] = round(statistics.median(pair[share] for pair in result["pairs"]), 4)
            print(f"median {share}: {result[share]:.1%}")
        if not arguments.no_whole_run:
            result["whole_run"] = run = whole_run(files, arguments.threads, pathlib.Path(temporary) / "embeddings.npy")
            audio = run["stats"]["audio_seconds"]
            print(f"ecapa embed, {audio:.0f} s of audio: {run['seconds']} s by the clock ({audio / run['seconds']:.0f} s/s), "
                  f"{run['cpu_seconds']} s of processor time, peak {run['peak_mb']} MB")
        result["load_after"] = os.getloadavg()
    slug = re.sub(r"[^a-z0-9]+", "-", result["processor"].lower()).strip("-")
    path = HERE / "results" / f"{datetime.date.today()}-extraction-{slug}-{arguments.threads}-threads.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()

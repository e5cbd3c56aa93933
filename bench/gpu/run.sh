#!/usr/bin/env bash
# Everything that only a GPU can tell, in one call: which devices there are, the compiler's cases, every operation against float64, where the time goes,
# real files, and the same cases as PyTorch in the same run. Writes JSON and prints a short table last. Runs in the folder that publish.sh made; needs a
# driver and Python (with PyTorch, or the comparison is skipped), neither .NET nor a network.
#   run.sh [DEVICE] [OUT]      DEVICE: cuda (default), cuda:1, opencl, cpu-kernels; OUT: where results go (default: results beside the script)
# Smaller, for a slow device standing in: BATCH=1x50 CASES=1x50 CHANNELS=512 MOST_WORK=1e5 MODES=fp32 run.sh cpu-kernels
set -uo pipefail
bin=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ ! -e "$bin/ecapa-gpu" ]; then bin=$bin/bin; fi
if [ ! -e "$bin/ecapa-gpu" ]; then echo "no ecapa-gpu here: run publish.sh where there is an SDK, and carry its folder" >&2; exit 2; fi
device=${1:-cuda} out=${2:-$bin/results} python=${PYTHON:-python3}
batch=${BATCH:-64x300} cases=${CASES:-1x200,64x300,256x300,mixed} channels=${CHANNELS:-512,1024} runs=${RUNS:-5}
case $device in
  cuda*) modes=${MODES:-fp32,tf32,bf16,compile-bf16} precisions=${PRECISIONS:-fp32,3xtf32,tf32,bf16,fp16} ;;
  *) modes=${MODES:-fp32} precisions=${PRECISIONS:-fp32} ;;
esac
mkdir -p "$out" && out=$(cd "$out" && pwd)
rm -f "$out"/steps.tsv "$out"/compare.md "$out"/compare.json
# .NET unpacks a single file's native parts; a home folder may be missing or read-only.
export DOTNET_BUNDLE_EXTRACT_BASE_DIR=${DOTNET_BUNDLE_EXTRACT_BASE_DIR:-$(mktemp -d)}
chmod +x "$bin/ecapa-gpu"
status=0

step() { # name, seconds at most, file that receives the output or - for the terminal, command...
  local name=$1 limit=$2 file=$3 code began=$SECONDS
  shift 3
  echo "== $name"
  if [ "$file" = - ]; then timeout "$limit" "$@"; else timeout "$limit" "$@" > "$out/$file"; fi
  code=$?
  if [ "$code" -ne 0 ]; then
    status=1
    echo "   ended with $code"
  fi
  printf '%s\t%s\t%s\n' "$name" "$code" "$((SECONDS - began))" >> "$out/steps.tsv"
}

printf '{"date": "%s", "commit": "%s", "device": "%s", "gpu": "%s"}\n' "$(date -u +%FT%TZ)" "$(cat "$bin/commit.txt" 2>/dev/null)" "$device" \
  "$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -1)" > "$out/machine.json"
cat "$out/machine.json"
step devices 120 devices.jsonl "$bin/ecapa-gpu" devices --json
step "compiler cases" 300 compiler-cases.txt "$bin/ecapa-gpu" compiler-cases "$device"
step "check" 400 check.jsonl "$bin/ecapa-gpu" check --device "$device" --json ${MOST_WORK:+--most-work "$MOST_WORK"}
step "profile" 200 profile.json "$bin/ecapa-gpu" profile --device "$device" --precision "${PROFILE_PRECISION:-fp32}" --batch "$batch" --runs "$runs" --json --trace "$out/trace.json" --plot "$out/roofline.svg"
step "latency of one 3 s file" 100 latency.json "$bin/ecapa-gpu" profile --device "$device" --latency --json
step "embed files" 200 - "$bin/ecapa-gpu" embed "$bin/samples" --device "$device" -o "$out/samples.npy"
if [ -f "$bin/torch_ecapa.py" ] && "$python" -c 'import torch' 2>/dev/null; then
  step "against PyTorch" 500 compare.md "$python" "$bin/compare.py" --device "$device" --program "$bin/ecapa-gpu" --peer "$bin/torch_ecapa.py" --python "$python" \
    --threads "$(nproc)" --rounds "${ROUNDS:-2}" --seconds "${SECONDS_PER_CASE:-1}" --cases "$cases" --channels "$channels" --modes "$modes" --precisions "$precisions" --write "$out/compare.json"
else
  echo "== no PyTorch under $python: our side only"
  step "benchmark" 500 cases.jsonl "$bin/ecapa-gpu" cases --device "$device" --precision "${precisions%%,*}" --cases "$cases" --channels "$channels" --seconds "${SECONDS_PER_CASE:-1}"
fi
echo
"$python" "$bin/summary.py" "$out" || status=1
exit "$status"

#!/usr/bin/env bash
# Everything that only a GPU can tell, in one call, what is most worth first: does it compute what it should, how does it compare with
# PyTorch, how long does one file take, where does the time go. Runs in the folder that publish.sh made; needs a driver and Python (with
# PyTorch, or the comparison is left out), neither .NET nor a network.
#   run.sh [DEVICE] [OUT]      DEVICE: cuda (default), cuda:1, opencl, cpu-kernels
#                              OUT: where results go (default: $OUT, or results beside this script)
# BUDGET (default 570) is the most seconds that all of it may take: a step that fails or runs out of its time stops no other, and one for
# which none is left is named. OUT/results.json has everything with device, driver, date and commit; a short table is printed last.
# On a device that is not CUDA the work is small: BATCH, CASES, CHANNELS, MOST_WORK, MODES and PRECISIONS say how small.
set -uo pipefail
bin=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ ! -e "$bin/ecapa-gpu" ]; then bin=$bin/bin; fi
if [ ! -e "$bin/ecapa-gpu" ]; then echo "no ecapa-gpu here: run publish.sh where there is an SDK, and carry its folder" >&2; exit 2; fi
device=${1:-cuda} out=${2:-${OUT:-$bin/results}} python=${PYTHON:-python3} budget=${BUDGET:-570}
case $device in
  cuda*)
    exact="3xtf32 fp32" others="bf16 tf32 fp16" profiled="3xtf32 bf16 fp32" compiled=compile-bf16 most_work=${MOST_WORK:-} network_work=${MOST_WORK:-}
    batch=${BATCH:-64x300} cases=${CASES:-1x200,64x300,256x300,mixed} channels=${CHANNELS:-512 1024}
    modes=${MODES:-fp32,tf32,bf16} precisions=${PRECISIONS:-3xtf32,fp32,tf32,bf16,fp16} ;;
  *)
    exact=fp32 others=fp16 profiled="fp32 fp16" compiled="" most_work=${MOST_WORK:-1e5} network_work=${MOST_WORK:-1e8}
    batch=${BATCH:-1x50} cases=${CASES:-1x50} channels=${CHANNELS:-512} modes=${MODES:-fp32} precisions=${PRECISIONS:-fp32} ;;
esac
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 2
# What an earlier run left would be taken for this one's; in a folder without one, the files are somebody else's.
if [ -e "$out/steps.tsv" ]; then
  rm -f "$out"/{steps.tsv,machine.json,results.json,devices.jsonl,compiler-cases.txt} "$out"/samples.* \
    "$out"/{check,networks,profile,latency,compare,cases,trace,roofline,embed}-*
fi
# .NET unpacks a single file's native parts; a home folder may be missing or read-only.
export DOTNET_BUNDLE_EXTRACT_BASE_DIR=${DOTNET_BUNDLE_EXTRACT_BASE_DIR:-$(mktemp -d)}
# The driver keeps what it has compiled from one step to the next, if it can.
export CUDA_CACHE_PATH=${CUDA_CACHE_PATH:-$(mktemp -d)}
chmod +x "$bin/ecapa-gpu"
status=0

step() { # name, seconds at most, file in OUT that receives the output, command...
  local name=$1 limit=$2 file=$3 code=left-out began=$SECONDS left=$((budget - SECONDS))
  shift 3
  if [ "$left" -lt "$limit" ]; then limit=$left; fi
  if [ "$limit" -ge 5 ]; then
    echo "== $name (at most $limit s)"
    timeout -k 5 "$limit" "$@" > "$out/$file"
    code=$?
    if [ "$code" -ne 0 ]; then echo "   ended with $code"; fi
  else
    echo "== $name: left out, no time"
  fi
  if [ "$code" != 0 ]; then status=1; fi
  printf '%s\t%s\t%s\t%s\n' "$name" "$code" "$((SECONDS - began))" "$file" >> "$out/steps.tsv"
}

check() { # name, seconds, precision, the most work of a case or nothing, more arguments...
  step "$1 $3" "$2" "$1-$3.jsonl" "$bin/ecapa-gpu" check --device "$device" --precision "$3" --json ${4:+--most-work "$4"} "${@:5}"
}

compare() { # name, seconds, channels, cases, the peer's modes, our precisions, more arguments...
  local left=$((budget - SECONDS))
  local limit=$((left < $2 ? left : $2))
  local file=compare-${1// /-}
  step "$1" "$limit" "$file.md" "$python" "$bin/compare.py" --device "$device" --program "$bin/ecapa-gpu" --peer "$bin/torch_ecapa.py" \
    --python "$python" --threads "$(nproc)" --rounds "${ROUNDS:-2}" --seconds "${SECONDS_PER_CASE:-0.5}" --channels "$3" --cases "$4" \
    --modes "$5" --precisions "$6" --limit "$((limit - 10))" --write "$out/$file.json" "${@:7}"
}

IFS=, read -r gpu driver memory < <(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -1) || true
printf '{"date": "%s", "commit": "%s", "device": "%s", "gpu": "%s", "driver": "%s", "memory": "%s", "cores": %s}\n' \
  "$(date -u +%FT%TZ)" "$(cat "$bin/commit.txt" 2>/dev/null)" "$device" "${gpu:-}" "${driver# }" "${memory# }" "$(nproc)" > "$out/machine.json"
cat "$out/machine.json"

step devices 30 devices.jsonl "$bin/ecapa-gpu" devices --json
for precision in $exact; do check networks 60 "$precision" "$network_work" --operation network; done
for precision in $exact; do check check 120 "$precision" "$most_work"; done
torch=no
if [ ! -f "$bin/torch_ecapa.py" ]; then
  echo "== torch_ecapa.py was not there when this folder was made: our side only"
elif ! timeout 60 "$python" -c 'import torch'; then
  echo "== no PyTorch under $python: our side only"
else
  torch=yes
fi
first=${channels%% *}
if [ "$torch" = yes ]; then
  compare "against PyTorch c$first" 160 "$first" "$cases" "$modes" "$precisions"
else
  for precision in ${precisions//,/ }; do
    step "cases $precision" 60 "cases-$precision.jsonl" "$bin/ecapa-gpu" cases --device "$device" --precision "$precision" \
      --cases "$cases" --channels "${channels// /,}" --seconds "${SECONDS_PER_CASE:-0.5}"
  done
fi
for precision in $exact; do
  step "latency $precision" 30 "latency-$precision.json" \
    "$bin/ecapa-gpu" profile --device "$device" --precision "$precision" --latency --runs "${LATENCY_RUNS:-100}" --json
done
for precision in $profiled; do
  step "profile $precision" 40 "profile-$precision.json" "$bin/ecapa-gpu" profile --device "$device" --precision "$precision" \
    --batch "$batch" --runs "${RUNS:-5}" --json --trace "$out/trace-$precision.json" --plot "$out/roofline-$precision.svg"
done
step "profile one utterance" 40 profile-one.json \
  "$bin/ecapa-gpu" profile --device "$device" --precision "${exact%% *}" --batch "1x${batch#*x}" --runs "${RUNS:-5}" --json
if [ "$torch" = yes ] && [ -n "$compiled" ]; then
  compare "against torch.compile" 120 512 64x300,256x300 "$compiled" bf16
fi
for precision in $others; do check networks 40 "$precision" "$network_work" --operation network; done
if [ "$torch" = yes ]; then
  for more in ${channels#"$first"}; do compare "against PyTorch c$more" 120 "$more" "$cases" "$modes" "$precisions"; done
  if timeout 20 "$python" -c 'import torchaudio' 2>/dev/null; then
    compare "against PyTorch from samples" 60 "$first" "$batch" fp32 "${exact// /,}" --inputs pcm
  fi
fi
step "compiler cases" 60 compiler-cases.txt "$bin/ecapa-gpu" compiler-cases "$device"
for precision in $others; do check check 90 "$precision" "$most_work"; done
step "embed files" 60 embed-output.txt \
  "$bin/ecapa-gpu" embed "$bin/samples" --device "$device" -o "$out/samples.npy" --stats-json "$out/embed-stats.json"
echo
"$python" "$bin/summary.py" "$out" || status=1
exit "$status"

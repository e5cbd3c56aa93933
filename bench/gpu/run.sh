#!/usr/bin/env bash
# Everything that only a GPU can tell, in one call: what devices there are, every operation against float64, where the time goes, and the same
# cases as PyTorch in the same run. Needs a driver and Python with PyTorch; bench/gpu/publish.sh makes the rest elsewhere.
#   bench/gpu/run.sh [DEVICE] [OUT]      DEVICE: cuda (default), cuda:1, opencl ...; OUT: where the results go (default bench/results)
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
device=${1:-cuda} out=${2:-bench/results} bin=bench/gpu/bin
mkdir -p "$out"
export DOTNET_BUNDLE_EXTRACT_BASE_DIR=${DOTNET_BUNDLE_EXTRACT_BASE_DIR:-$(mktemp -d)}
stamp=$(date -u +%Y-%m-%d)
chmod +x "$bin/ecapa" "$bin/EcapaIlgpu.Bench"
status=0

step() { # name, seconds, command...
  echo "== $1"
  local limit=$2
  shift 2
  timeout "$limit" "$@" || { echo "   ended with $?"; status=1; }
}

{
  echo "{\"date\": \"$stamp\", \"commit\": \"$(git rev-parse --short HEAD 2>/dev/null)\","
  echo " \"gpu\": \"$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2>/dev/null | head -1)\"}"
} > "$out/gpu-machine.json"
cat "$out/gpu-machine.json"
step devices 60 "$bin/ecapa" devices
step "check (all operations, the whole network)" 300 "$bin/ecapa" check --device "$device" --json > "$out/gpu-check.jsonl"
echo "   $(grep -c '"passed":true' "$out/gpu-check.jsonl") passed, $(grep -c '"passed":false' "$out/gpu-check.jsonl") failed"
grep '"passed":false' "$out/gpu-check.jsonl" | head -20
step "profile 64x300" 120 "$bin/ecapa" profile --device "$device" --batch 64x300 --trace "$out/gpu-trace.json" --plot "$out/gpu-roofline.svg"
step "profile 64x300, JSON" 120 "$bin/ecapa" profile --device "$device" --batch 64x300 --json > "$out/gpu-profile.json"
step "embed real files" 120 "$bin/ecapa" embed tests/testdata/samples --device "$device" -o "$out/gpu-samples.npy"
step "against PyTorch" 400 python3 bench/compare.py --device "$device" --program "$bin/EcapaIlgpu.Bench" --peer "$bin/torch_ecapa.py" \
  --python python3 --threads "$(nproc)" --rounds 2 --seconds 1 --cases 1x200,64x300,256x300,mixed --modes fp32,tf32 --machine "gpu-$device"
mv bench/results/"$stamp"-gpu-*.json "$out"/ 2>/dev/null
exit "$status"

#!/usr/bin/env bash
# Makes bench/gpu/bin (ignored by git): all that a GPU machine with a driver but neither .NET nor a network needs to run run.sh, in one folder to carry.
#   ecapa-gpu         ecapa, the benchmark harness and the compiler's cases in one self-contained file for linux-x64, 55 MB
#   run.sh, *.py      what is run, the PyTorch peers among it; samples/: 1 MB of speech
# One program and not three, because each would bring a runtime of its own. 56 MB in all.
#   bench/gpu/publish.sh [PEER]      PEER: torch_ecapa.py, by default from ../shared/peers beside the repository
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
peer=${1:-../shared/peers/torch_ecapa.py} bin=bench/gpu/bin
rm -rf "$bin"
# In folders of its own: a build for one system and an ordinary one would undo each other. Style is the ordinary one's matter.
dotnet publish bench/gpu/EcapaIlgpu.Gpu -c Release -r linux-x64 --self-contained -o "$bin" --artifacts-path artifacts/gpu -p:PublishSingleFile=true -p:EnableCompressionInSingleFile=true \
  -p:PublishDocumentationFiles=false -p:DebugType=embedded -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false
# Native parts of BenchmarkDotNet, which is left out.
rm -rf "$bin"/amd64 "$bin"/libcapstone.so "$bin"/*.runtimeconfig.json
cp bench/gpu/run.sh bench/gpu/summary.py bench/compare.py bench/torch_from_audio.py "$bin"
cp -r tests/testdata/samples "$bin/samples"
git describe --always --dirty > "$bin/commit.txt"
if [ -f "$peer" ]; then cp "$peer" "$bin"; else echo "$peer is not here: run.sh will compare with nothing"; fi
ls -l "$bin"
du -sh "$bin"

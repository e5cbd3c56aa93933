#!/usr/bin/env bash
# Makes what a GPU machine without .NET and without a network needs, in bench/gpu/bin (ignored by git): `ecapa` and `EcapaIlgpu.Bench`, each
# one self-contained file for linux-x64, and the PyTorch peer. Carry that folder with the checkout and run bench/gpu/run.sh there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
peer=${1:-../shared/peers/torch_ecapa.py}
options=(-c Release -r linux-x64 --self-contained -p:PublishSingleFile=true -p:EnableCompressionInSingleFile=true -p:GenerateDocumentationFile=false
  -p:DebugType=embedded -o bench/gpu/bin)
dotnet publish src/EcapaIlgpu.Cli "${options[@]}"
dotnet publish bench/EcapaIlgpu.Bench "${options[@]}"
cp "$peer" bench/gpu/bin/
rm -f bench/gpu/bin/*.pdb bench/gpu/bin/*.xml
ls -l bench/gpu/bin

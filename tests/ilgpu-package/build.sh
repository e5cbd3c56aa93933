#!/usr/bin/env bash
# Builds the solution with -p:UseIlgpuPackage=true: against the packages ILGPU and ILGPU.Algorithms 1.5.3, or, where no feed has them, against packages of the
# same name that StandIn.cs makes of the list of their members. Everything it writes goes to a folder of its own, packages too: a stand-in must never lie
# where another project could take it for the real one.
#   tests/ilgpu-package/build.sh [LIST]      LIST: default ../shared/spec/ilgpu-1.5.3-api.txt beside the repository
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
list=${1:-../shared/spec/ilgpu-1.5.3-api.txt}
if [ ! -f "$list" ]; then
  echo "skipped: $list, the list of ILGPU's members, is not here"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet run tests/ilgpu-package/StandIn.cs -- "$list" "$work/source"
dotnet pack -c Release -v quiet "$work/source/ILGPU.Algorithms" -o "$work/feed"
dotnet pack -c Release -v quiet "$work/source/ILGPU" -o "$work/feed"
# Packages that are here already are read where they are. Style and documentation are the ordinary build's matter.
usual=${NUGET_PACKAGES:-$HOME/.nuget/packages}
NUGET_PACKAGES="$work/packages" dotnet build -c Release -v quiet EcapaIlgpu.sln --artifacts-path "$work/artifacts" \
  -p:UseIlgpuPackage=true -p:RestoreAdditionalProjectSources="$work/feed" -p:RestoreAdditionalProjectFallbackFolders="$usual" \
  -p:GenerateDocumentationFile=false -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false

using CudaEmulation;

namespace Needs;

/// <summary>NVIDIA's assembler and disassembler.</summary>
internal sealed class Assembler() : Need(
    static () => Ptxas.MissingReason,
    "It is NVIDIA's, fetched where it is used and not passed on",
    "set ECAPA_PTXAS to a folder with ptxas and nvdisasm, of a CUDA toolkit say");

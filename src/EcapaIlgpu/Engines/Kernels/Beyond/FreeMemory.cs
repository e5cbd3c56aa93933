using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

public sealed partial class KernelEngine
{
    static partial void QueryFreeMemory(Accelerator accelerator, ref long free) => free = accelerator.GetFreeMemory() ?? free;
}

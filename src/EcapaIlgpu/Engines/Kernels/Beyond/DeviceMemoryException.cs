using ILGPU.Runtime;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace EcapaIlgpu.Engines.Kernels;

internal sealed partial class DeviceMemoryException
{
    static partial void Recognize(AcceleratorException fault, ref bool? memory) =>
        memory = fault is CudaException { IsOutOfMemory: true } or CLException { IsOutOfMemory: true };
}

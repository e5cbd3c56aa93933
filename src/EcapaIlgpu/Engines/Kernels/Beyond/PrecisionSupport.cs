using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <content>bfloat16, which every device stores, and what needs tensor cores.</content>
internal static partial class PrecisionSupport
{
    static partial void AddBeyond(Accelerator accelerator, List<Precision> precisions) => precisions.AddRange(
        WarpMatrix.IsSupported(accelerator) ? [Precision.Bf16, Precision.Tf32, Precision.Tf32x3] : [Precision.Bf16]);
}

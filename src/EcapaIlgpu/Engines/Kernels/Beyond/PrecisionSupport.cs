using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <content>bfloat16, which every device stores.</content>
internal static partial class PrecisionSupport
{
    static partial void AddBeyond(Accelerator accelerator, List<Precision> precisions) => precisions.Add(Precision.Bf16);
}

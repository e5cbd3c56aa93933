using EcapaIlgpu.Kernels;

namespace EcapaIlgpu.Engines.Kernels;

/// <content>Storage in bfloat16, a type that the package ILGPU does not have, and in tf32, which only tensor cores profit from.</content>
internal abstract partial class RowStorage
{
    static partial void AddBeyond(Precision precision, ref RowStorage? storage)
    {
        if (precision == Precision.Bf16)
            storage = new RowStorage<BFloat4>();
        if (precision == Precision.Tf32)
            storage = new RowStorage<TFloat4>();
    }
}

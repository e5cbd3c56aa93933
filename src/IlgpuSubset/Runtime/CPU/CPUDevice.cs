using System.Runtime.InteropServices;
using ILGPU.Compiler.Cpu;

namespace ILGPU.Runtime.CPU;

/// <summary>The host's processor: a group's threads run as lanes of vectors, groups on all cores. Immutable.</summary>
public sealed class CPUDevice : Device
{
    private CPUDevice()
    {
        string architecture = RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant();
        Name = $"CPU ({Environment.ProcessorCount} x {LaneVectors.Widest.Bytes * 8}-bit vectors, {architecture})";
        MemorySize = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        MaxGridSize = new Index3D(int.MaxValue, ushort.MaxValue, ushort.MaxValue);
        MaxGroupSize = new Index3D(1024, 1024, 1024);
        MaxNumThreadsPerGroup = 1024;
        // There is no limit but the cache's: what current GPUs allow at most fits well.
        MaxSharedMemoryPerGroup = 256 * 1024;
        WarpSize = LaneVectors.WarpSize;
        NumMultiprocessors = Environment.ProcessorCount;
        MaxNumThreadsPerMultiprocessor = MaxNumThreadsPerGroup;
    }

    /// <inheritdoc/>
    public override AcceleratorType AcceleratorType => AcceleratorType.CPU;

    /// <inheritdoc/>
    public override Accelerator CreateAccelerator(Context context) => CreateCPUAccelerator(context);

    /// <summary>Opens the device; the caller disposes the accelerator before the context.</summary>
    public CPUAccelerator CreateCPUAccelerator(Context context) => new(context, this, LaneVectors.Widest);

    /// <summary>The processor can always be used.</summary>
    internal static IReadOnlyList<CPUDevice> Find(Context.Builder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return [new CPUDevice()];
    }
}

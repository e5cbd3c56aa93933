using System.Runtime.InteropServices;

namespace ILGPU.Runtime.CPU;

/// <summary>The host's processor: kernels compiled to vector instructions over the threads of a group, groups on all cores.</summary>
public sealed class CPUDevice : Device
{
    /// <summary>Lanes of a warp: as on NVIDIA's GPUs, so that kernels group their work alike.</summary>
    private const int LanesPerWarp = 32;

    /// <summary>
    /// Shared memory of a group. It comes from ordinary memory and could be anything; 48 KB is what every GPU has, and lies in the second-level
    /// cache beside the group's values.
    /// </summary>
    private const int SharedBytes = 48 * 1024;

    private CPUDevice()
    {
        Name = $"this processor, {(System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated ? 512 : 256)}-bit lanes ({RuntimeInformation.ProcessArchitecture})";
        MemorySize = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        MaxGridSize = new Index3D(int.MaxValue, ushort.MaxValue, ushort.MaxValue);
        MaxGroupSize = new Index3D(1024, 1024, 64);
        MaxNumThreadsPerGroup = 1024;
        MaxSharedMemoryPerGroup = SharedBytes;
        WarpSize = LanesPerWarp;
        NumMultiprocessors = Environment.ProcessorCount;
        MaxNumThreadsPerMultiprocessor = 1024;
    }

    /// <inheritdoc/>
    public override AcceleratorType AcceleratorType => AcceleratorType.CPU;

    /// <inheritdoc/>
    public override Accelerator CreateAccelerator(Context context) => new CPUAccelerator(context, this);

    /// <summary>Looks for devices: there is always one.</summary>
    internal static IReadOnlyList<CPUDevice> Find(Context.Builder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return [new CPUDevice()];
    }
}

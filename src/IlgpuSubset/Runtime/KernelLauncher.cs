using System.Reflection;
using ILGPU.Compiler;
using ILGPU.Compiler.IR;

namespace ILGPU.Runtime;

/// <summary>
/// A kernel on an accelerator: compiles it once for each set of specialised values, checks launches against the device's limits
/// and hands them to the back end. Thread-safe but for the streams.
/// </summary>
internal sealed class KernelLauncher : IDisposable
{
    /// <summary>Threads of a group where the caller leaves the choice: a multiple of every warp size.</summary>
    private const int AutoGroupSize = 256;

    private readonly Accelerator _accelerator;
    private readonly EntryPoint _entry;
    private readonly Lock _lock = new();
    private readonly Dictionary<SpecializationKey, KernelModule> _modules = [];
    private bool _disposed;

    public KernelLauncher(Accelerator accelerator, MethodInfo method, bool autoGrouped, KernelSpecialization specialization)
    {
        _accelerator = accelerator;
        _entry = new EntryPoint(method, autoGrouped, specialization);
        // Without specialised parameters all is known now, and a kernel that cannot be compiled should fail where it is loaded.
        if (!_entry.IsSpecialized)
            Module(new SpecializationKey([]));
    }

    /// <summary>Queues a launch of explicit shape.</summary>
    public void Launch(AcceleratorStream stream, in KernelConfig config, KernelArguments arguments)
    {
        Check(stream, config);
        KernelModule module = Module(arguments.Specialization);
        long shared = (long)module.StaticSharedBytes + config.SharedMemoryConfig.ArraySize;
        if (shared > _accelerator.MaxSharedMemoryPerGroup)
            throw new ArgumentOutOfRangeException(
                nameof(config),
                $"{_entry.Name} needs {shared} bytes of shared memory a group; "
                + $"{_accelerator.Name} has {_accelerator.MaxSharedMemoryPerGroup}.");
        module.Launch(stream, config, arguments.Leaves);
    }

    /// <summary>Queues a launch of one thread for each position within an extent, which is the first argument.</summary>
    public void LaunchAutoGrouped(AcceleratorStream stream, KernelArguments arguments)
    {
        long size = 1;
        foreach (KernelArgument extent in arguments.Leaves[.._entry.IndexLeaves])
        {
            ArgumentOutOfRangeException.ThrowIfNegative(extent.Bits, nameof(extent));
            size = checked(size * extent.Bits);
        }
        if (size == 0)
            return;
        int groupSize = Math.Min(AutoGroupSize, _accelerator.MaxNumThreadsPerGroup);
        int groups = checked((int)((size + groupSize - 1) / groupSize));
        Launch(stream, new KernelConfig(groups, groupSize), arguments);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_disposed)
                return;
            _disposed = true;
            foreach (KernelModule module in _modules.Values)
                module.Dispose();
        }
    }

    private KernelModule Module(SpecializationKey key)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_disposed, _accelerator);
            if (!_modules.TryGetValue(key, out KernelModule? module))
            {
                IrKernel kernel = KernelCompiler.Compile(_entry, key, _accelerator.CompilerOptions);
                module = _accelerator.LoadModule(kernel);
                _modules.Add(key, module);
            }
            return module;
        }
    }

    private void Check(AcceleratorStream stream, in KernelConfig config)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (stream.Accelerator != _accelerator)
            throw new ArgumentException($"The stream belongs to {stream.Accelerator}, the kernel to {_accelerator}.", nameof(stream));
        if (!config.IsValid)
            throw new ArgumentOutOfRangeException(
                nameof(config), $"A launch of {config.GridDim} groups of {config.GroupDim} threads: all dimensions must be positive.");
        Index3D device = _accelerator.MaxGridSize;
        var mostGroups = new Index3D(
            Math.Min(device.X, LaunchLimits.GridX), Math.Min(device.Y, LaunchLimits.GridYZ), Math.Min(device.Z, LaunchLimits.GridYZ));
        if (Exceeds(config.GridDim, mostGroups))
            throw new ArgumentOutOfRangeException(
                nameof(config), $"A launch of {config.GridDim} groups; {_accelerator.Name} allows {mostGroups}.");
        int threads = config.GroupDim.Size;
        int most = Math.Min(_accelerator.MaxNumThreadsPerGroup, _entry.Specialization.MaxNumThreadsPerGroup ?? int.MaxValue);
        if (threads > most || Exceeds(config.GroupDim, _accelerator.MaxGroupSize))
            throw new ArgumentOutOfRangeException(
                nameof(config), $"Groups of {config.GroupDim} threads; {_entry.Name} on {_accelerator.Name} allows {most}.");
    }

    private static bool Exceeds(Index3D dimension, Index3D limit) =>
        dimension.X > limit.X || dimension.Y > limit.Y || dimension.Z > limit.Z;
}

using ILGPU.Beyond;
using ILGPU.Compiler.Ptx;

namespace ILGPU.Runtime.Cuda;

/// <summary>An NVIDIA GPU.</summary>
public sealed class CudaDevice : Device
{
    private CudaDevice(ICudaDriver driver, int index, int driverVersion, PtxTarget target)
    {
        Driver = driver;
        Index = index;
        DriverVersion = driverVersion;
        Target = target;
        Name = driver.GetDeviceName(index);
        MemorySize = driver.GetDeviceMemory(index);
        MaxGridSize = new Index3D(
            Attribute(CudaDeviceAttribute.MaxGridDimX), Attribute(CudaDeviceAttribute.MaxGridDimY),
            Attribute(CudaDeviceAttribute.MaxGridDimZ));
        MaxGroupSize = new Index3D(
            Attribute(CudaDeviceAttribute.MaxBlockDimX), Attribute(CudaDeviceAttribute.MaxBlockDimY),
            Attribute(CudaDeviceAttribute.MaxBlockDimZ));
        MaxNumThreadsPerGroup = Attribute(CudaDeviceAttribute.MaxThreadsPerBlock);
        // What a kernel may opt into; the limit without opting in is 48 KB everywhere.
        MaxSharedMemoryPerGroup = Math.Max(
            Attribute(CudaDeviceAttribute.MaxSharedMemoryPerBlock), Attribute(CudaDeviceAttribute.MaxSharedMemoryPerBlockOptIn));
        WarpSize = Attribute(CudaDeviceAttribute.WarpSize);
        NumMultiprocessors = Attribute(CudaDeviceAttribute.MultiprocessorCount);
        MaxNumThreadsPerMultiprocessor = Attribute(CudaDeviceAttribute.MaxThreadsPerMultiprocessor);
    }

    /// <inheritdoc/>
    public override AcceleratorType AcceleratorType => AcceleratorType.Cuda;

    /// <summary>The driver's version: 12040 for CUDA 12.4.</summary>
    internal int DriverVersion { get; }

    /// <summary>What kernels are compiled to.</summary>
    internal PtxTarget Target { get; }

    /// <summary>The device's number at its driver.</summary>
    internal int Index { get; }

    internal ICudaDriver Driver { get; }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The device turned out unusable.</exception>
    public override Accelerator CreateAccelerator(Context context)
    {
        ThrowIfUnusable();
        return new CudaAccelerator(context, this);
    }

    /// <summary>Looks for devices; what is found but unusable goes to <paramref name="builder"/> with the reason.</summary>
    internal static IReadOnlyList<CudaDevice> Find(Context.Builder builder)
    {
        ICudaDriver driver = CudaDriver.Current;
        int version, count;
        try
        {
            version = driver.Initialize();
            count = driver.GetDeviceCount();
        }
        catch (DllNotFoundException exception)
        {
            return Unusable(driver.LibraryName, exception.Message);
        }
        catch (CudaException exception) when (exception.Result == CudaResult.NoDevice)
        {
            return Unusable(driver.LibraryName, "The driver is installed but finds no NVIDIA GPU.");
        }
        catch (CudaException exception)
        {
            return Unusable(driver.LibraryName, exception.Message);
        }
        if (version < PtxTarget.LowestDriverVersion)
        {
            return Unusable(
                driver.LibraryName,
                $"The driver is of CUDA {VersionText(version)}, too old: "
                + $"install one of CUDA {VersionText(PtxTarget.LowestDriverVersion)} or newer.");
        }
        if (count == 0)
            return Unusable(driver.LibraryName, "The driver is installed but finds no NVIDIA GPU.");

        var devices = new List<CudaDevice>();
        for (int i = 0; i < count; i++)
        {
            try
            {
                int capability = driver.GetDeviceAttribute(i, CudaDeviceAttribute.ComputeCapabilityMajor) * 10
                    + driver.GetDeviceAttribute(i, CudaDeviceAttribute.ComputeCapabilityMinor);
                if (PtxTarget.For(capability, version) is { } target)
                    devices.Add(new CudaDevice(driver, i, version, target));
                else
                    Unusable(
                        driver.GetDeviceName(i),
                        $"The GPU has compute capability {capability / 10}.{capability % 10}; 7.0 (Volta, 2017) or newer is needed.");
            }
            catch (CudaException exception)
            {
                Unusable($"NVIDIA GPU {i}", exception.Message);
            }
        }
        return devices;

        CudaDevice[] Unusable(string name, string reason)
        {
            builder.UnusableDevices.Add(new UnusableDevice(AcceleratorType.Cuda, name, reason));
            return [];
        }
    }

    private int Attribute(CudaDeviceAttribute attribute) => Driver.GetDeviceAttribute(Index, attribute);

    private static string VersionText(int version) => $"{version / 1000}.{version % 1000 / 10}";
}

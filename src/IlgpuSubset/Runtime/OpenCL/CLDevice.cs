using ILGPU.Beyond;
using ILGPU.Compiler.OpenCl;

namespace ILGPU.Runtime.OpenCL;

/// <summary>A device under OpenCL 1.2 or later. Immutable, but that it may turn out unusable.</summary>
public sealed class CLDevice : Device
{
    /// <summary>
    /// Lanes of a warp. Warps are neighbouring threads that exchange values through local memory, so their size is free; it is the
    /// same as on NVIDIA GPUs, so that kernels group their work alike.
    /// </summary>
    private const int EmulatedWarpSize = 32;


    private CLDevice(CLLibrary library, nint platform, nint handle)
    {
        Library = library;
        Platform = platform;
        Handle = handle;
        Name = library.GetDeviceText(handle, CLDeviceInfo.Name);
        PlatformName = library.GetPlatformText(platform, CLPlatformInfo.Name);
        DriverVersion = library.GetDeviceText(handle, CLDeviceInfo.DriverVersion);
        DeviceType = (CLDeviceType)library.GetDeviceNumber(handle, CLDeviceInfo.Type);
        Identity = string.Join(
            '|', library.GetPlatformText(platform, CLPlatformInfo.Version), Name, library.GetDeviceText(handle, CLDeviceInfo.Vendor),
            library.GetDeviceText(handle, CLDeviceInfo.Version), DriverVersion);

        MemorySize = (long)library.GetDeviceNumber(handle, CLDeviceInfo.GlobalMemSize);
        MaxAllocation = (long)library.GetDeviceNumber(handle, CLDeviceInfo.MaxMemAllocSize);
        MaxGridSize = new Index3D(int.MaxValue);
        nuint[] sizes = library.GetDeviceSizes(handle, CLDeviceInfo.MaxWorkItemSizes);
        MaxGroupSize = new Index3D(Limit(sizes[0]), Limit(sizes[1]), Limit(sizes[2]));
        MaxNumThreadsPerGroup = Limit(library.GetDeviceNumber(handle, CLDeviceInfo.MaxWorkGroupSize));
        MaxSharedMemoryPerGroup = Limit(library.GetDeviceNumber(handle, CLDeviceInfo.LocalMemSize));
        WarpSize = EmulatedWarpSize;
        NumMultiprocessors = Limit(library.GetDeviceNumber(handle, CLDeviceInfo.MaxComputeUnits));
        // OpenCL does not tell how many threads a unit holds; at least one group fits.
        MaxNumThreadsPerMultiprocessor = MaxNumThreadsPerGroup;

        string[] extensions = library.GetDeviceText(handle, CLDeviceInfo.Extensions).Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Target = new OpenClTarget(
            extensions.Contains("cl_khr_fp64"), extensions.Contains("cl_khr_int64_base_atomics"),
            extensions.Contains("cl_khr_int64_extended_atomics"));

        const ulong correctlyRoundedDivideSqrt = 128;
        bool rounds = (library.GetDeviceNumber(handle, CLDeviceInfo.SingleFpConfig) & correctlyRoundedDivideSqrt) != 0;
        BuildOptions = rounds ? "-cl-std=CL1.2 -cl-fp32-correctly-rounded-divide-sqrt" : "-cl-std=CL1.2";
    }

    /// <inheritdoc/>
    public override AcceleratorType AcceleratorType => AcceleratorType.OpenCL;

    /// <summary>What the device is.</summary>
    public CLDeviceType DeviceType { get; }

    /// <summary>The driver that offers the device.</summary>
    public string PlatformName { get; }

    /// <summary>The driver's version.</summary>
    public string DriverVersion { get; }

    /// <summary>The most bytes of one buffer.</summary>
    internal long MaxAllocation { get; }

    internal CLLibrary Library { get; }

    internal nint Platform { get; }

    internal nint Handle { get; }

    /// <summary>What binaries depend on: device, driver and their versions.</summary>
    internal string Identity { get; }

    /// <summary>What kernels may use.</summary>
    internal OpenClTarget Target { get; }

    /// <summary>How kernels are built: strict arithmetic, correctly rounded where the device can.</summary>
    internal string BuildOptions { get; }

    /// <inheritdoc/>
    /// <exception cref="NotSupportedException">The device turned out unusable.</exception>
    public override Accelerator CreateAccelerator(Context context)
    {
        ThrowIfUnusable();
        return new CLAccelerator(context, this);
    }

    /// <summary>Looks for devices; what is found but unusable goes to <paramref name="builder"/> with the reason.</summary>
    internal static IReadOnlyList<CLDevice> Find(Context.Builder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        if (CLLibrary.TryGetSystem(out string reason) is { } library)
            return Find(library, builder.UnusableDevices);
        builder.UnusableDevices.Add(new UnusableDevice(AcceleratorType.OpenCL, CLLibrary.SystemNames[0], reason));
        return [];
    }

    /// <summary>The usable devices of all platforms; the others, and what failed, are added to <paramref name="unusable"/>.</summary>
    internal static IReadOnlyList<CLDevice> Find(CLLibrary library, List<UnusableDevice> unusable)
    {
        var devices = new List<CLDevice>();
        Try("OpenCL", () =>
        {
            nint[] platforms = library.GetPlatforms();
            if (platforms.Length == 0)
            {
                Refuse(
                    "OpenCL",
                    "The OpenCL loader is installed, but no driver is registered with it (ICD): "
                    + "install the GPU's driver, or PoCL for the CPU.");
            }
            foreach (nint platform in platforms)
            {
                Try("OpenCL platform", () =>
                {
                    string platformName = library.GetPlatformText(platform, CLPlatformInfo.Name);
                    nint[] handles = library.GetDevices(platform);
                    if (handles.Length == 0)
                        Refuse(platformName, "The driver is installed but finds no device.");
                    foreach (nint handle in handles)
                        Try(platformName, () => Add(platform, handle));
                });
            }
        });
        return devices;

        void Add(nint platform, nint handle)
        {
            string name = library.GetDeviceText(handle, CLDeviceInfo.Name);
            string version = library.GetDeviceText(handle, CLDeviceInfo.Version);
            if (library.GetDeviceNumber(handle, CLDeviceInfo.Available) == 0)
                Refuse(name, "The driver says that the device is not available.");
            else if (!IsSupported(version))
                Refuse(name, $"The driver offers {version}; OpenCL 1.2 is needed: install a newer driver.");
            else if (library.GetDeviceNumber(handle, CLDeviceInfo.CompilerAvailable) == 0)
                Refuse(name, "The driver has no compiler for the device.");
            else if (library.GetDeviceNumber(handle, CLDeviceInfo.EndianLittle) == 0)
                Refuse(name, "The device's byte order is not the host's.");
            else
                devices.Add(new CLDevice(library, platform, handle));
        }

        void Refuse(string name, string reason) => unusable.Add(new UnusableDevice(AcceleratorType.OpenCL, name, reason));

        void Try(string name, Action action)
        {
            try
            {
                action();
            }
            catch (CLException exception)
            {
                Refuse(name, exception.Message);
            }
        }
    }

    /// <summary>Whether a version, which starts as "OpenCL 1.2 ", is high enough.</summary>
    private static bool IsSupported(string version) =>
        version.Split(' ') is ["OpenCL", var number, ..]
        && Version.TryParse(number, out Version? parsed)
        && parsed >= new Version(1, 2);

    private static int Limit(ulong number) => (int)Math.Min(number, int.MaxValue);
}

/// <summary>Kinds of OpenCL devices.</summary>
[Flags]
public enum CLDeviceType : long
{
#pragma warning disable CS1591 // The names are OpenCL's, and documented there.
    CL_DEVICE_TYPE_DEFAULT = 1,
    CL_DEVICE_TYPE_CPU = 2,
    CL_DEVICE_TYPE_GPU = 4,
    CL_DEVICE_TYPE_ACCELERATOR = 8,
    CL_DEVICE_TYPE_CUSTOM = 16,
    CL_DEVICE_TYPE_ALL = 0xFFFFFFFF,
#pragma warning restore CS1591
}

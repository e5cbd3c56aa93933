using System.Globalization;
using EcapaIlgpu.Engines.Simd;
using EcapaIlgpu.Model;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>A device that embeddings can be computed on, or that cannot be used and why.</summary>
/// <param name="Selector">What <c>--device</c> takes for it: <c>cuda:0</c>, say; empty where it cannot be used.</param>
/// <param name="Name">The name its maker gave it.</param>
/// <param name="MemoryBytes">Its memory; 0 where unknown.</param>
/// <param name="Units">Multiprocessors, compute units or cores.</param>
/// <param name="Problem">Why it cannot be used; null where it can.</param>
public sealed record DeviceInfo(string Selector, string Name, long MemoryBytes, int Units, string? Problem)
{
    /// <summary>Whether <see cref="DeviceSelector.Auto"/> means this device.</summary>
    public bool ChosenByAuto { get; init; }
}

/// <summary>
/// The devices of a machine and the choice among them: <c>cuda</c>, <c>cuda:1</c>, <c>cuda:all</c>, <c>opencl</c>, <c>opencl:1</c>,
/// <c>opencl:all</c>, <c>cpu-kernels</c> (the C# kernels compiled for the CPU), <c>cpu</c> (the vector engine, which is the faster one
/// there) or <c>auto</c>: CUDA, then a GPU under OpenCL, then <c>cpu</c>.
/// </summary>
public static partial class DeviceSelector
{
    /// <summary>What <c>--device</c> takes, for usage texts.</summary>
    public const string Syntax = "auto|cuda[:i|:all]|opencl[:i|:all]|cpu-kernels|cpu";

    /// <summary>The selector that chooses among what is there.</summary>
    public const string Auto = "auto";

    /// <summary>Stands in the place of a number for every device of a kind.</summary>
    private const string All = "all";

    /// <summary>
    /// Every device that was found and tried: as <see cref="List"/>, but a kernel was compiled for each and run on it, so that a device
    /// whose driver cannot do that is among those that cannot be used, with what the driver's compiler said. Takes a moment for each
    /// device, more the first time.
    /// </summary>
    public static IReadOnlyList<DeviceInfo> ListTried() => [.. List().Select(Tried)];

    /// <summary>Every device that was found, those that cannot be used with the reason.</summary>
    public static IReadOnlyList<DeviceInfo> List()
    {
        using Context context = CreateContext();
        Device? chosen = Choose(context, Auto);
        DeviceInfo Listed(Device device, int index) => Info(device, index) with { ChosenByAuto = device == chosen };
        return
        [
            .. Devices<CudaDevice>(context).Select(Listed), .. Devices<CLDevice>(context).Select(Listed),
            .. Processor(context).Select(Listed),
            new DeviceInfo("cpu", $"{MatrixKernel.Create(null).Name} vectors", Installed(), Environment.ProcessorCount, null) { ChosenByAuto = chosen is null },
            .. UnusableDevices(context),
        ];
    }

    /// <summary>
    /// An engine on each device that a selector names: one, unless it ends in <c>:all</c>. All of them compute in one precision, so that
    /// the rows of a list do not depend on which device had which file.
    /// </summary>
    /// <param name="weights">The network.</param>
    /// <param name="selector">Which devices, see <see cref="Syntax"/>.</param>
    /// <param name="threads">Threads of the vector engine, 0 for one per processor; kernels on the CPU take every core.</param>
    /// <param name="precision">With how many bits; null for the fastest that is as exact as float32 and that all of them have.</param>
    /// <exception cref="InputException">
    /// There is no such device, or one cannot be used, or cannot compute in the precision; the message says which, and which there are.
    /// </exception>
    public static IReadOnlyList<IEmbeddingEngine> CreateEngines(
        EcapaWeights weights, string selector, int threads = 0, Precision? precision = null)
    {
        ArgumentNullException.ThrowIfNull(selector);
        return CreateEngines(weights, [.. OneByOne(selector)], threads, precision);
    }

    /// <summary>An engine on a device.</summary>
    /// <param name="weights">The network.</param>
    /// <param name="selector">Which device, see <see cref="Syntax"/>; of <c>:all</c> the first.</param>
    /// <param name="threads">Threads of the vector engine, 0 for one per processor; kernels on the CPU take every core.</param>
    /// <param name="precision">With how many bits; null for the fastest that is as exact as float32.</param>
    /// <exception cref="InputException">
    /// There is no such device, or it cannot be used, or it cannot compute in the precision; the message says which there are.
    /// </exception>
    public static IEmbeddingEngine CreateEngine(EcapaWeights weights, string selector, int threads = 0, Precision? precision = null)
    {
        ArgumentNullException.ThrowIfNull(selector);
        return CreateEngines(weights, [selector], threads, precision)[0];
    }

    /// <summary>Whether a selector is well formed; whether there is such a device is another matter.</summary>
    public static bool IsSelector(string selector)
    {
        string[] parts = selector.Split(':');
        return parts[0] switch
        {
            Auto or "cpu" or "cpu-kernels" => parts.Length == 1,
            "cuda" or "opencl" => parts.Length == 1 || (parts.Length == 2 && (parts[1] == All || int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out _))),
            _ => false,
        };
    }

    /// <summary>The selector of each device that a selector names.</summary>
    private static IEnumerable<string> OneByOne(string selector)
    {
        string[] parts = selector.Split(':');
        if (!IsSelector(selector) || parts[^1] != All)
            return [selector];
        using Context context = CreateContext();
        Device[] devices = parts[0] == "cuda" ? [.. context.GetCudaDevices()] : [.. context.GetCLDevices()];
        int[] indices = [.. Enumerable.Range(0, devices.Length)];
        // Where there are GPUs, a processor that OpenCL offers as well would only take their readers' time.
        int[] gpus = [.. indices.Where(i => devices[i] is not CLDevice device || IsGpu(device))];
        // Of none the first is asked for, whose absence has its error.
        int[] chosen = gpus.Length > 0 ? gpus : indices.Length > 0 ? indices : [0];
        return [.. chosen.Select(i => $"{parts[0]}:{i}")];
    }

    /// <summary>Opens a device for kernels.</summary>
    /// <exception cref="InputException">There is no such device, or it cannot be used.</exception>
    internal static DeviceSession Open(string selector) =>
        OpenUnlessVector(selector) ?? throw new InputException($"--device {selector}", "does not run kernels.");

    /// <summary>Opens a device for kernels; null where a selector means the vector engine.</summary>
    /// <exception cref="InputException">There is no such device, or it cannot be used.</exception>
    private static DeviceSession? OpenUnlessVector(string selector) => selector == "cpu" ? null : Using(selector, () =>
    {
        Context context = CreateContext();
        try
        {
            if (Choose(context, selector) is { } device)
                return new DeviceSession(context, device);
            context.Dispose();
            return null;
        }
        catch
        {
            context.Dispose();
            throw;
        }
    });

    private static List<IEmbeddingEngine> CreateEngines(EcapaWeights weights, string[] selectors, int threads, Precision? asked)
    {
        ArgumentNullException.ThrowIfNull(weights);
        List<DeviceSession?> sessions = [];
        List<IEmbeddingEngine> engines = [];
        try
        {
            foreach (string selector in selectors)
                sessions.Add(OpenUnlessVector(selector));
            Precision precision = PrecisionSupport.Choose(
                [.. sessions.Zip(selectors, (session, selector) => (session?.Accelerator, selector))], asked);
            for (int i = 0; i < selectors.Length; i++)
            {
                engines.Add(sessions[i] is { } session
                    ? Using(selectors[i], () => new KernelEngine(weights, session.Accelerator, precision, owned: session))
                    : new SimdEngine(weights, new SimdOptions { Threads = threads }));
            }
            return engines;
        }
        catch
        {
            engines.ForEach(engine => engine.Dispose());
            // An engine has its session disposed with it; the others have none yet.
            foreach (DeviceSession? session in sessions.Skip(engines.Count))
                session?.Dispose();
            throw;
        }
    }

    /// <summary>What goes wrong with a device is an error that names it.</summary>
    private static T Using<T>(string selector, Func<T> use)
    {
        try
        {
            return use();
        }
        catch (Exception e) when (e is not InputException)
        {
            throw new InputException($"--device {selector}", $"cannot be used: {e.Message}", e);
        }
    }

    private static DeviceInfo Tried(DeviceInfo info)
    {
        if (info.Problem is not null || info.Selector == "cpu")
            return info;
        try
        {
            using DeviceSession session = Open(info.Selector);
            return session.Run(() => DeviceTrial.Passes(session.Accelerator))
                ? info
                : Unusable("a kernel on it computed something else than it should");
        }
        catch (Exception e) when (e is DeviceException or InputException)
        {
            return Unusable(e.InnerException?.Message ?? e.Message);
        }

        DeviceInfo Unusable(string problem) =>
            info with { Selector = "", Name = $"{info.Selector} {info.Name}", Problem = problem, ChosenByAuto = false };
    }

    /// <summary>The word for a kind of accelerator, as in a selector.</summary>
    internal static string KindOf(AcceleratorType type) => type switch
    {
        AcceleratorType.Cuda => "cuda",
        AcceleratorType.OpenCL => "opencl",
        _ => "cpu-kernels",
    };

    /// <summary>The precisions of a device that is there.</summary>
    /// <exception cref="InputException">There is no such device, or it cannot be used.</exception>
    internal static IReadOnlyList<Precision> Precisions(string selector)
    {
        if (selector == "cpu")
            return [Precision.Fp32];
        using DeviceSession session = Open(selector);
        return PrecisionSupport.Of(session.Accelerator);
    }

    private static Context CreateContext() => Context.Create(builder => builder.CPU().Cuda().OpenCL().EnableAlgorithms().Profiling());

    /// <summary>The device of a selector; null for the vector engine.</summary>
    private static Device? Choose(Context context, string selector)
    {
        if (!IsSelector(selector))
            throw new InputException($"--device {selector}", $"is not a device; expected {Syntax}.");
        string[] parts = selector.Split(':');
        int index = parts.Length == 2 && parts[1] != All ? int.Parse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture) : 0;
        return parts[0] switch
        {
            Auto => Devices<CudaDevice>(context).FirstOrDefault<Device>() ?? Devices<CLDevice>(context).FirstOrDefault(IsGpu),
            "cuda" => At([.. Devices<CudaDevice>(context)], index, selector, context),
            "opencl" => At([.. Devices<CLDevice>(context)], index, selector, context),
            "cpu-kernels" => At(Processor(context), 0, selector, context),
            _ => null,
        };
    }

    /// <summary>The devices of a kind; ILGPU's own collection of them can be neither kept nor queried.</summary>
    private static IEnumerable<TDevice> Devices<TDevice>(Context context)
        where TDevice : Device =>
        context.Devices.OfType<TDevice>();

    /// <summary>
    /// The processor as a device for kernels: of the kinds of device that ILGPU imitates on it, the one with the largest groups.
    /// </summary>
    private static Device[] Processor(Context context) =>
        [.. Devices<CPUDevice>(context).OrderByDescending(device => device.MaxNumThreadsPerGroup).Take(1)];

    private static Device At(IReadOnlyList<Device> devices, int index, string selector, Context context)
    {
        if (index < devices.Count)
            return devices[index];
        string kind = selector.Split(':')[0];
        string[] reasons = [.. UnusableDevices(context).Where(device => device.Name.StartsWith(kind, StringComparison.Ordinal)).Select(device => device.Problem!)];
        string found = devices.Count == 0 ? "no such device was found" : $"there are {devices.Count}, numbered from 0";
        throw new InputException(
            $"--device {selector}", $"{found}{(reasons.Length > 0 ? $" ({string.Join("; ", reasons)})" : "")}. `ecapa devices` lists all.");
    }

    private static DeviceInfo Info(Device device, int index) => new(
        device.AcceleratorType == AcceleratorType.CPU ? "cpu-kernels" : $"{KindOf(device.AcceleratorType)}:{index}", device.Name,
        device.MemorySize, device.NumMultiprocessors, null);

    private static List<DeviceInfo> UnusableDevices(Context context)
    {
        List<DeviceInfo> devices = [];
        AddUnusable(context, devices);
        return devices;
    }

    /// <summary>Adds the devices that cannot be used; the package ILGPU leaves them out without a word.</summary>
    static partial void AddUnusable(Context context, List<DeviceInfo> devices);

    /// <summary>
    /// Whether an OpenCL device is worth choosing over this processor's own vectors: PoCL and others offer the processor itself.
    /// </summary>
    internal static bool IsGpu(CLDevice device) =>
        !device.Name.Contains("cpu", StringComparison.OrdinalIgnoreCase) && !device.Name.StartsWith("pthread", StringComparison.Ordinal);

    private static long Installed() => GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
}

using System.Collections;
using System.Collections.Immutable;

namespace ILGPU;

/// <summary>The devices of this machine that were asked for. Thread-safe.</summary>
public sealed partial class Context : IDisposable
{
    private Context(Builder builder)
    {
        Devices = [.. builder.FoundDevices];
        UnusableDevices = [.. builder.UnusableDevices];
        ProfilingEnabled = builder.ProfilingEnabled;
        BoundsChecked = builder.BoundsChecked;
    }

    /// <summary>The devices, in the order in which the builder was asked for their kinds.</summary>
    public ImmutableArray<Runtime.Device> Devices { get; }

    /// <summary>What was looked for and found unusable, with the reason.</summary>
    internal ImmutableArray<Beyond.UnusableDevice> UnusableDevices { get; }

    internal bool ProfilingEnabled { get; }

    /// <summary>Whether kernels check their view indices, on accelerators that can.</summary>
    internal bool BoundsChecked { get; }

    /// <summary>A builder, which <see cref="Builder.ToContext"/> ends.</summary>
    public static Builder Create() => new();

    /// <summary>A context as the callback describes it.</summary>
    public static Context Create(Action<Builder> buildingCallback)
    {
        var builder = Create();
        buildingCallback(builder);
        return builder.ToContext();
    }

    /// <summary>A context with all devices.</summary>
    public static Context CreateDefault() => Create(builder => builder.Default());

    /// <summary>A device of a kind by its number.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
    public TDevice GetDevice<TDevice>(int deviceIndex)
        where TDevice : Runtime.Device =>
        GetDevices<TDevice>()[deviceIndex];

    /// <summary>The devices of a kind.</summary>
    public DeviceCollection<TDevice> GetDevices<TDevice>()
        where TDevice : Runtime.Device =>
        new([.. Devices.OfType<TDevice>()]);

    /// <summary>The device to use where the user names none: a CUDA device, else one under OpenCL, else the CPU.</summary>
    /// <exception cref="NotSupportedException">The context has no device.</exception>
    public Runtime.Device GetPreferredDevice(bool preferCPU) =>
        Devices.MaxBy(device => (device.AcceleratorType == Runtime.AcceleratorType.CPU) == preferCPU
            ? 2 + (device.AcceleratorType == Runtime.AcceleratorType.Cuda ? 1 : 0)
            : 0)
        ?? throw new NotSupportedException("The context has no device.");

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>
    /// The devices of one kind. As ILGPU's, it lives on the stack and is no <see cref="IEnumerable"/>; <see cref="Devices"/> can be
    /// queried.
    /// </summary>
    /// <typeparam name="TDevice">The kind.</typeparam>
    public readonly ref struct DeviceCollection<TDevice>
        where TDevice : Runtime.Device
    {
        private readonly ImmutableArray<TDevice> _devices;

        internal DeviceCollection(ImmutableArray<TDevice> devices) => _devices = devices;

        /// <summary>How many there are.</summary>
        public int Count => _devices.Length;

        /// <summary>One of them.</summary>
        /// <exception cref="ArgumentOutOfRangeException">There is no such device.</exception>
        public TDevice this[int deviceIndex] => (uint)deviceIndex < (uint)_devices.Length
            ? _devices[deviceIndex]
            : throw new ArgumentOutOfRangeException(
                nameof(deviceIndex), deviceIndex, $"There are {_devices.Length} devices of kind {typeof(TDevice).Name}.");

        /// <summary>Goes through them.</summary>
        public Enumerator GetEnumerator() => new(_devices);

        /// <summary>Goes through the devices of one kind.</summary>
        public ref struct Enumerator
        {
            private ImmutableArray<TDevice>.Enumerator _devices;

            internal Enumerator(ImmutableArray<TDevice> devices) => _devices = devices.GetEnumerator();

            /// <summary>The device it is at.</summary>
            public readonly TDevice Current => _devices.Current;

            /// <summary>Goes to the next; false where there is none.</summary>
            public bool MoveNext() => _devices.MoveNext();
        }
    }
}

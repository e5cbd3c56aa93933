using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace ILGPU;

public sealed partial class Context
{
    /// <summary>Collects which devices a context shall have and how kernels are compiled.</summary>
    public sealed class Builder
    {
        internal Builder()
        {
        }

        internal List<Device> FoundDevices { get; } = [];

        internal List<Beyond.UnusableDevice> UnusableDevices { get; } = [];

        internal bool ProfilingEnabled { get; private set; }

        internal bool BoundsChecked { get; private set; }

        /// <summary>All devices, with the usual settings.</summary>
        public Builder Default() => AllAccelerators();

        /// <summary>All devices.</summary>
        public Builder AllAccelerators() => this.CPU().Cuda().OpenCL();

        /// <summary>Makes <see cref="AcceleratorStream.AddProfilingMarker"/> available, at a small cost per launch.</summary>
        public Builder Profiling()
        {
            ProfilingEnabled = true;
            return this;
        }

        /// <summary>Checks every index of a view, on accelerators that can (the CPU).</summary>
        public Builder Assertions()
        {
            BoundsChecked = true;
            return this;
        }

        /// <summary>
        /// How much kernels are optimised. Kernels here are always optimised fully: registers instead of local memory depend on it.
        /// </summary>
#pragma warning disable IDE0060, CA1822 // ILGPU's signature; there is one level here.
        public Builder Optimize(OptimizationLevel level) => this;

        /// <summary>Which mathematics kernels use. Functions are within a few units in the last place in every mode here.</summary>
        public Builder Math(MathMode mathMode) => this;
#pragma warning restore IDE0060, CA1822

        /// <summary>The context.</summary>
        public Context ToContext() => new(this);

        internal Builder Add(IEnumerable<Device> devices)
        {
            FoundDevices.AddRange(devices);
            return this;
        }
    }
}

/// <summary>How much kernels are optimised.</summary>
public enum OptimizationLevel
{
    /// <summary>Quick compilation.</summary>
    O0,

    /// <summary>The usual.</summary>
    O1,

    /// <summary>All there is.</summary>
    O2,
}

/// <summary>Which mathematics kernels use.</summary>
public enum MathMode
{
    /// <summary>As exact as the device's functions are.</summary>
    Default,

    /// <summary>Faster, less exact.</summary>
    Fast,

    /// <summary>32-bit even where 64-bit was written.</summary>
    Fast32BitOnly,
}

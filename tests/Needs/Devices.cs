using ILGPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Needs;

/// <summary>A device that runs OpenCL.</summary>
internal sealed class OpenClDevice() : Need(
    static () =>
    {
        using Context context = Context.Create(builder => builder.OpenCL());
        return context.GetCLDevices().Count > 0 ? null : "No OpenCL device of this machine can be used (`ecapa devices` says why not)";
    },
    "Devices and their drivers are the machine's",
    "install a GPU's OpenCL driver, or PoCL, which makes one of the processor (pocl-opencl-icd in Debian and Ubuntu)");

/// <summary>A device that runs CUDA.</summary>
internal sealed class NvidiaGpu() : Need(
    static () =>
    {
        using Context context = Context.Create(builder => builder.Cuda());
        return context.GetCudaDevices().Count > 0 ? null : "No CUDA device of this machine can be used (`ecapa devices` says why not)";
    },
    "Devices and their drivers are the machine's",
    "run the tests on a machine with an NVIDIA GPU and its driver");

using System.Globalization;
using ILGPU;
using ILGPU.Algorithms;
using ILGPU.Runtime;
using ILGPU.Tests.Cases;

namespace EcapaIlgpu.Gpu;

/// <summary>
/// The compiler's cases, one small kernel per construct, on a device of this machine: what xunit runs where there is an SDK.
/// </summary>
internal static partial class CompilerCaseRun
{
    static partial void RunOwn(string[] args, TextWriter output, ref int? code) => code = RunCases(args, output);

    /// <summary>Runs all cases that a device can run, and says which failed and why.</summary>
    /// <param name="arguments">The device: <c>cuda</c>, <c>cuda:1</c>, <c>opencl</c>, <c>cpu-kernels</c>.</param>
    /// <param name="output">Receives a line for each case that failed and one at the end.</param>
    /// <returns>0 if all passed, 1 if one failed or there is no such device, 2 for arguments that say nothing.</returns>
    private static int RunCases(string[] arguments, TextWriter output)
    {
        if (arguments is not [{ } selector] || !TryParse(selector, out AcceleratorType type, out int index))
        {
            output.WriteLine("compiler-cases takes a device: cuda[:i], opencl[:i] or cpu-kernels.");
            return 2;
        }
        using Context context = Context.Create(builder => builder.Default().EnableAlgorithms());
        Device[] devices = [.. context.Devices.Where(device => device.AcceleratorType == type)];
        if (index >= devices.Length)
        {
            output.WriteLine($"{selector}: there are {devices.Length} such devices.");
            return 1;
        }
        using Accelerator accelerator = devices[index].CreateAccelerator(context);
        int failed = 0;
        foreach (CompilerCase compilerCase in CompilerCases.All)
        {
            try
            {
                compilerCase.Check(accelerator);
            }
            catch (Exception e)
            {
                failed++;
                output.WriteLine($"FAILED {compilerCase.Name}: {e.Message}");
            }
        }
        output.WriteLine($"{accelerator.Name}: {CompilerCases.All.Count - failed} compiler cases passed, {failed} failed");
        return failed == 0 ? 0 : 1;
    }

    private static bool TryParse(string selector, out AcceleratorType type, out int index)
    {
        string[] parts = selector.Split(':');
        index = 0;
        type = parts[0] switch { "cuda" => AcceleratorType.Cuda, "opencl" => AcceleratorType.OpenCL, _ => AcceleratorType.CPU };
        return parts[0] is "cuda" or "opencl" or "cpu-kernels"
            && (parts.Length == 1
                || (parts.Length == 2 && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out index)));
    }
}

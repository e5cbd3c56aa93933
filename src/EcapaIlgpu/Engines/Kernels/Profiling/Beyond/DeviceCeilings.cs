using EcapaIlgpu.Kernels;
using ILGPU;
using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <content>The rates of tensor cores.</content>
internal sealed partial record DeviceCeilings
{
    /// <summary>Tiles of a warp that are tried: more would compute what enough warps do too.</summary>
    private static readonly int[] Chains = [4, 8];

    static partial void MeasureTensorCores(
        Accelerator accelerator, AcceleratorStream stream, IEnumerable<Precision> formats, double leastSeconds,
        Dictionary<Precision, double> rates)
    {
        foreach (Precision format in formats)
        {
            TensorFormat multiplied = FormatOf(format);
            rates[format] = Chains.Max(chains => TensorRate(accelerator, stream, new TensorProbeForm(multiplied, chains), leastSeconds));
        }
    }

    /// <summary>The most operations a second that <see cref="TensorProbe"/> reaches.</summary>
    private static double TensorRate(Accelerator accelerator, AcceleratorStream stream, TensorProbeForm form, double leastSeconds)
    {
        const int Threads = TensorProbe.Threads, Warps = Threads / WarpMatrix.Lanes;
        var launcher = accelerator.LoadKernel<ArrayView<MatrixSums>, ArrayView<MatrixRegisters>, int, SpecializedValue<TensorProbeForm>>(
            TensorProbe.Kernel, new KernelSpecialization(Threads, null));
        int groups = Groups(accelerator);
        using DeviceBuffer<MatrixSums> output = new(accelerator);
        using DeviceBuffer<MatrixRegisters> operands = new(accelerator);
        ArrayView<MatrixSums> sums = output.Require((long)groups * Threads);
        // Between 1 and 2 in every format: sums stay finite however many there are.
        const int Numbers = 0x3F803F80;
        MatrixRegisters[] registers = [.. Enumerable.Repeat(new MatrixRegisters(Numbers, Numbers, Numbers, Numbers), 2 * WarpMatrix.Lanes)];
        ArrayView<MatrixRegisters> view = operands.Require(registers.Length);
        view.CopyFromCPU(stream, registers);
        SpecializedValue<TensorProbeForm> constants = new(form);
        double rounds = RoundsPerSecond(
            stream, rounds => launcher(stream, new KernelConfig(groups, Threads), sums, view, rounds, constants), leastSeconds);
        return (double)groups * Warps * form.Chains * TensorProbe.Unrolled * TensorProbe.Operations(form.Format) * rounds;
    }

    private static TensorFormat FormatOf(Precision format) => format switch
    {
        Precision.Tf32 => TensorFormat.Tf32,
        Precision.Bf16 => TensorFormat.Bf16,
        Precision.Fp16 => TensorFormat.Half,
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "Tensor cores do not multiply it."),
    };
}

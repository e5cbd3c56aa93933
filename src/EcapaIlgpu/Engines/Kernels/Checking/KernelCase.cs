namespace EcapaIlgpu.Engines.Kernels.Checking;

/// <summary>What an operation should have given, in float64, and what a device gave.</summary>
internal readonly record struct CaseOutput(double[] Expected, float[] Found);

/// <summary>One operation on one shape: a correctness test on every device, a row of <c>ecapa check</c> and a benchmark.</summary>
/// <param name="Operation">What is computed.</param>
/// <param name="Shape">On what.</param>
/// <param name="Work">Multiply-adds, about: what says how long a slow device takes.</param>
/// <param name="Bound">The largest relative L2 error.</param>
/// <param name="Run">Runs it on a device and computes what is expected.</param>
internal sealed record KernelCase(string Operation, string Shape, double Work, double Bound, Func<CaseDevice, CaseOutput> Run)
{
    /// <summary>The largest relative L2 error of one operation in float32: about 80 roundings of the last place.</summary>
    public const double OperationBound = 5e-6;

    /// <summary>The largest relative L2 error of the whole network in float32.</summary>
    public const double NetworkBound = 3e-5;

    /// <summary>The least cosine of expected and found.</summary>
    public const double LeastCosine = 0.9999999;

    /// <summary>Runs the case.</summary>
    public CaseResult Check(CaseDevice device)
    {
        try
        {
            return Judge(Run(device));
        }
        finally
        {
            device.Clear();
        }
    }

    /// <summary>Measures an output against the bounds.</summary>
    public CaseResult Judge(CaseOutput output) => new(
        this, Closeness.MaxAbs(output.Expected, output.Found), Closeness.RelativeL2(output.Expected, output.Found),
        Closeness.Cosine(output.Expected, output.Found));

    /// <inheritdoc/>
    public override string ToString() => $"{Operation} {Shape}";
}

/// <summary>How close a device came.</summary>
/// <param name="Case">The case.</param>
/// <param name="MaxAbs">The largest difference.</param>
/// <param name="RelativeL2">The error's norm over the result's.</param>
/// <param name="Cosine">Of expected and found.</param>
internal sealed record CaseResult(KernelCase Case, double MaxAbs, double RelativeL2, double Cosine)
{
    /// <summary>Whether the bounds hold. A NaN holds none.</summary>
    public bool Passed => RelativeL2 <= Case.Bound && Cosine >= KernelCase.LeastCosine;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Case}: max abs {MaxAbs:g3}, relative L2 {RelativeL2:g3} (at most {Case.Bound:g1}), 1 - cosine {1 - Cosine:g3} (at most {1 - KernelCase.LeastCosine:g1})";
}

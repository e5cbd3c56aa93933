namespace EcapaIlgpu.Engines.Kernels.Checking;

/// <summary>
/// What an operation should have given, in float64 from inputs that were not rounded to any storage, and what a device gave.
/// </summary>
internal readonly record struct CaseOutput(double[] Expected, float[] Found);

/// <summary>What a case covers: it decides which precisions it is run in, and its bounds.</summary>
internal enum CaseScope
{
    /// <summary>One operation on rows, which are stored as the precision says.</summary>
    Rows,

    /// <summary>
    /// One operation on features or on one vector for each utterance: float32 in every precision, and checked in that one alone.
    /// </summary>
    Float32,

    /// <summary>The whole network.</summary>
    Network,
}

/// <summary>How close a result in a precision must come to float64.</summary>
/// <param name="RelativeL2">The largest norm of the error over that of the result.</param>
/// <param name="Cosine">The least cosine.</param>
internal readonly record struct CaseBound(double RelativeL2, double Cosine)
{
    /// <summary>
    /// The bound of a case. Float32's 5e-6 is about 80 roundings of the last place, in a network six times that. One rounding in TF32 and
    /// fp16 is at most 4.9e-4 of a number and in bf16 3.9e-3; each layer adds its own on inputs, weights and result, and they grow with the
    /// root of their number.
    /// </summary>
    public static CaseBound Of(CaseScope scope, Precision precision) => precision switch
    {
        Precision.Tf32 => new(2e-3, 0.99999),
        Precision.Bf16 => new(2e-2, 0.9995),
        Precision.Fp16 => new(3e-3, 0.99999),
        _ => new(scope == CaseScope.Network ? 3e-5 : 5e-6, 0.9999999),
    };
}

/// <summary>
/// One operation on one shape: a correctness test on every device and in every precision, a row of <c>ecapa check</c> and a benchmark.
/// </summary>
/// <param name="Operation">What is computed.</param>
/// <param name="Shape">On what.</param>
/// <param name="Work">Multiply-adds, about: what says how long a slow device takes.</param>
/// <param name="Scope">What it covers.</param>
/// <param name="Run">Runs it on a device, in its precision, and computes what is expected.</param>
internal sealed record KernelCase(string Operation, string Shape, double Work, CaseScope Scope, Func<CaseDevice, CaseOutput> Run)
{
    /// <summary>Whether the case says anything about a precision that it does not say about float32.</summary>
    public bool AppliesTo(Precision precision) => precision == Precision.Fp32 || Scope != CaseScope.Float32;

    /// <summary>Runs the case.</summary>
    public CaseResult Check(CaseDevice device)
    {
        try
        {
            return Judge(Run(device), device.Precision);
        }
        finally
        {
            device.Clear();
        }
    }

    /// <summary>Measures an output against the bounds.</summary>
    public CaseResult Judge(CaseOutput output, Precision precision) => new(
        this, precision, Closeness.MaxAbs(output.Expected, output.Found), Closeness.RelativeL2(output.Expected, output.Found),
        Closeness.Cosine(output.Expected, output.Found));

    /// <inheritdoc/>
    public override string ToString() => $"{Operation} {Shape}";
}

/// <summary>How close a device came.</summary>
/// <param name="Case">The case.</param>
/// <param name="Precision">In which precision.</param>
/// <param name="MaxAbs">The largest difference.</param>
/// <param name="RelativeL2">The error's norm over the result's.</param>
/// <param name="Cosine">Of expected and found.</param>
internal sealed record CaseResult(KernelCase Case, Precision Precision, double MaxAbs, double RelativeL2, double Cosine)
{
    /// <summary>What must hold.</summary>
    public CaseBound Bound => CaseBound.Of(Case.Scope, Precision);

    /// <summary>Whether the bounds hold. A NaN holds none.</summary>
    public bool Passed => RelativeL2 <= Bound.RelativeL2 && Cosine >= Bound.Cosine;

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Case} in {Precision.Name()}: max abs {MaxAbs:g3}, relative L2 {RelativeL2:g3} (at most {Bound.RelativeL2:g1}), "
        + $"1 - cosine {1 - Cosine:g3} (at most {1 - Bound.Cosine:g1})";
}

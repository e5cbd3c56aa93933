using EcapaIlgpu.Model;

namespace EcapaIlgpu.Engines.Simd;

/// <summary>
/// A convolution's weights in panels for a <see cref="MatrixKernel"/>, with what its epilogue needs:
/// <c>[panel][tap][input][PanelWidth]</c>, the last panel filled up with zeros. The kernel reads a panel front to back, once per tile of rows.
/// </summary>
internal sealed unsafe class PackedConv : IDisposable
{
    private readonly AlignedBuffer _panels;
    private readonly AlignedBuffer _columns;
    private readonly bool _hasAffine;

    /// <summary>Packs a matrix given as a function, so that folding and slicing happen in float64 and are rounded once.</summary>
    /// <param name="panelWidth">Of the kernel that will read it.</param>
    /// <param name="outputs">Columns of the product.</param>
    /// <param name="inputs">Depth of one tap.</param>
    /// <param name="taps">Number of taps.</param>
    /// <param name="weight">(output, input, tap) to weight.</param>
    /// <param name="bias">Output to bias.</param>
    /// <param name="affine">The batch normalisation that follows the activation, or null.</param>
    public PackedConv(
        int panelWidth, int outputs, int inputs, int taps, Func<int, int, int, double> weight, Func<int, double> bias, BatchNormWeights? affine = null)
    {
        PanelWidth = panelWidth;
        Outputs = outputs;
        Inputs = inputs;
        Taps = taps;
        _hasAffine = affine is not null;
        int padded = Panels * panelWidth;
        _panels = new AlignedBuffer((long)padded * taps * inputs);
        _columns = new AlignedBuffer(3L * padded);
        for (int o = 0; o < outputs; o++)
        {
            float* column = Panel(o / panelWidth) + (o % panelWidth);
            for (int tap = 0; tap < taps; tap++)
            {
                for (int i = 0; i < inputs; i++)
                    column[((nint)tap * inputs + i) * panelWidth] = (float)weight(o, i, tap);
            }
            Bias[o] = (float)bias(o);
            _columns.Pointer[padded + o] = affine is null ? 1f : (float)affine.Scale(o);
            _columns.Pointer[(2 * padded) + o] = affine is null ? 0f : (float)affine.Shift(o);
        }
    }

    public int Outputs { get; }

    public int Inputs { get; }

    public int Taps { get; }

    public int PanelWidth { get; }

    public int Panels => (Outputs + PanelWidth - 1) / PanelWidth;

    public float* Bias => _columns.Pointer;

    /// <summary>Factor per column after the activation; null where there is no batch normalisation.</summary>
    public float* Scale => _hasAffine ? _columns.Pointer + (Panels * PanelWidth) : null;

    /// <summary>Summand per column after the activation; null where there is no batch normalisation.</summary>
    public float* Shift => _hasAffine ? _columns.Pointer + (2 * Panels * PanelWidth) : null;

    public float* Panel(int panel) => _panels.Pointer + ((nint)panel * PanelWidth * Taps * Inputs);

    /// <summary>Packs a convolution as it is, with the batch normalisation that follows it, if any.</summary>
    public static PackedConv From(MatrixKernel kernel, ConvWeights conv, BatchNormWeights? affine = null)
        => Slice(kernel, conv, 0, conv.Inputs, affine);

    /// <summary>Packs the input channels <paramref name="from"/> to <paramref name="from"/> + <paramref name="count"/> of a convolution, with its bias.</summary>
    public static PackedConv Slice(MatrixKernel kernel, ConvWeights conv, int from, int count, BatchNormWeights? affine = null)
    {
        ReadOnlyMemory<float> weight = conv.Weight, bias = conv.Bias;
        return new PackedConv(
            kernel.PanelWidth, conv.Outputs, count, conv.Kernel,
            (o, i, tap) => weight.Span[(((o * conv.Inputs) + from + i) * conv.Kernel) + tap], o => bias.Span[o], affine);
    }

    public void Dispose()
    {
        _panels.Dispose();
        _columns.Dispose();
    }
}

using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>Numbers of the network on a device, in the layout that kernels read. Never written again.</summary>
internal sealed class DeviceVector : IDisposable
{
    private readonly MemoryBuffer1D<float, Stride1D.Dense> _memory;

    public DeviceVector(Accelerator accelerator, float[] values)
    {
        _memory = accelerator.Allocate1D<float>(values.Length);
        _memory.View.BaseView.CopyFromCPU(values);
        // The copy is queued on the default stream, and kernels run on streams that do not wait for that one.
        accelerator.DefaultStream.Synchronize();
    }

    public ArrayView<Float4> Quads => _memory.View.BaseView.Cast<Float4>();

    public ArrayView<float> Numbers => _memory.View.BaseView;

    public void Dispose() => _memory.Dispose();
}

/// <summary>A convolution as <see cref="ConvReluBn"/> and <see cref="AttentiveStatistics"/> read it.</summary>
internal sealed class DeviceConv : IDisposable
{
    /// <summary>Weights are padded to this many outputs, the widest tile: no load of weights needs a condition.</summary>
    private const int OutputPadding = 128;

    /// <param name="accelerator">Where it goes.</param>
    /// <param name="storage">How the rows and the weights are stored.</param>
    /// <param name="conv">Weights and bias.</param>
    /// <param name="bn">The batch normalisation that follows; null for none.</param>
    /// <param name="input">Where the input channels lie.</param>
    /// <param name="output">Where the output channels lie.</param>
    /// <param name="ofFeatures">Whether the input rows are features: float32 whatever the storage is.</param>
    public DeviceConv(
        Accelerator accelerator, RowStorage storage, ConvWeights conv, BatchNormWeights? bn, ChannelLayout input, ChannelLayout output,
        bool ofFeatures = false)
    {
        (Inputs, Outputs, Taps, OfFeatures) = (input.Quads, output.Quads, conv.Kernel, ofFeatures);
        WeightStride = RoundUp(output.Padded, OutputPadding) / 4;
        Weight = storage.Tensor is { } tensor
            ? tensor.Pack(conv, input, output, ofFeatures)
            : storage.Upload(accelerator, Arrange(conv, input, output));
        Bias = new DeviceVector(accelerator, Place(output, conv.Outputs, o => conv.Bias.Span[o]));
        if (bn is not null)
        {
            Scale = new DeviceVector(accelerator, Place(output, conv.Outputs, o => (float)bn.Scale(o)));
            Shift = new DeviceVector(accelerator, Place(output, conv.Outputs, o => (float)bn.Shift(o)));
        }
    }

    /// <summary>Weights in the order of <see cref="TileProduct"/>.</summary>
    private static float[] Arrange(ConvWeights conv, ChannelLayout input, ChannelLayout output)
    {
        int inputRows = RoundUp(input.Padded, TileProduct.WeightPadding), columns = RoundUp(output.Padded, OutputPadding);
        float[] weight = new float[((conv.Kernel * inputRows) + TileProduct.WeightPadding) * columns];
        ReadOnlySpan<float> source = conv.Weight.Span;
        for (int o = 0; o < conv.Outputs; o++)
        {
            int column = output.Position(o);
            for (int i = 0; i < conv.Inputs; i++)
            {
                int row = input.Position(i);
                for (int k = 0; k < conv.Kernel; k++)
                    weight[(((k * inputRows) + row) * columns) + column] = source[(((o * conv.Inputs) + i) * conv.Kernel) + k];
            }
        }
        return weight;
    }

    /// <summary>Input channels, in quads.</summary>
    public int Inputs { get; }

    /// <summary>Output channels, in quads.</summary>
    public int Outputs { get; }

    /// <summary>Kernel width.</summary>
    public int Taps { get; }

    /// <summary>Whether it reads features.</summary>
    public bool OfFeatures { get; }

    /// <summary>Output channels with their padding, in quads.</summary>
    public int WeightStride { get; }

    public DeviceQuads Weight { get; }

    public DeviceVector Bias { get; }

    /// <summary>Of the batch normalisation, where one follows.</summary>
    public DeviceVector? Scale { get; }

    /// <inheritdoc cref="Scale"/>
    public DeviceVector? Shift { get; }

    public void Dispose()
    {
        foreach (IDisposable? part in (IDisposable?[])[Weight, Bias, Scale, Shift])
            part?.Dispose();
    }

    /// <summary>One number for each channel at the channel's place, zeros between.</summary>
    internal static float[] Place(ChannelLayout layout, int channels, Func<int, float> value)
    {
        float[] row = new float[layout.Padded];
        for (int c = 0; c < channels; c++)
            row[layout.Position(c)] = value(c);
        return row;
    }

    private static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}

/// <summary>The seven steps of a Res2 convolution as <see cref="Res2Chain"/> reads them.</summary>
internal sealed class DeviceRes2 : IDisposable
{
    public DeviceRes2(Accelerator accelerator, RowStorage storage, IReadOnlyList<ConvReluBnWeights> steps)
    {
        ChannelLayout split = ChannelLayout.Plain(steps[0].Conv.Outputs);
        int width = split.Padded;
        Quads = split.Quads;
        Weight = storage.Tensor is { } tensor
            ? tensor.Pack([.. steps.Select(step => step.Conv)])
            : storage.Upload(accelerator, Arrange(steps, width));
        float[] Row(Func<ConvReluBnWeights, int, float> value) =>
            [.. steps.SelectMany(step => DeviceConv.Place(split, step.Conv.Outputs, o => value(step, o)))];
        Bias = new DeviceVector(accelerator, Row((step, o) => step.Conv.Bias.Span[o]));
        Scale = new DeviceVector(accelerator, Row((step, o) => (float)step.Bn.Scale(o)));
        Shift = new DeviceVector(accelerator, Row((step, o) => (float)step.Bn.Shift(o)));
    }

    /// <summary>Weights in the order of <see cref="Res2Chain"/>.</summary>
    private static float[] Arrange(IReadOnlyList<ConvReluBnWeights> steps, int width)
    {
        float[] weight = new float[steps.Count * 3 * width * width];
        for (int s = 0; s < steps.Count; s++)
        {
            ConvWeights conv = steps[s].Conv;
            for (int o = 0; o < conv.Outputs; o++)
            {
                for (int i = 0; i < conv.Inputs; i++)
                {
                    for (int k = 0; k < 3; k++)
                        weight[(((((s * 3) + k) * width) + i) * width) + o] = conv.Weight.Span[(((o * conv.Inputs) + i) * 3) + k];
                }
            }
        }
        return weight;
    }

    /// <summary>Channels of a split, in quads.</summary>
    public int Quads { get; }

    public DeviceQuads Weight { get; }

    public DeviceVector Bias { get; }

    public DeviceVector Scale { get; }

    public DeviceVector Shift { get; }

    public void Dispose()
    {
        foreach (IDisposable part in (IDisposable[])[Weight, Bias, Scale, Shift])
            part.Dispose();
    }
}

/// <summary>A fully connected layer as <see cref="UtteranceLinear"/> and <see cref="SqueezeExcite"/> read it.</summary>
internal sealed class DeviceLinear : IDisposable
{
    /// <param name="accelerator">Where it goes.</param>
    /// <param name="input">Where the inputs lie.</param>
    /// <param name="output">Where the outputs go.</param>
    /// <param name="weight">The weight of an output and an input.</param>
    /// <param name="bias">The bias of an output.</param>
    public DeviceLinear(
        Accelerator accelerator, ChannelLayout input, ChannelLayout output, Func<int, int, double> weight, Func<int, double> bias)
    {
        (Inputs, Outputs) = (input.Quads, output.Quads);
        float[] values = new float[input.Padded * output.Padded];
        for (int i = 0; i < input.Channels; i++)
        {
            for (int o = 0; o < output.Channels; o++)
                values[(input.Position(i) * output.Padded) + output.Position(o)] = (float)weight(o, i);
        }
        Weight = new DeviceVector(accelerator, values);
        Bias = new DeviceVector(accelerator, DeviceConv.Place(output, output.Channels, o => (float)bias(o)));
    }

    /// <summary>A layer just as the network has it.</summary>
    public DeviceLinear(Accelerator accelerator, ConvWeights layer, ChannelLayout input, ChannelLayout output)
        : this(accelerator, input, output, (o, i) => layer.Weight.Span[(o * layer.Inputs) + i], o => layer.Bias.Span[o])
    {
    }

    /// <summary>Inputs, in quads.</summary>
    public int Inputs { get; }

    /// <summary>Outputs, in quads.</summary>
    public int Outputs { get; }

    public DeviceVector Weight { get; }

    public DeviceVector Bias { get; }

    public void Dispose()
    {
        Weight.Dispose();
        Bias.Dispose();
    }
}

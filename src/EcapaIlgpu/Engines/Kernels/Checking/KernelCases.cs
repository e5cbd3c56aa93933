using EcapaIlgpu.Engines.Reference;
using EcapaIlgpu.Features;
using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU;
using ILGPU.Runtime;
using ReferenceAttention = EcapaIlgpu.Engines.Reference.AttentiveStatistics;
using ReferenceConv = EcapaIlgpu.Engines.Reference.ConvReluBn;
using ReferenceGate = EcapaIlgpu.Engines.Reference.SqueezeExcite;

namespace EcapaIlgpu.Engines.Kernels.Checking;

/// <summary>
/// Every operation on the shapes at which it could go wrong: a single frame, two frames, lengths around the edges of tiles and chunks,
/// ragged batches, 1 and 300 utterances, few and many channels. The one list behind the tests, <c>ecapa check</c> and the benchmarks.
/// </summary>
internal static class KernelCases
{
    private const int Bottleneck = EcapaConfig.Bottleneck, Aggregate = EcapaConfig.AggregateChannels;

    /// <summary>Frames of the utterances of a batch.</summary>
    private static readonly (string Name, int[] Lengths)[] Batches =
    [
        ("1 frame", [1]),
        ("2 frames", [2]),
        ("tile edges", [31, 32, 33, 63, 64, 65, 127, 128, 129]),
        ("ragged", [7, 150, 1, 28, 301, 2, 93, 64]),
        ("300 utterances", [.. Enumerable.Range(0, 300).Select(u => 1 + (u * 7 % 11))]),
    ];

    /// <summary>Operations one by one, then the whole network.</summary>
    public static IReadOnlyList<KernelCase> All { get; } = [.. Operations(), .. Networks()];

    private static IEnumerable<KernelCase> Operations()
    {
        foreach ((string name, int[] lengths) in Batches)
        {
            foreach (int channels in (int[])[32, 512, 1024])
            {
                // The largest widths once, on a batch with all kinds of lengths.
                if (channels == 1024 && name != "ragged")
                    continue;
                yield return Convolution(name, lengths, ChannelLayout.Plain(channels), ChannelLayout.Plain(channels), 1, 1);
                foreach (int dilation in EcapaConfig.Dilations.ToArray())
                    yield return Res2(name, lengths, channels, dilation);
                yield return Gate(name, lengths, ChannelLayout.Plain(channels), ChannelLayout.Plain(channels));
                yield return ScaleAndAdd(name, lengths, channels);
            }
            yield return Convolution(name, lengths, ChannelLayout.Plain(80), ChannelLayout.Plain(512), 5, 1, ofFeatures: true);
            yield return Convolution(name, lengths, ChannelLayout.Plain(64), ChannelLayout.Plain(64), 3, 4);
            yield return Moments(name, lengths, Aggregate);
            yield return Attention(name, lengths);
            yield return AttentionHidden(name, lengths);
            yield return MeanNormalization(name, lengths);
            yield return Filterbank(name, lengths, fromInt16: true);
            yield return Filterbank(name, lengths, fromInt16: false);
            yield return Linear(name, lengths.Length, 3072, 192);
        }
        int[] ragged = Batches[3].Lengths, edges = Batches[2].Lengths;
        // Channel counts that are no multiple of four, and splits with gaps between them.
        yield return Convolution("ragged", ragged, ChannelLayout.Plain(79), new ChannelLayout(8, 3), 5, 1, ofFeatures: true);
        yield return Convolution("ragged", ragged, new ChannelLayout(24, 5), new ChannelLayout(8, 5), 1, 1);
        yield return Convolution("ragged", ragged, new ChannelLayout(3, 512), ChannelLayout.Plain(Aggregate), 1, 1);
        // Sums that only grow, where cutting them off instead of rounding shows most.
        yield return Convolution("2 frames", [2], ChannelLayout.Plain(Aggregate), ChannelLayout.Plain(Bottleneck), 1, 1, oneSign: true);
        yield return Gate("ragged", ragged, new ChannelLayout(8, 5), new ChannelLayout(8, 5));
        yield return Res2("ragged", ragged, 24, 3);
        // Splits wider than a warp's columns, and no multiple of them.
        foreach (int channels in (int[])[640, 896, 1280])
            yield return Res2(Batches[0].Name, Batches[0].Lengths, channels, 2);
        yield return Moments("ragged", ragged, 20);
        yield return Linear("odd", 3, 40, 7);
        yield return SoftmaxHead("5994 classes", 3, 5994);
        yield return SoftmaxHead("7 classes", 300, 7);
        foreach (ProductTile tile in TilePlan.Tiles)
        {
            yield return Tiled(tile, Convolution("tile edges", edges, ChannelLayout.Plain(64), ChannelLayout.Plain(136), 3, 2));
            yield return Tiled(tile, Convolution("ragged", ragged, ChannelLayout.Plain(128), ChannelLayout.Plain(192), 1, 1));
            yield return Tiled(tile, Gate("tile edges", edges, ChannelLayout.Plain(64), ChannelLayout.Plain(136)));
        }
    }

    private static IEnumerable<KernelCase> Networks() =>
    [
        .. NetworkCase.All.Select(network => network.OnKernels),
        Samples("ragged", [400, 16000, 31999, 48123], new EcapaConfig { Channels = 32, GlobalContext = true }),
    ];

    private static KernelCase Convolution(
        string batch, int[] lengths, ChannelLayout input, ChannelLayout output, int kernel, int dilation, bool ofFeatures = false,
        bool oneSign = false)
    {
        string kind = input.Quads * 4 == input.Channels ? "" : " padded";
        string shape = $"{batch}, {input.Channels}->{output.Channels}{kind}{(oneSign ? " of one sign" : "")}, k={kernel}, d={dilation}";
        return new("ConvReluBn", shape, (double)lengths.Sum() * kernel * input.Channels * output.Channels, CaseScope.Rows, device =>
        {
            Random random = new(1);
            ConvReluBnWeights weights = RandomModels.ConvReluBn(random, output.Channels, input.Channels, kernel);
            float[] rows = RandomModels.Normal(random, lengths.Sum() * input.Channels, 1);
            if (oneSign)
            {
                rows = [.. rows.Select(Math.Abs)];
                weights = weights with { Conv = weights.Conv with { Weight = weights.Conv.Weight.ToArray().Select(Math.Abs).ToArray() } };
            }
            // Rows inside wider ones on both sides, as the blocks' outputs lie side by side.
            DeviceRows x = ofFeatures ? device.UploadFloat32(rows, input, 2, 2) : device.Upload(rows, input, 2, 2);
            BatchTables tables = device.Tables(lengths);
            int stride = output.Quads + 3;
            DeviceRows y = new(device.RowRoom(stride * tables.Rows).SubView(2, (stride * tables.Rows) - 2), stride);
            DeviceConv conv = device.Keep(
                new DeviceConv(device.Accelerator, device.Storage, weights.Conv, weights.Bn, input, output, ofFeatures));
            device.Operations.Convolve(x, conv, dilation, Epilogue.Relu, y, tables);
            return new CaseOutput(
                Flat(CaseDevice.Utterances(rows, input.Channels, lengths).Select(u => ReferenceConv.Apply(u, weights, dilation))),
                device.Download(y, tables.Rows, output));
        });
    }

    /// <summary>A case with every convolution cut by one tile, whatever the plan would choose.</summary>
    private static KernelCase Tiled(ProductTile tile, KernelCase inner) => inner with
    {
        Shape = $"{inner.Shape}, tile {tile.Rows}x{tile.Columns}x{tile.Depth}",
        Run = device =>
        {
            using CaseDevice tiled = new(
                device.Accelerator, device.Precision, new TilePlan(device.Accelerator, tile, device.Plan.UsesTensorCores));
            return inner.Run(tiled);
        },
    };

    private static KernelCase AttentionHidden(string batch, int[] lengths) =>
        new("ConvReluBn tanh", $"{batch}, {Aggregate}->{Bottleneck}", (double)lengths.Sum() * Aggregate * Bottleneck, CaseScope.Rows, device =>
        {
            Random random = new(2);
            ChannelLayout input = ChannelLayout.Plain(Aggregate), output = ChannelLayout.Plain(Bottleneck);
            ConvWeights conv = RandomModels.Conv(random, Bottleneck, Aggregate, 1);
            float[] rows = RandomModels.Normal(random, lengths.Sum() * Aggregate, 1);
            float[] bias = RandomModels.Normal(random, lengths.Length * Bottleneck, 1);
            BatchTables tables = device.Tables(lengths);
            DeviceRows y = new(device.RowRoom(tables.Rows * output.Quads), output.Quads);
            device.Operations.Convolve(
                device.Upload(rows, input), device.Keep(new DeviceConv(device.Accelerator, device.Storage, conv, null, input, output)), 1,
                Epilogue.Tanh, y, tables, device.UploadFloat32(bias, output).View.As<Float4>());
            FrameMatrix[] biases = CaseDevice.Utterances(bias, Bottleneck, [.. lengths.Select(_ => 1)]);
            return new CaseOutput(
                Flat(CaseDevice.Utterances(rows, Aggregate, lengths).Select((x, u) => Activation.Tanh(
                    Conv1d.Apply(x, conv with { Bias = new float[Bottleneck] }).Add(biases[u].RepeatRow(x.Frames))))),
                device.Download(y, tables.Rows, output));
        });

    private static KernelCase Res2(string batch, int[] lengths, int channels, int dilation)
    {
        ChannelLayout layout = new(EcapaConfig.Res2Scale, channels / EcapaConfig.Res2Scale);
        return new("Res2Chain", $"{batch}, C={channels}, d={dilation}", (double)lengths.Sum() * 21 * layout.Width * layout.Width, CaseScope.Rows, device =>
        {
            Random random = new(3);
            ConvReluBnWeights[] steps =
                [.. Enumerable.Range(0, EcapaConfig.Res2Scale - 1).Select(_ => RandomModels.ConvReluBn(random, layout.Width, layout.Width, 3))];
            float[] rows = RandomModels.Normal(random, lengths.Sum() * channels, 1);
            BatchTables tables = device.Tables(lengths);
            DeviceRows y = new(device.RowRoom(tables.Rows * layout.Quads), layout.Quads);
            device.Operations.Res2(
                device.Upload(rows, layout).View, device.Keep(new DeviceRes2(device.Accelerator, device.Storage, steps)), dilation, y.View,
                tables);
            return new CaseOutput(
                Flat(CaseDevice.Utterances(rows, channels, lengths).Select(x => Reference.Res2.Apply(x, steps, dilation))),
                device.Download(y, tables.Rows, layout));
        });
    }

    private static KernelCase Gate(string batch, int[] lengths, ChannelLayout input, ChannelLayout layout) => new(
        "SqueezeExcite.Gate", $"{batch}, {input.Channels}->{layout.Channels}",
        (double)layout.Channels * ((input.Channels * lengths.Sum()) + (2 * Bottleneck * lengths.Length)), CaseScope.Rows, device =>
        {
            // From the convolution before, which leaves the sums over time beside its output.
            Random random = new(4);
            int channels = layout.Channels;
            ChannelLayout hidden = ChannelLayout.Plain(Bottleneck);
            ConvReluBnWeights weights = RandomModels.ConvReluBn(random, channels, input.Channels, 1);
            ConvWeights squeeze = RandomModels.Conv(random, Bottleneck, channels, 1);
            ConvWeights excite = RandomModels.Conv(random, channels, Bottleneck, 1);
            float[] rows = RandomModels.Normal(random, lengths.Sum() * input.Channels, 1);
            BatchTables tables = device.Tables(lengths);
            DeviceRows x = new(device.RowRoom(tables.Rows * layout.Quads), layout.Quads);
            DeviceRows gates = new(device.Room(lengths.Length * layout.Quads), layout.Quads);
            ArrayView<Float4> sums = device.Operations.ConvolveAndSum(
                device.Upload(rows, input),
                device.Keep(new DeviceConv(device.Accelerator, device.Storage, weights.Conv, weights.Bn, input, layout)),
                Epilogue.Relu, x, tables);
            device.Operations.Gate(
                sums, device.Keep(new DeviceLinear(device.Accelerator, squeeze, layout, hidden)),
                device.Keep(new DeviceLinear(device.Accelerator, excite, hidden, layout)), gates.View.As<Float4>(), tables);
            FrameMatrix[] outputs =
                [.. CaseDevice.Utterances(rows, input.Channels, lengths).Select(u => ReferenceConv.Apply(u, weights, 1))];
            return new CaseOutput(
                [.. Flat(outputs), .. Flat(outputs.Select(u => ReferenceGate.Gate(u, squeeze, excite)))],
                [.. device.Download(x, tables.Rows, layout), .. device.Download(gates, lengths.Length, layout)]);
        });

    private static KernelCase ScaleAndAdd(string batch, int[] lengths, int channels) =>
        new("SqueezeExcite.ScaleAndAdd", $"{batch}, C={channels}", (double)channels * lengths.Sum(), CaseScope.Rows, device =>
        {
            Random random = new(5);
            ChannelLayout layout = ChannelLayout.Plain(channels);
            int count = lengths.Sum() * channels;
            float[] rows = RandomModels.Normal(random, count, 1), residual = RandomModels.Normal(random, count, 1);
            float[] gates = RandomModels.Uniform(random, lengths.Length * channels, 0, 1);
            BatchTables tables = device.Tables(lengths);
            DeviceRows y = new(device.RowRoom(tables.Rows * 3 * layout.Quads), 3 * layout.Quads);
            device.Operations.ScaleAndAdd(
                device.Upload(rows, layout).View, device.UploadFloat32(gates, layout).View.As<Float4>(),
                device.Upload(residual, layout, 1, 1), y, layout.Quads, tables);
            FrameMatrix[] gate = CaseDevice.Utterances(gates, channels, [.. lengths.Select(_ => 1)]);
            FrameMatrix[] skip = CaseDevice.Utterances(residual, channels, lengths);
            return new CaseOutput(
                Flat(CaseDevice.Utterances(rows, channels, lengths).Select((x, u) => ReferenceGate.Apply(x, gate[u]).Add(skip[u]))),
                device.Download(y, tables.Rows, layout));
        });

    private static KernelCase Moments(string batch, int[] lengths, int channels) =>
        new("TimeMoments", $"{batch}, C={channels}", 4.0 * channels * lengths.Sum(), CaseScope.Rows, device =>
        {
            ChannelLayout layout = ChannelLayout.Plain(channels);
            // Far from zero: squares must not be subtracted from each other.
            float[] rows = [.. RandomModels.Normal(new Random(6), lengths.Sum() * channels, 1).Select(v => v + 30)];
            BatchTables tables = device.Tables(lengths);
            ArrayView<Float4> moments = device.Room(lengths.Length * 2 * layout.Quads);
            device.Operations.Moments(device.Upload(rows, layout, 0, 1), layout.Quads, deviation: true, moments, tables);
            return new CaseOutput(
                Flat(
                    CaseDevice.Utterances(rows, channels, lengths)
                        .Select(x => FrameMatrix.Concatenate([Statistics.Mean(x), Statistics.StandardDeviation(x)]))),
                device.Download(new DeviceRows(moments, 2 * layout.Quads), lengths.Length, layout.Repeat(2)));
        });

    private static KernelCase Attention(string batch, int[] lengths) =>
        new("AttentiveStatistics", $"{batch}, {Bottleneck}->{Aggregate}", (double)lengths.Sum() * Bottleneck * Aggregate, CaseScope.Rows, device =>
        {
            Random random = new(7);
            ChannelLayout hidden = ChannelLayout.Plain(Bottleneck), layout = ChannelLayout.Plain(Aggregate);
            ConvWeights up = RandomModels.Conv(random, Aggregate, Bottleneck, 1);
            float[] rows = [.. RandomModels.Normal(random, lengths.Sum() * Aggregate, 1).Select(v => Math.Max(v, 0) + 2)];
            float[] inner = RandomModels.Uniform(random, lengths.Sum() * Bottleneck, -1, 1);
            BatchTables tables = device.Tables(lengths);
            DeviceRows x = device.Upload(rows, layout);
            ArrayView<Float4> means = device.Room(lengths.Length * layout.Quads);
            ArrayView<Float4> pooled = device.Room(lengths.Length * 2 * layout.Quads);
            device.Operations.Moments(x, layout.Quads, deviation: false, means, tables);
            device.Operations.Attend(
                device.Upload(inner, hidden).View,
                device.Keep(new DeviceConv(device.Accelerator, device.Storage, up, null, hidden, layout)), x.View, means, layout.Quads,
                pooled, tables);
            FrameMatrix[] frames = CaseDevice.Utterances(rows, Aggregate, lengths);
            return new CaseOutput(
                Flat(CaseDevice.Utterances(inner, Bottleneck, lengths).Select((h, u) => ReferenceAttention.WeightedMeanAndDeviation(
                    frames[u], ReferenceAttention.SoftmaxOverTime(Conv1d.Apply(h, up))))),
                device.Download(new DeviceRows(pooled, 2 * layout.Quads), lengths.Length, layout.Repeat(2)));
        });

    private static KernelCase Linear(string batch, int utterances, int inputs, int outputs) =>
        new("UtteranceLinear", $"{batch}, {utterances} x {inputs}->{outputs}", (double)utterances * inputs * outputs, CaseScope.Float32, device =>
        {
            Random random = new(8);
            ChannelLayout input = ChannelLayout.Plain(inputs), output = ChannelLayout.Plain(outputs);
            ConvWeights layer = RandomModels.Conv(random, outputs, inputs, 1);
            float[] rows = RandomModels.Normal(random, utterances * inputs, 1);
            ArrayView<Float4> y = device.Room(utterances * output.Quads);
            device.Operations.Linear(
                device.UploadFloat32(rows, input).View.As<Float4>(),
                device.Keep(new DeviceLinear(device.Accelerator, layer, input, output)), y, utterances);
            return new CaseOutput(
                Conv1d.Apply(FrameMatrix.FromRows(rows, inputs), layer).Values,
                device.Download(new DeviceRows(y, output.Quads), utterances, output));
        });

    private static KernelCase SoftmaxHead(string name, int utterances, int classes) =>
        new("SoftmaxHead", $"{name}, {utterances} utterances", 192.0 * utterances * classes, CaseScope.Float32, device =>
        {
            const int Size = 192;
            Random random = new(9);
            ChannelLayout input = ChannelLayout.Plain(Size), output = ChannelLayout.Plain(classes);
            BatchNormWeights bn = RandomModels.Bn(random, Size);
            ConvWeights layer = RandomModels.Conv(random, classes, Size, 1);
            float[] embeddings = RandomModels.Normal(random, utterances * Size, 1);
            DeviceVector Row(Func<int, double> value) =>
                device.Keep(new DeviceVector(device.Accelerator, DeviceConv.Place(input, Size, c => (float)value(c))));
            ArrayView<Float4> y = device.Room(utterances * output.Quads);
            device.Operations.Classify(
                device.UploadFloat32(embeddings, input).View.As<Float4>(), Row(bn.Scale), Row(bn.Shift),
                device.Keep(new DeviceLinear(device.Accelerator, layer, input, output)), classes, device.Room(utterances * input.Quads), y,
                utterances);
            FrameMatrix scores = Conv1d.Apply(Activation.Relu(BatchNorm.Apply(FrameMatrix.FromRows(embeddings, Size), bn)), layer);
            for (int u = 0; u < utterances; u++)
            {
                Span<double> row = scores[u];
                System.Numerics.Tensors.TensorPrimitives.SoftMax(row.ToArray(), row);
            }
            return new CaseOutput(scores.Values, device.Download(new DeviceRows(y, output.Quads), utterances, output));
        });

    private static KernelCase MeanNormalization(string batch, int[] lengths) =>
        new("ConvReluBn of x - mean", $"{batch}, 80->64, k=5", 400.0 * 64 * lengths.Sum(), CaseScope.Rows, device =>
        {
            // Log-mel energies are far from zero, and what is outside an utterance is zero after the subtraction.
            Random random = new(10);
            ChannelLayout input = ChannelLayout.Plain(80), output = ChannelLayout.Plain(64);
            ConvReluBnWeights weights = RandomModels.ConvReluBn(random, output.Channels, input.Channels, 5);
            float[] rows = [.. RandomModels.Normal(random, lengths.Sum() * input.Channels, 3).Select(v => v + 12)];
            BatchTables tables = device.Tables(lengths);
            DeviceRows x = device.UploadFloat32(rows, input), y = new(device.RowRoom(tables.Rows * output.Quads), output.Quads);
            ArrayView<Float4> means = device.Room(lengths.Length * input.Quads);
            device.Operations.Moments(x, input.Quads, deviation: false, means, tables);
            DeviceConv conv = device.Keep(
                new DeviceConv(device.Accelerator, device.Storage, weights.Conv, weights.Bn, input, output, ofFeatures: true));
            device.Operations.Convolve(x, conv, 1, Epilogue.Relu, y, tables, means: means);
            return new CaseOutput(
                Flat(CaseDevice.Utterances(rows, input.Channels, lengths).Select(u => ReferenceConv.Apply(
                    u.Zip(Statistics.Mean(u).RepeatRow(u.Frames), (a, b) => a - b), weights, 1))),
                device.Download(y, tables.Rows, output));
        });

    private static KernelCase Filterbank(string batch, int[] lengths, bool fromInt16) =>
        new(fromInt16 ? "Filterbank int16" : "Filterbank float", batch, 20000.0 * lengths.Sum(), CaseScope.Float32, device =>
        {
            // A few samples more than the frames need, of another number for each utterance.
            int[] counts =
                [.. lengths.Select((frames, u) => Fbank.FrameLength + ((frames - 1) * Fbank.FrameShift) + (u * 37 % Fbank.FrameShift))];
            int[] starts = CaseDevice.Offsets(counts);
            short[] samples = [.. RandomModels.Normal(new Random(11), counts.Sum(), 3000).Select((v, i) => (short)(v + (8000 * Math.Sin(i * 0.05)) + 500))];
            BatchTables tables = device.Tables(lengths, starts);
            ArrayView<Float4> frames = device.Room(tables.Rows * Fbank.MelBins / 4);
            DeviceFilterbank filterbank = device.Keep(new DeviceFilterbank(device.Accelerator));
            float[] widened = [.. samples.Select(s => (float)s)];
            ArrayView<short> integers = device.Keep(device.Accelerator.Allocate1D(samples)).View.BaseView;
            ArrayView<float> numbers = device.Keep(device.Accelerator.Allocate1D(widened)).View.BaseView;
            device.Accelerator.Synchronize();
            if (fromInt16)
                filterbank.Compute(integers, frames, tables, device.Operations);
            else
                filterbank.Compute(numbers, frames, tables, device.Operations);
            return new CaseOutput(
                [.. lengths.SelectMany((_, u) => FbankInDoubles.Compute(widened.AsSpan(starts[u], counts[u])))],
                device.Download(new DeviceRows(frames, Fbank.MelBins / 4), tables.Rows, ChannelLayout.Plain(Fbank.MelBins)));
        });

    private static KernelCase Samples(string batch, int[] counts, EcapaConfig config) =>
        new("network from samples", $"{batch}, {config.Name}", counts.Sum() / 160.0 * 1e6, CaseScope.Network, device =>
        {
            EcapaWeights weights = RandomModels.Create(config, seed: 14);
            int[] starts = CaseDevice.Offsets(counts);
            short[] samples = [.. RandomModels.Normal(new Random(15), counts.Sum(), 3000).Select(v => (short)v)];
            float[] embeddings = new float[counts.Length * config.EmbeddingSize];
            using KernelEngine engine = new(weights, device.Accelerator, device.Precision, device.Plan);
            engine.EmbedSamples(samples, starts, embeddings);
            ReferenceNetwork reference = new(weights);
            return new CaseOutput(
                [.. counts.SelectMany((count, u) =>
                {
                    double[] rows = FbankInDoubles.Compute([.. samples.AsSpan(starts[u], count).ToArray().Select(s => (float)s)]);
                    FrameMatrix frames = FrameMatrix.FromRows([.. rows.Select(v => (float)v)], Fbank.MelBins);
                    return reference.Forward(frames.Zip(Statistics.Mean(frames).RepeatRow(frames.Frames), (a, b) => a - b)).Values;
                })],
                embeddings);
        });

    private static double[] Flat(IEnumerable<FrameMatrix> utterances) => [.. utterances.SelectMany(u => u.Values)];
}

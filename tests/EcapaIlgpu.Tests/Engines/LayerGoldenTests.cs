using EcapaIlgpu.Engines.Reference;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Engines;

/// <summary>The reference, activation by activation, against PyTorch running wespeaker's own modules.</summary>
public class LayerGoldenTests
{
    private const string InputName = "input_T80";

    [Fact]
    public void Every_activation_of_the_tiny_model_equals_wespeakers() =>
        AssertLayersEqual(TestFiles.InTestdata("models/wespeaker_tiny_glob.pt"), TestFiles.InTestdata("goldens/layers"));

    [NeedsTheory(typeof(ReferenceSet))]
    [InlineData("ecapa_GLOB_c512.pt", "layers_GLOB_c512_cut_0p3s")]
    [InlineData("ecapa_c512_with_softmax_6.pt", "layers_c512_cut_0p3s")]
    public void Every_activation_of_a_full_size_model_equals_wespeakers(string model, string goldens) =>
        AssertLayersEqual(TestFiles.InReference($"models/{model}"), TestFiles.InReference($"goldens/{goldens}"));

    private static void AssertLayersEqual(string modelPath, string folder)
    {
        Dictionary<string, FrameMatrix> found = [];
        ReferenceNetwork network = new(EcapaModel.Load(modelPath).Weights, found.Add);
        (double[] input, int[] shape) = TestFiles.ReadNpy(Path.Combine(folder, $"{InputName}.npy"));
        network.Forward(FrameMatrix.FromRows([.. input.Select(v => (float)v)], shape[1]));
        // The reference set names the pooled vector twice.
        found.Add("pool_stats", found["pool"]);

        string[] names =
            [.. Directory.GetFiles(folder, "*.npy").Select(f => Path.GetFileNameWithoutExtension(f)).Where(n => n != InputName)];
        Assert.NotEmpty(names);
        foreach (string name in names)
        {
            Assert.True(found.ContainsKey(name), $"The reference has no activation {name}.");
            (double[] golden, int[] goldenShape) = TestFiles.ReadNpy(Path.Combine(folder, $"{name}.npy"));
            float[] activation = ChannelsFirst(found[name]);
            Assert.Equal(goldenShape.Aggregate((a, b) => a * b), activation.Length);
            // The goldens are float32 arithmetic, worst in the softmax (2.9e-6): what differs is theirs.
            EngineTests.AssertBelow(5e-6, Closeness.RelativeL2(golden, activation), $"relative L2 of {name}");
        }
    }

    /// <summary><c>[frames, channels]</c> to PyTorch's <c>[channels, frames]</c>.</summary>
    private static float[] ChannelsFirst(FrameMatrix activation)
    {
        float[] values = new float[activation.Values.Length];
        for (int t = 0; t < activation.Frames; t++)
        {
            for (int c = 0; c < activation.Channels; c++)
                values[(c * activation.Frames) + t] = (float)activation[t][c];
        }
        return values;
    }
}

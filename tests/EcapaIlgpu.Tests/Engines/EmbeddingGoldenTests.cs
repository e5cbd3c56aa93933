using System.Text.Json;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Engines;
using EcapaIlgpu.Engines.Reference;
using EcapaIlgpu.Engines.Simd;
using EcapaIlgpu.Features;
using EcapaIlgpu.Model;
using EcapaIlgpu.Scoring;

namespace EcapaIlgpu.Tests.Engines;

/// <summary>From audio files to embeddings, against wespeaker's own network in float64 on torchaudio's features.</summary>
public class EmbeddingGoldenTests
{
    /// <summary>Below this the weighted deviation cancels even in PyTorch's float32 (spec, section 9).</summary>
    private const int LeastFramesForMaxAbs = 28;

    private const double RandomModelTolerance = 1e-4;

    /// <summary>Trained weights give larger numbers (RMS 3.85) and sharper attention; see the end of weights/TRAINING.md.</summary>
    private const double BundledModelTolerance = 1e-3;

    [Theory]
    [InlineData("wespeaker_tiny_glob.pt", "emb_wespeaker_tiny_glob")]
    [InlineData("wespeaker_tiny_softmax6_legacy.pt", "emb_wespeaker_tiny")]
    public void The_tiny_models_embed_as_wespeaker_does(string model, string goldens)
    {
        EcapaModel loaded = EcapaModel.Load(TestFiles.InTestdata($"models/{model}"));
        string[] files = [.. IndexedNames("utterances").Select(name => TestFiles.InTestdata($"audio/{name}.wav"))];
        string goldenPath = TestFiles.InTestdata($"goldens/{goldens}.f64.npy");
        using ReferenceEngine reference = new(loaded.Weights);
        using SimdEngine simd = new(loaded.Weights);
        AssertEmbeddingsEqual(reference, files, goldenPath, RandomModelTolerance);
        AssertEmbeddingsEqual(simd, files, goldenPath, RandomModelTolerance);
    }

    [Theory]
    [InlineData("utterances", "audio", "emb_demo_model")]
    [InlineData("samples", "samples", "emb_demo_model_samples")]
    public void The_bundled_model_embeds_as_wespeaker_does(string index, string folder, string goldens)
    {
        using SimdEngine engine = new(EcapaModel.LoadBundled().Weights);
        string[] files = [.. IndexedNames(index).Select(name => TestFiles.InTestdata($"{folder}/{name}.wav"))];
        AssertEmbeddingsEqual(engine, files, TestFiles.InTestdata($"goldens/{goldens}.f64.npy"), BundledModelTolerance);
    }

    [NeedsTheory(typeof(ReferenceSet))]
    [InlineData("ecapa_GLOB_c512.pt", "GLOB_c512")]
    [InlineData("ecapa_c512_with_softmax_6.pt", "c512")]
    public void Full_size_models_embed_as_wespeaker_does(string model, string goldens)
    {
        using SimdEngine engine = new(EcapaModel.Load(TestFiles.InReference($"models/{model}")).Weights);
        string[] names = JsonSerializer.Deserialize<string[]>(File.ReadAllText(TestFiles.InReference("goldens/emb/utterances.json")))!;
        AssertEmbeddingsEqual(
            engine, [.. names.Select(name => TestFiles.InReference($"audio/{name}.wav"))],
            TestFiles.InReference($"goldens/emb/{goldens}.f64.npy"), RandomModelTolerance);
    }

    [NeedsFact(typeof(ReferenceSet), typeof(FlacDecoder))]
    public void The_bundled_model_tells_held_out_speakers_apart_as_it_was_measured_to()
    {
        string[] recordings = Directory.GetFiles(TestFiles.InReference("audio/eval"), "*.flac", SearchOption.AllDirectories);
        string[] files = [.. recordings.Order(StringComparer.Ordinal)];
        string[] golden = File.ReadAllLines(Path.Combine(TestFiles.Repository, "weights", "golden_eval_names.txt"));
        Assert.Equal(golden, files.Select(f => Path.GetFileNameWithoutExtension(f)));
        using SimdEngine engine = new(EcapaModel.LoadBundled().Weights);
        float[][] embeddings = AssertEmbeddingsEqual(
            engine, files, Path.Combine(TestFiles.Repository, "weights", "golden_eval.f64.npy"), BundledModelTolerance);

        string[] speakers = [.. files.Select(f => Path.GetFileName(Path.GetDirectoryName(f)!))];
        (int First, int Second)[] pairs = [.. from i in Enumerable.Range(0, files.Length) from j in Enumerable.Range(0, i) select (i, j)];
        EqualErrorRate found = EqualErrorRate.Compute(
            [.. pairs.Select(p => Cosine.Similarity(embeddings[p.First], embeddings[p.Second]))],
            [.. pairs.Select(p => speakers[p.First] == speakers[p.Second])]);
        Assert.Equal(1225, pairs.Length);
        Assert.InRange(100 * found.Rate, 0.7 - 0.3, 0.7 + 0.3);
    }

    private static float[][] AssertEmbeddingsEqual(IEmbeddingEngine engine, string[] files, string goldenPath, double tolerance)
    {
        FeatureExtractor features = new();
        ReadOnlyMemory<float>[] utterances = [.. files.Select(f => (ReadOnlyMemory<float>)features.Compute(AudioFile.Read(f), f))];
        float[][] found = EngineTests.Embed(engine, utterances);
        (double[] golden, int[] shape) = TestFiles.ReadNpy(goldenPath);
        Assert.Equal([files.Length, engine.Config.EmbeddingSize], shape);
        for (int u = 0; u < files.Length; u++)
        {
            double[] expected = golden[(u * shape[1])..((u + 1) * shape[1])];
            int frames = utterances[u].Length / engine.Config.FeatureDim;
            string which = $"{engine.Description}, {Path.GetFileName(files[u])}, {frames} frames";
            Assert.All(found[u], v => Assert.True(float.IsFinite(v), which));
            // PyTorch's unbiased variance over one frame is NaN, and so is its embedding under global context.
            if (frames == 1 && expected.All(double.IsNaN))
                continue;
            EngineTests.AssertBelow(1e-6, 1 - Closeness.Cosine(expected, found[u]), $"1 - cosine, {which}");
            if (frames >= LeastFramesForMaxAbs)
                EngineTests.AssertBelow(tolerance, Closeness.MaxAbs(expected, found[u]), $"max abs, {which}");
        }
        return found;
    }

    private static string[] IndexedNames(string list)
    {
        using JsonDocument index = JsonDocument.Parse(File.ReadAllText(TestFiles.InTestdata("goldens/index.json")));
        return [.. index.RootElement.GetProperty(list).EnumerateArray().Select(e => e.GetString()!)];
    }
}

using EcapaIlgpu.Scoring;

namespace EcapaIlgpu.Tests.Scoring;

public class CosineTests
{
    [Fact]
    public void Is_the_cosine_whatever_the_lengths()
    {
        float[] a = Values(192, 1), b = Values(192, 2);
        double expected = Closeness.Cosine([.. a.Select(v => (double)v)], b);
        foreach (float scale in new[] { 1f, 1e-25f, 1e25f })
            Assert.Equal(expected, Cosine.Similarity([.. a.Select(v => v * scale)], b), 1e-6);
        Assert.Equal(1, Cosine.Similarity(a, a), 1e-6);
        Assert.Equal(-1, Cosine.Similarity(a, [.. a.Select(v => -v)]), 1e-6);
    }

    [Fact]
    public void An_embedding_of_zeros_is_like_nothing()
    {
        Assert.Equal(0, Cosine.Similarity(new float[4], [1, 2, 3, 4]));
        Assert.Equal(0, Cosine.Similarity(new float[4], new float[4]));
        Assert.Equal(0.5f, Cosine.WespeakerScore(0));
    }

    [Fact]
    public void What_cannot_be_compared_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Cosine.Similarity([1], [1, 2]));
        Assert.Throws<ArgumentException>(() => Cosine.Similarity([], []));
        Assert.Throws<ArgumentException>(() => Cosine.Normalize([1, 2], new float[1]));
    }

    [Fact]
    public void Wespeakers_scores_match_the_golden_matrix()
    {
        (double[] embeddings, int[] shape) = TestFiles.ReadNpy(TestFiles.InTestdata("goldens/emb_wespeaker_tiny_glob.npy"));
        float[] rows = [.. embeddings.Select(v => (float)v)];
        float[] scores = [.. CosineMatrix.Compute(rows, rows, shape[1]).Select(Cosine.WespeakerScore)];
        double[] expected = TestFiles.ReadNpy(TestFiles.InTestdata("goldens/similarity_wespeaker_tiny_glob.npy")).Values;
        Assert.True(Closeness.MaxAbs(expected, scores) < 1e-6);
    }

    [Fact]
    public void The_demo_models_cosines_match_the_golden_matrix()
    {
        (double[] embeddings, int[] shape) = TestFiles.ReadNpy(TestFiles.InTestdata("goldens/emb_demo_model_samples.f64.npy"));
        float[] rows = [.. embeddings.Select(v => (float)v)];
        double[] expected = TestFiles.ReadNpy(TestFiles.InTestdata("goldens/cosine_demo_model_samples.npy")).Values;
        Assert.True(Closeness.MaxAbs(expected, CosineMatrix.Compute(rows, rows, shape[1])) < 1e-6);
    }

    internal static float[] Values(int count, int seed)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((2 * random.NextDouble()) - 1))];
    }
}

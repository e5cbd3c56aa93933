using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Model.Heads;

namespace EcapaIlgpu.Tests.Model.Heads;

/// <summary>Every head against wespeaker's own, with the tensors of a checkpoint.</summary>
public class ProjectionHeadGoldenTests
{
    private const double MaxAbs = 1e-4;

    public static TheoryData<string, string, ProjectionOptions> Testdata => new()
    {
        { "head_add_margin_6", "add_margin_m0.0", new() { Kind = ProjectionKind.AddMargin } },
        { "head_add_margin_6", "add_margin_m0.2", new() { Kind = ProjectionKind.AddMargin, Margin = 0.2f } },
        { "head_arc_margin_6", "arc_margin_m0.0", new() { Kind = ProjectionKind.ArcMargin } },
        { "head_arc_margin_6", "arc_margin_m0.2", new() { Kind = ProjectionKind.ArcMargin, Margin = 0.2f } },
        { "head_arc_margin_6", "arc_margin_easy_m0.2", new() { Kind = ProjectionKind.ArcMargin, Margin = 0.2f, EasyMargin = true } },
        { "head_sphere_6", "sphere_iter1", new() { Kind = ProjectionKind.Sphere } },
        { "wespeaker_tiny_softmax6_legacy", "softmax6", new() },
    };

    public static TheoryData<string, string, ProjectionOptions> Reference
    {
        get
        {
            TheoryData<string, string, ProjectionOptions> cases = new()
            {
                { "softmax", "softmax", new() },
                { "arc_margin_intertopk_subcenter", "arc_intertopk_subcenter_lm_m0.5", Intertopk(0.5f) with { LargeMargin = true } },
                { "sphere", "sphere_iter1", new() { Kind = ProjectionKind.Sphere } },
                { "sphere", "sphere_iter100000", new() { Kind = ProjectionKind.Sphere, Iteration = 100_000 } },
            };
            foreach ((string text, float margin) in new[] { ("0.0", 0f), ("0.2", 0.2f), ("0.5", 0.5f) })
            {
                cases.Add("add_margin", $"add_margin_m{text}", new() { Kind = ProjectionKind.AddMargin, Margin = margin });
                cases.Add("arc_margin", $"arc_margin_m{text}", new() { Kind = ProjectionKind.ArcMargin, Margin = margin });
                cases.Add(
                    "arc_margin", $"arc_margin_easy_m{text}",
                    new() { Kind = ProjectionKind.ArcMargin, Margin = margin, EasyMargin = true });
                cases.Add("arc_margin_intertopk_subcenter", $"arc_intertopk_subcenter_m{text}", Intertopk(margin));
                foreach (SphereFace2Margin type in Enum.GetValues<SphereFace2Margin>())
                    cases.Add("sphereface2", $"sphereface2_{type}_m{text}", new() { Margin = margin, SphereFace2Margin = type });
            }
            return cases;

            // These goldens penalise three of the five other classes; penalising wespeaker's default of five would be all of them.
            static ProjectionOptions Intertopk(float margin) =>
                new() { Kind = ProjectionKind.ArcMarginIntertopkSubcenter, Margin = margin, TopK = 3 };
        }
    }

    [Theory]
    [MemberData(nameof(Testdata), DisableDiscoveryEnumeration = true)]
    public void Matches_on_embeddings_of_the_tiny_network(string model, string golden, ProjectionOptions options)
    {
        ProjectionHead head = Load(TestFiles.InTestdata($"models/{model}.pt"), options, 24);
        AssertMatches(
            head, TestFiles.InTestdata("goldens/emb_wespeaker_tiny.npy"), TestFiles.InTestdata("goldens/labels.npy"),
            TestFiles.InTestdata($"goldens/logits_{golden}.npy"));
    }

    [NeedsTheory(typeof(ReferenceSet))]
    [MemberData(nameof(Reference), DisableDiscoveryEnumeration = true)]
    public void Matches_on_embeddings_of_full_size(string model, string golden, ProjectionOptions options)
    {
        ProjectionHead head = Load(TestFiles.InReference($"models/proj_{model}_6.pt"), options, 192);
        AssertMatches(head, InHeads("input"), InHeads("labels"), InHeads(golden));
        if (head is SphereFace2Head sphereFace2)
        {
            (double[] embeddings, int[] shape) = TestFiles.ReadNpy(InHeads("input"));
            double[] labels = TestFiles.ReadNpy(InHeads("labels")).Values;
            double loss = Enumerable.Range(0, shape[0]).Average(i => sphereFace2.Loss(Row(embeddings, 192, i), (int)labels[i]));
            Assert.Equal(TestFiles.ReadNpy(InHeads($"{golden}.loss")).Values[0], loss, MaxAbs);
        }
    }

    [NeedsTheory(typeof(ReferenceSet))]
    [InlineData(ProjectionKind.AddMargin, "add_margin")]
    [InlineData(ProjectionKind.ArcMargin, "arc_margin")]
    [InlineData(ProjectionKind.SphereFace2, "sphereface2")]
    [InlineData(ProjectionKind.Sphere, "sphere")]
    [InlineData(null, "arc_margin")]
    public void Without_a_label_cosine_heads_give_the_scaled_cosine(ProjectionKind? kind, string model)
    {
        const float Scale = 20;
        ProjectionOptions options = new() { Kind = kind, Scale = Scale, Margin = 0.3f };
        ProjectionHead head = Load(TestFiles.InReference($"models/proj_{model}_6.pt"), options, 192);
        double[] embeddings = TestFiles.ReadNpy(InHeads("input")).Values;
        double[] cosines = TestFiles.ReadNpy(InHeads("plain_cosine")).Values;
        for (int i = 0; i < cosines.Length / head.ClassCount; i++)
        {
            float[] embedding = Row(embeddings, 192, i);
            double factor = kind == ProjectionKind.Sphere ? Math.Sqrt(embedding.Sum(v => (double)v * v)) : Scale;
            double[] expected = [.. cosines.AsSpan(i * head.ClassCount, head.ClassCount).ToArray().Select(c => factor * c)];
            Assert.True(Closeness.MaxAbs(expected, head.Logits(embedding)) < MaxAbs);
        }
    }

    private static string InHeads(string name) => TestFiles.InReference($"goldens/heads/{name}.npy");

    private static float[] Row(double[] values, int size, int row) => [.. values.AsSpan(row * size, size).ToArray().Select(v => (float)v)];

    private static ProjectionHead Load(string path, ProjectionOptions options, int embeddingSize)
    {
        const string Prefix = "projection.";
        Dictionary<string, NamedTensor> tensors = Checkpoint.Load(path).Tensors
            .Where(t => !path.Contains("tiny", StringComparison.Ordinal) || t.Key.StartsWith(Prefix, StringComparison.Ordinal))
            .ToDictionary(t => t.Key.StartsWith(Prefix, StringComparison.Ordinal) ? t.Key[Prefix.Length..] : t.Key, t => t.Value);
        return ProjectionHead.FromTensors(tensors, options, embeddingSize, path);
    }

    private static void AssertMatches(ProjectionHead head, string embeddingsPath, string labelsPath, string goldenPath)
    {
        double[] embeddings = TestFiles.ReadNpy(embeddingsPath).Values, labels = TestFiles.ReadNpy(labelsPath).Values;
        (double[] expected, int[] shape) = TestFiles.ReadNpy(goldenPath);
        Assert.Equal([labels.Length, head.ClassCount], shape);
        float[] found = new float[expected.Length];
        for (int i = 0; i < labels.Length; i++)
        {
            head.Logits(
                Row(embeddings, head.EmbeddingSize, i), (int)labels[i], found.AsSpan(i * head.ClassCount, head.ClassCount));
        }
        Assert.True(Closeness.MaxAbs(expected, found) < MaxAbs, $"max abs {Closeness.MaxAbs(expected, found)}");
    }
}

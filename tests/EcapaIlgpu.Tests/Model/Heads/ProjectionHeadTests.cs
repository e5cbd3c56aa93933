using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Model.Heads;

namespace EcapaIlgpu.Tests.Model.Heads;

public class ProjectionHeadTests
{
    [Fact]
    public void Tensors_that_do_not_fit_are_all_listed_at_once()
    {
        InputException error = Assert.Throws<InputException>(() => ProjectionHead.FromTensors(
            Tensors(
                ("trans.2.weight", [6, 20]), ("trans.0.weight", [24]), ("trans.0.running_mean", [24]), ("trans.0.running_var", [24]),
                ("extra", [3])),
            new(), 24, "model.pt"));
        Assert.Equal("model.pt", error.InputName);
        Assert.Contains("trans.2.weight has shape [6, 20], expected [6, 24]", error.Problem);
        Assert.Contains("missing trans.2.bias [6]", error.Problem);
        Assert.Contains("missing trans.0.bias [24]", error.Problem);
        Assert.Contains("surplus extra [3]", error.Problem);
        Assert.DoesNotContain("trans.0.weight", error.Problem);
    }

    [Theory]
    [InlineData(ProjectionKind.Softmax)]
    [InlineData(ProjectionKind.AddMargin)]
    [InlineData(ProjectionKind.ArcMargin)]
    [InlineData(ProjectionKind.ArcMarginIntertopkSubcenter)]
    [InlineData(ProjectionKind.Sphere)]
    [InlineData(ProjectionKind.SphereFace2)]
    public void No_tensors_at_all_are_an_error_of_the_input(ProjectionKind kind)
    {
        InputException error = Assert.Throws<InputException>(() => Head(new() { Kind = kind }));
        Assert.Contains("weight [classes, 24]", error.Problem);
    }

    [Fact]
    public void A_weight_that_is_not_a_matrix_is_an_error_of_the_input()
    {
        foreach (int[] shape in new int[][] { [], [24], [0, 24], [6, 24, 1] })
            Assert.Throws<InputException>(() => Head(new(), ("weight", shape)));
    }

    [Theory]
    [InlineData(3, 7)]
    [InlineData(0, 6)]
    [InlineData(-2, 6)]
    public void Centres_that_do_not_divide_among_classes_are_an_error_of_the_input(int subCenters, int rows)
    {
        ProjectionOptions options = new() { Kind = ProjectionKind.ArcMarginIntertopkSubcenter, SubCenters = subCenters };
        InputException error = Assert.Throws<InputException>(() => Head(options, ("weight", [rows, 24])));
        Assert.Contains($"{rows} rows", error.Problem);
    }

    [Fact]
    public void Tensor_names_tell_the_head_where_no_option_does()
    {
        Assert.Equal(ProjectionKind.ArcMargin, Head(new(), ("weight", [6, 24])).Kind);
        Assert.Equal(ProjectionKind.SphereFace2, Head(new(), ("weight", [6, 24]), ("bias", [1, 1])).Kind);
    }

    [Fact]
    public void Wrong_spans_and_labels_are_refused()
    {
        ProjectionHead head = Head(new(), ("weight", [6, 24]));
        Assert.Throws<ArgumentException>(() => head.Logits(new float[23]));
        Assert.Throws<ArgumentException>(() => head.Logits(new float[24], new float[5]));
        Assert.Throws<ArgumentOutOfRangeException>(() => head.Logits(new float[24], 6, new float[6]));
        Assert.Throws<ArgumentOutOfRangeException>(() => head.Logits(new float[24], -1, new float[6]));
    }

    [Theory]
    [InlineData(ProjectionKind.AddMargin)]
    [InlineData(ProjectionKind.ArcMargin)]
    [InlineData(ProjectionKind.ArcMarginIntertopkSubcenter)]
    [InlineData(ProjectionKind.Sphere)]
    public void Every_head_is_finite_where_embedding_and_centre_agree_oppose_or_vanish(ProjectionKind kind)
    {
        ProjectionHead head = Head(new() { Kind = kind, Margin = 0.2f, SubCenters = 1, Iteration = 100_000 }, ("weight", [6, 24]));
        float[] centre = [.. Tensors(("weight", [6, 24]))["weight"].Values.Span[..24]];
        float[] logits = new float[6];
        foreach (float sign in new[] { 1f, -1f, 0f, 1e-30f, 1e18f })
        {
            head.Logits([.. centre.Select(v => sign * v)], 0, logits);
            Assert.All(logits, v => Assert.True(float.IsFinite(v)));
        }
    }

    [Fact]
    public void A_margin_lowers_the_score_of_the_label_and_of_no_other()
    {
        float[] embedding = Values(24);
        foreach (ProjectionKind kind in new[] { ProjectionKind.AddMargin, ProjectionKind.ArcMargin })
        {
            ProjectionHead head = Head(new() { Kind = kind, Margin = 0.2f }, ("weight", [6, 24]));
            float[] plain = head.Logits(embedding), trained = new float[6];
            head.Logits(embedding, 2, trained);
            for (int j = 0; j < 6; j++)
                Assert.Equal(j == 2 ? -1 : 0, trained[j].CompareTo(plain[j]));
        }
    }

    [Fact]
    public void More_hardest_classes_than_there_are_penalise_all_others()
    {
        ProjectionHead head = Head(
            new() { Kind = ProjectionKind.ArcMarginIntertopkSubcenter, Margin = 0.2f, SubCenters = 2, TopK = 50 }, ("weight", [6, 24]));
        float[] embedding = [.. Values(24).Reverse()], plain = head.Logits(embedding), trained = new float[3];
        head.Logits(embedding, 1, trained);
        Assert.True(trained[0] > plain[0] && trained[1] < plain[1] && trained[2] > plain[2]);
    }

    [Fact]
    public void The_loss_of_sphereface2_does_not_overflow()
    {
        SphereFace2Head head = Assert.IsType<SphereFace2Head>(Head(new() { Scale = 5000 }, ("weight", [6, 24]), ("bias", [1, 1])));
        Assert.True(double.IsFinite(head.Loss(Values(24), 3)));
    }

    private static ProjectionHead Head(ProjectionOptions options, params (string Name, int[] Shape)[] tensors) =>
        ProjectionHead.FromTensors(Tensors(tensors), options, 24, "model.pt");

    private static Dictionary<string, NamedTensor> Tensors(params (string Name, int[] Shape)[] tensors) =>
        tensors.ToDictionary(
            t => t.Name, t => new NamedTensor(t.Name, t.Shape, TensorType.Float32, Values(t.Shape.Aggregate(1, (a, b) => a * b))));

    private static float[] Values(int count)
    {
        Random random = new(7);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() - 0.4))];
    }
}

using System.Text;
using EcapaIlgpu.Model;
using EcapaIlgpu.Model.Heads;
using EcapaIlgpu.Tests.Checkpoints;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Model;

public sealed class WespeakerConfigTests
{
    private const string Full = """
        # as wespeaker's training dumps it
        dataset_args:
          fbank_args: &id001
            num_mel_bins: 80
          spec_aug_args: *id001
        model: ECAPA_TDNN_GLOB_c512
        model_args:
          embed_dim: 192
          emb_bn: false
          feat_dim: 80
          pooling_func: "ASTP"
        model_init: null
        gpus: [0, 1]
        projection_args:
          do_lm: false
          easy_margin: True
          embed_dim: 192
          num_class: 17982
          project_type: arc_margin
          scale: 3.2e+1

        """;

    [Fact]
    public void A_config_of_wespeaker_is_read()
    {
        WespeakerConfig config = Read(Full);
        Assert.Equal((512, 80, 192), (config.Channels, config.FeatureDim, config.EmbeddingSize));
        Assert.True(config.GlobalContext);
        Assert.False(config.EmbeddingBatchNorm);
        Assert.Equal(Pooling.Astp, config.Pooling);
        Assert.Equal(new ProjectionOptions { Kind = ProjectionKind.ArcMargin, Scale = 32, EasyMargin = true }, config.ProjectionOptions);
    }

    [Theory]
    [InlineData("model: ECAPA_TDNN_c512", 512, false)]
    [InlineData("model: ECAPA_TDNN_GLOB_c512", 512, true)]
    [InlineData("model: ECAPA_TDNN_c1024", 1024, false)]
    [InlineData("model: 'ECAPA_TDNN_GLOB_c1024'", 1024, true)]
    [InlineData("model: ECAPA_TDNN\nmodel_args: {channels: 256, global_context_att: true}", 256, true)]
    [InlineData("model: ECAPA_TDNN", null, null)]
    public void Names_of_networks(string yaml, int? channels, bool? globalContext)
    {
        WespeakerConfig config = Read(yaml);
        Assert.Equal(channels, config.Channels);
        Assert.Equal(globalContext, config.GlobalContext);
        Assert.Null(config.ProjectionOptions.Kind);
    }

    [Theory]
    [InlineData("softmax", ProjectionKind.Softmax)]
    [InlineData("add_margin", ProjectionKind.AddMargin)]
    [InlineData("arc_margin", ProjectionKind.ArcMargin)]
    [InlineData("arc_margin_intertopk_subcenter", ProjectionKind.ArcMarginIntertopkSubcenter)]
    [InlineData("sphere", ProjectionKind.Sphere)]
    [InlineData("sphereface2", ProjectionKind.SphereFace2)]
    [InlineData("whatever", ProjectionKind.Softmax)]
    public void Names_of_heads(string name, ProjectionKind kind) =>
        Assert.Equal(kind, Read($"model: ECAPA_TDNN\nprojection_args:\n  project_type: {name}\n").ProjectionOptions.Kind);

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("just text", "not a mapping")]
    [InlineData("a: b", "has no 'model:'")]
    [InlineData("model: {a: b}", "has no 'model:'")]
    [InlineData("model: ResNet34", "model ResNet34 is not supported; ECAPA_TDNN")]
    [InlineData("model: ECAPA_TDNN_c99999999999", "is not supported")]
    [InlineData(
        "model: ECAPA_TDNN\nmodel_args:\n  pooling_func: MQMHASTP", "pooling_func MQMHASTP is not supported; ASTP, TSTP, TSDP and TAP are")]
    [InlineData("model: ECAPA_TDNN\nmodel_args:\n  pooling_func: 1", "pooling_func 1 is not supported")]
    [InlineData("model: ECAPA_TDNN\nmodel_args:\n  embed_dim: many", "embed_dim is many; a whole number")]
    [InlineData("model: ECAPA_TDNN\nmodel_args:\n  emb_bn: perhaps", "emb_bn is perhaps; true or false")]
    [InlineData("model: ECAPA_TDNN\nmodel_args: [1, 2]", "'model_args:' is not a mapping")]
    [InlineData("x: &a {channels: 8}\nmodel: ECAPA_TDNN\nmodel_args: *a", "aliases have to be written out")]
    [InlineData("model: ECAPA_TDNN\n  bad: [", "not proper YAML")]
    [InlineData("model: *nowhere", "has no 'model:'")]
    public void A_config_that_cannot_be_used_says_why(string yaml, string problem) =>
        Assert.Contains(problem, Assert.Throws<InputException>(() => Read(yaml)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_bad_scale_is_an_error_when_the_head_is_asked_for() =>
        Assert.Throws<InputException>(() => Read("model: ECAPA_TDNN\nprojection_args:\n  scale: .inf").ProjectionOptions);

    [Fact]
    public void Bombs_of_yaml_are_harmless()
    {
        StringBuilder laughs = new("a0: &a0 [lol, lol]\n");
        for (int i = 1; i < 40; i++)
            laughs.Append(System.Globalization.CultureInfo.InvariantCulture, $"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n");
        Assert.Equal(512, Read($"{laughs}{Full}").Channels);
        // Keys that are collections of aliases: hashing them as a tree would take for ever.
        Assert.Equal(512, Read($"{laughs}? *a39\n: x\n? [*a39, *a39]\n: y\n{Full}").Channels);

        long before = GC.GetAllocatedBytesForCurrentThread();
        string deep = "a: " + new string('[', 100_000);
        Assert.Throws<InputException>(() => Read(deep));
        Assert.Contains(
            "a wespeaker config.yaml has a few thousand", Assert.Throws<InputException>(() => Read(new string('#', 2_000_000))).Message,
            StringComparison.Ordinal);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 60_000_000);
    }

    [Fact]
    public void Damaged_configs_are_read_or_refused() =>
        Mutations.Check(Mutations.Of(Encoding.UTF8.GetBytes(Full)), 1000, file =>
        {
            using MemoryStream stream = new(file);
            _ = WespeakerConfig.Load(stream, "damaged").ProjectionOptions;
        });

    [Fact]
    public void Random_text_is_refused()
    {
        string[] words =
        [
            "model", ": ", "\n", "  ", "- ", "[", "]", "{", "}", "&a ", "*a", "? ", "|", ">", "'", "\"", "#", "!", "%", "@", "`", "\t",
            "ECAPA_TDNN", ",", "\0", "---", "...",
        ];
        var text = from pieces in Gen.ArrayOf(Gen.Elements(words), 30)
                   select Encoding.UTF8.GetBytes(string.Concat(pieces));
        Mutations.Check(text, 1000, file =>
        {
            using MemoryStream stream = new(file);
            _ = WespeakerConfig.Load(stream, "random").ProjectionOptions;
        });
    }

    private static WespeakerConfig Read(string yaml)
    {
        using MemoryStream stream = new(Encoding.UTF8.GetBytes(yaml));
        return WespeakerConfig.Load(stream, "config.yaml");
    }

    [Fact]
    public void Every_setting_of_a_head_is_read_and_survives_conversion()
    {
        ProjectionOptions subcenter = Read(
            "model: ECAPA_TDNN\nprojection_args:\n  project_type: arc_margin_intertopk_subcenter\n  scale: 30\n  K: 2\n  k_top: 7\n"
            + "  mp: 0.1\n  do_lm: true\n")
            .ProjectionOptions;
        Assert.Equal(
            new()
            {
                Kind = ProjectionKind.ArcMarginIntertopkSubcenter,
                Scale = 30,
                SubCenters = 2,
                TopK = 7,
                TopKMargin = 0.1f,
                LargeMargin = true,
            },
            subcenter);
        ProjectionOptions binary = Read(
            "model: ECAPA_TDNN\nprojection_args:\n  project_type: sphereface2\n  margin_type: A\n  t: 2.5\n  lanbuda: 0.6\n")
            .ProjectionOptions;
        Assert.Equal(
            new()
            {
                Kind = ProjectionKind.SphereFace2,
                SphereFace2Margin = SphereFace2Margin.A,
                SphereFace2Exponent = 2.5f,
                SphereFace2Balance = 0.6f,
            }, binary);
        foreach (ProjectionOptions options in (ProjectionOptions[])[subcenter, binary])
        {
            Dictionary<string, string> metadata = new(WespeakerConfig.ToMetadata(new EcapaConfig(), options));
            Assert.Equal(options, WespeakerConfig.FromMetadata(metadata, "converted")!.ProjectionOptions);
        }
        foreach (string margin in (string[])["B", "1"])
        {
            Assert.Contains("A or C", Assert.Throws<InputException>(
                () => Read($"model: ECAPA_TDNN\nprojection_args:\n  margin_type: {margin}\n").ProjectionOptions).Message,
                StringComparison.Ordinal);
        }
    }
}

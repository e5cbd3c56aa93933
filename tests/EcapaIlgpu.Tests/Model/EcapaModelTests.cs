using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Model;
using EcapaIlgpu.Model.Heads;
using EcapaIlgpu.Tests.Checkpoints;

namespace EcapaIlgpu.Tests.Model;

public sealed class EcapaModelTests : IDisposable
{
    private const string TinyYaml = """
        model: ECAPA_TDNN
        model_args:
          channels: 8
          feat_dim: 5
          embed_dim: 4
          pooling_func: ASTP

        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("ecapa").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("models/wespeaker_tiny_glob.pt", CheckpointFormat.PyTorchZip, true, 0)]
    [InlineData("models/wespeaker_tiny_softmax6_legacy.pt", CheckpointFormat.PyTorchLegacy, false, 7)]
    public void A_bare_state_dict_says_what_network_it_is(string file, CheckpointFormat format, bool globalContext, int projectionTensors)
    {
        EcapaModel model = EcapaModel.Load(TestFiles.InTestdata(file));

        Assert.Equal(format, model.Format);
        Assert.Equal(
            new EcapaConfig { Channels = 32, FeatureDim = 80, EmbeddingSize = 24, Pooling = Pooling.Astp, GlobalContext = globalContext },
            model.Config);
        Assert.Equal(projectionTensors, model.ProjectionTensors.Count);
        Assert.Equal(new ProjectionOptions(), model.ProjectionOptions);
        Assert.Empty(model.Warnings);
    }

    [NeedsTheory(typeof(ReferenceSet))]
    [InlineData("models/ecapa_GLOB_c512.pt", "ECAPA_TDNN_GLOB_c512", 6_190_720, 5_181_440, 0)]
    [InlineData("models/ecapa_c512_with_softmax_6.pt", "ECAPA_TDNN_c512", 5_797_504, 4_788_224, 7)]
    public void Full_size_checkpoints_load(string file, string name, long parameters, long operationsPerFrame, int projectionTensors)
    {
        EcapaModel model = EcapaModel.Load(TestFiles.InReference(file));

        Assert.Equal(name, model.Config.Name);
        Assert.Equal(parameters, model.Weights.ParameterCount);
        Assert.Equal(operationsPerFrame, model.OperationsPerFrame);
        Assert.Equal(projectionTensors, model.ProjectionTensors.Count);
    }

    [Fact]
    public void The_bundled_model_is_the_one_in_weights()
    {
        EcapaModel model = EcapaModel.LoadBundled();

        Assert.Equal(new EcapaConfig { GlobalContext = true }, model.Config);
        Assert.Equal("ECAPA_TDNN_GLOB_c512", model.Config.Name);
        Assert.Equal(6_190_720, model.Weights.ParameterCount);
        Assert.Equal(5_181_440, model.OperationsPerFrame);
        Assert.Equal(983_040, model.OperationsPerUtterance);
        Assert.Equal("b61954466fdaacf2340387460931a79e533696e9b977870f2d24382e8f2668f1", model.Digest);
        Assert.Equal(CheckpointFormat.Safetensors, model.Format);
        Assert.Empty(model.ProjectionTensors);

        // Together with its config.yaml, which has to agree.
        EcapaModel fromFolder = EcapaModel.Load(Path.Combine(TestFiles.Repository, "weights"));
        Assert.Equal(model.Digest, fromFolder.Digest);
        Assert.Equal(model.Config, fromFolder.Config);
        Assert.Equal(model.Weights.Linear.Weight.ToArray(), fromFolder.Weights.Linear.Weight.ToArray());
    }

    [Theory]
    [InlineData(512, false, 4_788_224, 983_040, 5_797_504)]
    [InlineData(1024, true, 13_238_272, 1_376_256, 14_657_088)]
    public void Counts_are_those_of_the_reference(int channels, bool globalContext, long perFrame, long perUtterance, long parameters)
    {
        EcapaModel model = Load(new EcapaConfig { Channels = channels, GlobalContext = globalContext });
        Assert.Equal(perFrame, model.OperationsPerFrame);
        Assert.Equal(perUtterance, model.OperationsPerUtterance);
        Assert.Equal(parameters, model.Weights.ParameterCount);
    }

    [Theory]
    [InlineData(8, Pooling.Astp, false, false)]
    [InlineData(24, Pooling.Astp, true, true)]
    [InlineData(16, Pooling.Tstp, false, true)]
    public void Every_shape_is_read_off_the_tensors(int channels, Pooling pooling, bool globalContext, bool embeddingBatchNorm)
    {
        EcapaConfig config = new()
        {
            Channels = channels,
            FeatureDim = 7,
            EmbeddingSize = 3,
            Pooling = pooling,
            GlobalContext = globalContext,
            EmbeddingBatchNorm = embeddingBatchNorm,
        };
        List<NamedTensor> stateDict = TinyModels.StateDict(config);
        EcapaModel model = EcapaModel.Load(Write("model.safetensors", stateDict));
        Assert.Equal(config, model.Config);
        Assert.All(EcapaTensors.ToStateDict(model.Weights).Zip(stateDict), pair =>
        {
            Assert.Equal(pair.Second.Name, pair.First.Name);
            Assert.Equal(pair.Second.Values.ToArray(), pair.First.Values.ToArray());
        });
    }

    [Fact]
    public void Each_tensor_lands_in_its_place()
    {
        List<NamedTensor> stateDict = TinyModels.StateDict(TinyModels.Config);
        EcapaWeights weights = EcapaModel.Load(Write("model.safetensors", stateDict)).Weights;
        float[] Of(string name) => stateDict.Single(t => t.Name == name).Values.ToArray();

        Assert.Equal(Of("layer1.conv.weight"), weights.Layer1.Conv.Weight.ToArray());
        Assert.Equal((8, 5, 5), (weights.Layer1.Conv.Outputs, weights.Layer1.Conv.Inputs, weights.Layer1.Conv.Kernel));
        Assert.Equal(Of("layer3.se_res2block.0.bn.weight"), weights.Blocks[1].First.Bn.Gamma.ToArray());
        Assert.Equal(Of("layer4.se_res2block.1.convs.6.bias"), weights.Blocks[2].Res2[6].Conv.Bias.ToArray());
        Assert.Equal(Of("layer4.se_res2block.1.bns.6.running_var"), weights.Blocks[2].Res2[6].Bn.Variance.ToArray());
        Assert.Equal(Of("layer2.se_res2block.2.conv.weight"), weights.Blocks[0].Second.Conv.Weight.ToArray());
        Assert.Equal(Of("layer2.se_res2block.3.linear1.weight"), weights.Blocks[0].Squeeze.Weight.ToArray());
        Assert.Equal(Of("layer2.se_res2block.3.linear2.bias"), weights.Blocks[0].Excite.Bias.ToArray());
        Assert.Equal(Of("conv.weight"), weights.Aggregate.Weight.ToArray());
        Assert.Equal(Of("pool.linear1.weight"), weights.AttentionDown!.Weight.ToArray());
        Assert.Equal(Of("pool.linear2.bias"), weights.AttentionUp!.Bias.ToArray());
        Assert.Equal(Of("bn.running_mean"), weights.PooledBn.Mean.ToArray());
        Assert.Equal(Of("bn.bias"), weights.PooledBn.Beta.ToArray());
        Assert.Equal(Of("linear.weight"), weights.Linear.Weight.ToArray());
        Assert.Equal([2, 3, 4], weights.Blocks.Select(b => b.Dilation));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Step_counters_may_be_integers_floats_or_absent(bool present, bool integer)
    {
        List<NamedTensor> stateDict = TinyModels.StateDict(TinyModels.Config);
        if (present)
        {
            NamedTensor[] variances = [.. stateDict.Where(t => t.Name.EndsWith("running_var", StringComparison.Ordinal))];
            stateDict.AddRange(variances.Select(t => new NamedTensor(
                t.Name.Replace("running_var", "num_batches_tracked", StringComparison.Ordinal), [],
                integer ? TensorType.Int64 : TensorType.Float32, new float[] { 7 })));
        }
        string path = Path.Combine(_folder, "avg_model.pt");
        File.WriteAllBytes(path, new CheckpointBuilder().Add(stateDict).ToZip());
        Assert.Equal(TinyModels.Config, EcapaModel.Load(path).Config);
    }

    [Theory]
    [InlineData(Pooling.Tap)]
    [InlineData(Pooling.Tsdp)]
    public void A_pooling_without_parameters_has_to_be_named(Pooling pooling)
    {
        EcapaConfig config = TinyModels.Config with { Pooling = pooling };
        string path = Write("model.safetensors", TinyModels.StateDict(config));

        string refusal = Refused(path);
        Assert.Contains("TAP or TSDP", refusal, StringComparison.Ordinal);
        Assert.Contains("--pooling", refusal, StringComparison.Ordinal);
        Assert.Contains("config.yaml", refusal, StringComparison.Ordinal);

        Assert.Equal(config, EcapaModel.Load(path, new ModelOptions { Pooling = pooling }).Config);
        WriteConfig(TinyYaml.Replace("ASTP", pooling.ToString().ToUpperInvariant(), StringComparison.Ordinal));
        Assert.Equal(config, EcapaModel.Load(path).Config);
        Assert.Equal(config, EcapaModel.Load(_folder).Config);
    }

    [Fact]
    public void A_pooling_that_the_tensors_contradict_is_refused()
    {
        string path = Write("model.safetensors", TinyModels.StateDict(TinyModels.Config));
        InputException refusal = Assert.Throws<InputException>(() => EcapaModel.Load(path, new ModelOptions { Pooling = Pooling.Tap }));
        Assert.Contains("ASTP pooling; TAP was asked for", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_surplus_and_misshapen_tensors_are_one_error_with_all_of_them()
    {
        List<NamedTensor> stateDict = TinyModels.StateDict(TinyModels.Config);
        stateDict.RemoveAll(t => t.Name == "bn.bias");
        stateDict[0] = stateDict[0] with { Shape = [8, 5, 3], Values = new float[120] };
        stateDict.Add(new NamedTensor("extra.weight", [2, 2], TensorType.Float32, new float[4]));
        stateDict.Add(new NamedTensor("projection.weight", [6, 4], TensorType.Float32, new float[24]));
        string refusal = Refused(Write("model.safetensors", stateDict));

        Assert.Contains("layer1.conv.weight has shape [8, 5, 3], expected [8, 5, 5]", refusal, StringComparison.Ordinal);
        Assert.Contains("missing bn.bias [3072]", refusal, StringComparison.Ordinal);
        Assert.Contains("surplus extra.weight [2, 2]", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain("projection", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_list_of_problems_is_cut()
    {
        List<NamedTensor> stateDict = TinyModels.StateDict(TinyModels.Config);
        stateDict.RemoveAll(t => t.Name.StartsWith("layer2.", StringComparison.Ordinal));
        string refusal = Refused(Write("model.safetensors", stateDict));
        Assert.Contains("missing layer2.se_res2block.0.conv.weight [8, 8, 1]", refusal, StringComparison.Ordinal);
        Assert.Matches(@"and \d+ more", refusal);
    }

    [Theory]
    [InlineData("layer3.se_res2block.0.conv.weight", float.NaN)]
    [InlineData("linear.bias", float.PositiveInfinity)]
    [InlineData("projection.weight", float.NegativeInfinity)]
    [InlineData("bn.running_var", -1f)]
    public void Weights_that_no_training_leaves_are_refused_by_name(string name, float value)
    {
        List<NamedTensor> stateDict = TinyModels.StateDict(TinyModels.Config);
        stateDict.Add(new NamedTensor("projection.weight", [6, 4], TensorType.Float32, new float[24]));
        NamedTensor tensor = stateDict.Single(t => t.Name == name);
        float[] values = tensor.Values.ToArray();
        values[^1] = value;
        stateDict[stateDict.IndexOf(tensor)] = tensor with { Values = values };
        string path = Path.Combine(_folder, "avg_model.pt");
        File.WriteAllBytes(path, new CheckpointBuilder().Add(stateDict).ToZip());
        Assert.Contains($"tensor {name} holds", Refused(path), StringComparison.Ordinal);
    }

    [Fact]
    public void Channels_that_do_not_split_by_8_are_refused()
    {
        List<NamedTensor> stateDict = TinyModels.StateDict(TinyModels.Config);
        stateDict[0] = new NamedTensor("layer1.conv.weight", [12, 5, 5], TensorType.Float32, new float[300]);
        Assert.Contains("12 channels", Refused(Write("model.safetensors", stateDict)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(5, 0)]
    [InlineData(0, 4)]
    public void Frames_or_embeddings_of_no_numbers_are_refused(int featureDim, int embeddingSize)
    {
        EcapaConfig config = TinyModels.Config with { FeatureDim = featureDim, EmbeddingSize = embeddingSize };
        Assert.Contains("neither can be 0", Refused(Write("model.safetensors", TinyModels.StateDict(config))), StringComparison.Ordinal);
    }

    [Fact]
    public void Other_networks_are_recognised()
    {
        Assert.Contains(
            "SpeechBrain", Refused(TestFiles.InTestdata("models/speechbrain_tiny_embedding_model.ckpt")), StringComparison.Ordinal);
        Assert.Contains(
            "its 1 tensors are projection.weight", Refused(TestFiles.InTestdata("models/head_sphere_6.pt")), StringComparison.Ordinal);
        List<NamedTensor> stateDict = TinyModels.StateDict(TinyModels.Config);
        stateDict.Add(new NamedTensor("pool.heads_att_trans.0.att_0.weight", [1], TensorType.Float32, new float[1]));
        Assert.Contains("MHASTP", Refused(Write("model.safetensors", stateDict)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("channels: 8", "channels: 16", "channels is 16 in the configuration and 8 in the tensors")]
    [InlineData("embed_dim: 4", "embed_dim: 192", "embed_dim is 192 in the configuration and 4 in the tensors")]
    [InlineData("feat_dim: 5", "feat_dim: 80", "feat_dim is 80 in the configuration and 5 in the tensors")]
    [InlineData("ECAPA_TDNN", "ECAPA_TDNN_GLOB_c512", "global_context_att is True in the configuration and False in the tensors")]
    [InlineData("ASTP", "ASTP\n  emb_bn: true", "emb_bn is True in the configuration and False in the tensors")]
    [InlineData("ASTP", "TSTP", "pooling_func is TSTP in the configuration and ASTP in the tensors")]
    public void A_folder_whose_parts_disagree_is_refused_and_a_file_warned_about(string said, string instead, string difference)
    {
        string path = Write("model.safetensors", TinyModels.StateDict(TinyModels.Config));
        WriteConfig(TinyYaml.Replace(said, instead, StringComparison.Ordinal));

        string refusal = Refused(_folder);
        Assert.Contains(difference, refusal, StringComparison.Ordinal);
        Assert.Contains("config.yaml", refusal, StringComparison.Ordinal);
        Assert.Contains("model.safetensors", refusal, StringComparison.Ordinal);

        Assert.Contains(difference, Assert.Single(EcapaModel.Load(path).Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void Global_context_means_nothing_to_a_pooling_without_attention()
    {
        Write("avg_model.pt", TinyModels.StateDict(TinyModels.Config with { Pooling = Pooling.Tstp }));
        WriteConfig(TinyYaml.Replace("ASTP", "TSTP\n  global_context_att: true", StringComparison.Ordinal));
        Assert.False(EcapaModel.Load(_folder).Config.GlobalContext);
    }

    [Fact]
    public void A_config_of_another_network_beside_a_file_is_left_aside()
    {
        string path = Write("model.safetensors", TinyModels.StateDict(TinyModels.Config));
        WriteConfig("model: ResNet34\n");
        Assert.Contains("ResNet34", Assert.Single(EcapaModel.Load(path).Warnings), StringComparison.Ordinal);
        Assert.Contains("ResNet34", Refused(_folder), StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_gives_the_averaged_model_first()
    {
        foreach ((string name, int size) in ((string, int)[])[("final_model.pt", 2), ("model.safetensors", 3), ("avg_model.pt", 4)])
        {
            Write(name, TinyModels.StateDict(TinyModels.Config with { EmbeddingSize = size }));
            Assert.Equal(size, EcapaModel.Load(_folder).Config.EmbeddingSize);
        }
    }

    [Fact]
    public void A_folder_with_one_other_checkpoint_gives_that_and_with_more_lists_them()
    {
        Assert.Contains("has no checkpoint", Refused(_folder), StringComparison.Ordinal);
        Write("model_150.pt", TinyModels.StateDict(TinyModels.Config));
        Assert.Equal(TinyModels.Config, EcapaModel.Load(_folder).Config);
        Write("model_149.pt", TinyModels.StateDict(TinyModels.Config));
        Assert.Contains("model_149.pt, model_150.pt", Refused(_folder), StringComparison.Ordinal);
    }

    [Fact]
    public void A_training_folder_keeps_its_checkpoints_in_models()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "models"));
        Write(Path.Combine("models", "avg_model.pt"), TinyModels.StateDict(TinyModels.Config));
        WriteConfig(TinyYaml + "projection_args:\n  project_type: add_margin\n  scale: 30.0\n");
        EcapaModel model = EcapaModel.Load(_folder);
        Assert.Equal(TinyModels.Config, model.Config);
        Assert.Equal(new ProjectionOptions { Kind = ProjectionKind.AddMargin, Scale = 30 }, model.ProjectionOptions);
    }

    [Fact]
    public void A_hyperbolic_head_is_left_out_with_a_warning()
    {
        List<NamedTensor> stateDict = TinyModels.StateDict(TinyModels.Config);
        stateDict.Add(new NamedTensor("projection.weight", [6, 4], TensorType.Float32, new float[24]));
        Write("avg_model.pt", stateDict);
        WriteConfig(TinyYaml + "projection_args:\n  project_type: ham_margin\n");
        EcapaModel model = EcapaModel.Load(_folder);
        Assert.Empty(model.ProjectionTensors);
        Assert.Contains("ham_margin", Assert.Single(model.Warnings), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_converted_is_the_same_model_without_a_config()
    {
        EcapaConfig config = TinyModels.Config with { Pooling = Pooling.Tsdp, EmbeddingBatchNorm = true };
        List<NamedTensor> stateDict = TinyModels.StateDict(config);
        stateDict.Add(
            new NamedTensor("projection.weight", [6, 4], TensorType.Float32, Enumerable.Range(0, 24).Select(i => (float)i).ToArray()));
        Write("avg_model.pt", stateDict);
        WriteConfig(
            TinyYaml.Replace("ASTP", "TSDP", StringComparison.Ordinal)
            + "projection_args:\n  project_type: arc_margin\n  scale: 24.5\n  easy_margin: true\n");
        EcapaModel model = EcapaModel.Load(_folder);

        string converted = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "elsewhere")).FullName, "model.safetensors");
        model.SaveSafetensors(converted);
        EcapaModel again = EcapaModel.Load(converted);

        Assert.Equal(config, again.Config);
        Assert.Equal(new ProjectionOptions { Kind = ProjectionKind.ArcMargin, Scale = 24.5f, EasyMargin = true }, again.ProjectionOptions);
        Assert.Equal(stateDict.Select(t => t.Name), Checkpoint.Load(converted).Tensors.Keys);
        Assert.All(
            stateDict.Zip(Checkpoint.Load(converted).Tensors.Values),
            t => Assert.Equal(t.First.Values.ToArray(), t.Second.Values.ToArray()));
    }

    [Fact]
    public void An_attribution_survives_conversion()
    {
        string path = Path.Combine(_folder, "model.safetensors");
        EcapaModel.LoadBundled().SaveSafetensors(path, TensorType.Float16);
        Checkpoint converted = Checkpoint.Load(path);
        Assert.Contains("CC BY 4.0", converted.Metadata["attribution"], StringComparison.Ordinal);
        Checkpoint bundled = Checkpoint.Load(Path.Combine(TestFiles.Repository, "weights", "model.safetensors"));
        Assert.All(bundled.Tensors.Values, t => Assert.Equal(t.Values.ToArray(), converted.Tensors[t.Name].Values.ToArray()));
    }

    private EcapaModel Load(EcapaConfig config) => EcapaModel.Load(Write("model.safetensors", TinyModels.StateDict(config)));

    private string Write(string name, List<NamedTensor> stateDict)
    {
        string path = Path.Combine(_folder, name);
        SafetensorsWriter.Write(path, stateDict);
        return path;
    }

    private void WriteConfig(string yaml) => File.WriteAllText(Path.Combine(_folder, EcapaModel.ConfigFileName), yaml);

    private static string Refused(string path) => Assert.Throws<InputException>(() => EcapaModel.Load(path)).Message;
}

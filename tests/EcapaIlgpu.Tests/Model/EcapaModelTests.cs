using EcapaIlgpu.Checkpoints;
using EcapaIlgpu.Model;

namespace EcapaIlgpu.Tests.Model;

public sealed class EcapaModelTests
{
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
    }

    [ReferenceTheory]
    [InlineData("models/ecapa_GLOB_c512.pt", "ECAPA_TDNN_GLOB_c512", 6_190_720, 0)]
    [InlineData("models/ecapa_c512_with_softmax_6.pt", "ECAPA_TDNN_c512", 5_797_504, 7)]
    public void Full_size_checkpoints_load(string file, string name, long parameters, int projectionTensors)
    {
        EcapaModel model = EcapaModel.Load(TestFiles.InReference(file));

        Assert.Equal(name, model.Config.Name);
        Assert.Equal(parameters, model.Weights.ParameterCount);
        Assert.Equal(projectionTensors, model.ProjectionTensors.Count);
    }
}

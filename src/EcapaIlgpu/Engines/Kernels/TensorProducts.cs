using EcapaIlgpu.Kernels;
using EcapaIlgpu.Model;
using ILGPU;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>A kernel that is ready to be queued, and how many groups of how many threads it takes.</summary>
/// <param name="Launcher">The kernel.</param>
/// <param name="Name">Its name, for profiles.</param>
/// <param name="Config">The launch.</param>
/// <param name="Multiplied">As what tensor cores multiply in it; float32 for kernels that do without them.</param>
internal readonly record struct ReadyKernel<TLauncher>(
    TLauncher Launcher, string Name, KernelConfig Config, Precision Multiplied = Precision.Fp32)
    where TLauncher : Delegate;

/// <summary>
/// The network's matrix products on a device's tensor cores: how weights are laid out for them, and the kernels. What they compute and how
/// rows are stored is as without.
/// </summary>
/// <remarks>Input rows in 16 bits must lie at multiples of 16 bytes, as those of the network do.</remarks>
internal abstract partial class TensorProducts
{
    /// <summary>
    /// The products of a precision on a device; null where it has no tensor cores for it, or this build does not know them.
    /// </summary>
    public static TensorProducts? Of(Accelerator accelerator, Precision precision, RowStorage storage)
    {
        TensorProducts? products = null;
        AddBeyond(accelerator, precision, storage, ref products);
        return products;
    }

    /// <summary>Uploads the weights of a convolution.</summary>
    /// <param name="conv">The weights.</param>
    /// <param name="input">Where the input channels lie.</param>
    /// <param name="output">Where the output channels lie.</param>
    /// <param name="ofFeatures">Whether the input rows are float32 in every precision.</param>
    public abstract DeviceQuads Pack(ConvWeights conv, ChannelLayout input, ChannelLayout output, bool ofFeatures);

    /// <summary>The kernel of a convolution.</summary>
    /// <param name="plan">What picks its tile.</param>
    /// <param name="rows">Rows of the batch, or places of its segments.</param>
    /// <param name="conv">The convolution.</param>
    /// <param name="form">What goes before and after the sums.</param>
    public abstract ReadyKernel<ConvLauncher> Convolution(TilePlan plan, int rows, DeviceConv conv, ConvForm form);

    /// <summary>The kernel of attention's pass over time.</summary>
    /// <param name="plan">What picks its tile.</param>
    /// <param name="chunks">Chunks of the batch.</param>
    /// <param name="attention">From the hidden layer to logits.</param>
    public abstract ReadyKernel<AttentionLauncher> Attention(TilePlan plan, int chunks, DeviceConv attention);

    /// <summary>Uploads the weights of a Res2 chain.</summary>
    public abstract DeviceQuads Pack(IReadOnlyList<ConvWeights> steps);

    /// <summary>The kernel of a Res2 chain, in a launch of one group.</summary>
    /// <param name="plan">What picks its form.</param>
    /// <param name="rows">Rows of the batch.</param>
    /// <param name="weights">The chain.</param>
    /// <param name="dilation">Frames from tap to tap.</param>
    /// <returns>The kernel, how many steps to run in a launch, and how many rows a group writes that runs so many.</returns>
    public abstract (ReadyKernel<Res2Launcher> Kernel, int Steps, Func<int, int> WrittenRows) Res2(
        TilePlan plan, int rows, DeviceRes2 weights, int dilation);

    static partial void AddBeyond(Accelerator accelerator, Precision precision, RowStorage storage, ref TensorProducts? products);
}

using EcapaIlgpu.Engines;

namespace EcapaIlgpu.Extraction;

/// <summary>An engine failed during an extraction; the others take over its work.</summary>
/// <param name="Engine">The engine.</param>
/// <param name="Failure">What it threw.</param>
/// <param name="EnginesLeft">How many go on; where it is none the extraction ends with an <see cref="EngineFailedException"/>.</param>
public sealed record EngineLoss(IEmbeddingEngine Engine, Exception Failure, int EnginesLeft)
{
    /// <summary>Which engine failed and why, in a sentence.</summary>
    internal static string Describe(IEmbeddingEngine engine, Exception failure) =>
        failure is DeviceException ? failure.Message : $"{engine.Description} failed: {failure.Message}";
}

/// <summary>The last engine of an extraction failed, a GPU whose driver crashed, say. Results handed out before are good.</summary>
/// <param name="engine">The engine.</param>
/// <param name="failure">What it threw.</param>
public sealed class EngineFailedException(IEmbeddingEngine engine, Exception failure)
    : Exception(EngineLoss.Describe(engine, failure), failure);

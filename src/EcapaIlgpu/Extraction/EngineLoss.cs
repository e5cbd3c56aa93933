namespace EcapaIlgpu.Extraction;

/// <summary>An engine failed during an extraction and the others take over its work.</summary>
/// <param name="Engine">The engine's description.</param>
/// <param name="Failure">What it threw.</param>
/// <param name="EnginesLeft">How many go on, at least 1.</param>
public sealed record EngineLoss(string Engine, Exception Failure, int EnginesLeft);

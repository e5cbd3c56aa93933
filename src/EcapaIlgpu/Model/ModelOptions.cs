namespace EcapaIlgpu.Model;

/// <summary>What a checkpoint may leave open.</summary>
public sealed record ModelOptions
{
    /// <summary>
    /// The pooling, for state dicts whose tensors fit more than one (TAP and TSDP have no parameters); null lets the config.yaml decide.
    /// </summary>
    public Pooling? Pooling { get; init; }
}

namespace CudaEmulation;

/// <summary>A module as written.</summary>
internal sealed record PtxSource(int Version, int Target, bool UsesDynamicShared, IReadOnlyList<PtxEntry> Entries);

/// <summary>A kernel as written.</summary>
internal sealed class PtxEntry(string name)
{
    public string Name { get; } = name;

    public List<PtxParameter> Parameters { get; } = [];

    public int MaxThreads { get; set; } = 1024;

    /// <summary>Register prefixes, as %r, with type and number.</summary>
    public Dictionary<string, (string Type, int Count)> Registers { get; } = [];

    /// <summary>Arrays of shared and local memory, and of dynamic shared memory, by name: the space and where they start.</summary>
    public Dictionary<string, (string Space, int Offset)> Arrays { get; } = [];

    public int StaticSharedBytes { get; set; }

    public int LocalBytes { get; set; }

    public Dictionary<string, int> Labels { get; } = [];

    public List<PtxStatement> Statements { get; } = [];
}

internal sealed record PtxParameter(string Name, string Type, int Offset, int Size);

/// <summary>An instruction as written; the mnemonic has all modifiers.</summary>
internal sealed record PtxStatement(int Line, string Text, string? Predicate, bool PredicateNegated, string Mnemonic, Operand[] Operands);

internal abstract record Operand;

internal sealed record RegisterOperand(string Name) : Operand;

/// <summary>A number: an integer, or the bits of an f32 (32) or f64 (64).</summary>
internal sealed record NumberOperand(long Bits, int FloatBits) : Operand;

/// <summary>Memory at a register or array plus an offset.</summary>
internal sealed record AddressOperand(string Base, long Offset) : Operand;

internal sealed record VectorOperand(Operand[] Lanes) : Operand;

/// <summary>A label, array or parameter.</summary>
internal sealed record NameOperand(string Name) : Operand;

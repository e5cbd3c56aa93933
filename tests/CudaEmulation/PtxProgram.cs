namespace CudaEmulation;

/// <summary>What one instruction does to the lanes of a warp that a mask selects.</summary>
internal unsafe delegate void Step(Warp warp, uint mask);

internal enum StepKind : byte
{
    Plain,
    Branch,

    /// <summary>A branch whose writer promised that all lanes go one way.</summary>
    UniformBranch,
    Return,

    /// <summary>All threads of the group wait; what <see cref="DecodedStatement.Step"/> does follows, if anything.</summary>
    Barrier,

    /// <summary>All lanes of the warp must arrive before the step.</summary>
    WarpWide,
}

/// <summary>A statement ready to run.</summary>
internal struct DecodedStatement
{
    public Step? Step;
    public StepKind Kind;
    public bool PredicateNegated;

    /// <summary>The place of the predicate register; -1 for none.</summary>
    public int Predicate;
    public int Target;

    /// <summary>How a barrier combines <see cref="Operand"/> into <see cref="Result"/>: null, popc, and, or.</summary>
    public string? Reduction;
    public int Operand;
    public int Result;
}

/// <summary>A kernel ready to run.</summary>
internal sealed class PtxProgram(PtxEntry entry)
{
    public PtxEntry Entry { get; } = entry;

    public required DecodedStatement[] Code { get; init; }

    /// <summary>Bytes of a warp's registers, 32 lanes of each.</summary>
    public required int RegisterBytes { get; init; }

    /// <summary>Numbers to which all lanes of a register are set once: literals and addresses of arrays.</summary>
    public required IReadOnlyList<(int Place, int Size, ulong Value)> Constants { get; init; }

    /// <summary>Special registers in use.</summary>
    public required IReadOnlyDictionary<string, int> Specials { get; init; }

    public string Describe(int statement) => statement < Entry.Statements.Count
        ? $"'{Entry.Statements[statement].Text}' (line {Entry.Statements[statement].Line} of {Entry.Name})"
        : $"the end of {Entry.Name}";
}

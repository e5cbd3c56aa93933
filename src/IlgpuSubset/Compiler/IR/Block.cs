namespace ILGPU.Compiler.IR;

/// <summary>A straight run of instructions that ends by going to another block or by ending the thread.</summary>
internal sealed class Block
{
    /// <summary>What arrives with control.</summary>
    public List<BlockParameter> Parameters { get; } = [];

    public List<Instruction> Instructions { get; set; } = [];

    public Terminator Terminator { get; set; } = Terminator.Return();

    /// <summary>The blocks that may follow, one entry for each edge.</summary>
    public IEnumerable<Block> Successors => Terminator.Edges.Select(edge => edge.Target);
}

/// <summary>
/// How a block ends: no edge returns, one edge goes there, two edges go to the first where <see cref="Condition"/> (i1) holds and
/// to the second where not.
/// </summary>
internal sealed class Terminator(Value? condition, params Edge[] edges)
{
    public Value? Condition { get; set; } = condition;

    public Edge[] Edges { get; } = edges;

    /// <summary>The C# line of the branch.</summary>
    public SourceLocation Location { get; init; }

    public static Terminator Return() => new(null);

    public static Terminator Jump(Block target, params Value[] arguments) => new(null, new Edge(target, arguments));

    public static Terminator Jump(Edge edge) => new(null, edge);

    public static Terminator Branch(Value condition, Edge whenTrue, Edge whenFalse, SourceLocation location = default) =>
        new(condition, whenTrue, whenFalse) { Location = location };
}

/// <summary>A way from one block to another, with a value for each of the target's parameters.</summary>
internal sealed class Edge(Block target, params Value[] arguments)
{
    public Block Target { get; set; } = target;

    public Value[] Arguments { get; set; } = arguments;
}

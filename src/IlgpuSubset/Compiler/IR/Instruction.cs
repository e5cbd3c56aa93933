namespace ILGPU.Compiler.IR;

/// <summary>An operation of a block. <see cref="Opcode"/> says which of the attributes it has.</summary>
internal sealed class Instruction : Value
{
    public Instruction(Opcode op, IrType type, params Value[] operands)
        : base(type)
    {
        Op = op;
        Operands = operands;
    }

    public Opcode Op { get; }

    /// <summary>What it uses; passes replace entries in place.</summary>
    public Value[] Operands { get; }

    /// <summary>A number whose meaning the opcode gives: scale, offset or size in bytes, lane, or width.</summary>
    public long Immediate { get; set; }

    /// <summary>Bytes to which the access or allocation is aligned.</summary>
    public int Alignment { get; set; }

    /// <summary>The variant, as the enumerations below; kept as a number so that instructions compare and copy in one way.</summary>
    public byte Kind { get; init; }

    /// <summary>A view's name, for messages and for readable output.</summary>
    public string? Name { get; set; }

    /// <summary>The C# line it was compiled from.</summary>
    public SourceLocation Location { get; init; }

    public CompareKind Comparison => (CompareKind)Kind;

    public ConvertKind Conversion => (ConvertKind)Kind;

    public MathFunction Function => (MathFunction)Kind;

    public SpecialNumber Number => (SpecialNumber)Kind;

    public BarrierReduction Reduction => (BarrierReduction)Kind;

    public ShuffleKind Exchange => (ShuffleKind)Kind;

    public AtomicKind Update => (AtomicKind)Kind;

    public MatrixFormat Format => (MatrixFormat)Kind;

    public FenceScope Scope => (FenceScope)Kind;

    /// <summary>Of a shared allocation: whether the launch decides its size.</summary>
    public bool IsDynamic => Kind != 0;

    /// <summary>Whether equal operands give an equal result and nothing else happens.</summary>
    public bool IsPure => Op is <= Opcode.PtrAdd or Opcode.Extract or Opcode.BuildVector or Opcode.Special or Opcode.DynamicSharedSize;

    /// <summary>Whether it may run where the program would not have run it: it is pure and cannot fault.</summary>
    public bool IsSpeculatable => IsPure && (Op is not (Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU)
        || Operands[1] is Constant { IsZero: false, Bits: not -1 });

    /// <summary>Whether all threads of the group must arrive together.</summary>
    public bool IsGroupWide => Op is Opcode.Barrier or Opcode.BarrierReduce or Opcode.Broadcast;

    /// <summary>Whether 32 lanes compute it together.</summary>
    public bool IsMatrix => Op is Opcode.MatrixMultiply or Opcode.MatrixLoad;

    /// <summary>Whether it must stay even if nobody uses its result.</summary>
    public bool HasEffect => !IsPure && !IsMatrix && Op is not (Opcode.Load or Opcode.SharedAlloc or Opcode.LocalAlloc or Opcode.Shuffle);

    /// <summary>The same operation on other operands.</summary>
    public Instruction With(Value[] operands) => new(Op, Type, operands)
    {
        Immediate = Immediate,
        Alignment = Alignment,
        Kind = Kind,
        Name = Name,
        Location = Location,
    };

    public static Instruction Compare(CompareKind kind, Value a, Value b, SourceLocation location = default) =>
        new(Opcode.Compare, IrType.I1, a, b) { Kind = (byte)kind, Location = location };

    public static Instruction Convert(ConvertKind kind, Value a, IrType type, SourceLocation location = default) =>
        new(Opcode.Convert, type, a) { Kind = (byte)kind, Location = location };

    public static Instruction PtrAdd(Value pointer, Value index, long scale, SourceLocation location = default) =>
        new(Opcode.PtrAdd, pointer.Type, pointer, index) { Immediate = scale, Location = location };

    public static Instruction Load(Value pointer, IrType type, long offset, int alignment, SourceLocation location = default) =>
        new(Opcode.Load, type, pointer) { Immediate = offset, Alignment = alignment, Location = location };

    public static Instruction Store(Value pointer, Value value, long offset, int alignment, SourceLocation location = default) =>
        new(Opcode.Store, IrType.Void, pointer, value) { Immediate = offset, Alignment = alignment, Location = location };

    public static Instruction Extract(Value vector, int lane, SourceLocation location = default) =>
        new(Opcode.Extract, vector.Type.Element, vector) { Immediate = lane, Location = location };
}

/// <summary>A line of C#; the default where no debugging information was found.</summary>
internal readonly record struct SourceLocation(string? File, int Line, string? Method)
{
    /// <inheritdoc/>
    public override string ToString() => File is null ? Method ?? "unknown" : $"{Method} at {File}:{Line}";
}

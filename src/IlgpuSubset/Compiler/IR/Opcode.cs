namespace ILGPU.Compiler.IR;

/// <summary>
/// What an instruction does. Operands are named a, b, c in order; "imm" is <see cref="Instruction.Immediate"/>. Unless said
/// otherwise operands and result have one type.
/// </summary>
internal enum Opcode : byte
{
    // Integers; arithmetic wraps. Shift counts have the operand's type and are taken modulo its bits.
    Add,
    Sub,
    Mul,
    DivS,
    DivU,
    RemS,
    RemU,
    And,
    Or,
    Xor,
    Shl,
    ShrS,
    ShrU,
    MinS,
    MaxS,
    MinU,
    MaxU,

    // Floating point, each rounded once to nearest even; back ends must not contract further.
    FAdd,
    FSub,
    FMul,
    FDiv,
    FRem,

    /// <summary>The smaller; where one operand is NaN, the other. The order of -0 and +0 is open.</summary>
    FMin,

    /// <summary>The larger; where one operand is NaN, the other. The order of -0 and +0 is open.</summary>
    FMax,
    FNeg,

    /// <summary>a * b + c rounded once.</summary>
    Fma,

    /// <summary>i1 from two values of one type, by <see cref="Instruction.Comparison"/>.</summary>
    Compare,

    /// <summary>a (i1) ? b : c.</summary>
    Select,

    /// <summary>a in another type, by <see cref="Instruction.Conversion"/>.</summary>
    Convert,

    /// <summary>A function of a (and b), by <see cref="Instruction.Function"/>.</summary>
    Math,

    /// <summary>a (pointer) + b (i32 or i64, signed) * imm bytes.</summary>
    PtrAdd,

    /// <summary>The value at a + imm bytes, aligned to <see cref="Instruction.Alignment"/>; a vector is one access.</summary>
    Load,

    /// <summary>Writes b to a + imm bytes, aligned to <see cref="Instruction.Alignment"/>; a vector is one access.</summary>
    Store,

    /// <summary>
    /// Memory of the group: imm bytes, aligned to <see cref="Instruction.Alignment"/>; with <see cref="Instruction.IsDynamic"/>
    /// the launch's dynamic shared memory, of which a kernel has at most one. In the entry block.
    /// </summary>
    SharedAlloc,

    /// <summary>Memory of the thread: imm bytes, aligned to <see cref="Instruction.Alignment"/>. In the entry block.</summary>
    LocalAlloc,

    /// <summary>Bytes of the dynamic shared memory of the launch (i64).</summary>
    DynamicSharedSize,

    /// <summary>Lane imm of vector a.</summary>
    Extract,

    /// <summary>A vector of the operands.</summary>
    BuildVector,

    /// <summary>A number the launch gives the thread (i32), by <see cref="Instruction.Number"/>.</summary>
    Special,

    /// <summary>All threads of the group wait; memory written before is visible after.</summary>
    Barrier,

    /// <summary>A barrier that combines a (i1) over the group by <see cref="Instruction.Reduction"/>: i32 for a count, else i1.</summary>
    BarrierReduce,

    /// <summary>A barrier after which all threads have a of thread b (i32, its linear index in the group).</summary>
    Broadcast,

    /// <summary>The lanes of the warp wait and see each other's memory.</summary>
    WarpBarrier,

    /// <summary>Orders memory accesses, by <see cref="Instruction.Scope"/>.</summary>
    Fence,

    /// <summary>
    /// a (i32, i64, f32 or f64) of another lane chosen by b (i32) and <see cref="Instruction.Exchange"/> among imm lanes.
    /// </summary>
    Shuffle,

    /// <summary>
    /// What was at pointer a, updated there by b (and c for compare-exchange) as one step, by <see cref="Instruction.Update"/>.
    /// </summary>
    Atomic,

    /// <summary>
    /// Of 32 lanes from a multiple of 32 on: the sums g to j (f32 each) of a 16 x 8 tile plus the product of a to d (16 rows, i32 each) and
    /// e and f (8 columns), by <see cref="Instruction.Format"/>; a vector of 4 f32. <see cref="Beyond.WarpMatrix"/> says which lane has
    /// what.
    /// </summary>
    MatrixMultiply,

    /// <summary>
    /// Of 32 lanes: four 8 x 8 matrices of 16-bit elements, each lane naming a row of 16 bytes at shared pointer a + imm; a vector of 4
    /// i32.
    /// </summary>
    MatrixLoad,

    /// <summary>Starts to copy c (i32) bytes and zeros up to 16 from global pointer b to shared pointer a + imm.</summary>
    CopyAsync,

    /// <summary>Makes a group of the thread's copies since the last.</summary>
    CopyCommit,

    /// <summary>Waits until at most a (i32, a constant in finished kernels) groups of the thread's copies are under way.</summary>
    CopyWait,

    /// <summary>Faults unless 0 &lt;= a &lt; b (both i64); <see cref="Instruction.Name"/> is the view. Only in checked kernels.</summary>
    BoundsCheck,

    /// <summary>Control never arrives; only before optimisation.</summary>
    Trap,
}

/// <summary>
/// Comparisons: of integers and pointers, signed (S) and unsigned (U); of floating point, false for NaN, or true for NaN (U).
/// </summary>
internal enum CompareKind : byte
{
    Eq,
    Ne,
    LtS,
    LeS,
    GtS,
    GeS,
    LtU,
    LeU,
    GtU,
    GeU,
    FEq,
    FNeU,
    FLt,
    FLe,
    FGt,
    FGe,
    FLtU,
    FLeU,
    FGtU,
    FGeU,
}

/// <summary>Conversions between types.</summary>
internal enum ConvertKind : byte
{
    SignExtend,
    ZeroExtend,
    Truncate,
    SignedToFloat,
    UnsignedToFloat,

    /// <summary>Towards zero; outside the range the nearest end, NaN to 0.</summary>
    FloatToSigned,

    /// <summary>Towards zero; outside the range the nearest end, NaN to 0.</summary>
    FloatToUnsigned,
    FloatExtend,
    FloatTruncate,

    /// <summary>The same bits.</summary>
    Bitcast,

    /// <summary>
    /// The bits (i16) of the bfloat16 nearest to an f32, ties to even; NaN to 0x7FFF. Only where
    /// <see cref="CompilerOptions.RoundsToBFloat16"/> is set.
    /// </summary>
    RoundToBFloat16,
}

/// <summary>
/// Functions of one number, or two for <see cref="Pow"/> and <see cref="Atan2"/>. Those before <see cref="Exp"/> are exact or rounded
/// correctly.
/// </summary>
internal enum MathFunction : byte
{
    Abs,
    Floor,
    Ceiling,
    Truncate,
    RoundToEven,
    Sqrt,
    PopCount,
    LeadingZeros,
    TrailingZeros,
    Exp,
    Exp2,
    Log,
    Log2,
    Log10,
    Rcp,
    Rsqrt,
    Sin,
    Cos,
    Tan,
    Tanh,
    Atan2,
    Pow,
}

/// <summary>What a launch gives a thread.</summary>
internal enum SpecialNumber : byte
{
    GroupIdX,
    GroupIdY,
    GroupIdZ,
    GroupDimX,
    GroupDimY,
    GroupDimZ,
    GridIdX,
    GridIdY,
    GridIdZ,
    GridDimX,
    GridDimY,
    GridDimZ,
    LaneIdx,
}

/// <summary>How a barrier combines a truth value.</summary>
internal enum BarrierReduction : byte
{
    PopCount,
    And,
    Or,
}

/// <summary>Which lane a shuffle reads: of each run of imm lanes, lane b; or the own lane number changed by b.</summary>
internal enum ShuffleKind : byte
{
    Index,
    Down,
    Up,
    Xor,
}

/// <summary>Updates of a memory cell.</summary>
internal enum AtomicKind : byte
{
    Add,
    MinS,
    MaxS,
    MinU,
    MaxU,
    FAdd,
    Exchange,
    CompareExchange,
}

/// <summary>What tensor cores multiply.</summary>
internal enum MatrixFormat : byte
{
    /// <summary>32 bits, of which the 13 lowest are not looked at.</summary>
    Tf32,

    /// <summary>Pairs of bfloat16, the lower half first.</summary>
    Bf16,

    /// <summary>Pairs of float16, the lower half first.</summary>
    F16,
}

/// <summary>Who sees accesses in the order of a fence.</summary>
internal enum FenceScope : byte
{
    Group,
    Device,
    System,
}

using System.Globalization;
using System.Text;
using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Ptx;

/// <summary>
/// Writes a finished kernel as PTX. Each value gets a virtual register of its own (a vector one for each lane): ptxas allocates the
/// real ones. Nothing newer than PTX 7.0 is written.
/// </summary>
/// <remarks>
/// <para>Registers: i1 is a predicate; i8, i16 and f16 are 16 bits wide, the upper half of an i8 undefined; pointers to shared and
/// local memory are 32 bits wide, since both windows are, which saves half of their address arithmetic.</para>
/// <para>Every addition and multiplication of floating point says <c>.rn</c>: without it ptxas would contract them.</para>
/// </remarks>
internal sealed class PtxEmitter
{
    /// <summary>What a module may declare; beyond it shared memory must be dynamic, and a launch must opt in.</summary>
    private const int MaxStaticSharedBytes = 48 * 1024;

    private const string DynamicShared = "dynamic_shared";
    private const string BroadcastSlot = "broadcast_slot";

    private readonly IrKernel _kernel;
    private readonly PtxTarget _target;
    private readonly ControlFlow _flow;
    private readonly Uniformity _uniformity;
    private readonly StringBuilder _body = new();
    private readonly Dictionary<string, int> _registers = [];
    private readonly Dictionary<Value, string[]> _names = new(ReferenceEqualityComparer.Instance);
    private readonly Dictionary<Block, string> _labels = [];
    private readonly StringBuilder _declarations = new();
    private int _addedSharedBytes;
    private int _staticSharedBytes;
    private bool _usesDynamicShared;
    private bool _usesBroadcast;
    private int _line;

    private PtxEmitter(IrKernel kernel, PtxTarget target)
    {
        (_kernel, _target) = (kernel, target);
        _flow = new ControlFlow(kernel.Entry);
        _uniformity = new Uniformity(kernel);
        foreach (Block block in kernel.Blocks)
            _labels.Add(block, $"$B{_labels.Count}");
    }

    /// <summary>The kernel as PTX.</summary>
    /// <exception cref="KernelCompilerException">An operation has no form in PTX.</exception>
    public static PtxModule Emit(IrKernel kernel, PtxTarget target) => new PtxEmitter(kernel, target).Emit();

    private PtxModule Emit()
    {
        DeclareMemory();
        LoadParameters();
        for (int i = 0; i < _kernel.Blocks.Count; i++)
            EmitBlock(_kernel.Blocks[i], i + 1 < _kernel.Blocks.Count ? _kernel.Blocks[i + 1] : null);

        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"// {_kernel.MethodName}\n");
        text.Append(
            CultureInfo.InvariantCulture, $".version {_target.Isa / 10}.{_target.Isa % 10}\n.target {_target.Name}\n.address_size 64\n\n");
        if (_usesDynamicShared)
            text.Append(CultureInfo.InvariantCulture, $".extern .shared .align 16 .b8 {DynamicShared}[];\n\n");
        text.Append(CultureInfo.InvariantCulture, $".visible .entry {_kernel.Name}(");
        text.AppendJoin(",", _kernel.Parameters.Select((parameter, i) => $"\n\t.param {ParameterType(parameter.Type)} param_{i}"));
        text.Append(")\n");
        // ptxas reads the product of the three as the largest group, whatever its shape.
        if (_kernel.MaxThreadsPerGroup is { } threads)
            text.Append(CultureInfo.InvariantCulture, $".maxntid {threads}, 1, 1\n");
        if (_kernel.MinGroupsPerMultiprocessor is { } groups)
            text.Append(CultureInfo.InvariantCulture, $".minnctapersm {groups}\n");
        text.Append("{\n");
        foreach ((string prefix, int count) in _registers)
            text.Append(CultureInfo.InvariantCulture, $"\t.reg {RegisterType(prefix)} {prefix}<{count}>;\n");
        text.Append(_declarations);
        if (_usesBroadcast)
        {
            text.Append(CultureInfo.InvariantCulture, $"\t.shared .align 8 .b8 {BroadcastSlot}[8];\n");
            _staticSharedBytes += 8;
        }
        text.Append('\n').Append(_body).Append("}\n");
        return new PtxModule(text.ToString(), _kernel.Name, _staticSharedBytes, _addedSharedBytes);
    }

    /// <summary>Declares shared and local arrays and gives their addresses names.</summary>
    private void DeclareMemory()
    {
        (IReadOnlyDictionary<Instruction, int> offsets, int staticBytes) = _kernel.LayOutSharedMemory();
        bool allDynamic = staticBytes > MaxStaticSharedBytes;
        int arrays = 0;
        foreach (Instruction i in _kernel.Instructions.Where(i => i.Op is Opcode.SharedAlloc or Opcode.LocalAlloc))
        {
            string address = Define(i)[0];
            string name = $"array_{arrays++}";
            if (i.Op == Opcode.LocalAlloc)
            {
                _declarations.Append(CultureInfo.InvariantCulture, $"\t.local .align {i.Alignment} .b8 {name}[{i.Immediate}];\n");
                Line($"mov.u32 {address}, {name}");
            }
            else if (i.IsDynamic || allDynamic)
            {
                _usesDynamicShared = true;
                Line($"mov.u32 {address}, {DynamicShared}");
                if (allDynamic && offsets[i] > 0)
                    Line($"add.s32 {address}, {address}, {offsets[i]}");
            }
            else
            {
                _declarations.Append(CultureInfo.InvariantCulture, $"\t.shared .align {i.Alignment} .b8 {name}[{i.Immediate}];\n");
                Line($"mov.u32 {address}, {name}");
            }
        }
        (_staticSharedBytes, _addedSharedBytes) = allDynamic ? (0, staticBytes) : (staticBytes, 0);
    }

    private void LoadParameters()
    {
        for (int i = 0; i < _kernel.Parameters.Count; i++)
        {
            Parameter parameter = _kernel.Parameters[i];
            string register = Define(parameter)[0];
            if (parameter.Type == IrType.I1)
            {
                string number = Temporary("%h");
                Line($"ld.param.u8 {number}, [param_{i}]");
                Line($"setp.ne.s16 {register}, {number}, 0");
                continue;
            }
            Line($"ld.param{ParameterType(parameter.Type)} {register}, [param_{i}]");
            if (parameter.Type.IsPointer)
                Line($"cvta.to.global.u64 {register}, {register}");
        }
    }

    private void EmitBlock(Block block, Block? next)
    {
        if (block != _kernel.Entry)
            _body.Append(_labels[block]).Append(":\n");
        // The copies of an edge stand at the end of a source with one way out, else at the start of its target (no critical edges).
        if (_flow.Incoming(block) is [var only] && _flow.Predecessors(block).First().Terminator.Edges.Length == 2)
            CopyArguments(only);
        foreach (Instruction instruction in block.Instructions)
            Emit(instruction);

        Terminator terminator = block.Terminator;
        switch (terminator.Edges)
        {
            case []:
                Line("ret");
                break;
            case [var jump]:
                CopyArguments(jump);
                if (jump.Target != next)
                    Line($"bra.uni {_labels[jump.Target]}");
                break;
            case [var whenTrue, var whenFalse]:
                string condition = Scalar(terminator.Condition!);
                string branch = _uniformity.BranchIsUniform(block) && _uniformity.RunsTogether(block) ? "bra.uni" : "bra";
                if (whenTrue.Target == next)
                {
                    Line($"@!{condition} {branch} {_labels[whenFalse.Target]}");
                    break;
                }
                Line($"@{condition} {branch} {_labels[whenTrue.Target]}");
                if (whenFalse.Target != next)
                    Line($"bra.uni {_labels[whenFalse.Target]}");
                break;
        }
    }

    /// <summary>Parallel copies: those whose target nobody still reads come first; a cycle is opened by saving one of its values.</summary>
    private void CopyArguments(Edge edge)
    {
        var pending = new List<(string Prefix, string Target, string Source)>();
        for (int i = 0; i < edge.Arguments.Length; i++)
        {
            string[] targets = Define(edge.Target.Parameters[i]);
            string[] sources = Lanes(edge.Arguments[i]);
            for (int lane = 0; lane < targets.Length; lane++)
            {
                if (targets[lane] != sources[lane])
                    pending.Add((Prefix(edge.Arguments[i].Type), targets[lane], sources[lane]));
            }
        }
        while (pending.Count > 0)
        {
            int free = pending.FindIndex(copy => !pending.Exists(other => other.Source == copy.Target));
            if (free < 0)
            {
                (string prefix, _, string saved) = pending[0];
                string temporary = Temporary(prefix);
                Move(prefix, temporary, saved);
                for (int i = 0; i < pending.Count; i++)
                {
                    if (pending[i].Source == saved)
                        pending[i] = pending[i] with { Source = temporary };
                }
                continue;
            }
            Move(pending[free].Prefix, pending[free].Target, pending[free].Source);
            pending.RemoveAt(free);
        }
    }

    private void Emit(Instruction i)
    {
        if (i.Location.File is not null && i.Location.Line != _line)
        {
            _line = i.Location.Line;
            _body.Append(CultureInfo.InvariantCulture, $"\t// {Path.GetFileName(i.Location.File)}:{_line}\n");
        }
        if (MathExpansion.Expand(i) is { } expansion)
        {
            foreach (Instruction step in expansion)
                Emit(step);
            _names[i] = _names[expansion[^1]];
            return;
        }
        switch (i.Op)
        {
            case <= Opcode.MaxU:
                Integer(i);
                break;
            case <= Opcode.Fma:
                FloatingPoint(i);
                break;
            case Opcode.Compare:
                Compare(i);
                break;
            case Opcode.Select:
                Select(i);
                break;
            case Opcode.Convert:
                Convert(i);
                break;
            case Opcode.Math:
                Math(i);
                break;
            case Opcode.PtrAdd:
                PtrAdd(i);
                break;
            case Opcode.Load:
                Load(i);
                break;
            case Opcode.Store:
                Value value = i.Operands[1];
                Line($"st.{Space(i.Operands[0])}{Vector(value.Type)}{MemoryType(value.Type)} {Address(i)}, {Group(Lanes(value))}");
                break;
            case Opcode.SharedAlloc or Opcode.LocalAlloc:
                break;
            case Opcode.DynamicSharedSize:
                DynamicSharedSize(i);
                break;
            case Opcode.Extract:
                _names[i] = [Lanes(i.Operands[0])[i.Immediate]];
                break;
            case Opcode.BuildVector:
                _names[i] = [.. i.Operands.Select(Scalar)];
                break;
            case Opcode.Special:
                Line($"mov.u32 {Define(i)[0]}, {SpecialRegister(i.Number)}");
                break;
            case Opcode.Barrier:
                Line("bar.sync 0");
                break;
            case Opcode.BarrierReduce:
                string reduction = i.Reduction switch
                {
                    BarrierReduction.PopCount => "popc.u32",
                    BarrierReduction.And => "and.pred",
                    _ => "or.pred",
                };
                Line($"bar.red.{reduction} {Define(i)[0]}, 0, {Scalar(i.Operands[0])}");
                break;
            case Opcode.Broadcast:
                Broadcast(i);
                break;
            case Opcode.WarpBarrier:
                Line("bar.warp.sync 0xffffffff");
                break;
            case Opcode.Fence:
                Line(i.Scope switch { FenceScope.Group => "membar.cta", FenceScope.Device => "membar.gl", _ => "membar.sys" });
                break;
            case Opcode.Shuffle:
                Shuffle(i);
                break;
            case Opcode.Atomic:
                Atomic(i);
                break;
            case Opcode.MatrixMultiply or Opcode.MatrixLoad or Opcode.CopyAsync or Opcode.CopyCommit or Opcode.CopyWait:
                TensorCore(i);
                break;
            default:
                throw new KernelCompilerException($"{i.Op} in CUDA code", i.Location);
        }
    }

    private void Integer(Instruction i)
    {
        string name = i.Op switch
        {
            Opcode.Add => "add",
            Opcode.Sub => "sub",
            Opcode.Mul => "mul.lo",
            Opcode.DivS or Opcode.DivU => "div",
            Opcode.RemS or Opcode.RemU => "rem",
            Opcode.And => "and",
            Opcode.Or => "or",
            Opcode.Xor => "xor",
            Opcode.Shl => "shl",
            Opcode.ShrS or Opcode.ShrU => "shr",
            Opcode.MinS or Opcode.MinU => "min",
            _ => "max",
        };
        string result = Define(i)[0];
        if (i.Type == IrType.I1)
        {
            // Of one bit addition is exclusive or, and multiplication is and.
            name = i.Op switch { Opcode.Add or Opcode.Sub => "xor", Opcode.Mul => "and", _ => name };
            if (name is not ("and" or "or" or "xor"))
                throw new KernelCompilerException($"{i.Op} of truth values", i.Location);
            Line($"{name}.pred {result}, {Scalar(i.Operands[0])}, {Scalar(i.Operands[1])}");
            return;
        }
        int bits = System.Math.Max(i.Type.Bits, 16);
        bool isUnsigned = i.Op is Opcode.DivU or Opcode.RemU or Opcode.ShrU or Opcode.MinU or Opcode.MaxU;
        bool readsUpperBits = isUnsigned || i.Op is Opcode.DivS or Opcode.RemS or Opcode.ShrS or Opcode.MinS or Opcode.MaxS;
        string a = readsUpperBits ? Extended(i.Operands[0], !isUnsigned) : Scalar(i.Operands[0]);
        if (i.Op is Opcode.Shl or Opcode.ShrS or Opcode.ShrU)
        {
            string type = i.Op == Opcode.Shl ? "b" : isUnsigned ? "u" : "s";
            Line($"{name}.{type}{bits} {result}, {a}, {ShiftCount(i.Operands[1])}");
            return;
        }
        string b = readsUpperBits ? Extended(i.Operands[1], !isUnsigned) : Scalar(i.Operands[1]);
        string suffix = i.Op is Opcode.And or Opcode.Or or Opcode.Xor ? "b" : isUnsigned ? "u" : "s";
        Line($"{name}.{suffix}{bits} {result}, {a}, {b}");
    }

    /// <summary>A count modulo the bits of its type, as a 32-bit operand: PTX itself shifts everything out beyond them.</summary>
    private string ShiftCount(Value count)
    {
        int mask = count.Type.Bits - 1;
        if (count is Constant constant)
            return (constant.Bits & mask).ToString(CultureInfo.InvariantCulture);
        string narrow = Temporary("%r");
        if (count.Type == IrType.I32)
        {
            Line($"and.b32 {narrow}, {Scalar(count)}, {mask}");
            return narrow;
        }
        Line($"cvt.u32.u{System.Math.Max(count.Type.Bits, 16)} {narrow}, {Scalar(count)}");
        Line($"and.b32 {narrow}, {narrow}, {mask}");
        return narrow;
    }

    private void FloatingPoint(Instruction i)
    {
        string type = FloatType(i.Type);
        string name = i.Op switch
        {
            Opcode.FAdd => "add.rn",
            Opcode.FSub => "sub.rn",
            Opcode.FMul => "mul.rn",
            Opcode.FDiv => "div.rn",
            Opcode.FMin => "min",
            Opcode.FMax => "max",
            Opcode.FNeg => "neg",
            _ => "fma.rn",
        };
        Line($"{name}{type} {Define(i)[0]}, {string.Join(", ", i.Operands.Select(Scalar))}");
    }

    private void Compare(Instruction i)
    {
        Value a = i.Operands[0], b = i.Operands[1];
        string result = Define(i)[0];
        if (a.Type == IrType.I1)
        {
            if (i.Comparison is not (CompareKind.Eq or CompareKind.Ne))
                throw new KernelCompilerException("An order of truth values", i.Location);
            Line($"xor.pred {result}, {Scalar(a)}, {Scalar(b)}");
            if (i.Comparison == CompareKind.Eq)
                Line($"not.pred {result}, {result}");
            return;
        }
        string name = i.Comparison switch
        {
            CompareKind.Eq or CompareKind.FEq => "eq",
            CompareKind.Ne => "ne",
            CompareKind.FNeU => "neu",
            CompareKind.LtS or CompareKind.LtU or CompareKind.FLt => "lt",
            CompareKind.LeS or CompareKind.LeU or CompareKind.FLe => "le",
            CompareKind.GtS or CompareKind.GtU or CompareKind.FGt => "gt",
            CompareKind.GeS or CompareKind.GeU or CompareKind.FGe => "ge",
            CompareKind.FLtU => "ltu",
            CompareKind.FLeU => "leu",
            CompareKind.FGtU => "gtu",
            _ => "geu",
        };
        if (a.Type.IsFloat)
        {
            if (a.Type == IrType.F16)
                Line($"setp.{name}.f32 {result}, {Widened(a)}, {Widened(b)}");
            else
                Line($"setp.{name}{FloatType(a.Type)} {result}, {Scalar(a)}, {Scalar(b)}");
            return;
        }
        bool isUnsigned = i.Comparison is CompareKind.LtU or CompareKind.LeU or CompareKind.GtU or CompareKind.GeU;
        int bits = RegisterBits(a.Type);
        Line($"setp.{name}.{(isUnsigned ? "u" : "s")}{bits} {result}, {Extended(a, !isUnsigned)}, {Extended(b, !isUnsigned)}");
    }

    private void Select(Instruction i)
    {
        string condition = Scalar(i.Operands[0]);
        string[] result = Define(i), a = Lanes(i.Operands[1]), b = Lanes(i.Operands[2]);
        if (i.Type == IrType.I1)
        {
            string first = Temporary("%p"), second = Temporary("%p");
            Line($"and.pred {first}, {condition}, {a[0]}");
            Line($"not.pred {second}, {condition}");
            Line($"and.pred {second}, {second}, {b[0]}");
            Line($"or.pred {result[0]}, {first}, {second}");
            return;
        }
        for (int lane = 0; lane < result.Length; lane++)
            Line($"selp{MoveType(Prefix(i.Type))} {result[lane]}, {a[lane]}, {b[lane]}, {condition}");
    }

    private void Convert(Instruction i)
    {
        Value a = i.Operands[0];
        IrType from = a.Type, to = i.Type;
        if (i.Conversion == ConvertKind.Bitcast)
        {
            Bitcast(i);
            return;
        }
        if (i.Conversion == ConvertKind.Truncate && from.Bits > 8 && RegisterBits(from) == RegisterBits(to) && to != IrType.I1)
        {
            _names[i] = [Register(a)];
            return;
        }
        string result = Define(i)[0];
        if (from == IrType.I1)
        {
            long one = i.Conversion is ConvertKind.SignExtend or ConvertKind.SignedToFloat ? -1 : 1;
            string value = to.IsFloat ? Literal(Constant.FromDouble(to, one)) : one.ToString(CultureInfo.InvariantCulture);
            string zero = to.IsFloat ? Literal(Constant.FromDouble(to, 0)) : "0";
            Line($"selp{MoveType(Prefix(to))} {result}, {value}, {zero}, {Scalar(a)}");
            return;
        }
        string source = Register(a);
        int bits = from.Bits;
        switch (i.Conversion)
        {
            case ConvertKind.SignExtend:
                Line($"cvt.s{to.Bits}.s{bits} {result}, {source}");
                break;
            case ConvertKind.ZeroExtend:
                Line($"cvt.u{to.Bits}.u{bits} {result}, {source}");
                break;
            case ConvertKind.Truncate when to == IrType.I1:
                Line($"setp.ne.s{RegisterBits(from)} {result}, {LowestBit(source, from)}, 0");
                break;
            case ConvertKind.Truncate:
                Line($"cvt.u{System.Math.Max(to.Bits, 16)}.u{bits} {result}, {source}");
                break;
            case ConvertKind.SignedToFloat:
                Line($"cvt.rn{FloatType(to)}.s{bits} {result}, {source}");
                break;
            case ConvertKind.UnsignedToFloat:
                Line($"cvt.rn{FloatType(to)}.u{bits} {result}, {source}");
                break;
            case ConvertKind.FloatExtend:
                Line($"cvt{FloatType(to)}{FloatType(from)} {result}, {source}");
                break;
            case ConvertKind.FloatTruncate:
                Line($"cvt.rn{FloatType(to)}{FloatType(from)} {result}, {source}");
                break;
            case ConvertKind.RoundToBFloat16:
                Line($"cvt.rn.bf16.f32 {result}, {source}");
                break;
            default:
                FloatToInteger(i, result, source);
                break;
        }
    }

    private void FloatToInteger(Instruction i, string result, string source)
    {
        IrType from = i.Operands[0].Type, to = i.Type;
        string sign = i.Conversion == ConvertKind.FloatToSigned ? "s" : "u";
        // The instruction goes to the nearest end, and for these types NaN to 0; for the others NaN is a large number.
        bool handlesNaN = from != IrType.F64 && to.Bits < 64;
        Line($"cvt.rzi.{sign}{to.Bits}{FloatType(from)} {result}, {source}");
        if (handlesNaN)
            return;
        string isNaN = Temporary("%p");
        Line($"setp.nan{FloatType(from == IrType.F16 ? IrType.F32 : from)} {isNaN}, {Widened(i.Operands[0])}, {Widened(i.Operands[0])}");
        Line($"selp{MoveType(Prefix(to))} {result}, 0, {result}, {isNaN}");
    }

    private void Bitcast(Instruction i)
    {
        Value a = i.Operands[0];
        string[] sources = Lanes(a), results = Define(i);
        int from = RegisterBits(a.Type.Element), to = RegisterBits(i.Type.Element);
        if (sources.Length == results.Length)
        {
            for (int lane = 0; lane < results.Length; lane++)
            {
                // A pointer has 64 bits in the IR, but 32 here if it points to shared or local memory.
                Line(from == to
                    ? $"mov.b{to} {results[lane]}, {sources[lane]}"
                    : $"cvt.u{to}.u{from} {results[lane]}, {Register(a)}");
            }
        }
        else if (sources.Length == 1)
        {
            Line($"mov.b{from} {Group(results)}, {Register(a)}");
        }
        else if (results.Length == 1)
        {
            Line($"mov.b{to} {results[0]}, {Group(sources)}");
        }
        else
        {
            throw new KernelCompilerException($"The bits of {a.Type} as {i.Type}", i.Location);
        }
    }

    private void Math(Instruction i)
    {
        string result = Define(i)[0];
        int bits = RegisterBits(i.Type);
        string type = i.Type.IsFloat ? FloatType(i.Type) : "";
        switch (i.Function)
        {
            case MathFunction.Abs when i.Type == IrType.F16:
                Line($"and.b16 {result}, {Scalar(i.Operands[0])}, 32767");
                break;
            case MathFunction.Abs:
                Line($"abs{(i.Type.IsFloat ? type : $".s{bits}")} {result}, {Extended(i.Operands[0], signed: true)}");
                break;
            case MathFunction.Floor:
                Line($"cvt.rmi{type}{type} {result}, {Register(i.Operands[0])}");
                break;
            case MathFunction.Ceiling:
                Line($"cvt.rpi{type}{type} {result}, {Register(i.Operands[0])}");
                break;
            case MathFunction.Truncate:
                Line($"cvt.rzi{type}{type} {result}, {Register(i.Operands[0])}");
                break;
            case MathFunction.RoundToEven:
                Line($"cvt.rni{type}{type} {result}, {Register(i.Operands[0])}");
                break;
            case MathFunction.Sqrt:
                Line($"sqrt.rn{type} {result}, {Scalar(i.Operands[0])}");
                break;
            case MathFunction.Rcp:
                Line($"rcp.rn{type} {result}, {Scalar(i.Operands[0])}");
                break;
            default:
                CountBits(i, result);
                break;
        }
    }

    private void CountBits(Instruction i, string result)
    {
        // These exist for 32 and 64 bits and give 32.
        bool isWide = i.Type == IrType.I64;
        int bits = isWide ? 64 : 32;
        string source = Register(i.Operands[0]);
        if (i.Type.Bits < 32)
        {
            string wide = Temporary("%r");
            Line($"cvt.u32.u{i.Type.Bits} {wide}, {source}");
            source = wide;
        }
        string count = i.Type == IrType.I32 ? result : Temporary("%r");
        switch (i.Function)
        {
            case MathFunction.PopCount:
                Line($"popc.b{bits} {count}, {source}");
                break;
            case MathFunction.LeadingZeros:
                Line($"clz.b{bits} {count}, {source}");
                if (i.Type.Bits < 32)
                    Line($"add.s32 {count}, {count}, {i.Type.Bits - 32}");
                break;
            default:
                string reversed = Temporary(isWide ? "%d" : "%r");
                if (i.Type.Bits < 32)
                    Line($"or.b32 {source}, {source}, {1 << i.Type.Bits}");
                Line($"brev.b{bits} {reversed}, {source}");
                Line($"clz.b{bits} {count}, {reversed}");
                break;
        }
        if (i.Type != IrType.I32)
            Line($"cvt.u{RegisterBits(i.Type)}.u32 {result}, {count}");
    }

    private void PtrAdd(Instruction i)
    {
        Value pointer = i.Operands[0], index = i.Operands[1];
        string result = Define(i)[0];
        string from = Scalar(pointer);
        bool isWide = Prefix(i.Type) == "%d";
        if (index is Constant constant)
        {
            Line($"add.s{(isWide ? 64 : 32)} {result}, {from}, {constant.Bits * i.Immediate}");
        }
        else if (!isWide)
        {
            string offset = Scalar(index);
            if (index.Type == IrType.I64)
            {
                offset = Temporary("%r");
                Line($"cvt.u32.u64 {offset}, {Scalar(index)}");
            }
            Line(i.Immediate == 1 ? $"add.s32 {result}, {from}, {offset}" : $"mad.lo.s32 {result}, {offset}, {i.Immediate}, {from}");
        }
        else if (index.Type == IrType.I32)
        {
            Line($"mad.wide.s32 {result}, {Scalar(index)}, {i.Immediate}, {from}");
        }
        else
        {
            Line(
                i.Immediate == 1
                    ? $"add.s64 {result}, {from}, {Scalar(index)}"
                    : $"mad.lo.s64 {result}, {Scalar(index)}, {i.Immediate}, {from}");
        }
    }

    private void Load(Instruction i)
    {
        string[] result = Define(i);
        bool isNarrowPointer = i.Type.IsPointer && Prefix(i.Type) != "%d";
        string[] loaded = isNarrowPointer ? [Temporary("%d")] : result;
        Line($"ld.{Space(i.Operands[0])}{Vector(i.Type)}{MemoryType(i.Type)} {Group(loaded)}, {Address(i)}");
        if (isNarrowPointer)
            Line($"cvt.u32.u64 {result[0]}, {loaded[0]}");
    }

    private void DynamicSharedSize(Instruction i)
    {
        string result = Define(i)[0], bytes = Temporary("%r");
        Line($"mov.u32 {bytes}, %dynamic_smem_size");
        if (_addedSharedBytes > 0)
            Line($"sub.s32 {bytes}, {bytes}, {_addedSharedBytes}");
        Line($"cvt.u64.u32 {result}, {bytes}");
    }

    /// <summary>Through shared memory: written by the chosen thread between barriers, read by all.</summary>
    private void Broadcast(Instruction i)
    {
        _usesBroadcast = true;
        string thread = Temporary("%r"), row = Temporary("%r"), size = Temporary("%r"), chosen = Temporary("%p");
        Line($"mov.u32 {thread}, %tid.z");
        Line($"mov.u32 {size}, %ntid.y");
        Line($"mov.u32 {row}, %tid.y");
        Line($"mad.lo.s32 {thread}, {thread}, {size}, {row}");
        Line($"mov.u32 {size}, %ntid.x");
        Line($"mov.u32 {row}, %tid.x");
        Line($"mad.lo.s32 {thread}, {thread}, {size}, {row}");
        Line($"setp.eq.s32 {chosen}, {thread}, {Scalar(i.Operands[1])}");
        // A predicate has no memory form: it travels as a number.
        bool isTruth = i.Type == IrType.I1;
        IrType type = isTruth ? IrType.I32 : i.Type;
        string source = Register(i.Operands[0]);
        if (isTruth)
        {
            source = Temporary("%r");
            Line($"selp.b32 {source}, 1, 0, {Register(i.Operands[0])}");
        }
        string result = isTruth ? Temporary("%r") : Define(i)[0];
        Line($"@{chosen} st.shared{MoveType(Prefix(type))} [{BroadcastSlot}], {source}");
        Line("bar.sync 0");
        Line($"ld.shared{MoveType(Prefix(type))} {result}, [{BroadcastSlot}]");
        Line("bar.sync 0");
        if (isTruth)
            Line($"setp.ne.s32 {Define(i)[0]}, {result}, 0");
    }

    private void Shuffle(Instruction i)
    {
        (string mode, int clamp) = i.Exchange switch
        {
            ShuffleKind.Index => ("idx", 31),
            ShuffleKind.Down => ("down", 31),
            ShuffleKind.Up => ("up", 0),
            _ => ("bfly", 31),
        };
        // Width in the upper byte as the bits that lanes of one run share, the furthest lane in the lower.
        long control = (32 - i.Immediate) << 8 | (uint)clamp;
        string lane = Scalar(i.Operands[1]);
        string result = Define(i)[0], source = Register(i.Operands[0]);
        if (RegisterBits(i.Type) == 32)
        {
            Line($"shfl.sync.{mode}.b32 {result}, {source}, {lane}, {control}, -1");
            return;
        }
        string low = Temporary("%r"), high = Temporary("%r");
        Line($"mov.b64 {{{low}, {high}}}, {source}");
        Line($"shfl.sync.{mode}.b32 {low}, {low}, {lane}, {control}, -1");
        Line($"shfl.sync.{mode}.b32 {high}, {high}, {lane}, {control}, -1");
        Line($"mov.b64 {result}, {{{low}, {high}}}");
    }

    private void Atomic(Instruction i)
    {
        int bits = i.Type.Bits;
        if (bits < 32)
            throw new KernelCompilerException($"An atomic {i.Update} of {i.Type}", i.Location);
        string operation = i.Update switch
        {
            AtomicKind.Add => $"add.u{bits}",
            AtomicKind.MinS => $"min.s{bits}",
            AtomicKind.MaxS => $"max.s{bits}",
            AtomicKind.MinU => $"min.u{bits}",
            AtomicKind.MaxU => $"max.u{bits}",
            AtomicKind.FAdd => $"add.f{bits}",
            AtomicKind.Exchange => $"exch.b{bits}",
            _ => $"cas.b{bits}",
        };
        // PTX has what to compare with before the new value.
        string values = string.Join(", ", i.Operands[1..].Reverse().Select(Scalar));
        Line($"atom.{Space(i.Operands[0])}.{operation} {Define(i)[0]}, {Address(i)}, {values}");
    }

    private void TensorCore(Instruction i)
    {
        if (!_target.HasTensorCores)
            throw new KernelCompilerException($"{i.Op} on {_target.Name}, which is before sm_80,", i.Location);
        (string type, string depth) = i.Format switch
        {
            MatrixFormat.Tf32 => ("tf32", "8"),
            MatrixFormat.Bf16 => ("bf16", "16"),
            _ => ("f16", "16"),
        };
        switch (i.Op)
        {
            case Opcode.MatrixMultiply:
                string[] operands = [.. i.Operands.Select(Register)];
                Line($"mma.sync.aligned.m16n8k{depth}.row.col.f32.{type}.{type}.f32 "
                    + $"{Group(Define(i))}, {Group(operands[..4])}, {Group(operands[4..6])}, {Group(operands[6..])}");
                break;
            case Opcode.MatrixLoad:
                Line($"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {Group(Define(i))}, {Address(i)}");
                break;
            case Opcode.CopyAsync:
                // Past the first-level cache: what is copied here is read from shared memory from then on.
                string bytes = i.Operands[2] is Constant { Bits: Beyond.AsyncCopy.Size } ? "" : $", {Register(i.Operands[2])}";
                Line($"cp.async.cg.shared.global {Address(i)}, {Address(i.Operands[1], 0)}, {Beyond.AsyncCopy.Size}{bytes}");
                break;
            case Opcode.CopyCommit:
                Line("cp.async.commit_group");
                break;
            default:
                Line($"cp.async.wait_group {Scalar(i.Operands[0])}");
                break;
        }
    }

    private string LowestBit(string source, IrType type)
    {
        string bit = Temporary(Prefix(type));
        Line($"and.b{RegisterBits(type)} {bit}, {source}, 1");
        return bit;
    }

    /// <summary>The address of an access: what constant indices add to the pointer joins the constant offset.</summary>
    private string Address(Instruction access) => Address(access.Operands[0], access.Immediate);

    private string Address(Value pointer, long offset)
    {
        while (pointer is Instruction { Op: Opcode.PtrAdd } step && step.Operands[1] is Constant index
            && index.Bits * step.Immediate + offset is var total && total == (int)total)
        {
            offset = total;
            pointer = step.Operands[0];
        }
        string register = Register(pointer);
        return offset == 0 ? $"[{register}]" : $"[{register}+{offset}]";
    }

    /// <summary>An operand whose upper bits count: an i8 is extended to its register.</summary>
    private string Extended(Value value, bool signed)
    {
        if (value.Type != IrType.I8)
            return Scalar(value);
        if (value is Constant constant)
            return (signed ? constant.Bits : (long)constant.Unsigned).ToString(CultureInfo.InvariantCulture);
        string extended = Temporary("%h");
        Line(signed ? $"cvt.s16.s8 {extended}, {Scalar(value)}" : $"and.b16 {extended}, {Scalar(value)}, 255");
        return extended;
    }

    /// <summary>A floating-point operand, an f16 as f32.</summary>
    private string Widened(Value value)
    {
        if (value.Type != IrType.F16)
            return Scalar(value);
        if (value is Constant constant)
            return Literal(Constant.Single((float)constant.Float));
        string wide = Temporary("%f");
        Line($"cvt.f32.f16 {wide}, {Scalar(value)}");
        return wide;
    }

    private string Scalar(Value value) => Lanes(value)[0];

    /// <summary>An operand in a register, also if it is a constant.</summary>
    private string Register(Value value)
    {
        string operand = Scalar(value);
        if (operand[0] == '%')
            return operand;
        string register = Temporary(Prefix(value.Type));
        Move(Prefix(value.Type), register, operand);
        return register;
    }

    /// <summary>A value's registers or literals, one for each lane.</summary>
    private string[] Lanes(Value value)
    {
        if (value is not Constant constant)
            return _names.TryGetValue(value, out string[]? names)
                ? names
                : throw new InvalidOperationException($"Kernel {_kernel.Name} uses a value of type {value.Type} before it is defined.");
        string literal;
        if (constant.Type.Element == IrType.I1 || constant.Type.Element == IrType.F16)
        {
            // Predicates and halves have no literals.
            string prefix = Prefix(constant.Type);
            literal = Temporary(prefix);
            Move(prefix, literal, constant.Bits.ToString(CultureInfo.InvariantCulture));
        }
        else
        {
            literal = Literal(constant);
        }
        return [.. Enumerable.Repeat(literal, constant.Type.Lanes)];
    }

    private static string Literal(Constant constant) => constant.Type.Scalar switch
    {
        ScalarType.F32 => $"0f{(uint)constant.Bits:X8}",
        ScalarType.F64 => $"0d{constant.Bits:X16}",
        // No literal has this magnitude.
        ScalarType.I64 when constant.Bits == long.MinValue => "0x8000000000000000",
        _ => constant.Bits.ToString(CultureInfo.InvariantCulture),
    };

    /// <summary>The registers of a value, made where it first appears: a block parameter appears on every edge to its block.</summary>
    private string[] Define(Value value)
    {
        if (!_names.TryGetValue(value, out string[]? names))
        {
            string prefix = Prefix(value.Type);
            names = [.. Enumerable.Range(0, value.Type.Lanes).Select(_ => Temporary(prefix))];
            _names.Add(value, names);
        }
        return names;
    }

    private string Temporary(string prefix)
    {
        int number = _registers.GetValueOrDefault(prefix);
        _registers[prefix] = number + 1;
        return $"{prefix}{number}";
    }

    private void Move(string prefix, string target, string source) => Line($"mov{MoveType(prefix)} {target}, {source}");

    private void Line(string text) => _body.Append('\t').Append(text).Append(";\n");

    private static string Prefix(IrType type) => type.Scalar switch
    {
        ScalarType.I1 => "%p",
        ScalarType.I8 or ScalarType.I16 or ScalarType.F16 => "%h",
        ScalarType.I32 => "%r",
        ScalarType.F32 => "%f",
        ScalarType.F64 => "%e",
        ScalarType.Pointer when type.Space is AddressSpace.Shared or AddressSpace.Local => "%r",
        _ => "%d",
    };

    private static string RegisterType(string prefix) => prefix switch
    {
        "%p" => ".pred",
        "%h" => ".b16",
        "%r" => ".b32",
        "%f" => ".f32",
        "%e" => ".f64",
        _ => ".b64",
    };

    private static string MoveType(string prefix) => RegisterType(prefix);

    private static int RegisterBits(IrType type) => Prefix(type) switch
    {
        "%h" => 16,
        "%r" or "%f" => 32,
        _ => 64,
    };

    private static string FloatType(IrType type) => $".f{type.Bits}";

    private static string ParameterType(IrType type) => type.Scalar switch
    {
        ScalarType.I1 or ScalarType.I8 => ".u8",
        ScalarType.F32 or ScalarType.F64 => FloatType(type),
        _ => $".b{type.Bits}",
    };

    private static string MemoryType(IrType type) => type.Scalar is ScalarType.F32 or ScalarType.F64 ? $".f{type.Bits}" : $".b{type.Bits}";

    private static string Vector(IrType type) => type.IsVector ? $".v{type.Lanes}" : "";

    private static string Group(string[] registers) => registers.Length == 1 ? registers[0] : $"{{{string.Join(", ", registers)}}}";

    private static string Space(Value pointer) => pointer.Type.Space switch
    {
        AddressSpace.Global => "global",
        AddressSpace.Shared => "shared",
        _ => "local",
    };

    private static string SpecialRegister(SpecialNumber number) => number switch
    {
        SpecialNumber.GroupIdX => "%tid.x",
        SpecialNumber.GroupIdY => "%tid.y",
        SpecialNumber.GroupIdZ => "%tid.z",
        SpecialNumber.GroupDimX => "%ntid.x",
        SpecialNumber.GroupDimY => "%ntid.y",
        SpecialNumber.GroupDimZ => "%ntid.z",
        SpecialNumber.GridIdX => "%ctaid.x",
        SpecialNumber.GridIdY => "%ctaid.y",
        SpecialNumber.GridIdZ => "%ctaid.z",
        SpecialNumber.GridDimX => "%nctaid.x",
        SpecialNumber.GridDimY => "%nctaid.y",
        SpecialNumber.GridDimZ => "%nctaid.z",
        _ => "%laneid",
    };
}

using System.Globalization;
using System.Text;
using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Structure;

namespace ILGPU.Compiler.OpenCl;

/// <summary>Writes a finished kernel as OpenCL C 1.2.</summary>
/// <remarks>
/// <para>
/// Control flow comes from the structured view: loops and conditions as C has them, and a forward <c>goto</c> only where several
/// levels are left at once. A barrier is therefore only ever inside conditions and loops that the whole group takes alike, which
/// is what PoCL's work-group functions and OpenCL's rules ask for.
/// </para>
/// <para>
/// Sub-groups are not used: the lanes of a warp are neighbouring threads that exchange values through local memory with barriers
/// of the whole group. A shuffle or warp barrier must therefore be reached by all threads of the group together; elsewhere it is a
/// compile error that names the line.
/// </para>
/// </remarks>
internal sealed class OpenClEmitter
{
    /// <summary>Bytes of dynamic shared memory.</summary>
    internal const string DynamicSizeName = "dynamic_shared_bytes";

    private const string GroupSize = "get_local_size(0) * get_local_size(1) * get_local_size(2)";
    private const string BothFences = "CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE";
    private const string LocalFence = "CLK_LOCAL_MEM_FENCE";

    private readonly IrKernel _kernel;
    private readonly OpenClTarget _target;
    private readonly Uniformity _uniformity;
    private readonly OpenClLayout _layout;
    private readonly OpenClPrelude _prelude;
    private readonly OpenClNames _names = new();
    private readonly Dictionary<Value, string> _nameOf = new(ReferenceEqualityComparer.Instance);
    private readonly OpenClExpressions _expressions;
    private readonly Region _root;
    private readonly HashSet<Block> _writtenBefore;
    private readonly StringBuilder _text = new();
    private readonly Stack<Label> _breakable = new();
    private readonly Dictionary<(Label, bool IsBreak), string> _gotos = [];
    private int _indent = 1;
    private SourceLocation _lastLocation;
    private bool _globalMayBeWritten;

    private OpenClEmitter(IrKernel kernel, OpenClTarget target)
    {
        _kernel = kernel;
        _target = target;
        _uniformity = new Uniformity(kernel);
        _root = Structurizer.Structure(kernel, _uniformity);
        _layout = new OpenClLayout(kernel, _root);
        _prelude = new OpenClPrelude(kernel.WarpSize);
        _expressions = new OpenClExpressions(_layout, _prelude, target, _nameOf);
        _writtenBefore = FindWrittenBefore();
    }

    /// <summary>A finished kernel's program.</summary>
    /// <exception cref="KernelCompilerException">
    /// The kernel needs what the device lacks, or a shuffle stands under a condition that differs between threads.
    /// </exception>
    public static OpenClSource Emit(IrKernel kernel, OpenClTarget target) => new OpenClEmitter(kernel, target).Program();

    /// <summary>
    /// Bytes of local memory through which a group's threads exchange values: two lots of 8 bytes for each lane of whole warps.
    /// </summary>
    public static int ExchangeBytes(int threads, int warpSize) => 2 * ExchangeLot(threads, warpSize);

    private static int ExchangeLot(int threads, int warpSize) => (threads + warpSize - 1) / warpSize * warpSize * sizeof(long);

    private OpenClSource Program()
    {
        string name = _names.Unique(_kernel.Name);
        foreach (string taken in OpenClPrelude.NumberNames.Concat([DynamicSizeName, "exchange", "exchange_lot", "exchange_at", "vote"]))
            _names.Unique(taken);
        var parameters = new List<string>();
        var extra = new List<ExtraArgument>();
        var opening = new List<string>();

        foreach (Parameter parameter in _kernel.Parameters)
        {
            string own = _nameOf[parameter] = _names.Unique(parameter.Name);
            _expressions.RequireSupport(parameter.Type, new Instruction(Opcode.Load, parameter.Type));
            if (!parameter.Type.IsPointer)
            {
                // A truth value is a byte where it is passed.
                bool isTruth = parameter.Type == IrType.I1;
                string passed = isTruth ? _names.Unique(own + "_byte") : own;
                parameters.Add($"{(isTruth ? "char" : OpenClTypes.Name(parameter.Type))} {passed}");
                if (isTruth)
                    opening.Add($"bool const {own} = {passed} != 0;");
                continue;
            }
            // A view may start anywhere in its buffer, which is what can be passed.
            string memory = _names.Unique(own + "_memory"), offset = _names.Unique(own + "_offset");
            parameters.Add($"__global uchar* {memory}, long {offset}");
            opening.Add($"__global uchar* const {own} = {memory} + {offset};");
        }

        foreach (Instruction allocation in _kernel.Entry.Instructions.Where(i => i.Op is Opcode.SharedAlloc or Opcode.LocalAlloc))
        {
            string own = _nameOf[allocation] = _names.Unique(allocation.Name ?? (allocation.Op == Opcode.SharedAlloc ? "shared" : "array"));
            string memory = _names.Unique(own + "_memory");
            string space = OpenClTypes.Space(allocation.Type.Space);
            // Arrays are aligned as their element type is, which holds on every compiler.
            (string element, int size) = allocation.Alignment > 8 ? ("uint4", 16) : allocation.Alignment > 4 ? ("ulong", 8) : ("uint", 4);
            if (allocation.IsDynamic)
            {
                parameters.Add($"__local {element}* {memory}");
                extra.Add(ExtraArgument.DynamicShared);
            }
            else
            {
                string qualifier = allocation.Op == Opcode.SharedAlloc ? "__local " : "";
                opening.Add($"{qualifier}{element} {memory}[{(allocation.Immediate + size - 1) / size}];");
            }
            opening.Add($"{space} uchar* const {own} = ({space} uchar*){memory};");
        }

        if (_kernel.Instructions.Any(i => i.Op == Opcode.DynamicSharedSize))
        {
            parameters.Add($"long {DynamicSizeName}");
            extra.Add(ExtraArgument.DynamicSharedSize);
        }
        bool exchanges = _kernel.Instructions.Any(i => i.Op is Opcode.Shuffle or Opcode.Broadcast);
        bool votes = _kernel.Instructions.Any(i => i.Op == Opcode.BarrierReduce);
        if (exchanges)
        {
            parameters.Add("__local ulong2* exchange_memory");
            extra.Add(ExtraArgument.Exchange);
            opening.Add("// Two lots that take turns: a value is read before the barrier of the next exchange, and overwritten after it.");
            opening.Add("__local uchar* const exchange = (__local uchar*)exchange_memory;");
            int warp = _kernel.WarpSize;
            opening.Add($"int const exchange_lot = ((int)({GroupSize}) + {warp - 1}) / {warp} * {warp * sizeof(long)};");
            opening.Add("int exchange_at = 0;");
        }
        if (votes)
            opening.Add("__local int vote;");

        opening.ForEach(Line);
        Declare(_layout.Root);
        Emit(_root);

        string signature = $"__kernel void {name}({(parameters.Count > 0 ? "\n    " + string.Join(",\n    ", parameters) : "")})";
        string text =
            $"""
            // {_kernel.MethodName}
            {_prelude}
            #ifdef GROUP_SIZE
            __attribute__((reqd_work_group_size(GROUP_SIZE)))
            #endif
            {signature}
            {"{"}
            {_text}{"}"}

            """;
        int bytes = _kernel.Instructions.Where(i => i.Op == Opcode.SharedAlloc && !i.IsDynamic)
            .Sum(i => (int)i.Immediate) + (votes ? sizeof(int) : 0);
        return new OpenClSource(name, text, extra, bytes);
    }

    private void Emit(Region region)
    {
        switch (region)
        {
            case Sequence sequence:
                foreach (Region item in sequence.Items)
                    Emit(item);
                break;
            case Straight straight:
                _globalMayBeWritten = _writtenBefore.Contains(straight.Block);
                foreach (Instruction i in straight.Block.Instructions)
                {
                    _globalMayBeWritten |= WritesGlobal(i);
                    if (!_layout.IsInlined(i))
                        Emit(i, straight.Block);
                }
                break;
            case Assign assign:
                Emit(assign);
                break;
            case If branch:
                Emit(branch);
                break;
            case Loop loop:
                Emit(loop);
                break;
            case Labeled labeled:
                Open("");
                Declare(_layout.ScopeOf(labeled));
                Emit(labeled.Body);
                Close();
                if (_gotos.TryGetValue((labeled.Label, true), out string? end))
                    Line($"{end}:;");
                break;
            case Break leave:
                Line(_breakable.TryPeek(out Label? innermost) && innermost == leave.Label ? "break;" : $"goto {Goto(leave.Label, true)};");
                break;
            case Continue repeat:
                Line(_breakable.TryPeek(out innermost) && innermost == repeat.Label ? "continue;" : $"goto {Goto(repeat.Label, false)};");
                break;
        }
    }

    private void Emit(If branch, string before = "")
    {
        (Region then, Region otherwise, bool swapped) = Arms(branch);
        if (IsEmpty(then))
            return;
        Open($"{before}if ({Condition(branch.Condition, swapped)})");
        Declare(_layout.ScopeOf(then));
        Emit(then);
        Close();
        if (IsEmpty(otherwise))
            return;
        // What follows an arm that leaves needs no "else", and long bodies no further indentation.
        bool continues = !EndsElsewhere(then);
        if (continues && _layout.ScopeOf(otherwise).Variables.Count == 0 && OnlyIf(otherwise) is { } chained)
        {
            Emit(chained, "else ");
            return;
        }
        if (continues)
            Open("else");
        Declare(_layout.ScopeOf(otherwise));
        Emit(otherwise);
        if (continues)
            Close();
    }

    private void Emit(Loop loop)
    {
        IReadOnlyList<Region> items = loop.Body.InOrder;
        // A header that only tests becomes the loop's condition.
        bool tests = items.Count > 1 && items[0] is Straight header && header.Block.Instructions.All(_layout.IsInlined);
        bool leavesOnTrue = tests && items[1] is If { Then: var then } && Leaves(then, loop.Label);
        bool leavesOnFalse = tests && items[1] is If { Else: var otherwise } && Leaves(otherwise, loop.Label);
        _breakable.Push(loop.Label);
        if (leavesOnTrue || leavesOnFalse)
        {
            var test = (If)items[1];
            Region body = leavesOnTrue ? test.Else : test.Then;
            Open($"while ({Condition(test.Condition, leavesOnTrue)})");
            Declare(_layout.ScopeOf(loop));
            Declare(_layout.ScopeOf(body));
            Emit(body);
            foreach (Region item in items.Skip(2))
                Emit(item);
        }
        else
        {
            Open("for (;;)");
            Declare(_layout.ScopeOf(loop));
            Emit(loop.Body);
        }
        _breakable.Pop();
        if (_gotos.TryGetValue((loop.Label, false), out string? next))
            Line($"{next}:;");
        Close();
        if (_gotos.TryGetValue((loop.Label, true), out string? end))
            Line($"{end}:;");
    }

    /// <summary>Copies to block parameters as if all at once: one that another copy still reads waits, or is kept aside.</summary>
    private void Emit(Assign assign)
    {
        var pending = assign.Items.Where(item => item.Value != item.Parameter).ToList();
        var aside = new Dictionary<BlockParameter, string>(ReferenceEqualityComparer.Instance);
        while (pending.Count > 0)
        {
            int free = pending.FindIndex(item => !pending.Any(other => other != item && Reads(other.Value, item.Parameter)));
            if (free < 0)
            {
                // A circle: what the first overwrites is kept for those that read it.
                BlockParameter kept = pending[0].Parameter;
                string own = _nameOf[kept], copy = _names.Unique(own + "_before");
                Line($"{OpenClTypes.Name(kept.Type)} const {copy} = {own};");
                string value = _expressions.Text(pending[0].Value);
                _nameOf[kept] = copy;
                aside.Add(kept, own);
                Line($"{own} = {value};");
                pending.RemoveAt(0);
                continue;
            }
            (BlockParameter parameter, Value source) = pending[free];
            Line($"{(aside.TryGetValue(parameter, out string? target) ? target : _nameOf[parameter])} = {_expressions.Text(source)};");
            pending.RemoveAt(free);
        }
        foreach ((BlockParameter parameter, string own) in aside)
            _nameOf[parameter] = own;

        bool Reads(Value value, BlockParameter parameter) =>
            !aside.ContainsKey(parameter) && _expressions.ParametersIn(value).Any(read => ReferenceEquals(read, parameter));
    }

    private void Emit(Instruction i, Block block)
    {
        Value[] o = i.Operands;
        switch (i.Op)
        {
            case Opcode.SharedAlloc or Opcode.LocalAlloc:
                break;
            case Opcode.Store:
                string value = o[1].Type.IsPointer ? $"(ulong){_expressions.Operand(o[1])}" : _expressions.Text(o[1]);
                Line($"{_expressions.Access(i, o[1].Type)} = {value};", i.Location);
                break;
            case Opcode.Barrier:
                Barrier(i.Location);
                break;
            case Opcode.BarrierReduce:
                Line($"barrier({LocalFence});", i.Location);
                Line($"if ({_prelude.UseThread()} == 0)");
                Line("    vote = 0;");
                Line($"barrier({LocalFence});");
                Line($"if ({_expressions.Text(o[0])})");
                Line("    atomic_inc(&vote);");
                Barrier();
                Define(i, i.Reduction switch
                {
                    BarrierReduction.PopCount => "vote",
                    BarrierReduction.Or => "vote != 0",
                    _ => $"vote == (int)({GroupSize})",
                });
                break;
            case Opcode.Broadcast:
                Line($"if ({_prelude.UseThread()} == {_expressions.Operand(o[1])})", i.Location);
                Line($"    {ExchangeCell(i.Type)}[0] = {ToExchange(o[0])};");
                Barrier();
                Define(i, FromExchange(i.Type, "0"));
                TakeTurns();
                break;
            case Opcode.Shuffle:
                RequireWholeGroup(i, block, "A warp shuffle");
                string cell = ExchangeCell(i.Type);
                Line($"{cell}[{_prelude.UseThread()}] = {ToExchange(o[0])};", i.Location);
                Line($"barrier({LocalFence});");
                Define(i, FromExchange(i.Type, ShuffleSource(i)));
                TakeTurns();
                break;
            case Opcode.WarpBarrier:
                RequireWholeGroup(i, block, "A warp barrier");
                Barrier(i.Location);
                break;
            case Opcode.Fence:
                // The only fence of version 1.2 orders accesses for the group; devices apply it to all memory levels they have.
                Line($"mem_fence({BothFences});", i.Location);
                break;
            case Opcode.Atomic:
                Define(i, Atomic(i));
                break;
            case Opcode.BoundsCheck:
                throw new KernelCompilerException("A bounds check", i.Location);
            case Opcode.MatrixMultiply or Opcode.MatrixLoad or Opcode.CopyAsync or Opcode.CopyCommit or Opcode.CopyWait:
                throw new KernelCompilerException($"{i.Op}, which only CUDA devices have,", i.Location);
            default:
                Define(i, _expressions.Compute(i));
                break;
        }
    }

    private string Atomic(Instruction i)
    {
        string space = OpenClTypes.Space(i.Operands[0].Type.Space);
        string address = _expressions.Address(i);
        // Operands are the new value and then what it is compared with; OpenCL has them the other way round.
        string[] o = [.. i.Operands[1..].Reverse().Select(_expressions.Text)];
        bool isLong = i.Type.Bits == 64, isFloat = i.Type.IsFloat;
        bool unsigned = i.Update is AtomicKind.MinU or AtomicKind.MaxU;
        _expressions.RequireSupport(i.Type, i);
        if (isLong)
        {
            bool isMinMax = i.Update is AtomicKind.MinS or AtomicKind.MaxS or AtomicKind.MinU or AtomicKind.MaxU;
            string extension = isMinMax ? "cl_khr_int64_extended_atomics" : "cl_khr_int64_base_atomics";
            if (isMinMax ? !_target.HasLongMinMax : !_target.HasLongAtomics)
                throw new KernelCompilerException($"A 64-bit atomic operation, which this OpenCL device lacks ({extension}),", i.Location);
            _prelude.UseExtension(extension);
        }
        else if (i.Type.Bits != 32)
        {
            throw new KernelCompilerException($"An atomic operation on {i.Type}", i.Location);
        }
        if (i.Update == AtomicKind.FAdd)
            return $"{_prelude.UseAtomicAdd(space, isLong)}((volatile {space} {(isLong ? "ulong" : "uint")}*){address}, {o[0]})";

        // The functions of the 64-bit extensions are named atom_x; those of the core for 32 bits atomic_x.
        string call = (isLong ? "atom_" : "atomic_") + i.Update switch
        {
            AtomicKind.Add => "add",
            AtomicKind.MinS or AtomicKind.MinU => "min",
            AtomicKind.MaxS or AtomicKind.MaxU => "max",
            AtomicKind.Exchange => "xchg",
            _ => "cmpxchg",
        };
        string integer = isLong ? "long" : "int", type = unsigned ? "u" + integer : integer;
        string cast = unsigned ? $"({type})" : isFloat ? $"as_{type}" : "";
        string operands = string.Join(", ", o.Select(text => cast.Length == 0 ? text : $"{cast}({text})"));
        string result = $"{call}((volatile {space} {type}*){address}, {operands})";
        return isFloat ? $"as_{OpenClTypes.Name(i.Type)}({result})" : unsigned ? $"({integer}){result}" : result;
    }

    private string ShuffleSource(Instruction i)
    {
        long width = i.Immediate;
        string by = _expressions.Operand(i.Operands[1]);
        string thread = _prelude.UseThread();
        return i.Exchange switch
        {
            ShuffleKind.Index => $"{thread} / {width} * {width} + ({by} & {width - 1})",
            ShuffleKind.Down => $"{thread} % {width} + {by} < {width} ? {thread} + {by} : {thread}",
            ShuffleKind.Up => $"{thread} % {width} - {by} >= 0 ? {thread} - {by} : {thread}",
            _ => $"({thread} ^ {by}) / {width} == {thread} / {width} ? {thread} ^ {by} : {thread}",
        };
    }

    private static string ExchangeCell(IrType type) =>
        $"((__local {(type == IrType.I1 ? "uchar" : OpenClTypes.InMemory(type))}*)(exchange + exchange_at))";

    private string ToExchange(Value value) => value.Type.IsPointer ? $"(ulong){_expressions.Operand(value)}" : _expressions.Text(value);

    private static string FromExchange(IrType type, string index) =>
        type.IsPointer ? $"({OpenClTypes.Name(type)}){ExchangeCell(type)}[{index}]"
        : type == IrType.I1 ? $"{ExchangeCell(type)}[{index}] != 0"
        : $"{ExchangeCell(type)}[{index}]";

    private void TakeTurns() => Line("exchange_at = exchange_lot - exchange_at;");

    private void RequireWholeGroup(Instruction i, Block block, string what)
    {
        if (!_uniformity.RunsTogether(block))
            throw new KernelCompilerException(
                $"{what} under a condition that may differ between the threads of a group (under OpenCL it is a barrier of the group)",
                i.Location);
    }

    private void Barrier(SourceLocation location = default) =>
        Line($"barrier({(_globalMayBeWritten ? BothFences : LocalFence)});", location);

    private static bool WritesGlobal(Instruction i) =>
        i.Op is Opcode.Store or Opcode.Atomic && i.Operands[0].Type.Space == AddressSpace.Global;

    /// <summary>
    /// The blocks before whose start global memory may have been written. Only barriers in or after them need wait for global
    /// memory, and most kernels write there after their last barrier.
    /// </summary>
    private HashSet<Block> FindWrittenBefore()
    {
        var found = new HashSet<Block>();
        var work = new Stack<Block>(
            _kernel.Blocks.Where(block => block.Instructions.Any(WritesGlobal)).SelectMany(block => block.Successors));
        while (work.TryPop(out Block? block))
        {
            if (found.Add(block))
            {
                foreach (Block next in block.Successors)
                    work.Push(next);
            }
        }
        return found;
    }

    private void Define(Instruction i, string expression)
    {
        if (i.Type == IrType.Void)
        {
            Line($"{expression};", i.Location);
            return;
        }
        if (_layout.IsDeclaredInPlace(i))
            Line($"{OpenClTypes.Name(i.Type)} const {_nameOf[i] = NewName(i)} = {expression};", i.Location);
        else
            Line($"{_nameOf[i]} = {expression};", i.Location);
    }

    private void Declare(Scope scope)
    {
        IEnumerable<Value> unnamed = scope.Variables.Where(value => !_nameOf.ContainsKey(value));
        foreach (IGrouping<string, Value> variables in unnamed.GroupBy(value => OpenClTypes.Name(value.Type)))
        {
            // A pointer's star belongs to each name.
            string type = variables.Key.TrimEnd('*'), star = variables.Key.EndsWith('*') ? "*" : "";
            foreach (Value[] few in variables.Chunk(8))
                Line($"{type} {string.Join(", ", few.Select(value => star + (_nameOf[value] = NewName(value))))};");
        }
    }

    private string NewName(Value value) => _names.Unique(value switch
    {
        BlockParameter { Name: { Length: > 0 } name } => name,
        Instruction { Name: { Length: > 0 } name } => name,
        _ => $"v{_nameOf.Count}",
    });

    private string Condition(Value condition, bool negated)
    {
        if (!negated)
            return _expressions.Text(condition);
        string text = _expressions.Operand(condition);
        return text.StartsWith("(!", StringComparison.Ordinal) && condition is Instruction { Op: Opcode.Xor } i
            ? _expressions.Text(i.Operands[0])
            : "!" + text;
    }

    private static bool IsEmpty(Region region) => region is Sequence sequence && sequence.Items.All(IsEmpty);

    private static (Region Then, Region Otherwise, bool Swapped) Arms(If branch) =>
        IsEmpty(branch.Then) ? (branch.Else, branch.Then, true) : (branch.Then, branch.Else, false);

    /// <summary>
    /// The condition of which a region consists, if all computed before it is part of its expression, and if it can follow an
    /// "else": nothing of it is written behind it.
    /// </summary>
    private If? OnlyIf(Region region) =>
        region is Sequence { Items: [Straight { Block.Instructions: var before }, If only] } && before.All(_layout.IsInlined)
        && Arms(only) is var (then, otherwise, _) && (IsEmpty(otherwise) || !EndsElsewhere(then))
            ? only
            : null;

    private static bool EndsElsewhere(Region region) =>
        region is Break or Continue || (region is Sequence { Items: [.., var last] } && EndsElsewhere(last));

    private static bool Leaves(Region region, Label label) =>
        region is Break { Label: var target } ? target == label : region is Sequence { Items: [var only] } && Leaves(only, label);

    private string Goto(Label label, bool isBreak)
    {
        if (!_gotos.TryGetValue((label, isBreak), out string? name))
            _gotos.Add((label, isBreak), name = _names.Unique(isBreak ? "leave" : "next"));
        return name;
    }

    private void Open(string line)
    {
        if (line.Length > 0)
            Line(line);
        Line("{");
        _indent++;
    }

    private void Close()
    {
        _indent--;
        Line("}");
    }

    /// <summary>A line, with the C# line it comes from where that changes.</summary>
    private void Line(string text, SourceLocation location)
    {
        string comment = "";
        if (location.File is not null && (location.File != _lastLocation.File || location.Line != _lastLocation.Line))
        {
            comment = string.Create(CultureInfo.InvariantCulture, $"    // {Path.GetFileName(location.File)}:{location.Line}");
            _lastLocation = location;
        }
        Line(text + comment);
    }

    private void Line(string text) => _text.Append(' ', 4 * _indent).Append(text).Append('\n');
}

using System.Reflection;
using System.Reflection.Emit;
using ILGPU.Compiler.IR;
using ILGPU.Runtime;

namespace ILGPU.Compiler.FrontEnd;

/// <summary>
/// Translates a kernel's IL, and that of all methods it calls, into one function. Variables become local allocations, which
/// promotion to values removes.
/// </summary>
/// <remarks>
/// What cannot be compiled becomes a trap that carries its name, so that it is an error only if it is still there once constants
/// are known: branches on type arguments or specialised values may guard it.
/// </remarks>
internal sealed class Importer
{
    private const int MaxInlineDepth = 64;

    private readonly Block _exit = new();
    private readonly List<MethodBase> _callers = [];
    private readonly Dictionary<Value, Type> _viewElements = new(ReferenceEqualityComparer.Instance);
    private Instruction? _dynamicShared;
    private SourceLocation _location;
    private Block _block;

    private Importer(IrKernel kernel, CompilerOptions options)
    {
        Kernel = kernel;
        Options = options;
        _block = kernel.Entry;
    }

    public IrKernel Kernel { get; }

    public CompilerOptions Options { get; }

    /// <summary>The kernel's code as it stands in C#, unoptimised.</summary>
    public static IrKernel Import(EntryPoint entry, SpecializationKey specialization, CompilerOptions options)
    {
        var kernel = new IrKernel(KernelNames.Unique(entry, specialization, options), entry.Name)
        {
            WarpSize = options.WarpSize,
            MaxThreadsPerGroup = entry.Specialization.MaxNumThreadsPerGroup,
            MinGroupsPerMultiprocessor = entry.Specialization.MinNumGroupsPerMultiprocessor,
        };
        new Importer(kernel, options).ImportEntry(entry, specialization.Bits);
        return kernel;
    }

    /// <summary>Appends an instruction to the block at hand.</summary>
    public Value Emit(Instruction instruction)
    {
        // The location is the importer's business: every caller would pass the same.
        Instruction located = new(instruction.Op, instruction.Type, instruction.Operands)
        {
            Immediate = instruction.Immediate,
            Alignment = instruction.Alignment,
            Kind = instruction.Kind,
            Name = instruction.Name,
            Location = _location,
        };
        _block.Instructions.Add(located);
        return located;
    }

    public Value Emit(Opcode op, IrType type, params Value[] operands) => Emit(new Instruction(op, type, operands));

    public Value Emit(Opcode op, IrType type, byte kind, params Value[] operands) =>
        Emit(new Instruction(op, type, operands) { Kind = kind });

    public Value Convert(ConvertKind kind, Value value, IrType type) =>
        value.Type == type ? value : Emit(Instruction.Convert(kind, value, type));

    /// <summary>An integer in 64 bits, by sign.</summary>
    public Value SignExtend(Value value) => Convert(ConvertKind.SignExtend, value, IrType.I64);

    /// <summary>Moves a pointer by a number of elements.</summary>
    public Value Offset(Value pointer, Value index, long scale) => Emit(Instruction.PtrAdd(pointer, index, scale));

    public Value Offset(Value pointer, long bytes) => bytes == 0 ? pointer : Offset(pointer, Constant.Int64(bytes), 1);

    /// <summary>Notes that a pointer is an element of a view, hence aligned to the element's size.</summary>
    public Value ViewElement(Value pointer, Type element)
    {
        _viewElements[pointer] = element;
        return pointer;
    }

    /// <summary>The group's dynamic shared memory, the same for all requests.</summary>
    public Value DynamicShared()
    {
        if (_dynamicShared is null)
        {
            _dynamicShared = new Instruction(Opcode.SharedAlloc, IrType.PointerTo(AddressSpace.Shared))
            {
                Alignment = 16,
                Kind = 1,
                Location = _location,
            };
            Kernel.Entry.Instructions.Insert(0, _dynamicShared);
        }
        return _dynamicShared;
    }

    /// <summary>The value of a type at a pointer.</summary>
    public StackValue Load(Type type, Value pointer)
    {
        if (TypeLayout.ScalarOf(type) is { } scalar)
            return ToStack(type, Emit(Instruction.Load(pointer, scalar, 0, scalar.SizeInBytes)));
        TypeLayout layout = TypeLayout.Of(type);
        if (layout.VectorType is { } vector && _viewElements.GetValueOrDefault(pointer) == type)
        {
            Value whole = Emit(Instruction.Load(pointer, vector, 0, vector.SizeInBytes));
            return StackValue.Of(layout, [.. layout.Leaves.Select((_, lane) => Emit(Instruction.Extract(whole, lane)))]);
        }
        return StackValue.Of(layout, [.. layout.Leaves.Select(leaf =>
            Emit(Instruction.Load(Offset(pointer, leaf.Offset), leaf.Type, 0, leaf.Type.SizeInBytes)))]);
    }

    /// <summary>Writes a value of a type to a pointer.</summary>
    public void Store(Type type, Value pointer, StackValue value)
    {
        if (TypeLayout.ScalarOf(type) is { } scalar)
        {
            Emit(Instruction.Store(pointer, ToMemory(scalar, value.Scalar), 0, scalar.SizeInBytes));
            return;
        }
        TypeLayout layout = TypeLayout.Of(type);
        if (layout.VectorType is { } vector && _viewElements.GetValueOrDefault(pointer) == type)
        {
            Emit(Instruction.Store(pointer, Emit(Opcode.BuildVector, vector, value.Leaves), 0, vector.SizeInBytes));
            return;
        }
        for (int i = 0; i < layout.Leaves.Length; i++)
        {
            Leaf leaf = layout.Leaves[i];
            Emit(Instruction.Store(Offset(pointer, leaf.Offset), value.Leaves[i], 0, leaf.Type.SizeInBytes));
        }
    }

    /// <summary>A leaf as the stack holds it: small integers are widened by the sign of their C# type.</summary>
    public StackValue ToStack(Type type, Value leaf)
    {
        if (leaf.Type is not { IsInteger: true, Bits: < 32 })
            return new StackValue(leaf);
        if (type.IsEnum)
            type = type.GetEnumUnderlyingType();
        bool signed = type == typeof(sbyte) || type == typeof(short);
        return new StackValue(Convert(signed ? ConvertKind.SignExtend : ConvertKind.ZeroExtend, leaf, IrType.I32));
    }

    /// <summary>A number of the stack as a leaf of a type holds it.</summary>
    public Value ToMemory(IrType type, Value value)
    {
        if (value.Type == type)
            return value;
        if (value.Type.IsInteger && type.IsInteger)
            return Convert(value.Type.Bits > type.Bits ? ConvertKind.Truncate : ConvertKind.SignExtend, value, type);
        if (value.Type.IsFloat && type.IsFloat)
            return Convert(value.Type.Bits > type.Bits ? ConvertKind.FloatTruncate : ConvertKind.FloatExtend, value, type);
        if (value.Type.IsPointer && type.IsPointer)
            return value;
        throw new NotSupportedException($"A value of type {value.Type} where {type} is needed");
    }

    /// <summary>Memory of the thread for a value of a type, in the entry.</summary>
    public Instruction Allocate(TypeLayout layout)
    {
        var allocation = new Instruction(Opcode.LocalAlloc, IrType.PointerTo(AddressSpace.Local))
        {
            Immediate = layout.Size,
            Alignment = 16,
            Location = _location,
        };
        Kernel.Entry.Instructions.Insert(0, allocation);
        return allocation;
    }

    /// <summary>All zero.</summary>
    public static StackValue Zero(Type type)
    {
        TypeLayout layout = TypeLayout.Of(type);
        return TypeLayout.ScalarOf(type) is { } scalar
            ? new StackValue(new Constant(scalar is { IsInteger: true, Bits: < 32 } ? IrType.I32 : scalar, 0))
            : StackValue.Of(layout, [.. layout.Leaves.Select(leaf => new Constant(leaf.Type, 0))]);
    }

    /// <summary>A number or structure of the host as constants.</summary>
    public StackValue Literal(Type type, object value)
    {
        if (TypeLayout.ScalarOf(type) is { IsPointer: false } scalar && ConstantBits.TryGet(value, out long bits))
            return ToStack(type, new Constant(scalar, bits));
        TypeLayout layout = TypeLayout.Of(type);
        var leaves = new List<Value>();
        Collect(type, value);
        return StackValue.Of(layout, [.. leaves]);

        void Collect(Type part, object boxed)
        {
            if (TypeLayout.ScalarOf(part) is { IsPointer: false } number && ConstantBits.TryGet(boxed, out long partBits))
                leaves.Add(new Constant(number, partBits));
            else if (TypeLayout.IsView(part) || !part.IsValueType)
                throw new NotSupportedException($"A constant of type {part}");
            else
            {
                foreach (FieldInfo field in TypeLayout.InstanceFields(part))
                    Collect(field.FieldType, field.GetValue(boxed)!);
            }
        }
    }

    /// <summary>Calls a method: as an intrinsic if it is one, otherwise by putting its body here.</summary>
    /// <returns>The result; null for a method that returns nothing.</returns>
    public StackValue? Call(MethodBase method, StackValue[] arguments)
    {
        if (Intrinsics.Find(method, Options) is { } intrinsic)
            return intrinsic(this, method, arguments);
        if (method.DeclaringType is { IsValueType: false } type && !method.IsStatic && !IsClosureOf(type))
            throw new NotSupportedException($"A call of {type.Name}.{method.Name} on an object");
        MethodBody body = method.GetMethodBody()
            ?? throw new NotSupportedException($"A call of {method.DeclaringType?.Name}.{method.Name}, which has no IL");
        if (_callers.Contains(method))
            throw new NotSupportedException($"A recursive call of {method.DeclaringType?.Name}.{method.Name}");
        if (_callers.Count == MaxInlineDepth)
            throw new NotSupportedException($"A call of {method.DeclaringType?.Name}.{method.Name}, {MaxInlineDepth} calls deep,");
        if (body.ExceptionHandlingClauses.Count > 0)
            throw new NotSupportedException($"A try block in {method.DeclaringType?.Name}.{method.Name}");

        SourceLocation callSite = _location;
        _callers.Add(method);
        var callee = new MethodImporter(this, method, body, arguments, callSite);
        StackValue? result = callee.Run();
        _callers.RemoveAt(_callers.Count - 1);
        _location = callSite;
        return result;
    }

    private static bool IsClosureOf(Type type) => type.IsNestedPrivate && TypeLayout.InstanceFields(type).Length == 0;

    private void ImportEntry(EntryPoint entry, ReadOnlySpan<long> specialized)
    {
        var arguments = new List<StackValue>();
        ParameterInfo[] parameters = entry.Method.GetParameters();
        int index = 0;
        int specializedIndex = 0;
        _location = new SourceLocation(null, 0, entry.Name);
        if (!entry.Method.IsStatic)
            arguments.Add(StackValue.OfObject(entry.Method.DeclaringType!));
        for (int p = 0; p < parameters.Length; p++)
        {
            Type type = parameters[p].ParameterType;
            TypeLayout layout;
            try
            {
                layout = TypeLayout.Of(type);
            }
            catch (NotSupportedException)
            {
                throw new KernelCompilerException($"The parameter {parameters[p].Name} of type {type}", FirstLine(entry.Method));
            }
            var leaves = new Value[layout.Leaves.Length];
            for (int i = 0; i < leaves.Length; i++)
            {
                Leaf leaf = layout.Leaves[i];
                if (EntryPoint.IsSpecializedValue(type))
                {
                    leaves[i] = new Constant(leaf.Type, specialized[specializedIndex++]);
                    continue;
                }
                IrType leafType = leaf.Type.IsPointer ? IrType.PointerTo(AddressSpace.Global) : leaf.Type;
                var parameter = new Parameter(leafType, parameters[p].Name + leaf.Path, leaf.Role, index++);
                Kernel.Parameters.Add(parameter);
                leaves[i] = parameter;
            }
            if (p == 0 && entry.AutoGrouped)
                leaves = Position(leaves);
            arguments.Add(TypeLayout.ScalarOf(type) is null ? StackValue.Of(layout, leaves) : ToStack(type, leaves[0]));
        }
        Call(entry.Method, [.. arguments]);
        _block.Terminator = Terminator.Jump(_exit);
    }

    private static SourceLocation FirstLine(MethodInfo method) =>
        SourceLines.Of(method) is [var first, ..]
            ? first.Location
            : new SourceLocation(null, 0, $"{method.DeclaringType?.Name}.{method.Name}");

    /// <summary>The thread's position within an extent, x fastest; threads beyond it end here.</summary>
    private Value[] Position(Value[] extent)
    {
        Value number = Emit(Opcode.Add, IrType.I32,
            Emit(Opcode.Mul, IrType.I32, Special(SpecialNumber.GridIdX), Special(SpecialNumber.GroupDimX)),
            Special(SpecialNumber.GroupIdX));
        Value size = extent.Aggregate((a, b) => Emit(Opcode.Mul, IrType.I32, a, b));
        var inside = new Block();
        _block.Terminator = Terminator.Branch(
            Emit(Opcode.Compare, IrType.I1, (byte)CompareKind.LtU, number, size), new Edge(inside), new Edge(_exit), _location);
        _block = inside;
        var position = new Value[extent.Length];
        for (int axis = 0; axis < extent.Length - 1; axis++)
        {
            position[axis] = Emit(Opcode.RemU, IrType.I32, number, extent[axis]);
            number = Emit(Opcode.DivU, IrType.I32, number, extent[axis]);
        }
        position[^1] = number;
        return position;
    }

    /// <summary>A number that the launch gives the thread.</summary>
    public Value Special(SpecialNumber number) => Emit(Opcode.Special, IrType.I32, (byte)number);

    /// <summary>The body of one method, put where it is called.</summary>
    private sealed class MethodImporter
    {
        private readonly Importer _owner;
        private readonly MethodBase _method;
        private readonly SourceLocation _callSite;
        private readonly List<IlInstruction> _code;
        private readonly IReadOnlyList<(int Offset, SourceLocation Location)> _lines;
        private readonly Type[] _typeArguments;
        private readonly Type[] _methodArguments;
        private readonly StackValue[] _arguments;
        private readonly Type[] _argumentTypes;
        private readonly Instruction?[] _argumentMemory;
        private readonly (Type Type, Instruction? Memory)[] _locals;
        private readonly Dictionary<int, int> _indexOfOffset = [];
        private readonly SortedDictionary<int, Entry> _entries = [];
        private readonly Queue<int> _pending = new();
        private readonly Block _end = new();
        private readonly Type _returnType;
        private readonly bool _singleReturn;
        private List<StackValue> _stack = [];
        private Instruction? _returnMemory;
        private StackValue? _returned;
        private bool _returns;
        private Type? _constrained;
        private bool _open;

        public MethodImporter(Importer owner, MethodBase method, MethodBody body, StackValue[] arguments, SourceLocation callSite)
        {
            _owner = owner;
            _method = method;
            _callSite = callSite;
            _arguments = arguments;
            _code = IlReader.Read(body.GetILAsByteArray()!);
            for (int i = 0; i < _code.Count; i++)
                _indexOfOffset.Add(_code[i].Offset, i);
            // A line of this library would say less than the line that uses it.
            _lines = method.Module.Assembly == typeof(Importer).Assembly ? [] : SourceLines.Of(method);
            _typeArguments = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : [];
            _methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : [];
            _returnType = (method as MethodInfo)?.ReturnType ?? typeof(void);
            _singleReturn = _code.Count(i => i.Code == OpCodes.Ret) == 1;
            _argumentTypes =
            [
                .. method.IsStatic
                    ? Type.EmptyTypes
                    : [method.DeclaringType!.IsValueType ? method.DeclaringType.MakeByRefType() : method.DeclaringType],
                .. method.GetParameters().Select(parameter => parameter.ParameterType),
            ];
            // Arguments that are never written or referred to need no memory of their own.
            _argumentMemory = new Instruction?[arguments.Length];
            OpCode[] changing = [OpCodes.Starg, OpCodes.Starg_S, OpCodes.Ldarga, OpCodes.Ldarga_S];
            foreach (IlInstruction i in _code.Where(i => changing.Contains(i.Code)))
            {
                int index = (int)i.Operand;
                if (_argumentMemory[index] is null && _arguments[index].Object is null)
                {
                    _argumentMemory[index] = owner.Allocate(TypeLayout.Of(_argumentTypes[index]));
                    owner.Store(_argumentTypes[index], _argumentMemory[index]!, _arguments[index]);
                }
            }
            _locals = [.. body.LocalVariables.Select(local => (local.LocalType, Memory(local.LocalType)))];

            Instruction? Memory(Type type)
            {
                try
                {
                    return owner.Allocate(TypeLayout.Of(type));
                }
                catch (NotSupportedException)
                {
                    // An error only where it is used, and only if that can be reached.
                    return null;
                }
            }
        }

        /// <summary>Imports the body; afterwards the importer stands behind the call.</summary>
        public StackValue? Run()
        {
            FindBlocks();
            Block start = _entries[0].Block;
            _owner._block.Terminator = Terminator.Jump(start);
            _pending.Enqueue(0);
            _entries[0].Reached = true;
            while (_pending.TryDequeue(out int offset))
                ImportBlock(_entries[offset]);

            _owner._block = _end;
            if (_returnType == typeof(void))
                return null;
            if (!_returns)
                return Zero(_returnType);
            return _singleReturn ? _returned : _owner.Load(_returnType, _returnMemory!);
        }

        private void FindBlocks()
        {
            _entries.Add(0, new Entry());
            foreach (IlInstruction i in _code)
            {
                switch (i.Code.FlowControl)
                {
                    case FlowControl.Branch or FlowControl.Cond_Branch:
                        foreach (int target in i.Targets ?? [(int)i.Operand])
                            _entries.TryAdd(target, new Entry());
                        if (i.NextOffset < _code[^1].NextOffset)
                            _entries.TryAdd(i.NextOffset, new Entry());
                        break;
                    case FlowControl.Return or FlowControl.Throw when i.NextOffset < _code[^1].NextOffset:
                        _entries.TryAdd(i.NextOffset, new Entry());
                        break;
                }
            }
            foreach ((int offset, Entry entry) in _entries)
                entry.Offset = offset;
        }

        private void ImportBlock(Entry entry)
        {
            _owner._block = entry.Block;
            _stack = [.. entry.StackTypes.Select((type, i) => type.Reload(_owner, entry.StackMemory[i]))];
            _open = true;
            int index = _indexOfOffset[entry.Offset];
            while (_open)
            {
                IlInstruction il = _code[index++];
                _owner._location = LocationOf(il.Offset);
                try
                {
                    ImportInstruction(il);
                }
                catch (NotSupportedException e) when (e is not KernelCompilerException)
                {
                    Trap(e.Message);
                }
                if (_open && index < _code.Count && _entries.ContainsKey(_code[index].Offset))
                    Jump(_code[index].Offset);
            }
        }

        private SourceLocation LocationOf(int offset)
        {
            if (_lines.Count == 0)
                return _callSite;
            SourceLocation location = _lines[0].Location;
            foreach ((int start, SourceLocation line) in _lines)
            {
                if (start > offset)
                    break;
                location = line;
            }
            return location;
        }

        /// <summary>Notes that control must not get here, and ends the block.</summary>
        private void Trap(string construct)
        {
            _owner.Emit(new Instruction(Opcode.Trap, IrType.Void) { Name = construct });
            _owner._block.Terminator = Terminator.Jump(_owner._exit);
            _open = false;
        }

        private Edge EdgeTo(int offset)
        {
            Entry target = _entries[offset];
            if (!target.Reached)
            {
                target.Reached = true;
                target.StackTypes = [.. _stack.Select(value => new SlotType(value))];
                target.StackMemory = [.. target.StackTypes.Select(type => type.Allocate(_owner))];
                _pending.Enqueue(offset);
            }
            // What lies on the stack where ways meet travels through memory, like a variable.
            for (int i = 0; i < _stack.Count; i++)
                target.StackTypes[i].Save(_owner, target.StackMemory[i], _stack[i]);
            return new Edge(target.Block);
        }

        private void Jump(int offset)
        {
            _owner._block.Terminator = Terminator.Jump(EdgeTo(offset));
            _open = false;
        }

        private void Branch(Value condition, int whenTrue, int whenFalse)
        {
            Edge taken = EdgeTo(whenTrue);
            _owner._block.Terminator = Terminator.Branch(condition, taken, EdgeTo(whenFalse), _owner._location);
            _open = false;
        }

        private void Push(StackValue value) => _stack.Add(value);

        private void Push(Value value) => Push(new StackValue(value));

        private StackValue Pop()
        {
            StackValue value = _stack[^1];
            _stack.RemoveAt(_stack.Count - 1);
            return value;
        }

        private Value PopScalar() => Pop().Scalar;

        private Value PopPointer() => PopScalar() is { Type.IsPointer: true } pointer
            ? pointer
            : throw new NotSupportedException("A number used as a reference");

        private Type ResolveType(long token) => _method.Module.ResolveType((int)token, _typeArguments, _methodArguments);

        private FieldInfo ResolveField(long token) => _method.Module.ResolveField((int)token, _typeArguments, _methodArguments)!;

        private void ImportInstruction(IlInstruction il)
        {
            switch ((ushort)il.Code.Value)
            {
                case 0x00: // nop
                    break;
                case >= 0x02 and <= 0x05: // ldarg.0..3
                    LoadArgument((ushort)il.Code.Value - 0x02);
                    break;
                case 0x0E or 0xFE09: // ldarg
                    LoadArgument((int)il.Operand);
                    break;
                case 0x0F or 0xFE0A: // ldarga
                    Push(_argumentMemory[il.Operand] ?? throw new NotSupportedException("A reference to an object"));
                    break;
                case 0x10 or 0xFE0B: // starg
                    _owner.Store(
                        _argumentTypes[il.Operand], _argumentMemory[il.Operand] ?? throw new NotSupportedException("A change of an object"),
                        Pop());
                    break;
                case >= 0x06 and <= 0x09: // ldloc.0..3
                    LoadLocal((ushort)il.Code.Value - 0x06);
                    break;
                case 0x11 or 0xFE0C: // ldloc
                    LoadLocal((int)il.Operand);
                    break;
                case >= 0x0A and <= 0x0D: // stloc.0..3
                    StoreLocal((ushort)il.Code.Value - 0x0A);
                    break;
                case 0x13 or 0xFE0E: // stloc
                    StoreLocal((int)il.Operand);
                    break;
                case 0x12 or 0xFE0D: // ldloca
                    Push(LocalMemoryOf((int)il.Operand));
                    break;
                case 0x14: // ldnull
                    Push(StackValue.OfObject(typeof(void)));
                    break;
                case >= 0x15 and <= 0x1E: // ldc.i4.m1..8
                    Push(Constant.Int32((ushort)il.Code.Value - 0x16));
                    break;
                case 0x1F or 0x20: // ldc.i4
                    Push(Constant.Int32((int)il.Operand));
                    break;
                case 0x21: // ldc.i8
                    Push(Constant.Int64(il.Operand));
                    break;
                case 0x22: // ldc.r4
                    Push(new Constant(IrType.F32, il.Operand));
                    break;
                case 0x23: // ldc.r8
                    Push(new Constant(IrType.F64, il.Operand));
                    break;
                case 0x25: // dup
                    Push(_stack[^1]);
                    break;
                case 0x26: // pop
                    Pop();
                    break;
                case 0x28 or 0x6F: // call, callvirt
                    Call(_method.Module.ResolveMethod((int)il.Operand, _typeArguments, _methodArguments)!);
                    break;
                case 0x2A: // ret
                    Return();
                    break;
                case 0x2B or 0x38: // br
                    Jump((int)il.Operand);
                    break;
                case 0x2C or 0x39: // brfalse
                    Branch(IsTrue(Pop()), il.NextOffset, (int)il.Operand);
                    break;
                case 0x2D or 0x3A: // brtrue
                    Branch(IsTrue(Pop()), (int)il.Operand, il.NextOffset);
                    break;
                case >= 0x2E and <= 0x37: // beq.s..blt.un.s
                    CompareAndBranch((ushort)il.Code.Value - 0x2E, il);
                    break;
                case >= 0x3B and <= 0x44: // beq..blt.un
                    CompareAndBranch((ushort)il.Code.Value - 0x3B, il);
                    break;
                case 0x45: // switch
                    Switch(il);
                    break;
                case >= 0x46 and <= 0x50: // ldind
                    LoadIndirect((ushort)il.Code.Value);
                    break;
                case 0x51 or (>= 0x52 and <= 0x57) or 0xDF: // stind
                    StoreIndirect((ushort)il.Code.Value);
                    break;
                case >= 0x58 and <= 0x64: // add..shr.un
                    Arithmetic((ushort)il.Code.Value);
                    break;
                case 0x65: // neg
                    Negate();
                    break;
                case 0x66: // not
                    Value inverted = PopScalar();
                    Push(_owner.Emit(Opcode.Xor, inverted.Type, inverted, new Constant(inverted.Type, -1)));
                    break;
                case (>= 0x67 and <= 0x6E) or 0x76 or 0xD1 or 0xD2 or 0xD3 or 0xE0: // conv
                    Conversion((ushort)il.Code.Value);
                    break;
                case 0x71: // ldobj
                    Push(_owner.Load(ResolveType(il.Operand), PopPointer()));
                    break;
                case 0x81: // stobj
                    StackValue stored = Pop();
                    _owner.Store(ResolveType(il.Operand), PopPointer(), stored);
                    break;
                case 0x72: // ldstr
                    Push(StackValue.OfObject("a string"));
                    break;
                case 0x73: // newobj
                    NewObject(_method.Module.ResolveMethod((int)il.Operand, _typeArguments, _methodArguments)!);
                    break;
                case 0x7A: // throw
                    Trap("An exception that is thrown");
                    break;
                case 0x7B: // ldfld
                    LoadField(ResolveField(il.Operand));
                    break;
                case 0x7C: // ldflda
                    FieldInfo addressed = ResolveField(il.Operand);
                    Push(_owner.Offset(PopPointer(), TypeLayout.Of(addressed.DeclaringType!).Field(addressed).Offset));
                    break;
                case 0x7D: // stfld
                    FieldInfo assigned = ResolveField(il.Operand);
                    StackValue field = Pop();
                    _owner.Store(
                        assigned.FieldType, _owner.Offset(PopPointer(), TypeLayout.Of(assigned.DeclaringType!).Field(assigned).Offset),
                        field);
                    break;
                case 0x7E: // ldsfld
                    Push(StaticField(ResolveField(il.Operand)));
                    break;
                case 0x7F: // ldsflda
                    FieldInfo constant = ResolveField(il.Operand);
                    StackValue initial = StaticField(constant);
                    Instruction memory = _owner.Allocate(TypeLayout.Of(constant.FieldType));
                    _owner.Store(constant.FieldType, memory, initial);
                    Push(memory);
                    break;
                case 0x8C: // box: only unboxing undoes it
                    break;
                case 0xA5: // unbox.any
                    break;
                case 0xD0: // ldtoken
                    Push(StackValue.OfObject(ResolveType(il.Operand)));
                    break;
                case >= 0xFE01 and <= 0xFE05: // ceq, cgt, cgt.un, clt, clt.un
                    (Value a, Value b) = PopPair();
                    Push(_owner.Convert(ConvertKind.ZeroExtend, Compare((ushort)il.Code.Value switch
                    {
                        0xFE01 => (CompareKind.Eq, CompareKind.FEq),
                        0xFE02 => (CompareKind.GtS, CompareKind.FGt),
                        0xFE03 => (CompareKind.GtU, CompareKind.FGtU),
                        0xFE04 => (CompareKind.LtS, CompareKind.FLt),
                        _ => (CompareKind.LtU, CompareKind.FLtU),
                    }, a, b), IrType.I32));
                    break;
                case 0xFE15: // initobj
                    Type cleared = ResolveType(il.Operand);
                    _owner.Store(cleared, PopPointer(), Zero(cleared));
                    break;
                case 0xFE16: // constrained.
                    _constrained = ResolveType(il.Operand);
                    break;
                case 0xFE1C: // sizeof
                    Push(Constant.Int32(TypeLayout.OfElement(ResolveType(il.Operand)).Size));
                    break;
                case 0xFE12 or 0xFE13 or 0xFE14 or 0xFE1E: // unaligned., volatile., tail., readonly.
                    break;
                case 0x8D:
                    throw new NotSupportedException("An array (use LocalMemory or a view)");
                case 0xFE06 or 0xFE07:
                    throw new NotSupportedException("A delegate");
                case 0xFE0F:
                    throw new NotSupportedException("stackalloc (use LocalMemory)");
                case (>= 0x82 and <= 0x8B) or (>= 0xB3 and <= 0xBA) or (>= 0xD4 and <= 0xDB):
                    throw new NotSupportedException($"Checked arithmetic ({il.Code.Name})");
                default:
                    throw new NotSupportedException($"The IL instruction {il.Code.Name}");
            }
        }

        private void LoadArgument(int index) => Push(_argumentMemory[index] is { } memory
            ? _owner.Load(_argumentTypes[index], memory)
            : _arguments[index]);

        private Instruction LocalMemoryOf(int index) =>
            _locals[index].Memory ?? throw new NotSupportedException($"A variable of type {_locals[index].Type}");

        private void LoadLocal(int index) => Push(_owner.Load(_locals[index].Type, LocalMemoryOf(index)));

        private void StoreLocal(int index) => _owner.Store(_locals[index].Type, LocalMemoryOf(index), Pop());

        private void Return()
        {
            _open = false;
            if (_returnType != typeof(void))
            {
                StackValue value = Pop();
                if (_singleReturn)
                {
                    _returned = value;
                }
                else
                {
                    _returnMemory ??= _owner.Allocate(TypeLayout.Of(_returnType));
                    _owner.Store(_returnType, _returnMemory, value);
                }
            }
            _returns = true;
            _owner._block.Terminator = Terminator.Jump(_end);
        }

        private void Call(MethodBase method)
        {
            int count = method.GetParameters().Length + (method.IsStatic ? 0 : 1);
            var arguments = new StackValue[count];
            for (int i = count - 1; i >= 0; i--)
                arguments[i] = Pop();
            if (_constrained is { } type)
            {
                _constrained = null;
                if (!type.IsValueType)
                    throw new NotSupportedException($"A call of {method.Name} on an object");
                method = Implementation(type, method);
            }
            if (_owner.Call(method, arguments) is { } result)
                Push(result);
        }

        /// <summary>The method of a structure that implements one of an interface or overrides one of object.</summary>
        private static MethodBase Implementation(Type type, MethodBase method)
        {
            Type declaring = method.DeclaringType!;
            if (!declaring.IsInterface)
            {
                MethodInfo? found = type.GetMethod(
                    method.Name, BindingFlags.Instance | BindingFlags.Public, [.. method.GetParameters().Select(p => p.ParameterType)]);
                return found?.DeclaringType == type ? found : throw new NotSupportedException($"A call of {declaring.Name}.{method.Name}");
            }
            InterfaceMapping map = type.GetInterfaceMap(declaring);
            MethodBase sought = method.IsGenericMethod ? ((MethodInfo)method).GetGenericMethodDefinition() : method;
            int index = Array.FindIndex(
                map.InterfaceMethods, candidate => candidate.MetadataToken == sought.MetadataToken && candidate.Module == sought.Module);
            MethodInfo target = index < 0
                ? throw new NotSupportedException($"A call of {declaring.Name}.{method.Name}")
                : map.TargetMethods[index];
            return method.IsGenericMethod ? target.MakeGenericMethod(method.GetGenericArguments()) : target;
        }

        private void NewObject(MethodBase constructor)
        {
            Type type = constructor.DeclaringType!;
            int count = constructor.GetParameters().Length;
            var arguments = new StackValue[count + 1];
            for (int i = count; i > 0; i--)
                arguments[i] = Pop();
            if (!type.IsValueType)
            {
                // Most often an exception, and then only the throw matters.
                if (!type.IsAssignableTo(typeof(Exception)))
                    throw new NotSupportedException($"An object of class {type.Name}");
                Push(StackValue.OfObject(type));
                return;
            }
            Instruction memory = _owner.Allocate(TypeLayout.Of(type));
            _owner.Store(type, memory, Zero(type));
            arguments[0] = new StackValue(memory);
            _owner.Call(constructor, arguments);
            Push(_owner.Load(type, memory));
        }

        private void LoadField(FieldInfo field)
        {
            StackValue target = Pop();
            TypeLayout layout = TypeLayout.Of(field.DeclaringType!);
            (int offset, int firstLeaf) = layout.Field(field);
            if (target.Structure is null)
            {
                Push(_owner.Load(field.FieldType, _owner.Offset(target.Scalar, offset)));
                return;
            }
            TypeLayout part = TypeLayout.Of(field.FieldType);
            Value[] leaves = target.Leaves[firstLeaf..(firstLeaf + part.Leaves.Length)];
            Push(TypeLayout.ScalarOf(field.FieldType) is null ? StackValue.Of(part, leaves) : _owner.ToStack(field.FieldType, leaves[0]));
        }

        private StackValue StaticField(FieldInfo field)
        {
            if (!field.IsInitOnly && !field.IsLiteral)
                throw new NotSupportedException($"The static field {field.DeclaringType?.Name}.{field.Name}, which is not readonly,");
            return field.FieldType.IsValueType
                ? _owner.Literal(field.FieldType, field.GetValue(null)!)
                : throw new NotSupportedException($"The object {field.DeclaringType?.Name}.{field.Name}");
        }

        private Value IsTrue(StackValue value)
        {
            Value scalar = value.Scalar;
            return scalar.Type == IrType.I1 ? scalar : Compare((CompareKind.Ne, CompareKind.FNeU), scalar, new Constant(scalar.Type, 0));
        }

        private Value Compare((CompareKind Integer, CompareKind Float) kind, Value a, Value b) =>
            _owner.Emit(Instruction.Compare(a.Type.IsFloat ? kind.Float : kind.Integer, a, b));

        private void CompareAndBranch(int kind, IlInstruction il)
        {
            (Value a, Value b) = PopPair();
            Value condition = Compare(kind switch
            {
                0 => (CompareKind.Eq, CompareKind.FEq),
                1 => (CompareKind.GeS, CompareKind.FGe),
                2 => (CompareKind.GtS, CompareKind.FGt),
                3 => (CompareKind.LeS, CompareKind.FLe),
                4 => (CompareKind.LtS, CompareKind.FLt),
                5 => (CompareKind.Ne, CompareKind.FNeU),
                6 => (CompareKind.GeU, CompareKind.FGeU),
                7 => (CompareKind.GtU, CompareKind.FGtU),
                8 => (CompareKind.LeU, CompareKind.FLeU),
                _ => (CompareKind.LtU, CompareKind.FLtU),
            }, a, b);
            Branch(condition, (int)il.Operand, il.NextOffset);
        }

        private void Switch(IlInstruction il)
        {
            Value value = PopScalar();
            for (int i = 0; i < il.Targets!.Length; i++)
            {
                Value hit = Compare((CompareKind.Eq, CompareKind.FEq), value, Constant.Int32(i));
                var otherwise = new Block();
                _owner._block.Terminator = Terminator.Branch(hit, EdgeTo(il.Targets[i]), new Edge(otherwise), _owner._location);
                _owner._block = otherwise;
            }
            Jump(il.NextOffset);
        }

        private void LoadIndirect(int code)
        {
            Type type = code switch
            {
                0x46 => typeof(sbyte),
                0x47 => typeof(byte),
                0x48 => typeof(short),
                0x49 => typeof(ushort),
                0x4A => typeof(int),
                0x4B => typeof(uint),
                0x4C => typeof(long),
                0x4D => typeof(nint),
                0x4E => typeof(float),
                0x4F => typeof(double),
                _ => throw new NotSupportedException("An object in memory"),
            };
            Push(_owner.Load(type, PopPointer()));
        }

        private void StoreIndirect(int code)
        {
            Type type = code switch
            {
                0x52 => typeof(sbyte),
                0x53 => typeof(short),
                0x54 => typeof(int),
                0x55 => typeof(long),
                0x56 => typeof(float),
                0x57 => typeof(double),
                0xDF => typeof(nint),
                _ => throw new NotSupportedException("An object in memory"),
            };
            StackValue value = Pop();
            _owner.Store(type, PopPointer(), value);
        }

        /// <summary>Two operands in the wider of their types, as IL combines 32-bit with native integers.</summary>
        private (Value A, Value B) PopPair()
        {
            Value b = PopScalar();
            Value a = PopScalar();
            if (a.Type.IsPointer || b.Type.IsPointer || a.Type == b.Type)
                return (a, b);
            IrType wide = a.Type.Bits > b.Type.Bits ? a.Type : b.Type;
            ConvertKind kind = wide.IsFloat ? ConvertKind.FloatExtend : ConvertKind.SignExtend;
            return (_owner.Convert(kind, a, wide), _owner.Convert(kind, b, wide));
        }

        private void Arithmetic(int code)
        {
            if (code is >= 0x62 and <= 0x64)
            {
                // The count is i32 or native whatever the value is.
                Value count = PopScalar();
                Value value = PopScalar();
                count = _owner.ToMemory(value.Type, count);
                Push(_owner.Emit(code switch { 0x62 => Opcode.Shl, 0x63 => Opcode.ShrS, _ => Opcode.ShrU }, value.Type, value, count));
                return;
            }
            (Value a, Value b) = PopPair();
            if (a.Type.IsPointer != b.Type.IsPointer && code is 0x58 or 0x59)
            {
                (Value pointer, Value bytes) = a.Type.IsPointer ? (a, b) : (b, a);
                Push(_owner.Offset(pointer, bytes, code == 0x58 ? 1 : -1));
                return;
            }
            bool isFloat = a.Type.IsFloat;
            Opcode op = code switch
            {
                0x58 => isFloat ? Opcode.FAdd : Opcode.Add,
                0x59 => isFloat ? Opcode.FSub : Opcode.Sub,
                0x5A => isFloat ? Opcode.FMul : Opcode.Mul,
                0x5B => isFloat ? Opcode.FDiv : Opcode.DivS,
                0x5C => Opcode.DivU,
                0x5D => isFloat ? Opcode.FRem : Opcode.RemS,
                0x5E => Opcode.RemU,
                0x5F => Opcode.And,
                0x60 => Opcode.Or,
                _ => Opcode.Xor,
            };
            if (a.Type.IsPointer)
                throw new NotSupportedException("Arithmetic of two references");
            Push(_owner.Emit(op, a.Type, a, b));
        }

        private void Negate()
        {
            Value value = PopScalar();
            Push(value.Type.IsFloat
                ? _owner.Emit(Opcode.FNeg, value.Type, value)
                : _owner.Emit(Opcode.Sub, value.Type, new Constant(value.Type, 0), value));
        }

        private void Conversion(int code)
        {
            Value value = PopScalar();
            if (value.Type.IsPointer)
            {
                // References become native integers and back where C# code is unsafe; the pointer is kept.
                if (code is 0xD3 or 0xE0)
                    Push(value);
                else
                    throw new NotSupportedException("A reference used as a number");
                return;
            }
            Push(code switch
            {
                0x67 => Narrow(IrType.I8, true),
                0x68 => Narrow(IrType.I16, true),
                0x69 => ToInteger(IrType.I32, true),
                0x6A or 0xD3 => ToInteger(IrType.I64, true),
                0x6B => ToFloat(IrType.F32),
                0x6C => ToFloat(IrType.F64),
                0x6D => ToInteger(IrType.I32, false),
                0x6E or 0xE0 => ToInteger(IrType.I64, false),
                0xD1 => Narrow(IrType.I16, false),
                0xD2 => Narrow(IrType.I8, false),
                _ => value.Type.IsFloat ? value : _owner.Convert(ConvertKind.UnsignedToFloat, value, IrType.F64),
            });

            Value ToInteger(IrType type, bool signed)
            {
                if (value.Type.IsFloat)
                    return _owner.Convert(signed ? ConvertKind.FloatToSigned : ConvertKind.FloatToUnsigned, value, type);
                return _owner.Convert(
                    value.Type.Bits > type.Bits ? ConvertKind.Truncate : signed ? ConvertKind.SignExtend : ConvertKind.ZeroExtend, value,
                    type);
            }

            Value Narrow(IrType type, bool signed)
            {
                Value integer = value.Type.IsFloat ? _owner.Convert(ConvertKind.FloatToSigned, value, IrType.I32) : value;
                return _owner.Convert(
                    signed ? ConvertKind.SignExtend : ConvertKind.ZeroExtend, _owner.Convert(ConvertKind.Truncate, integer, type),
                    IrType.I32);
            }

            Value ToFloat(IrType type)
            {
                if (!value.Type.IsFloat)
                    return _owner.Convert(ConvertKind.SignedToFloat, value, type);
                return _owner.Convert(value.Type.Bits > type.Bits ? ConvertKind.FloatTruncate : ConvertKind.FloatExtend, value, type);
            }
        }

        /// <summary>Where a block of IL starts, and what lies on the stack there.</summary>
        private sealed class Entry
        {
            public int Offset { get; set; }

            public Block Block { get; } = new();

            public bool Reached { get; set; }

            public List<SlotType> StackTypes { get; set; } = [];

            public List<Instruction[]> StackMemory { get; set; } = [];
        }

        /// <summary>The type of a place on the stack between blocks.</summary>
        private sealed class SlotType(StackValue example)
        {
            private readonly TypeLayout? _structure = example.Structure;
            private readonly object? _object = example.Object;
            private readonly IrType[] _types = [.. example.Leaves.Select(leaf =>
                leaf.Type.IsPointer ? IrType.PointerTo(AddressSpace.Generic) : leaf.Type)];

            public Instruction[] Allocate(Importer owner) => [.. _types.Select(type => owner.AllocateLeaf(type))];

            public void Save(Importer owner, Instruction[] memory, StackValue value)
            {
                for (int i = 0; i < memory.Length; i++)
                    owner.Emit(Instruction.Store(memory[i], owner.ToMemory(_types[i], value.Leaves[i]), 0, _types[i].SizeInBytes));
            }

            public StackValue Reload(Importer owner, Instruction[] memory) => new(
                [.. memory.Select((slot, i) => owner.Emit(Instruction.Load(slot, _types[i], 0, _types[i].SizeInBytes)))], _structure,
                _object);
        }
    }

    private Instruction AllocateLeaf(IrType type)
    {
        var allocation = new Instruction(Opcode.LocalAlloc, IrType.PointerTo(AddressSpace.Local))
        {
            Immediate = type.SizeInBytes,
            Alignment = 16,
            Location = _location,
        };
        Kernel.Entry.Instructions.Insert(0, allocation);
        return allocation;
    }
}

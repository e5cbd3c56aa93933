using System.Buffers.Binary;
using CudaEmulation;
using ILGPU.Beyond;
using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;
using ILGPU.Compiler.Structure;
using ILGPU.Runtime;

namespace ILGPU.Tests.Interpreter;

/// <summary>
/// Runs a finished kernel as the IR's definition says, one thread at a time between the places where threads wait for each other.
/// It is the reference that back ends are compared with, and as strict as can be: misaligned and out-of-range accesses, threads that
/// miss a barrier, and reads of values that were not computed are errors.
/// </summary>
internal sealed class IrInterpreter
{
    private const int LanesPerValue = 4;
    private const int OffsetBits = 40;

    private readonly IrKernel _kernel;
    private readonly Dictionary<Value, int> _slots = new(ReferenceEqualityComparer.Instance);
    private readonly List<byte[]> _memory = [];
    private readonly long[] _arguments;
    private readonly KernelConfig _config;
    private readonly IReadOnlyDictionary<Instruction, int> _sharedOffsets;
    private readonly int _staticShared;
    private readonly int _lanesInStep;
    private readonly Uniformity _uniformity;
    private readonly Region? _structure;
    private readonly Dictionary<(Instruction Instruction, int Time), long> _uniformValues = [];

    private IrInterpreter(IrKernel kernel, KernelConfig config, ReadOnlySpan<KernelArgument> arguments, bool structured)
    {
        _kernel = kernel;
        _config = config;
        _lanesInStep = kernel.LanesInStep;
        _uniformity = new Uniformity(kernel);
        _structure = structured ? Structurizer.Structure(kernel, _uniformity) : null;
        foreach (Block block in kernel.Blocks)
        {
            foreach (Value value in block.Parameters.Concat<Value>(block.Instructions))
                _slots.Add(value, _slots.Count);
        }
        _memory.Add([]);
        _arguments = new long[kernel.Parameters.Count];
        for (int i = 0; i < _arguments.Length; i++)
        {
            KernelArgument argument = arguments[kernel.Parameters[i].ArgumentIndex];
            _arguments[i] = argument.Bits;
            if (kernel.Parameters[i].Type.IsPointer && argument.Buffer is InterpreterBuffer buffer)
                _arguments[i] = AddMemory(buffer.Bytes) + argument.Bits;
        }
        (_sharedOffsets, _staticShared) = kernel.LayOutSharedMemory();
    }

    /// <summary>Runs a launch, following the blocks, or the regions that back ends without jumps follow.</summary>
    public static void Run(IrKernel kernel, KernelConfig config, ReadOnlySpan<KernelArgument> arguments, bool structured)
    {
        var interpreter = new IrInterpreter(kernel, config, arguments, structured);
        for (int z = 0; z < config.GridDim.Z; z++)
        {
            for (int y = 0; y < config.GridDim.Y; y++)
            {
                for (int x = 0; x < config.GridDim.X; x++)
                    interpreter.RunGroup(new Index3D(x, y, z));
            }
        }
    }

    private long AddMemory(byte[] bytes)
    {
        int known = _memory.FindIndex(1, memory => ReferenceEquals(memory, bytes));
        if (known < 0)
        {
            known = _memory.Count;
            _memory.Add(bytes);
        }
        return (long)known << OffsetBits;
    }

    private void RunGroup(Index3D group)
    {
        int kept = _memory.Count;
        _uniformValues.Clear();
        byte[] sharedBytes = new byte[_staticShared + _config.SharedMemoryConfig.ArraySize];
        // Not zero: contents are undefined until written.
        Array.Fill(sharedBytes, (byte)0xCB);
        long shared = AddMemory(sharedBytes);
        var threads = new Thread[_config.GroupDim.Size];
        for (int i = 0; i < threads.Length; i++)
            threads[i] = new Thread(this, group, i, shared);
        while (true)
        {
            foreach (Thread thread in threads)
                thread.RunUntilWait();
            if (threads.All(thread => thread.Waiting is null))
                break;
            bool moved = false;
            foreach (Thread[] warp in threads.Chunk(_lanesInStep))
                moved |= MeetInWarp(warp);
            if (!moved)
                MeetInGroup(threads);
        }
        _memory.RemoveRange(kept, _memory.Count - kept);
    }

    private static bool MeetInWarp(Thread[] warp)
    {
        Thread[] live = [.. warp.Where(thread => thread.Waiting is not null || !thread.IsDone)];
        if (live.Length == 0
            || live[0].Waiting is not { Op: Opcode.Shuffle or Opcode.WarpBarrier or Opcode.MatrixMultiply or Opcode.MatrixLoad } first)
            return false;
        if (!live.All(thread => thread.Waiting == first))
            throw new InvalidOperationException($"Threads of a warp wait apart: {first.Op} of {first.Location}.");
        if (first.IsMatrix && live.Length < WarpMatrix.Lanes)
            throw new InvalidOperationException($"{first.Op} of {first.Location} by {live.Length} lanes.");
        if (first.Op == Opcode.MatrixMultiply)
            Multiply(first, warp);
        else if (first.Op == Opcode.MatrixLoad)
            LoadMatrices(first, warp);
        else if (first.Op == Opcode.Shuffle)
        {
            long[][] values = [.. warp.Select(thread => thread.Waiting is null ? [] : thread.Read(first.Operands[0]))];
            int width = (int)first.Immediate;
            for (int lane = 0; lane < warp.Length; lane++)
            {
                if (warp[lane].Waiting is null)
                    continue;
                int change = (int)warp[lane].Read(first.Operands[1])[0];
                int start = lane / width * width;
                int source = first.Exchange switch
                {
                    ShuffleKind.Index => start + (change & (width - 1)),
                    ShuffleKind.Down => lane + change < start + width ? lane + change : lane,
                    ShuffleKind.Up => lane - change >= start ? lane - change : lane,
                    _ => (lane ^ change) < start + width && (lane ^ change) >= start ? lane ^ change : lane,
                };
                warp[lane].Write(first, source < warp.Length && values[source].Length > 0 ? values[source] : values[lane]);
            }
        }
        foreach (Thread thread in live)
            thread.Resume();
        return true;
    }

    private static void Multiply(Instruction i, Thread[] warp)
    {
        int pair = i.Format == MatrixFormat.Tf32 ? 1 : 2, half = 4 * pair;
        double Element(int operand, int lane, int part)
        {
            uint bits = (uint)warp[lane].Read(i.Operands[operand])[0];
            return i.Format switch
            {
                MatrixFormat.Tf32 => BitConverter.UInt32BitsToSingle(bits >> 13 << 13),
                MatrixFormat.Bf16 => BitConverter.UInt32BitsToSingle(bits >> (16 * part) << 16),
                _ => (double)BitConverter.UInt16BitsToHalf((ushort)(bits >> (16 * part))),
            };
        }
        double A(int row, int k) => Element((row / 8) + (k / half * 2), (row % 8 * 4) + (k % half / pair), k % pair);
        double B(int k, int column) => Element(4 + (k / half), (column * 4) + (k % half / pair), k % pair);
        for (int lane = 0; lane < warp.Length; lane++)
        {
            long[] sums = new long[4];
            for (int s = 0; s < 4; s++)
            {
                double sum = new Constant(IrType.F32, warp[lane].Read(i.Operands[6 + s])[0]).Float;
                double[] products =
                    [.. Enumerable.Range(0, 2 * half).Select(k => A((lane / 4) + (s / 2 * 8), k) * B(k, (lane % 4 * 2) + (s % 2)))];
                sums[s] = Constant.Single(TensorCoreSum.Add((float)sum, products)).Bits;
            }
            warp[lane].Write(i, sums);
        }
    }

    private static void LoadMatrices(Instruction i, Thread[] warp)
    {
        long[][] rows = [.. warp.Select(thread => thread.Load(thread.Read(i.Operands[0])[0] + i.Immediate, i.Type, AsyncCopy.Size))];
        for (int lane = 0; lane < warp.Length; lane++)
            warp[lane].Write(i, [.. Enumerable.Range(0, 4).Select(matrix => rows[(matrix * 8) + (lane / 4)][lane % 4])]);
    }

    private static void MeetInGroup(Thread[] threads)
    {
        Instruction first = threads.First(thread => thread.Waiting is not null).Waiting!;
        if (!threads.All(thread => thread.Waiting == first))
            throw new InvalidOperationException($"Not all threads of the group reach {first.Op} of {first.Location}.");
        foreach (Thread thread in threads)
        {
            if (first.Op == Opcode.Broadcast)
                thread.Write(first, threads[thread.Read(first.Operands[1])[0]].Read(first.Operands[0]));
            else if (first.Op == Opcode.BarrierReduce)
            {
                int count = threads.Count(other => other.Read(first.Operands[0])[0] != 0);
                thread.Write(first, [first.Reduction switch
                {
                    BarrierReduction.PopCount => count,
                    BarrierReduction.And => count == threads.Length ? 1 : 0,
                    _ => count > 0 ? 1 : 0,
                }]);
            }
        }
        foreach (Thread thread in threads)
            thread.Resume();
    }

    /// <summary>One thread: where it is, and its values.</summary>
    private sealed class Thread
    {
        private readonly IrInterpreter _owner;
        private readonly Index3D _group;
        private readonly int _number;
        private readonly long _shared;
        private readonly long[] _values;
        private readonly bool[] _computed;
        private readonly int[] _times;
        private readonly IEnumerator<Instruction> _waits;
        private readonly Queue<List<(long Target, byte[] Bytes)>> _copies = [];
        private List<(long Target, byte[] Bytes)> _started = [];
        private Region? _leaving;

        public Thread(IrInterpreter owner, Index3D group, int number, long shared)
        {
            (_owner, _group, _number, _shared) = (owner, group, number, shared);
            _values = new long[owner._slots.Count * LanesPerValue];
            _computed = new bool[owner._slots.Count];
            _times = new int[owner._slots.Count];
            _waits = (owner._structure is { } structure ? Follow(structure) : FollowBlocks()).GetEnumerator();
        }

        /// <summary>What the thread waits at; null while it can run and after its end.</summary>
        public Instruction? Waiting { get; private set; }

        public bool IsDone { get; private set; }

        public long[] Read(Value value)
        {
            if (value is Constant constant)
                return [constant.Bits];
            if (value is Parameter parameter)
                return [_owner._arguments[_owner._kernel.Parameters.IndexOf(parameter)]];
            int slot = _owner._slots[value];
            return _computed[slot]
                ? _values[(slot * LanesPerValue)..(slot * LanesPerValue + value.Type.Lanes)]
                : throw new InvalidOperationException("A value is read that was not computed.");
        }

        public void Write(Value value, ReadOnlySpan<long> lanes)
        {
            int slot = _owner._slots[value];
            _computed[slot] = true;
            for (int lane = 0; lane < value.Type.Lanes; lane++)
            {
                _values[slot * LanesPerValue + lane] = value.Type.IsPointer
                    ? lanes[lane]
                    : new Constant(value.Type.Element, lanes[lane]).Bits;
            }
        }

        public void Resume() => Waiting = null;

        public void RunUntilWait()
        {
            if (IsDone || Waiting is not null)
                return;
            IsDone = !_waits.MoveNext();
            Waiting = IsDone ? null : _waits.Current;
        }

        private IEnumerable<Instruction> FollowBlocks()
        {
            Block block = _owner._kernel.Entry;
            while (true)
            {
                foreach (Instruction wait in Straight(block))
                    yield return wait;
                Terminator terminator = block.Terminator;
                if (terminator.Edges.Length == 0)
                    yield break;
                Edge edge = terminator.Edges[terminator.Condition is { } condition && Read(condition)[0] == 0 ? 1 : 0];
                Assign([.. edge.Target.Parameters.Zip(edge.Arguments)]);
                block = edge.Target;
            }
        }

        /// <summary>Runs a region; afterwards <see cref="_leaving"/> is the break or continue that is under way, if any.</summary>
        private IEnumerable<Instruction> Follow(Region region)
        {
            switch (region)
            {
                case Sequence sequence:
                    foreach (Region item in sequence.Items)
                    {
                        foreach (Instruction wait in Follow(item))
                            yield return wait;
                        if (_leaving is not null)
                            yield break;
                    }
                    break;
                case Straight straight:
                    foreach (Instruction wait in Straight(straight.Block))
                        yield return wait;
                    break;
                case Assign assign:
                    Assign(assign.Items);
                    break;
                case If branch:
                    foreach (Instruction wait in Follow(Read(branch.Condition)[0] != 0 ? branch.Then : branch.Else))
                        yield return wait;
                    break;
                case Labeled labeled:
                    foreach (Instruction wait in Follow(labeled.Body))
                        yield return wait;
                    if (_leaving is Break out1 && out1.Label == labeled.Label)
                        _leaving = null;
                    break;
                case Loop loop:
                    while (true)
                    {
                        foreach (Instruction wait in Follow(loop.Body))
                            yield return wait;
                        if (_leaving is Continue again && again.Label == loop.Label)
                            _leaving = null;
                        if (_leaving is not null)
                            break;
                    }
                    if (_leaving is Break out2 && out2.Label == loop.Label)
                        _leaving = null;
                    break;
                default:
                    _leaving = region;
                    break;
            }
        }

        private IEnumerable<Instruction> Straight(Block block)
        {
            bool together = _owner._uniformity.RunsTogether(block);
            foreach (Instruction instruction in block.Instructions)
            {
                if (instruction.IsGroupWide || instruction.IsMatrix || instruction.Op is Opcode.Shuffle or Opcode.WarpBarrier)
                    yield return instruction;
                else
                    Execute(instruction);
                if (together && instruction.Type != IrType.Void && _owner._uniformity.IsUniform(instruction))
                    CheckUniform(instruction);
            }
        }

        /// <summary>Where all threads pass equally often, what is called uniform must be the same in all.</summary>
        private void CheckUniform(Instruction instruction)
        {
            int time = _times[_owner._slots[instruction]]++;
            long value = Read(instruction)[0];
            if (_owner._uniformValues.TryGetValue((instruction, time), out long other))
                Assert.Equal(other, value);
            else
                _owner._uniformValues.Add((instruction, time), value);
        }

        private void Assign(IReadOnlyList<(BlockParameter Parameter, Value Value)> items)
        {
            long[][] values = [.. items.Select(item => Read(item.Value))];
            for (int i = 0; i < values.Length; i++)
                Write(items[i].Parameter, values[i]);
        }

        private void Execute(Instruction i)
        {
            Constant[] operands = [.. i.Operands.Select(operand => new Constant(operand.Type.IsPointer ? IrType.I64 : operand.Type.Element, Read(operand)[0]))];
            switch (i.Op)
            {
                case Opcode.Special:
                    Write(i, [Number(i.Number)]);
                    break;
                case Opcode.DynamicSharedSize:
                    Write(i, [_owner._config.SharedMemoryConfig.ArraySize]);
                    break;
                case Opcode.SharedAlloc:
                    Write(i, [_shared + _owner._sharedOffsets[i]]);
                    break;
                case Opcode.LocalAlloc:
                    byte[] bytes = new byte[i.Immediate];
                    Array.Fill(bytes, (byte)0xCB);
                    Write(i, [_owner.AddMemory(bytes)]);
                    break;
                case Opcode.PtrAdd:
                    Write(i, [operands[0].Bits + operands[1].Bits * i.Immediate]);
                    break;
                case Opcode.Load:
                    Write(i, Load(operands[0].Bits + i.Immediate, i.Type, i.Alignment));
                    break;
                case Opcode.Store:
                    Store(operands[0].Bits + i.Immediate, i.Operands[1].Type, Read(i.Operands[1]), i.Alignment);
                    break;
                case Opcode.Extract:
                    Write(i, [Read(i.Operands[0])[i.Immediate]]);
                    break;
                case Opcode.BuildVector:
                    Write(i, [.. i.Operands.Select(operand => Read(operand)[0])]);
                    break;
                case Opcode.Atomic:
                    long[] before = Load(operands[0].Bits + i.Immediate, i.Type, i.Alignment);
                    Store(operands[0].Bits + i.Immediate, i.Type, [Updated(i, new Constant(i.Type, before[0]), operands)], i.Alignment);
                    Write(i, before);
                    break;
                case Opcode.BoundsCheck:
                    if (operands[0].Bits < 0 || operands[0].Bits >= operands[1].Bits)
                        throw new IndexOutOfRangeException(
                            $"{_owner._kernel.MethodName}: index {operands[0].Bits} of {i.Name}, which has {operands[1].Bits} elements ({i.Location}).");
                    break;
                case Opcode.Fence:
                    break;
                case Opcode.CopyAsync:
                    byte[] copied = new byte[AsyncCopy.Size];
                    if (operands[2].Bits > 0)
                        Access(operands[1].Bits, (int)operands[2].Bits, AsyncCopy.Size).CopyTo(copied);
                    long to = operands[0].Bits + i.Immediate;
                    Access(to, AsyncCopy.Size, AsyncCopy.Size).Fill(0xCB);
                    _started.Add((to, copied));
                    break;
                case Opcode.CopyCommit:
                    _copies.Enqueue(_started);
                    _started = [];
                    break;
                case Opcode.CopyWait:
                    // Not a moment earlier: who reads without waiting finds what was written above.
                    while (_copies.Count > operands[0].Bits)
                        _copies.Dequeue().ForEach(copy => copy.Bytes.CopyTo(Access(copy.Target, AsyncCopy.Size, AsyncCopy.Size)));
                    break;
                case Opcode.Math when i.Function >= MathFunction.Exp:
                    Write(i, [Constant.FromDouble(i.Type, Function(i.Function, operands[0].Float, operands.Length > 1 ? operands[1].Float : 0)).Bits]);
                    break;
                default:
                    Write(i, [(Fold.TryEvaluate(i, operands) ?? throw new InvalidOperationException($"{i.Op} of {i.Location} has no value.")).Bits]);
                    break;
            }
        }

        private static double Function(MathFunction function, double a, double b) => function switch
        {
            MathFunction.Exp => Math.Exp(a),
            MathFunction.Exp2 => Math.Pow(2, a),
            MathFunction.Log => Math.Log(a),
            MathFunction.Log2 => Math.Log2(a),
            MathFunction.Log10 => Math.Log10(a),
            MathFunction.Rcp => 1 / a,
            MathFunction.Rsqrt => 1 / Math.Sqrt(a),
            MathFunction.Sin => Math.Sin(a),
            MathFunction.Cos => Math.Cos(a),
            MathFunction.Tan => Math.Tan(a),
            MathFunction.Tanh => Math.Tanh(a),
            MathFunction.Atan2 => Math.Atan2(a, b),
            _ => Math.Pow(a, b),
        };

        private static long Updated(Instruction i, Constant before, Constant[] operands)
        {
            Constant value = operands[1];
            Opcode op = i.Update switch
            {
                AtomicKind.Add => Opcode.Add,
                AtomicKind.MinS => Opcode.MinS,
                AtomicKind.MaxS => Opcode.MaxS,
                AtomicKind.MinU => Opcode.MinU,
                AtomicKind.MaxU => Opcode.MaxU,
                _ => Opcode.FAdd,
            };
            return i.Update switch
            {
                AtomicKind.Exchange => value.Bits,
                AtomicKind.CompareExchange => before.Bits == operands[2].Bits ? value.Bits : before.Bits,
                _ => Fold.TryEvaluate(new Instruction(op, i.Type, before, value), [before, value])!.Bits,
            };
        }

        private long Number(SpecialNumber number)
        {
            Index3D size = _owner._config.GroupDim;
            return number switch
            {
                SpecialNumber.GroupIdX => _number % size.X,
                SpecialNumber.GroupIdY => _number / size.X % size.Y,
                SpecialNumber.GroupIdZ => _number / size.X / size.Y,
                SpecialNumber.GroupDimX => size.X,
                SpecialNumber.GroupDimY => size.Y,
                SpecialNumber.GroupDimZ => size.Z,
                SpecialNumber.GridIdX => _group.X,
                SpecialNumber.GridIdY => _group.Y,
                SpecialNumber.GridIdZ => _group.Z,
                SpecialNumber.GridDimX => _owner._config.GridDim.X,
                SpecialNumber.GridDimY => _owner._config.GridDim.Y,
                SpecialNumber.GridDimZ => _owner._config.GridDim.Z,
                _ => _number % _owner._kernel.WarpSize,
            };
        }

        private Span<byte> Access(long address, int size, int alignment)
        {
            long offset = address & ((1L << OffsetBits) - 1);
            if (offset % alignment != 0)
            {
                throw new InvalidOperationException(
                    $"{_owner._kernel.MethodName}: an access of {size} bytes at {offset} is not aligned to {alignment}.");
            }
            byte[] memory = _owner._memory[(int)(address >> OffsetBits)];
            if (offset + size > memory.Length)
            {
                throw new InvalidOperationException(
                    $"{_owner._kernel.MethodName}: an access of {size} bytes at {offset} of {memory.Length}.");
            }
            return memory.AsSpan((int)offset, size);
        }

        public long[] Load(long address, IrType type, int alignment)
        {
            Span<byte> bytes = Access(address, type.SizeInBytes, alignment);
            var values = new long[type.Lanes];
            int size = type.Element.SizeInBytes;
            for (int lane = 0; lane < values.Length; lane++)
            {
                Span<byte> part = bytes.Slice(lane * size, size);
                values[lane] = size switch
                {
                    1 => (sbyte)part[0],
                    2 => BinaryPrimitives.ReadInt16LittleEndian(part),
                    4 => BinaryPrimitives.ReadInt32LittleEndian(part),
                    _ => BinaryPrimitives.ReadInt64LittleEndian(part),
                };
            }
            return values;
        }

        private void Store(long address, IrType type, long[] values, int alignment)
        {
            Span<byte> bytes = Access(address, type.SizeInBytes, alignment);
            int size = type.Element.SizeInBytes;
            Span<byte> wide = stackalloc byte[8];
            for (int lane = 0; lane < values.Length; lane++)
            {
                BinaryPrimitives.WriteInt64LittleEndian(wide, values[lane]);
                wide[..size].CopyTo(bytes[(lane * size)..]);
            }
        }
    }
}

using ILGPU.Compiler.Analysis;
using ILGPU.Compiler.IR;

namespace ILGPU.Tests.Cpu;

/// <summary>
/// A random program with barriers: variables that all threads share steer loops and conditions around barriers, variables of each thread
/// steer what lies between them, and threads read what others wrote to shared memory before a barrier.
/// </summary>
internal sealed class RandomGroupProgram
{
    private readonly Random _random;
    private readonly int _threads;
    private readonly Instruction[] _shared = new Instruction[3];
    private readonly Instruction[] _own = new Instruction[3];
    private readonly Instruction _exchange;
    private readonly Stack<(Block Next, Block Behind)> _loops = new();
    private readonly Block _exit = new();
    private Block _block;

    public RandomGroupProgram(int seed, int threads)
    {
        _random = new Random(seed);
        _threads = threads;
        Kernel = new IrKernel("random", "random") { WarpSize = 16 };
        Kernel.Parameters.Add(new Parameter(IrType.PointerTo(AddressSpace.Global), "y", ParameterRole.ViewPointer, 0));
        _block = Kernel.Entry;
        _exchange = new Instruction(Opcode.SharedAlloc, IrType.PointerTo(AddressSpace.Shared)) { Immediate = 4 * threads, Alignment = 16 };
        Kernel.Entry.Instructions.Insert(0, _exchange);
        for (int i = 0; i < 3; i++)
        {
            _shared[i] = Allocate();
            _own[i] = Allocate();
            Set(_shared[i], Constant.Int32(i * 2 + 1));
            Set(_own[i], i == 0 ? Thread() : i == 1 ? Binary(Opcode.Mul, Thread(), Constant.Int32(7)) : Constant.Int32(5));
        }
        Append(Instruction.Store(Cell(Thread()), Constant.Int32(9), 0, 4));
        Barrier();
        Statements(5, 3);
        _block.Terminator = Terminator.Jump(_exit);
        _block = _exit;
        Value sum = Get(_own[0]);
        foreach (Instruction variable in (Instruction[])[_own[1], _own[2], .. _shared])
            sum = Binary(Opcode.Xor, Binary(Opcode.Mul, sum, Constant.Int32(31)), Get(variable));
        Append(Instruction.Store(Append(Instruction.PtrAdd(Kernel.Parameters[0], Thread(), 4)), sum, 0, 4));
        Kernel.Blocks = new ControlFlow(Kernel.Entry).Blocks;
    }

    public IrKernel Kernel { get; }

    /// <summary>Statements that all threads reach together.</summary>
    private void Statements(int count, int depth)
    {
        for (int i = 0; i < count; i++)
        {
            switch (_random.Next(depth > 0 ? 11 : 7))
            {
                case 0:
                    Set(Any(_shared), Expression(_shared));
                    break;
                case 1:
                    Set(Any(_own), Expression(_random.Next(2) == 0 ? _shared : _own));
                    break;
                case 2 or 3:
                    Exchange();
                    break;
                case 4:
                    Reduce();
                    break;
                case 5 or 6:
                    Own(_random.Next(1, 4), 2);
                    break;
                case 7:
                    Condition(_shared, () => Statements(_random.Next(3), depth - 1));
                    break;
                case 8 when _loops.Count > 0:
                    Leave();
                    break;
                default:
                    Loop(Constant.Int32(_random.Next(1, 4)), () => Statements(_random.Next(1, 4), depth - 1));
                    break;
            }
        }
    }

    /// <summary>Statements that threads may reach apart.</summary>
    private void Own(int count, int depth)
    {
        for (int i = 0; i < count; i++)
        {
            switch (_random.Next(depth > 0 ? 5 : 2))
            {
                case 0 or 1:
                    Set(Any(_own), Expression(_own));
                    break;
                case 2:
                    Condition(_own, () => Own(_random.Next(3), depth - 1));
                    break;
                case 3:
                    Condition(_shared, () => Own(_random.Next(3), depth - 1));
                    break;
                default:
                    Loop(Binary(Opcode.And, Get(Any(_own)), Constant.Int32(3)), () => Own(_random.Next(1, 3), depth - 1));
                    break;
            }
        }
    }

    /// <summary>Writes the thread's cell and reads another's.</summary>
    private void Exchange()
    {
        Append(Instruction.Store(Cell(Thread()), Get(Any(_own)), 0, 4));
        Barrier();
        Value other = Append(new Instruction(
            Opcode.RemU, IrType.I32, Binary(Opcode.Add, Thread(), Constant.Int32(_random.Next(1, 30))), Constant.Int32(_threads)));
        Set(Any(_own), Append(Instruction.Load(Cell(other), IrType.I32, 0, 4)));
        // A value of one thread for all.
        if (_random.Next(2) == 0)
            Set(Any(_shared), Append(Instruction.Load(Cell(Constant.Int32(_random.Next(_threads))), IrType.I32, 0, 4)));
        Barrier();
    }

    private void Reduce()
    {
        Value predicate = Test(_own);
        if (_random.Next(2) == 0)
            Set(Any(_shared), Append(new Instruction(Opcode.BarrierReduce, IrType.I32, predicate) { Kind = (byte)BarrierReduction.PopCount }));
        else
            Set(Any(_shared), Append(new Instruction(Opcode.Broadcast, IrType.I32, Get(Any(_own)), Constant.Int32(_random.Next(_threads)))));
    }

    private void Condition(Instruction[] variables, Action inside)
    {
        var (then, otherwise, join) = (new Block(), new Block(), new Block());
        _block.Terminator = Terminator.Branch(Test(variables), new Edge(then), new Edge(otherwise));
        _block = then;
        inside();
        _block.Terminator = Terminator.Jump(join);
        _block = otherwise;
        inside();
        _block.Terminator = Terminator.Jump(join);
        _block = join;
    }

    private void Loop(Value bound, Action inside)
    {
        var (test, body, next, behind) = (new Block(), new Block(), new Block(), new Block());
        Instruction counter = Allocate();
        Set(counter, Constant.Int32(0));
        _block.Terminator = Terminator.Jump(test);
        _block = test;
        _block.Terminator = Terminator.Branch(
            Append(Instruction.Compare(CompareKind.LtS, Get(counter), bound)), new Edge(body), new Edge(behind));
        _block = body;
        _loops.Push((next, behind));
        inside();
        _loops.Pop();
        _block.Terminator = Terminator.Jump(next);
        _block = next;
        Set(counter, Binary(Opcode.Add, Get(counter), Constant.Int32(1)));
        _block.Terminator = Terminator.Jump(test);
        _block = behind;
    }

    /// <summary>All threads leave or continue a loop, or end, together.</summary>
    private void Leave()
    {
        (Block next, Block behind) = _loops.ElementAt(_random.Next(_loops.Count));
        Block target = _random.Next(5) == 0 ? _exit : _random.Next(2) == 0 ? next : behind;
        var (leaving, staying) = (new Block(), new Block());
        _block.Terminator = Terminator.Branch(Test(_shared), new Edge(leaving), new Edge(staying));
        _block = leaving;
        Set(Any(_shared), Expression(_shared));
        _block.Terminator = Terminator.Jump(target);
        _block = staying;
    }

    private Value Expression(Instruction[] variables)
    {
        Opcode[] operations = [Opcode.Add, Opcode.Sub, Opcode.Mul, Opcode.Xor, Opcode.MinS, Opcode.DivS, Opcode.RemU];
        Opcode op = operations[_random.Next(operations.Length)];
        Value right = op >= Opcode.DivS && op <= Opcode.RemU ? Constant.Int32(_random.Next(1, 40))
            : _random.Next(2) == 0 ? Get(Any(variables)) : Constant.Int32(_random.Next(-3, 9));
        return Binary(op, Get(Any(variables)), right);
    }

    private Value Test(Instruction[] variables) =>
        Append(Instruction.Compare((CompareKind)_random.Next(10), Get(Any(variables)), Constant.Int32(_random.Next(20))));

    private Value Cell(Value index) => Append(Instruction.PtrAdd(_exchange, index, 4));

    private Value Thread() => Append(new Instruction(Opcode.Special, IrType.I32) { Kind = (byte)SpecialNumber.GroupIdX });

    private void Barrier() => Append(new Instruction(Opcode.Barrier, IrType.Void));

    private Instruction Any(Instruction[] variables) => variables[_random.Next(variables.Length)];

    private Instruction Allocate()
    {
        var allocation = new Instruction(Opcode.LocalAlloc, IrType.PointerTo(AddressSpace.Local)) { Immediate = 4, Alignment = 16 };
        Kernel.Entry.Instructions.Insert(0, allocation);
        return allocation;
    }

    private Value Get(Instruction variable) => Append(Instruction.Load(variable, IrType.I32, 0, 4));

    private void Set(Instruction variable, Value value) => Append(Instruction.Store(variable, value, 0, 4));

    private Value Binary(Opcode op, Value a, Value b) => Append(new Instruction(op, a.Type, a, b));

    private Instruction Append(Instruction instruction)
    {
        _block.Instructions.Add(instruction);
        return instruction;
    }
}

using ILGPU.Compiler.IR;
using ILGPU.Tests.Compiler;

namespace ILGPU.Tests.Cpu;

/// <summary>
/// A random program with barriers: variables that all threads share steer loops and conditions around barriers, variables of each thread
/// steer what lies between them, and threads read what others wrote to shared memory before a barrier.
/// </summary>
internal sealed class RandomGroupProgram : RandomProgram
{
    private readonly int _threads;
    private readonly Instruction[] _shared = new Instruction[3];
    private readonly Instruction[] _own = new Instruction[3];
    private readonly Instruction _exchange;
    private readonly Stack<(Block Next, Block Behind)> _loops = new();

    public RandomGroupProgram(int seed, int threads)
        : base(seed, warpSize: 16)
    {
        _threads = threads;
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
        Current.Terminator = Terminator.Jump(Exit);
        Current = Exit;
        Value sum = Get(_own[0]);
        foreach (Instruction variable in (Instruction[])[_own[1], _own[2], .. _shared])
            sum = Binary(Opcode.Xor, Binary(Opcode.Mul, sum, Constant.Int32(31)), Get(variable));
        Finish(sum);
    }

    /// <summary>Statements that all threads reach together.</summary>
    private void Statements(int count, int depth)
    {
        for (int i = 0; i < count; i++)
        {
            switch (Random.Next(depth > 0 ? 11 : 7))
            {
                case 0:
                    Set(Any(_shared), Expression(_shared));
                    break;
                case 1:
                    Set(Any(_own), Expression(Random.Next(2) == 0 ? _shared : _own));
                    break;
                case 2 or 3:
                    Exchange();
                    break;
                case 4:
                    Reduce();
                    break;
                case 5 or 6:
                    Own(Random.Next(1, 4), 2);
                    break;
                case 7:
                    Condition(_shared, () => Statements(Random.Next(3), depth - 1));
                    break;
                case 8 when _loops.Count > 0:
                    Leave();
                    break;
                default:
                    Loop(Constant.Int32(Random.Next(1, 4)), () => Statements(Random.Next(1, 4), depth - 1));
                    break;
            }
        }
    }

    /// <summary>Statements that threads may reach apart.</summary>
    private void Own(int count, int depth)
    {
        for (int i = 0; i < count; i++)
        {
            switch (Random.Next(depth > 0 ? 5 : 2))
            {
                case 0 or 1:
                    Set(Any(_own), Expression(_own));
                    break;
                case 2:
                    Condition(_own, () => Own(Random.Next(3), depth - 1));
                    break;
                case 3:
                    Condition(_shared, () => Own(Random.Next(3), depth - 1));
                    break;
                default:
                    Loop(Binary(Opcode.And, Get(Any(_own)), Constant.Int32(3)), () => Own(Random.Next(1, 3), depth - 1));
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
            Opcode.RemU, IrType.I32, Binary(Opcode.Add, Thread(), Constant.Int32(Random.Next(1, 30))), Constant.Int32(_threads)));
        Set(Any(_own), Append(Instruction.Load(Cell(other), IrType.I32, 0, 4)));
        // A value of one thread for all.
        if (Random.Next(2) == 0)
            Set(Any(_shared), Append(Instruction.Load(Cell(Constant.Int32(Random.Next(_threads))), IrType.I32, 0, 4)));
        Barrier();
    }

    private void Reduce()
    {
        Value predicate = Test(_own);
        if (Random.Next(2) == 0)
        {
            Set(
                Any(_shared),
                Append(new Instruction(Opcode.BarrierReduce, IrType.I32, predicate) { Kind = (byte)BarrierReduction.PopCount }));
        }
        else
            Set(Any(_shared), Append(new Instruction(Opcode.Broadcast, IrType.I32, Get(Any(_own)), Constant.Int32(Random.Next(_threads)))));
    }

    private void Condition(Instruction[] variables, Action inside)
    {
        var (then, otherwise, join) = (new Block(), new Block(), new Block());
        Current.Terminator = Terminator.Branch(Test(variables), new Edge(then), new Edge(otherwise));
        Current = then;
        inside();
        Current.Terminator = Terminator.Jump(join);
        Current = otherwise;
        inside();
        Current.Terminator = Terminator.Jump(join);
        Current = join;
    }

    private void Loop(Value bound, Action inside)
    {
        var (test, body, next, behind) = (new Block(), new Block(), new Block(), new Block());
        Instruction counter = Allocate();
        Set(counter, Constant.Int32(0));
        Current.Terminator = Terminator.Jump(test);
        Current = test;
        Current.Terminator = Terminator.Branch(
            Append(Instruction.Compare(CompareKind.LtS, Get(counter), bound)), new Edge(body), new Edge(behind));
        Current = body;
        _loops.Push((next, behind));
        inside();
        _loops.Pop();
        Current.Terminator = Terminator.Jump(next);
        Current = next;
        Set(counter, Binary(Opcode.Add, Get(counter), Constant.Int32(1)));
        Current.Terminator = Terminator.Jump(test);
        Current = behind;
    }

    /// <summary>All threads leave or continue a loop, or end, together.</summary>
    private void Leave()
    {
        (Block next, Block behind) = _loops.ElementAt(Random.Next(_loops.Count));
        Block target = Random.Next(5) == 0 ? Exit : Random.Next(2) == 0 ? next : behind;
        var (leaving, staying) = (new Block(), new Block());
        Current.Terminator = Terminator.Branch(Test(_shared), new Edge(leaving), new Edge(staying));
        Current = leaving;
        Set(Any(_shared), Expression(_shared));
        Current.Terminator = Terminator.Jump(target);
        Current = staying;
    }

    private Value Expression(Instruction[] variables)
    {
        Opcode[] operations = [Opcode.Add, Opcode.Sub, Opcode.Mul, Opcode.Xor, Opcode.MinS, Opcode.DivS, Opcode.RemU];
        Opcode op = operations[Random.Next(operations.Length)];
        Value right = op >= Opcode.DivS && op <= Opcode.RemU ? Constant.Int32(Random.Next(1, 40))
            : Random.Next(2) == 0 ? Get(Any(variables)) : Constant.Int32(Random.Next(-3, 9));
        return Binary(op, Get(Any(variables)), right);
    }

    private Value Test(Instruction[] variables) =>
        Append(Instruction.Compare((CompareKind)Random.Next(10), Get(Any(variables)), Constant.Int32(Random.Next(20))));

    private Value Cell(Value index) => Append(Instruction.PtrAdd(_exchange, index, 4));

    private void Barrier() => Append(new Instruction(Opcode.Barrier, IrType.Void));

    private Instruction Any(Instruction[] variables) => variables[Random.Next(variables.Length)];
}

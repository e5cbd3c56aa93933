using ILGPU.Compiler;
using ILGPU.Compiler.IR;
using ILGPU.Runtime;
using ILGPU.Tests.Interpreter;

namespace ILGPU.Tests.Compiler;

/// <summary>
/// Random programs of variables, local arrays, conditions and loops that are left, continued and returned from anywhere compute the
/// same before and after all passes, by their blocks and by their regions.
/// </summary>
public class RandomProgramTests
{
    private const int Threads = 8;
    private static readonly CompilerOptions Options = new() { WarpSize = 8, UnrolledInstructions = 300 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Compile_to_the_same_results(int seed)
    {
        for (int i = 0; i < 40; i++)
        {
            int program = seed * 1000 + i;
            IrKernel original = new Program(program).Kernel;
            IrKernel optimised = new Program(program).Kernel;
            string text = IrPrinter.Print(original);
            KernelCompiler.Optimize(optimised, Options);
            int[] expected = Run(original, structured: false);
            Assert.True(expected.AsSpan().SequenceEqual(Run(optimised, structured: false)), $"Program {program} by blocks:\n{text}\n{IrPrinter.Print(optimised)}");
            Assert.True(expected.AsSpan().SequenceEqual(Run(optimised, structured: true)), $"Program {program} by regions:\n{text}\n{IrPrinter.Print(optimised)}");
        }
    }

    private static int[] Run(IrKernel kernel, bool structured)
    {
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = new InterpreterDevice(8).CreateAccelerator(context);
        using MemoryBuffer output = accelerator.AllocateRaw(Threads, sizeof(int));
        IrInterpreter.Run(kernel, (1, Threads), [new KernelArgument(output, 0)], structured);
        int[] result = new int[Threads];
        output.AsArrayView<int>(0, Threads).CopyToCPU(result);
        return result;
    }

    /// <summary>A program under construction: the block at hand, and the loops around it.</summary>
    internal sealed class Program
    {
        private readonly Random _random;
        private readonly Instruction[] _variables = new Instruction[4];
        private readonly Instruction _array;
        private readonly Block _exit = new();
        private readonly Stack<(Block Next, Block Behind)> _loops = new();
        private Block _block;

        public Program(int seed)
        {
            _random = new Random(seed);
            Kernel = new IrKernel("random", "random") { WarpSize = 8 };
            Kernel.Parameters.Add(new Parameter(IrType.PointerTo(AddressSpace.Global), "y", ParameterRole.ViewPointer, 0));
            _block = Kernel.Entry;
            for (int i = 0; i < _variables.Length; i++)
            {
                _variables[i] = Allocate(4);
                Set(_variables[i], i == 0 ? Thread() : Constant.Int32(i * 3 - 4));
            }
            _array = Allocate(16);
            for (int i = 0; i < 4; i++)
                Append(Instruction.Store(_array, Constant.Int32(i * 7), i * 4, 4));
            Statements(4, 3);
            _block.Terminator = Terminator.Jump(_exit);

            _block = _exit;
            Value sum = Get(_variables[0]);
            foreach (Instruction variable in _variables[1..])
                sum = Binary(Opcode.Xor, Binary(Opcode.Mul, sum, Constant.Int32(31)), Get(variable));
            for (int i = 0; i < 4; i++)
                sum = Binary(Opcode.Add, sum, Append(Instruction.Load(_array, IrType.I32, i * 4, 4)));
            Append(Instruction.Store(Append(Instruction.PtrAdd(Kernel.Parameters[0], Thread(), 4)), sum, 0, 4));
            Kernel.Blocks = new ILGPU.Compiler.Analysis.ControlFlow(Kernel.Entry).Blocks;
        }

        public IrKernel Kernel { get; }

        private void Statements(int count, int depth)
        {
            for (int i = 0; i < count; i++)
                Statement(depth);
        }

        private void Statement(int depth)
        {
            switch (_random.Next(depth > 0 ? 10 : 5))
            {
                case 0 or 1 or 2:
                    Set(Variable(), Expression());
                    break;
                case 3:
                    Append(Instruction.Store(Element(), Expression(), 0, 4));
                    break;
                case 4:
                    Set(Variable(), Append(Instruction.Load(Element(), IrType.I32, 0, 4)));
                    break;
                case 5 or 6:
                    Condition(depth);
                    break;
                case 7:
                    Leave();
                    break;
                default:
                    Loop(depth);
                    break;
            }
        }

        private void Condition(int depth)
        {
            var (then, otherwise, join) = (new Block(), new Block(), new Block());
            bool both = _random.Next(2) == 0;
            _block.Terminator = Terminator.Branch(Test(), new Edge(then), new Edge(both ? otherwise : join));
            _block = then;
            Statements(_random.Next(3), depth - 1);
            _block.Terminator = Terminator.Jump(join);
            if (both)
            {
                _block = otherwise;
                Statements(_random.Next(3), depth - 1);
                _block.Terminator = Terminator.Jump(join);
            }
            _block = join;
        }

        /// <summary>Under a condition, leaves or continues one of the loops, or ends.</summary>
        private void Leave()
        {
            Block target = _exit;
            if (_loops.Count > 0 && _random.Next(6) > 0)
            {
                (Block next, Block behind) = _loops.ElementAt(_random.Next(_loops.Count));
                target = _random.Next(2) == 0 ? next : behind;
            }
            var (leaving, staying) = (new Block(), new Block());
            _block.Terminator = Terminator.Branch(Test(), new Edge(leaving), new Edge(staying));
            _block = leaving;
            Statements(_random.Next(2), 0);
            _block.Terminator = Terminator.Jump(target);
            _block = staying;
        }

        private void Loop(int depth)
        {
            var (test, body, next, behind) = (new Block(), new Block(), new Block(), new Block());
            Instruction counter = Allocate(4);
            Set(counter, Constant.Int32(0));
            bool testsFirst = _random.Next(3) > 0;
            _block.Terminator = Terminator.Jump(testsFirst ? test : body);
            _block = test;
            // Bounds that are constant, or depend on the thread.
            Value bound = _random.Next(2) == 0
                ? Constant.Int32(_random.Next(1, 6))
                : Binary(Opcode.And, Get(Variable()), Constant.Int32(3));
            Value goesOn = Append(Instruction.Compare(CompareKind.LtS, Get(counter), bound));
            _block.Terminator = _random.Next(2) == 0
                ? Terminator.Branch(goesOn, new Edge(body), new Edge(behind))
                : Terminator.Branch(Binary(Opcode.Xor, goesOn, Constant.Bool(true)), new Edge(behind), new Edge(body));
            _block = body;
            _loops.Push((next, behind));
            Statements(_random.Next(1, 4), depth - 1);
            _loops.Pop();
            _block.Terminator = Terminator.Jump(next);
            _block = next;
            Set(counter, Binary(Opcode.Add, Get(counter), Constant.Int32(_random.Next(1, 3))));
            _block.Terminator = Terminator.Jump(test);
            _block = behind;
        }

        private Value Expression()
        {
            Opcode[] operations = [Opcode.Add, Opcode.Sub, Opcode.Mul, Opcode.Xor, Opcode.And, Opcode.MinS, Opcode.MaxS, Opcode.ShrS];
            Value right = _random.Next(2) == 0 ? Get(Variable()) : Constant.Int32(_random.Next(-3, 9));
            return Binary(operations[_random.Next(operations.Length)], Get(Variable()), right);
        }

        private Value Test() =>
            Append(Instruction.Compare((CompareKind)_random.Next(10), Get(Variable()), _random.Next(2) == 0 ? Get(Variable()) : Constant.Int32(_random.Next(8))));

        private Value Element() => _random.Next(4) > 0
            ? Append(Instruction.PtrAdd(_array, Constant.Int64(_random.Next(4)), 4))
            : Append(Instruction.PtrAdd(_array, Binary(Opcode.And, Get(Variable()), Constant.Int32(3)), 4));

        private Instruction Variable() => _variables[_random.Next(_variables.Length)];

        private Instruction Allocate(int size)
        {
            var allocation = new Instruction(Opcode.LocalAlloc, IrType.PointerTo(AddressSpace.Local)) { Immediate = size, Alignment = 16 };
            Kernel.Entry.Instructions.Insert(0, allocation);
            return allocation;
        }

        private Value Thread() => Append(new Instruction(Opcode.Special, IrType.I32) { Kind = (byte)SpecialNumber.GroupIdX });

        private Value Get(Instruction variable) => Append(Instruction.Load(variable, IrType.I32, 0, 4));

        private void Set(Instruction variable, Value value) => Append(Instruction.Store(variable, value, 0, 4));

        private Value Binary(Opcode op, Value a, Value b) => Append(new Instruction(op, a.Type, a, b));

        private Instruction Append(Instruction instruction)
        {
            _block.Instructions.Add(instruction);
            return instruction;
        }
    }
}

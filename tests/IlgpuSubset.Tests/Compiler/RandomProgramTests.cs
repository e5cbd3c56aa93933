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
            Assert.True(
                expected.AsSpan().SequenceEqual(Run(optimised, structured: false)),
                $"Program {program} by blocks:\n{text}\n{IrPrinter.Print(optimised)}");
            Assert.True(
                expected.AsSpan().SequenceEqual(Run(optimised, structured: true)),
                $"Program {program} by regions:\n{text}\n{IrPrinter.Print(optimised)}");
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

    /// <summary>A program of branches and loops, which threads may leave apart.</summary>
    internal sealed class Program : RandomProgram
    {
        private readonly Instruction[] _variables = new Instruction[4];
        private readonly Instruction _array;
        private readonly Stack<(Block Next, Block Behind)> _loops = new();

        public Program(int seed)
            : base(seed, warpSize: 8)
        {
            for (int i = 0; i < _variables.Length; i++)
            {
                _variables[i] = Allocate();
                Set(_variables[i], i == 0 ? Thread() : Constant.Int32(i * 3 - 4));
            }
            _array = Allocate(16);
            for (int i = 0; i < 4; i++)
                Append(Instruction.Store(_array, Constant.Int32(i * 7), i * 4, 4));
            Statements(4, 3);
            Current.Terminator = Terminator.Jump(Exit);

            Current = Exit;
            Value sum = Get(_variables[0]);
            foreach (Instruction variable in _variables[1..])
                sum = Binary(Opcode.Xor, Binary(Opcode.Mul, sum, Constant.Int32(31)), Get(variable));
            for (int i = 0; i < 4; i++)
                sum = Binary(Opcode.Add, sum, Append(Instruction.Load(_array, IrType.I32, i * 4, 4)));
            Finish(sum);
        }

        private void Statements(int count, int depth)
        {
            for (int i = 0; i < count; i++)
                Statement(depth);
        }

        private void Statement(int depth)
        {
            switch (Random.Next(depth > 0 ? 10 : 5))
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
            bool both = Random.Next(2) == 0;
            Current.Terminator = Terminator.Branch(Test(), new Edge(then), new Edge(both ? otherwise : join));
            Current = then;
            Statements(Random.Next(3), depth - 1);
            Current.Terminator = Terminator.Jump(join);
            if (both)
            {
                Current = otherwise;
                Statements(Random.Next(3), depth - 1);
                Current.Terminator = Terminator.Jump(join);
            }
            Current = join;
        }

        /// <summary>Under a condition, leaves or continues one of the loops, or ends.</summary>
        private void Leave()
        {
            Block target = Exit;
            if (_loops.Count > 0 && Random.Next(6) > 0)
            {
                (Block next, Block behind) = _loops.ElementAt(Random.Next(_loops.Count));
                target = Random.Next(2) == 0 ? next : behind;
            }
            var (leaving, staying) = (new Block(), new Block());
            Current.Terminator = Terminator.Branch(Test(), new Edge(leaving), new Edge(staying));
            Current = leaving;
            Statements(Random.Next(2), 0);
            Current.Terminator = Terminator.Jump(target);
            Current = staying;
        }

        private void Loop(int depth)
        {
            var (test, body, next, behind) = (new Block(), new Block(), new Block(), new Block());
            Instruction counter = Allocate();
            Set(counter, Constant.Int32(0));
            bool testsFirst = Random.Next(3) > 0;
            Current.Terminator = Terminator.Jump(testsFirst ? test : body);
            Current = test;
            // Bounds that are constant, or depend on the thread.
            Value bound = Random.Next(2) == 0
                ? Constant.Int32(Random.Next(1, 6))
                : Binary(Opcode.And, Get(Variable()), Constant.Int32(3));
            Value goesOn = Append(Instruction.Compare(CompareKind.LtS, Get(counter), bound));
            Current.Terminator = Random.Next(2) == 0
                ? Terminator.Branch(goesOn, new Edge(body), new Edge(behind))
                : Terminator.Branch(Binary(Opcode.Xor, goesOn, Constant.Bool(true)), new Edge(behind), new Edge(body));
            Current = body;
            _loops.Push((next, behind));
            Statements(Random.Next(1, 4), depth - 1);
            _loops.Pop();
            Current.Terminator = Terminator.Jump(next);
            Current = next;
            Set(counter, Binary(Opcode.Add, Get(counter), Constant.Int32(Random.Next(1, 3))));
            Current.Terminator = Terminator.Jump(test);
            Current = behind;
        }

        private Value Expression()
        {
            Opcode[] operations = [Opcode.Add, Opcode.Sub, Opcode.Mul, Opcode.Xor, Opcode.And, Opcode.MinS, Opcode.MaxS, Opcode.ShrS];
            Value right = Random.Next(2) == 0 ? Get(Variable()) : Constant.Int32(Random.Next(-3, 9));
            return Binary(operations[Random.Next(operations.Length)], Get(Variable()), right);
        }

        private Value Test() =>
            Append(
                Instruction.Compare(
                    (CompareKind)Random.Next(10), Get(Variable()), Random.Next(2) == 0 ? Get(Variable()) : Constant.Int32(Random.Next(8))));

        private Value Element() => Random.Next(4) > 0
            ? Append(Instruction.PtrAdd(_array, Constant.Int64(Random.Next(4)), 4))
            : Append(Instruction.PtrAdd(_array, Binary(Opcode.And, Get(Variable()), Constant.Int32(3)), 4));

        private Instruction Variable() => _variables[Random.Next(_variables.Length)];
    }
}

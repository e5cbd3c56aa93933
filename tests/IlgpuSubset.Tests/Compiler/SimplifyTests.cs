using ILGPU.Compiler.IR;
using ILGPU.Compiler.Passes;
using ILGPU.Runtime;
using ILGPU.Tests.Interpreter;

namespace ILGPU.Tests.Compiler;

/// <summary>Simplified expressions have the value of the original, for random expressions and awkward numbers.</summary>
public class SimplifyTests
{
    private const int Threads = 16;
    private static readonly int[] Awkward = [0, 1, -1, 2, 3, 7, 8, 16, 100, 128, 255, 1024, -8, int.MaxValue, int.MinValue, 0x12345678];

    private static readonly Opcode[] Operations =
    [
        Opcode.Add, Opcode.Add, Opcode.Sub, Opcode.Mul, Opcode.DivS, Opcode.DivU, Opcode.RemS, Opcode.RemU, Opcode.And, Opcode.Or,
        Opcode.Xor, Opcode.Shl, Opcode.ShrS, Opcode.ShrU, Opcode.MinS, Opcode.MaxS, Opcode.MinU, Opcode.MaxU, Opcode.Compare,
        Opcode.Select, Opcode.Convert,
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Random_expressions_keep_their_value(int seed)
    {
        for (int i = 0; i < 150; i++)
        {
            int expression = seed * 1000 + i;
            IrKernel original = RandomExpression(new Random(expression), 25);
            IrKernel simplified = RandomExpression(new Random(expression), 25);
            Simplify.Run(simplified);
            Simplify.Run(simplified);
            RemoveDeadCode.Run(simplified);
            IrVerifier.Verify(simplified, finished: true);
            Assert.True(Run(original).AsSpan().SequenceEqual(Run(simplified)),
                $"Expression {expression}:\n{IrPrinter.Print(original)}\n{IrPrinter.Print(simplified)}");
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Positions_divide_without_division(bool remainder)
    {
        // (x * 256 + t) / 128 with t >= 0 is x * 2 + t / 128.
        IrKernel kernel = NewKernel();
        Value position = Add(kernel, Opcode.Add,
            Add(kernel, Opcode.Mul, Number(kernel, SpecialNumber.GridIdY), Constant.Int32(256)), Number(kernel, SpecialNumber.GroupIdX));
        Finish(kernel, Add(kernel, remainder ? Opcode.RemS : Opcode.DivS, position, Constant.Int32(128)));
        Simplify.Run(kernel);
        RemoveDeadCode.Run(kernel);
        Assert.DoesNotContain(kernel.Instructions, i => i.Op is Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU);
        Assert.Equal(remainder ? 0 : 1, kernel.Instructions.Count(i => i.Op == Opcode.Mul));
    }

    private static int[] Run(IrKernel kernel)
    {
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = new InterpreterDevice(32).CreateAccelerator(context);
        using MemoryBuffer input = accelerator.AllocateRaw(Awkward.Length, sizeof(int));
        using MemoryBuffer output = accelerator.AllocateRaw(Threads, sizeof(int));
        input.AsArrayView<int>(0, Awkward.Length).CopyFromCPU(Awkward);
        IrInterpreter.Run(kernel, (1, Threads), [new KernelArgument(input, 0), new KernelArgument(output, 0)], structured: false);
        int[] result = new int[Threads];
        output.AsArrayView<int>(0, Threads).CopyToCPU(result);
        return result;
    }

    private static IrKernel RandomExpression(Random random, int size)
    {
        IrKernel kernel = NewKernel();
        Value thread = Number(kernel, SpecialNumber.GroupIdX);
        Instruction element = Instruction.PtrAdd(kernel.Parameters[0], thread, 4);
        Instruction loaded = Instruction.Load(element, IrType.I32, 0, 4);
        kernel.Entry.Instructions.AddRange([element, loaded]);
        var values = new List<Value> { thread, loaded };
        for (int i = 0; i < size; i++)
        {
            Opcode op = Operations[random.Next(Operations.Length)];
            Value a = Pick();
            Value b = Pick();
            values.Add(op switch
            {
                // A divisor that may be zero is undefined; the interpreter refuses it.
                Opcode.DivS or Opcode.DivU or Opcode.RemS or Opcode.RemU => Add(kernel, op, a, Constant.Int32(random.Next(1, 200))),
                Opcode.Compare => Widen(Append(Instruction.Compare((CompareKind)random.Next(10), a, b))),
                Opcode.Select => Append(new Instruction(
                    Opcode.Select, IrType.I32, Append(Instruction.Compare((CompareKind)random.Next(10), a, b)), Pick(), Pick())),
                Opcode.Convert => Widen(Append(Instruction.Convert(ConvertKind.Truncate, a, random.Next(2) == 0 ? IrType.I8 : IrType.I16))),
                _ => Add(kernel, op, a, b),
            });
        }
        Finish(kernel, values[^1]);
        return kernel;

        Value Pick() => random.Next(3) == 0
            ? Constant.Int32(Awkward[random.Next(Awkward.Length)])
            : values[random.Next(Math.Max(0, values.Count - 6), values.Count)];

        Instruction Append(Instruction instruction)
        {
            kernel.Entry.Instructions.Add(instruction);
            return instruction;
        }

        Instruction Widen(Value narrow) =>
            Append(Instruction.Convert(random.Next(2) == 0 ? ConvertKind.ZeroExtend : ConvertKind.SignExtend, narrow, IrType.I32));
    }

    private static IrKernel NewKernel()
    {
        var kernel = new IrKernel("test", "test") { WarpSize = 32 };
        kernel.Parameters.Add(new Parameter(IrType.PointerTo(AddressSpace.Global), "x", ParameterRole.ViewPointer, 0));
        kernel.Parameters.Add(new Parameter(IrType.PointerTo(AddressSpace.Global), "y", ParameterRole.ViewPointer, 1));
        kernel.Blocks.Add(kernel.Entry);
        return kernel;
    }

    private static Instruction Number(IrKernel kernel, SpecialNumber number)
    {
        var special = new Instruction(Opcode.Special, IrType.I32) { Kind = (byte)number };
        kernel.Entry.Instructions.Add(special);
        return special;
    }

    private static Instruction Add(IrKernel kernel, Opcode op, Value a, Value b)
    {
        var instruction = new Instruction(op, IrType.I32, a, b);
        kernel.Entry.Instructions.Add(instruction);
        return instruction;
    }

    private static void Finish(IrKernel kernel, Value result)
    {
        Instruction target = Instruction.PtrAdd(kernel.Parameters[1], Number(kernel, SpecialNumber.GroupIdX), 4);
        kernel.Entry.Instructions.AddRange([target, Instruction.Store(target, result, 0, 4)]);
    }
}

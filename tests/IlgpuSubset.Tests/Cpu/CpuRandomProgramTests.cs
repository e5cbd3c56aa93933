using ILGPU.Compiler;
using ILGPU.Compiler.Cpu;
using ILGPU.Compiler.IR;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Tests.Compiler;
using ILGPU.Tests.Interpreter;

namespace ILGPU.Tests.Cpu;

/// <summary>
/// Random programs compute under masks what threads compute one by one: loops of different lengths that lanes leave, continue and
/// return from anywhere, in full and partial vectors; and with barriers, shared memory and shared counters around them.
/// </summary>
public class CpuRandomProgramTests
{
    private static readonly CompilerOptions Options = new() { WarpSize = LaneVectors.WarpSize, UnrolledInstructions = 100 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Divergent_control_flow(int seed)
    {
        for (int i = 0; i < 30; i++)
        {
            IrKernel kernel = new RandomProgramTests.Program(50_000 + seed * 1000 + i).Kernel;
            KernelCompiler.Optimize(kernel, Options);
            Compare(kernel, i % 3 == 0 ? 8 : i % 3 == 1 ? 16 : 37, seed * 1000 + i);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Barriers_in_shared_control_flow(int seed)
    {
        int refused = 0;
        for (int i = 0; i < 30; i++)
        {
            IrKernel kernel = new RandomGroupProgram(seed * 1000 + i, 40).Kernel;
            try
            {
                KernelCompiler.Optimize(kernel, Options);
            }
            catch (KernelCompilerException)
            {
                // What is shared cannot always be proven to be: here it is the compiled ones that count.
                refused++;
                continue;
            }
            Compare(kernel, 40, seed * 1000 + i);
        }
        Assert.InRange(refused, 0, 3);
    }

    private static void Compare(IrKernel kernel, int threads, int program)
    {
        using Context context = Context.Create(builder => builder.CPU());
        int[] expected = new int[threads];
        int[] actual = new int[threads];
        using (Accelerator interpreter = new InterpreterDevice(LaneVectors.WarpSize).CreateAccelerator(context))
        using (MemoryBuffer output = interpreter.AllocateRaw(threads, sizeof(int)))
        {
            IrInterpreter.Run(kernel, (1, threads), [new KernelArgument(output, 0)], structured: false);
            output.AsArrayView<int>(0, threads).CopyToCPU(expected);
        }
        int vectorBytes = program % 4 == 0 ? 16 : program % 4 == 1 ? 32 : LaneVectors.Widest.Bytes;
        using (var accelerator = new CPUAccelerator(context, context.GetCPUDevice(0), new LaneVectors(vectorBytes)))
        using (MemoryBuffer output = accelerator.AllocateRaw(threads, sizeof(int)))
        {
            accelerator.LoadModule(kernel).Launch(accelerator.DefaultStream, (1, threads), [new KernelArgument(output, 0)]);
            output.AsArrayView<int>(0, threads).CopyToCPU(actual);
        }
        Assert.True(
            expected.AsSpan().SequenceEqual(actual),
            $"Program {program} in {vectorBytes}-byte vectors:\n{string.Join(' ', expected)}\n{string.Join(' ', actual)}\n"
            + IrPrinter.Print(kernel));
    }
}

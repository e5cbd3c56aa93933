using ILGPU.Compiler;
using ILGPU.Compiler.IR;
using ILGPU.Compiler.OpenCl;
using ILGPU.Runtime;

namespace ILGPU.Tests.OpenCl;

/// <summary>The OpenCL C that kernels become. No device is needed.</summary>
public class OpenClTextTests
{
    private static readonly OpenClTarget Full = new(HasDouble: true, HasLongAtomics: true, HasLongMinMax: true);
    private static readonly OpenClTarget Core = new(HasDouble: false, HasLongAtomics: false, HasLongMinMax: false);

    private readonly record struct Quad(float X, float Y, float Z, float W);

    [Fact]
    public void Names_and_arithmetic_read_as_in_the_source()
    {
        string text = Text(Scale);
        Assert.Contains("__global uchar* input_memory, long input_offset", text);
        Assert.Contains("__global uchar* const input = input_memory + input_offset;", text);
        Assert.Contains("float factor", text);
        Assert.Contains("#pragma OPENCL FP_CONTRACT OFF", text);
        Assert.Contains("* factor", text);
        Assert.Contains("OpenClTextTests.cs:", text);
        Assert.DoesNotContain("cl_khr", text);
        Assert.DoesNotContain("goto", text);
    }

    [Fact]
    public void A_loop_with_barriers_is_a_while_with_a_uniform_condition()
    {
        string text = Text(SumOfGroup);
        Assert.Matches(@"while \(\w+ > 0\)\s+\{", text);
        Assert.DoesNotContain("for (;;)", text);
        Assert.DoesNotContain("goto", text);
        Assert.Matches(@"__local uint4 \w+_memory\[16\];", text);
        // Nothing was written to global memory before.
        Assert.Contains("barrier(CLK_LOCAL_MEM_FENCE);", text);
        Assert.DoesNotContain("CLK_GLOBAL_MEM_FENCE", text);
    }

    [Fact]
    public void A_barrier_after_global_writes_waits_for_them() =>
        Assert.Contains("barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE);", Text(WriteThenRead));

    [Fact]
    public void Sixteen_bytes_are_one_access()
    {
        string text = Text(CopyQuads);
        Assert.Matches(@"\(__global float4\*\)output\)\[\w+\] = ", text);
        Assert.Matches(@"= \(\(__global float4\*\)input\)\[\w+\];", text);
    }

    [Fact]
    public void Index_arithmetic_is_signed_and_other_arithmetic_wraps()
    {
        string text = Text(IndexAndHash);
        Assert.Matches(@"\[\(?\(?\w+ \* 3\)? \+ 1\)?\]", text);
        Assert.Matches(@"\(int\)\(.*\(uint\)\w+ \* 31u", text);
    }

    [Fact]
    public void A_constant_is_added_to_the_whole_index() => Assert.Matches(@"\[\(\w+ & 7\) \+ 3\]", Text(MaskedIndex));

    [Fact]
    public void Doubles_enable_their_extension_or_are_refused_with_the_line()
    {
        Assert.Contains("#pragma OPENCL EXTENSION cl_khr_fp64 : enable", Text(Doubles));
        string message = Assert.Throws<KernelCompilerException>(() => Emit(Doubles, Core)).Message;
        Assert.Contains("cl_khr_fp64", message);
        Assert.Contains("OpenClTextTests.cs:", message);
    }

    [Fact]
    public void Long_atomics_enable_their_extension_or_are_refused_with_the_line()
    {
        Assert.Contains("cl_khr_int64_base_atomics : enable", Text(LongAtomic));
        string message = Assert.Throws<KernelCompilerException>(() => Emit(LongAtomic, Core)).Message;
        Assert.Contains("cl_khr_int64_base_atomics", message);
        Assert.Contains("OpenClTextTests.cs:", message);
    }

    [Fact]
    public void A_shuffle_that_only_some_threads_reach_is_refused_with_the_line()
    {
        string message = Assert.Throws<KernelCompilerException>(() => Emit(DivergentShuffle, Full)).Message;
        Assert.Contains("A warp shuffle under a condition", message);
        Assert.Contains("OpenClTextTests.cs:", message);
    }

    [Fact]
    public void Dynamic_shared_memory_and_exchange_are_arguments()
    {
        OpenClSource source = Emit(DynamicAndShuffle, Full);
        Assert.Equal([ExtraArgument.DynamicShared, ExtraArgument.DynamicSharedSize, ExtraArgument.Exchange], source.Arguments);
        Assert.Contains("__local ulong2* exchange_memory", source.Text);
        Assert.Contains("long dynamic_shared_bytes", source.Text);
    }

    [Fact]
    public void Names_that_mean_something_in_OpenCL_are_changed()
    {
        string text = Text(Reserved);
        Assert.Contains("float half_", text);
        Assert.Contains("int global_", text);
        Assert.Contains("__global uchar* const min_ = ", text);
    }

    [Fact]
    public void Parameters_of_a_block_that_change_places_keep_their_values()
    {
        // while (i < n) { (a, b, i) = (b, a, i + 1); }
        var kernel = new IrKernel("swap", "Swap") { WarpSize = 32 };
        var output = new Parameter(IrType.PointerTo(AddressSpace.Global), "output", ParameterRole.ViewPointer, 0);
        var n = new Parameter(IrType.I32, "n", ParameterRole.Scalar, 1);
        kernel.Parameters = [output, n];
        Block header = new(), body = new(), end = new();
        BlockParameter a = new(IrType.I32) { Name = "a" }, b = new(IrType.I32) { Name = "b" }, i = new(IrType.I32) { Name = "i" };
        header.Parameters.AddRange([a, b, i]);
        kernel.Entry.Terminator = Terminator.Jump(header, Constant.Int32(1), Constant.Int32(2), Constant.Int32(0));
        Instruction less = Instruction.Compare(CompareKind.LtS, i, n);
        header.Instructions.Add(less);
        header.Terminator = Terminator.Branch(less, new Edge(body), new Edge(end));
        var next = new Instruction(Opcode.Add, IrType.I32, i, Constant.Int32(1));
        body.Instructions.Add(next);
        body.Terminator = Terminator.Jump(header, b, a, next);
        end.Instructions.Add(Instruction.Store(output, a, 0, 4));
        kernel.Blocks = [kernel.Entry, header, body, end];
        IrVerifier.Verify(kernel, finished: true);

        string text = OpenClEmitter.Emit(kernel, Full).Text;
        Assert.Contains(
            """
                while (i < n)
                {
                    i = (int)((uint)i + 1u);
                    int const a_before = a;
                    a = b;
                    b = a_before;
                }
                *(__global any_int*)output = a;
            """.ReplaceLineEndings("\n"),
            text);
    }

    private static string Text(Delegate kernel) => Emit(kernel, Full).Text;

    private static OpenClSource Emit(Delegate kernel, OpenClTarget target) => OpenClEmitter.Emit(
        KernelCompiler.Compile(
            new EntryPoint(kernel.Method, autoGrouped: false, default), new SpecializationKey([]), new CompilerOptions { WarpSize = 32 }),
        target);

    private static void Scale(ArrayView<float> input, ArrayView<float> output, float factor) =>
        output[Grid.GlobalIndex.X] = input[Grid.GlobalIndex.X] * factor;

    private static void SumOfGroup(ArrayView<int> input, ArrayView<int> output)
    {
        ArrayView<int> sums = SharedMemory.Allocate<int>(64);
        sums[Group.IdxX] = input[Grid.GlobalIndex.X];
        Group.Barrier();
        for (int step = Group.DimX / 2; step > 0; step /= 2)
        {
            if (Group.IdxX < step)
                sums[Group.IdxX] += sums[Group.IdxX + step];
            Group.Barrier();
        }
        output[Grid.GlobalIndex.X] = sums[0];
    }

    private static void WriteThenRead(ArrayView<int> values)
    {
        values[Group.IdxX] = Group.IdxX;
        Group.Barrier();
        values[Group.IdxX + 64] = values[63 - Group.IdxX];
    }

    private static void CopyQuads(ArrayView<Quad> input, ArrayView<Quad> output) => output[Group.IdxX] = input[Group.IdxX];

    private static void IndexAndHash(ArrayView<int> values)
    {
        int index = values[0];
        values[index * 3 + 1] = values[1] * 31 + values[2];
    }

    private static void MaskedIndex(ArrayView<int> values) => values[(values[0] & 7) + 3] = 1;

    private static void Doubles(ArrayView<double> values) => values[0] *= 2;

    private static void LongAtomic(ArrayView<long> values) => Atomic.Add(ref values[0], 1);

    private static void DivergentShuffle(ArrayView<int> values)
    {
        int value = values[Group.IdxX];
        if (Group.IdxX < 32)
            value += Warp.ShuffleXor(value, 1);
        values[Group.IdxX] = value;
    }

    private static void DynamicAndShuffle(ArrayView<int> values)
    {
        ArrayView<int> shared = SharedMemory.GetDynamic<int>();
        shared[Group.IdxX] = Warp.ShuffleDown(values[Group.IdxX], 1);
        Group.Barrier();
        values[Group.IdxX] = shared[shared.IntLength - 1 - Group.IdxX];
    }

    private static void Reserved(ArrayView<float> min, float half, int global) => min[global] = half;
}

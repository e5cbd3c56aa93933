using ILGPU.Compiler;
using ILGPU.Compiler.IR;
using ILGPU.Runtime;
using ILGPU.Tests.Cases;

namespace ILGPU.Tests.Compiler;

/// <summary>What the passes must make of kernels for them to be fast, read off the IR.</summary>
public class CodeQualityTests
{
    [Fact]
    public void A_register_tile_needs_no_memory_and_no_branches_in_its_main_loop()
    {
        IrKernel kernel = Compile<ArrayView<float>, ArrayView<float>, ArrayView<float>, SpecializedValue<int>>(Product, 1024);
        Instruction[] instructions = [.. kernel.Instructions];
        Assert.DoesNotContain(instructions, i => i.Op == Opcode.LocalAlloc);
        Block main = kernel.Blocks.MaxBy(block => block.Instructions.Count(i => i.Op == Opcode.Fma))!;
        // 16 steps of an 8 x 8 tile, each reading 16 numbers in 4 wide accesses.
        Assert.Equal(16 * 64, main.Instructions.Count(i => i.Op == Opcode.Fma));
        Assert.Equal(16 * 4, main.Instructions.Count(i => i.Op == Opcode.Load && i.Type == IrType.VectorOf(IrType.F32, 4)
            && i.Operands[0].Type.Space == AddressSpace.Shared));
        // Extracts are free on a GPU: they name registers of a wide load.
        int executed = main.Instructions.Count(i => i.Op is not Opcode.Extract and not Opcode.BuildVector);
        Assert.InRange(executed, 1, 16 * 64 * 100 / 85);
    }

    [Fact]
    public void Indices_stay_in_32_bits()
    {
        IrKernel kernel = Compile<ArrayView<float>, ArrayView<float>, ArrayView<float>, SpecializedValue<int>>(Product, 1024);
        Assert.DoesNotContain(kernel.Instructions, i => i.Op is Opcode.Add or Opcode.Mul && i.Type == IrType.I64);
        Assert.All(kernel.Instructions.Where(i => i.Op == Opcode.PtrAdd && i.Operands[1] is not Constant),
            i => Assert.Equal(IrType.I32, i.Operands[1].Type));
    }

    [Fact]
    public void A_structure_of_four_numbers_moves_in_one_access()
    {
        IrKernel kernel = Compile<ArrayView<StructureCases.Float4>, ArrayView<StructureCases.Float4>>(
            (x, y) => y[Group.IdxX] = x[Group.IdxX + 3]);
        Instruction load = Assert.Single(kernel.Instructions, i => i.Op == Opcode.Load);
        Instruction store = Assert.Single(kernel.Instructions, i => i.Op == Opcode.Store);
        Assert.Equal((IrType.VectorOf(IrType.F32, 4), 48, 16), (load.Type, load.Immediate, load.Alignment));
        Assert.Same(load, store.Operands[1]);
    }

    [Fact]
    public void Unused_lengths_are_no_parameters()
    {
        IrKernel kernel = Compile<ArrayView<float>, int, ArrayView<float>>((x, n, y) => y[0] = x[0]);
        Assert.Equal([("x", 0), ("y", 3)], kernel.Parameters.Select(parameter => (parameter.Name, parameter.ArgumentIndex)));
    }

    [Fact]
    public void What_is_invariant_is_computed_before_the_loop()
    {
        IrKernel kernel = Compile<ArrayView<float>, int>((y, n) =>
        {
            for (int i = 0; i < n; i++)
                y[Group.IdxX * n + i] = 1;
        });
        Block body = kernel.Blocks.Single(block => block.Instructions.Any(i => i.Op == Opcode.Store));
        Assert.DoesNotContain(body.Instructions, i => i.Op == Opcode.Mul);
    }

    [Fact]
    public void Names_are_the_same_in_every_run_and_differ_between_variants()
    {
        IrKernel first = Compile<ArrayView<float>, ArrayView<float>, ArrayView<float>, SpecializedValue<int>>(Product, 1024);
        IrKernel again = Compile<ArrayView<float>, ArrayView<float>, ArrayView<float>, SpecializedValue<int>>(Product, 1024);
        IrKernel other = Compile<ArrayView<float>, ArrayView<float>, ArrayView<float>, SpecializedValue<int>>(Product, 512);
        Assert.Equal(first.Name, again.Name);
        Assert.Equal(IrPrinter.Print(first), IrPrinter.Print(again));
        Assert.NotEqual(first.Name, other.Name);
    }

    private static IrKernel Compile<T1, T2>(Action<T1, T2> kernel, params long[] specialized) => Compile((Delegate)kernel, specialized);

    private static IrKernel Compile<T1, T2, T3>(Action<T1, T2, T3> kernel, params long[] specialized) =>
        Compile((Delegate)kernel, specialized);

    private static IrKernel Compile<T1, T2, T3, T4>(Action<T1, T2, T3, T4> kernel, params long[] specialized) =>
        Compile((Delegate)kernel, specialized);

    private static IrKernel Compile(Delegate kernel, long[] specialized) =>
        KernelCompiler.Compile(
            new EntryPoint(kernel.Method, false, default), new SpecializationKey(specialized), new CompilerOptions { WarpSize = 32 });

    /// <summary>A matrix product of 128 x 128 tiles by 256 threads, each with 8 x 8 results in registers.</summary>
    private static void Product(ArrayView<float> a, ArrayView<float> b, ArrayView<float> c, SpecializedValue<int> size)
    {
        const int Tile = 128;
        const int Depth = 16;
        ArrayView<float> tileA = SharedMemory.Allocate<float>(Depth * Tile);
        ArrayView<float> tileB = SharedMemory.Allocate<float>(Depth * Tile);
        ArrayView<StructureCases.Float4> wideA = tileA.Cast<StructureCases.Float4>();
        ArrayView<StructureCases.Float4> wideB = tileB.Cast<StructureCases.Float4>();
        ArrayView<float> sums = LocalMemory.Allocate<float>(64);
        ArrayView<float> rows = LocalMemory.Allocate<float>(8);
        ArrayView<float> columns = LocalMemory.Allocate<float>(8);
        int threadRow = Group.IdxX / 16;
        int threadColumn = Group.IdxX % 16;
        for (int i = 0; i < 64; i++)
            sums[i] = 0;
        for (int k0 = 0; k0 < size; k0 += Depth)
        {
            for (int i = 0; i < Depth * Tile / 256; i++)
            {
                int element = i * 256 + Group.IdxX;
                tileA[element] = a[(k0 + element / Tile) * size + Grid.IdxY * Tile + element % Tile];
                tileB[element] = b[(k0 + element / Tile) * size + Grid.IdxX * Tile + element % Tile];
            }
            Group.Barrier();
            for (int k = 0; k < Depth; k++)
            {
                Spread(wideA, (k * Tile + threadRow * 8) / 4, rows);
                Spread(wideB, (k * Tile + threadColumn * 8) / 4, columns);
                for (int i = 0; i < 8; i++)
                {
                    for (int j = 0; j < 8; j++)
                        sums[i * 8 + j] += rows[i] * columns[j];
                }
            }
            Group.Barrier();
        }
        for (int i = 0; i < 8; i++)
        {
            for (int j = 0; j < 8; j++)
                c[(Grid.IdxY * Tile + threadRow * 8 + i) * size + Grid.IdxX * Tile + threadColumn * 8 + j] = sums[i * 8 + j];
        }
    }

    private static void Spread(ArrayView<StructureCases.Float4> source, int index, ArrayView<float> target)
    {
        for (int half = 0; half < 2; half++)
        {
            StructureCases.Float4 four = source[index + half];
            target[half * 4] = four.X;
            target[half * 4 + 1] = four.Y;
            target[half * 4 + 2] = four.Z;
            target[half * 4 + 3] = four.W;
        }
    }
}

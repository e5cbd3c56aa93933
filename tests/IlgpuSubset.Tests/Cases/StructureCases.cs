using System.Numerics;
using ILGPU.Runtime;

namespace ILGPU.Tests.Cases;

/// <summary>Structures, generics and constants.</summary>
internal static class StructureCases
{
    private const int Offset = 17;
    private static readonly int Table0 = 41;
    private static readonly Pair ConstantPair = new(3, 2.5f);

    public static IReadOnlyList<CompilerCase> All { get; } =
    [
        CompilerCase.Map("structure with methods", Methods, [1f, -2f, 3.5f], x => new Complex(x, 1) is var c ? (c * c).LengthSquared : 0),
        CompilerCase.Map("structure elements", Elements, [new Pair(1, 2f), new Pair(-5, 0.5f)], p => new Pair(p.Count + 1, p.Weight * 2)),
        CompilerCase.Map("field of an element", Fields, [new Pair(1, 2f), new Pair(-5, 0.5f)], p => p.Count),
        CompilerCase.Map("nested structures", NestedStructures, [1, 2, 3], x => x * 3 + 1f),
        CompilerCase.Map("structure by reference", ByReference, [1, 2, 3], x => x + 100),
        CompilerCase.Map("with expression and tuple", Tuples, [4, 9], x => x * 2 - (x + 1)),
        CompilerCase.Map(
            "16-byte elements", Float4Elements, [new Float4(1, 2, 3, 4), new Float4(5, 6, 7, 8)],
            v => new Float4(v.W, v.Z, v.Y, v.X + v.Y)),
        CompilerCase.Map("generic method", GenericMethod<float>, [1.5f, 2f], x => x + x),
        CompilerCase.Map("generic operation structure", GenericOperation<Squaring>, [1.5f, -2f], x => x * x),
        CompilerCase.Map("static abstract operation", StaticAbstract<Doubling>, [1.5f, -2f], x => x * 2),
        CompilerCase.Map("type test in a generic", TypeTest<float>, [1f, 2f], x => x + 1),
        CompilerCase.Map("constants", Constants, [1, 2], x => x + Offset + 41 + 3 + 8),
        CompilerCase.Map("readonly static structure", StaticStructure, [1f, 2f], x => x + 3 + 2.5f),
        new("structure argument", StructureArgument),
        new("structure of views as argument", ViewsInStructure),
        new("specialised values", Specialised),
        new("specialised structure", SpecialisedStructure),
    ];

    private interface IOperation
    {
        float Apply(float x);
    }

    private interface IStaticOperation
    {
        static abstract float Apply(float x);
    }

    private static void Methods(ArrayView<float> x, ArrayView<float> y)
    {
        var c = new Complex(x[Group.IdxX], 1);
        Complex square = c * c;
        y[Group.IdxX] = square.LengthSquared;
    }

    private static void Elements(ArrayView<Pair> x, ArrayView<Pair> y)
    {
        Pair pair = x[Group.IdxX];
        pair.Count++;
        y[Group.IdxX] = pair with { Weight = pair.Weight * 2 };
    }

    private static void Fields(ArrayView<Pair> x, ArrayView<int> y) => y[Group.IdxX] = x[Group.IdxX].Count;

    private static void NestedStructures(ArrayView<int> x, ArrayView<float> y)
    {
        var outer = new Outer { First = new Pair(x[Group.IdxX], 1f), Second = new Pair(2, 0) };
        outer.Second.Weight = outer.First.Count * outer.Second.Count;
        y[Group.IdxX] = outer.Second.Weight + outer.First.Weight + outer.First.Count;
    }

    private static void ByReference(ArrayView<int> x, ArrayView<int> y)
    {
        var pair = new Pair(x[Group.IdxX], 0);
        Raise(ref pair);
        y[Group.IdxX] = pair.Count;
    }

    private static void Raise(ref Pair pair)
    {
        pair.Count += 100;
        pair.Weight = 1;
    }

    private static void Tuples(ArrayView<int> x, ArrayView<int> y)
    {
        (int a, int b) = Both(x[Group.IdxX]);
        y[Group.IdxX] = a - b;
    }

    private static (int Twice, int Next) Both(int x) => (x * 2, x + 1);

    private static void Float4Elements(ArrayView<Float4> x, ArrayView<Float4> y)
    {
        Float4 v = x[Group.IdxX];
        y[Group.IdxX] = new Float4(v.W, v.Z, v.Y, v.X + v.Y);
    }

    private static void GenericMethod<T>(ArrayView<T> x, ArrayView<T> y)
        where T : unmanaged, INumber<T> =>
        y[Group.IdxX] = x[Group.IdxX] + x[Group.IdxX];

    private static void GenericOperation<TOperation>(ArrayView<float> x, ArrayView<float> y)
        where TOperation : struct, IOperation =>
        y[Group.IdxX] = default(TOperation).Apply(x[Group.IdxX]);

    private static void StaticAbstract<TOperation>(ArrayView<float> x, ArrayView<float> y)
        where TOperation : IStaticOperation =>
        y[Group.IdxX] = TOperation.Apply(x[Group.IdxX]);

    private static void TypeTest<T>(ArrayView<T> x, ArrayView<T> y)
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
            y[Group.IdxX] = (T)(object)((float)(object)x[Group.IdxX] + 1);
        else
            throw new NotSupportedException();
    }

    private static void Constants(ArrayView<int> x, ArrayView<int> y) =>
        y[Group.IdxX] = x[Group.IdxX] + Offset + Table0 + ConstantPair.Count + Interop.SizeOf<Pair>();

    private static void StaticStructure(ArrayView<float> x, ArrayView<float> y)
    {
        Pair pair = ConstantPair;
        y[Group.IdxX] = x[Group.IdxX] + pair.Count + pair.Weight;
    }

    private static void StructureArgument(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<float>(4);
        accelerator.LoadStreamKernel<Outer, byte, ArrayView<float>>(Kernel)(
            (1, 4), new Outer { First = new Pair(5, 1.5f), Second = new Pair(-1, 0.25f) }, 200, target.View);
        CompilerCase.Equal([206.75f, 207.75f, 208.75f, 209.75f], target.GetAsArray1D());

        static void Kernel(Outer outer, byte number, ArrayView<float> y) =>
            y[Group.IdxX] = outer.First.Count + outer.First.Weight + outer.Second.Weight + number + Group.IdxX;
    }

    private static void ViewsInStructure(Accelerator accelerator)
    {
        using var source = accelerator.Allocate1D<float>([1, 2, 3, 4]);
        using var target = accelerator.Allocate1D<float>(4);
        accelerator.LoadStreamKernel<Transfer>(Kernel)((1, 4), new Transfer { Source = source.View, Target = target.View, Factor = 3 });
        CompilerCase.Equal([3f, 6f, 9f, 12f], target.GetAsArray1D());

        static void Kernel(Transfer transfer) => transfer.Run(Group.IdxX);
    }

    private static void Specialised(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<int>(4);
        var kernel = accelerator.LoadStreamKernel<ArrayView<int>, SpecializedValue<int>, int, SpecializedValue<bool>>(Kernel);
        foreach ((int count, bool negate) in new[] { (3, false), (5, true), (3, false) })
        {
            kernel((1, 4), target.View, SpecializedValue.New(count), 100, SpecializedValue.New(negate));
            CompilerCase.Equal(
                [.. Enumerable.Range(0, 4).Select(i => (negate ? -1 : 1) * (Enumerable.Range(0, count).Sum(k => k * i) + 100))],
                target.GetAsArray1D());
        }

        static void Kernel(ArrayView<int> y, SpecializedValue<int> count, int add, SpecializedValue<bool> negate)
        {
            ArrayView<int> parts = LocalMemory.Allocate<int>(count);
            for (int k = 0; k < count; k++)
                parts[k] = k * Group.IdxX;
            int sum = add;
            for (int k = 0; k < count; k++)
                sum += parts[k];
            y[Group.IdxX] = negate ? -sum : sum;
        }
    }

    private static void SpecialisedStructure(Accelerator accelerator)
    {
        using var target = accelerator.Allocate1D<float>(2);
        accelerator.LoadStreamKernel<ArrayView<float>, SpecializedValue<Pair>>(Kernel)(
            (1, 2), target.View, SpecializedValue.New(new Pair(4, 0.5f)));
        CompilerCase.Equal([4.5f, 5.5f], target.GetAsArray1D());

        static void Kernel(ArrayView<float> y, SpecializedValue<Pair> pair) =>
            y[Group.IdxX] = pair.Value.Count + pair.Value.Weight + Group.IdxX;
    }

    internal record struct Pair(int Count, float Weight);

    internal record struct Float4(float X, float Y, float Z, float W);

    private struct Outer
    {
        public Pair First;
        public Pair Second;
    }

    private struct Transfer
    {
        public ArrayView<float> Source;
        public ArrayView1D<float, Stride1D.Dense> Target;
        public int Factor;

        public readonly void Run(int i) => Target[i] = Source[i] * Factor;
    }

    private readonly struct Complex(float real, float imaginary)
    {
        private readonly float _real = real;

        public float Imaginary { get; } = imaginary;

        public float LengthSquared => MathF.FusedMultiplyAdd(_real, _real, 0) + 0 * Imaginary;

        // One product for each part keeps host and kernel rounding alike.
        public static Complex operator *(Complex a, Complex b) => new(a._real * b._real, a.Imaginary * b._real);
    }

    private readonly struct Squaring : IOperation
    {
        public float Apply(float x) => x * x;
    }

    private readonly struct Doubling : IStaticOperation
    {
        public static float Apply(float x) => x * 2;
    }
}

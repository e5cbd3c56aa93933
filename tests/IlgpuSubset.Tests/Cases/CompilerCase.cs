using ILGPU.Runtime;

namespace ILGPU.Tests.Cases;

/// <summary>
/// A small kernel for one construct, with what the host computes for it: run on an accelerator, it throws where the two differ.
/// The list is the same for every back end.
/// </summary>
/// <param name="Name">The construct.</param>
/// <param name="Check">Runs the kernel and compares.</param>
public sealed record CompilerCase(string Name, Action<Accelerator> Check)
{
    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>A kernel that gives each of its elements a value computed from the element of the input.</summary>
    public static CompilerCase Map<TIn, TOut>(
        string name, Action<ArrayView<TIn>, ArrayView<TOut>> kernel, TIn[] input, Func<TIn, TOut> expected, double tolerance = 0)
        where TIn : unmanaged
        where TOut : unmanaged =>
        new(name, accelerator =>
        {
            using var source = accelerator.Allocate1D(input);
            using var target = accelerator.Allocate1D<TOut>(input.Length);
            accelerator.LoadStreamKernel(kernel)((1, input.Length), source.View, target.View);
            Equal([.. input.Select(expected)], target.GetAsArray1D(), tolerance);
        });

    /// <summary>A kernel whose threads write one result each, launched in a shape, with what it should write.</summary>
    public static CompilerCase Produce<T>(
        string name, Action<ArrayView<T>> kernel, KernelConfig shape, Func<int, T> expected, double tolerance = 0)
        where T : unmanaged =>
        new(name, accelerator =>
        {
            using var target = accelerator.Allocate1D<T>(shape.Size);
            target.View.MemSetToZero();
            accelerator.LoadStreamKernel(kernel)(shape, target.View);
            Equal([.. Enumerable.Range(0, (int)shape.Size).Select(expected)], target.GetAsArray1D(), tolerance);
        });

    /// <summary>Compares element by element; the tolerance is relative to the larger of 1 and the expected value.</summary>
    public static void Equal<T>(T[] expected, T[] actual, double tolerance = 0)
        where T : unmanaged
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            bool same = tolerance == 0
                ? expected[i].Equals(actual[i])
                : Math.Abs(Convert.ToDouble(expected[i]) - Convert.ToDouble(actual[i]))
                    <= tolerance * Math.Max(1, Math.Abs(Convert.ToDouble(expected[i])));
            Assert.True(same, $"Element {i}: expected {expected[i]}, found {actual[i]}.");
        }
    }
}

using System.Runtime.CompilerServices;
using ILGPU.Runtime;
using ILGPU.Tests.Interpreter;

namespace ILGPU.Tests.Compiler;

/// <summary>What cannot be compiled is refused with the method, the construct and the line it stands in.</summary>
public class RefusalTests
{
    private static int _writable = 3;
    private static readonly int[] Array0 = [1, 2];

    public static TheoryData<string, Action<ArrayView<int>>, string, int> Constructs => new()
    {
        { "array", NewArray, "An array", Line(nameof(NewArray)) },
        { "string", Text, "A variable of type", Line(nameof(Text)) },
        { "class", Objects, "An object of class", Line(nameof(Objects)) },
        { "writable static", WritableStatic, "_writable", Line(nameof(WritableStatic)) },
        { "static array", StaticArray, "Array0", Line(nameof(StaticArray)) },
        { "exception", Throws, "An exception that is thrown", Line(nameof(Throws)) },
        { "recursion", Recursive, "A recursive call of RefusalTests.Countdown", Line(nameof(Countdown)) },
        { "checked arithmetic", Checked, "Checked arithmetic", Line(nameof(Checked)) },
        { "allocation of unknown size", UnknownSize, "not constant", Line(nameof(UnknownSize)) },
        { "divergent barrier", DivergentBarrier, "Group.Barrier under a condition", Line(nameof(DivergentBarrier)) + 1 },
        {
            "barrier after some threads returned", BarrierAfterReturn, "Group.Barrier under a condition",
            Line(nameof(BarrierAfterReturn)) + 1
        },
        { "mixed memories", MixedMemories, "memory on another", Line(nameof(MixedMemories)) },
    };

    [Theory]
    [MemberData(nameof(Constructs))]
    public void Names_method_construct_and_line(string construct, Action<ArrayView<int>> kernel, string message, int line)
    {
        Assert.NotEmpty(construct);
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = new InterpreterDevice(32).CreateAccelerator(context);
        var refusal = Assert.ThrowsAny<NotSupportedException>(() => accelerator.LoadStreamKernel(kernel));
        Assert.Contains(message, refusal.Message);
        Assert.Contains("RefusalTests.", refusal.Message);
        Assert.Contains($"RefusalTests.cs:{line}", refusal.Message);
    }

    [Fact]
    public void Try_blocks_and_captures_are_refused()
    {
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = new InterpreterDevice(32).CreateAccelerator(context);
        Assert.Contains(
            "try block", Assert.ThrowsAny<NotSupportedException>(() => accelerator.LoadStreamKernel<ArrayView<int>>(Tries)).Message);
        int captured = 3;
        Assert.Contains("captures", Assert.ThrowsAny<NotSupportedException>(
            () => accelerator.LoadStreamKernel<ArrayView<int>>(y => y[0] = captured)).Message);
    }

    [Fact]
    public void Unreachable_constructs_are_no_obstacle()
    {
        using Context context = Context.Create().ToContext();
        using Accelerator accelerator = new InterpreterDevice(32).CreateAccelerator(context);
        using var target = accelerator.Allocate1D<int>(1);
        accelerator.LoadStreamKernel<ArrayView<int>, SpecializedValue<int>>((y, n) => y[0] = n == 1 ? 5 : throw new ArgumentException("n"))(
            (1, 1), target.View, SpecializedValue.New(1));
        Assert.Equal([5], target.GetAsArray1D());
    }

    [Fact]
    public void Device_functions_on_the_host_say_so()
    {
        var refusal = Assert.Throws<NotSupportedException>(Group.Barrier);
        Assert.Contains("Barrier", refusal.Message);
        Assert.Contains("kernel", refusal.Message);
        Assert.Throws<NotSupportedException>(() => Warp.LaneIdx);
        Assert.Throws<NotSupportedException>(() => SharedMemory.Allocate<float>(3));
    }

    [Fact]
    public void Checked_kernels_name_kernel_view_and_index()
    {
        using Context context = Context.Create().Assertions().ToContext();
        using Accelerator accelerator = new InterpreterDevice(32).CreateAccelerator(context);
        using var target = accelerator.Allocate1D<int>(4);
        var kernel = accelerator.LoadStreamKernel<ArrayView<int>>(WriteAll);
        kernel((1, 4), target.View);
        var fault = Assert.Throws<IndexOutOfRangeException>(() => kernel((1, 5), target.View));
        Assert.Contains("RefusalTests.WriteAll", fault.Message);
        Assert.Contains("index 4 of results", fault.Message);
    }

    private static void NewArray(ArrayView<int> y) => y[0] = new int[Group.IdxX + 1].Length; /* NewArray */

    private static void Text(ArrayView<int> y) => y[0] = y.ToString().Length; /* Text */

    private static void Objects(ArrayView<int> y) => y[0] = new List<int>().Count; /* Objects */

    private static void WritableStatic(ArrayView<int> y) => y[0] = _writable++; /* WritableStatic */

    private static void StaticArray(ArrayView<int> y) => y[0] = Array0[Group.IdxX]; /* StaticArray */

    private static void Throws(ArrayView<int> y)
    {
        if (y[0] == 3)
            throw new InvalidOperationException(); /* Throws */
    }

    private static void Recursive(ArrayView<int> y) => y[0] = Countdown(y[0]);

    private static int Countdown(int x) => x == 0 ? 0 : Countdown(x - 1); /* Countdown */

    private static void Checked(ArrayView<int> y) => y[0] = checked(y[0] + 1); /* Checked */

    private static void UnknownSize(ArrayView<int> y) => y[0] = SharedMemory.Allocate<int>(y[0])[0]; /* UnknownSize */

    private static void DivergentBarrier(ArrayView<int> y)
    {
        if (Group.IdxX < 3) /* DivergentBarrier */
            Group.Barrier();
        y[0] = 1;
    }

    private static void BarrierAfterReturn(ArrayView<int> y)
    {
        if (y[Group.IdxX] < 3) return; /* BarrierAfterReturn */
        Group.Barrier();
        y[0] = 1;
    }

    private static void MixedMemories(ArrayView<int> y)
    {
        ArrayView<int> shared = SharedMemory.Allocate<int>(4);
        ArrayView<int> chosen = y[0] > 0 ? y : shared; /* MixedMemories */
        chosen[y[1]] = 1;
    }

    private static void Tries(ArrayView<int> y)
    {
        try
        {
            y[0] = 1;
        }
        finally
        {
            y[1] = 2;
        }
    }

    private static void WriteAll(ArrayView<int> results) => results[Group.IdxX] = 1;

    /// <summary>The line of this file that is marked with a name.</summary>
    private static int Line(string mark, [CallerFilePath] string file = "") =>
        Array.FindIndex(File.ReadAllLines(file), line => line.Contains($"/* {mark} */")) + 1;
}

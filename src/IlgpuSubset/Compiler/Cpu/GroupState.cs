using System.Runtime.InteropServices;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// What one group of threads has while it runs: its values, masks and memory. A value is an array with an element per thread ("lane"), structure of
/// arrays; a value that all threads share has its number in element 0, and in all where an operation on all lanes reads it.
/// </summary>
/// <remarks>
/// An element is 4 bytes (<c>i1</c> as 0 or -1, narrow integers sign-extended, <c>f16</c> as its bits, <c>f32</c>) or 8 (<c>i64</c>, <c>f64</c>,
/// pointers). Arrays are counted in units of one 4-byte element per lane. One group state serves one worker thread for many groups.
/// </remarks>
internal sealed unsafe class GroupState : IDisposable
{
    /// <summary>Lanes are padded to this, so that no vector loop has a remainder: sixteen 4-byte elements are 512 bits.</summary>
    public const int LanePadding = 16;

    private readonly byte* _memory;
    private readonly byte* _values;
    private readonly int _unitBytes;

    /// <param name="program">What will run.</param>
    /// <param name="groupDim">Threads of a group along each axis.</param>
    /// <param name="gridDim">Groups along each axis.</param>
    /// <param name="dynamicSharedBytes">Dynamic shared memory of the launch.</param>
    public GroupState(LaneProgram program, Index3D groupDim, Index3D gridDim, int dynamicSharedBytes)
    {
        GroupDim = groupDim;
        GridDim = gridDim;
        DynamicSharedBytes = dynamicSharedBytes;
        Threads = groupDim.Size;
        Lanes = (Threads + LanePadding - 1) / LanePadding * LanePadding;
        _unitBytes = Lanes * sizeof(int);
        long values = (long)program.Units * _unitBytes;
        long shared = (program.StaticSharedBytes + dynamicSharedBytes + 255L) / 256 * 256;
        long local = (long)program.LocalBytesPerThread * Lanes;
        _memory = (byte*)NativeMemory.AlignedAlloc((nuint)(values + shared + local + 256), 256);
        NativeMemory.Clear(_memory, (nuint)values);
        _values = _memory;
        Shared = _memory + ((values + 255) / 256 * 256);
        Local = Shared + shared;
    }

    public Index3D GroupDim { get; }

    public Index3D GridDim { get; }

    public int DynamicSharedBytes { get; }

    /// <summary>Threads of a group.</summary>
    public int Threads { get; }

    /// <summary>Threads with the padding; lanes from <see cref="Threads"/> on compute what nobody reads and never touch memory.</summary>
    public int Lanes { get; }

    public byte* Shared { get; }

    public byte* Local { get; }

    /// <summary>The group that runs.</summary>
    public Index3D Group { get; set; }

    /// <summary>How many threads are at the present place of the program; the others are masked off.</summary>
    public int Active { get; set; }

    /// <summary>Whether no thread is masked off.</summary>
    public bool IsFull => Active == Threads;

    /// <summary>Which lanes are at the present place: -1 or 0.</summary>
    public int* Mask => Int32(LaneProgram.MaskUnit);

    public int* Int32(int unit) => (int*)(_values + ((long)unit * _unitBytes));

    public float* Single(int unit) => (float*)(_values + ((long)unit * _unitBytes));

    public long* Int64(int unit) => (long*)(_values + ((long)unit * _unitBytes));

    public double* Double(int unit) => (double*)(_values + ((long)unit * _unitBytes));

    public Span<int> Int32s(int unit, int count) => new(Int32(unit), count);

    public Span<float> Singles(int unit, int count) => new(Single(unit), count);

    public Span<long> Int64s(int unit, int count) => new(Int64(unit), count);

    public Span<double> Doubles(int unit, int count) => new(Double(unit), count);

    /// <summary>How many elements an operation computes: one for all threads, or one each.</summary>
    public int Count(bool uniform) => uniform ? 1 : Lanes;

    /// <summary>Puts one number into all elements.</summary>
    public void Fill(int unit, bool wide, long bits)
    {
        if (wide)
            Int64s(unit, Lanes).Fill(bits);
        else
            Int32s(unit, Lanes).Fill((int)bits);
    }

    /// <summary>Spreads element 0 over all lanes.</summary>
    public void Spread(int unit, bool wide) => Fill(unit, wide, wide ? *Int64(unit) : *Int32(unit));

    /// <summary>Lets all threads run.</summary>
    public void ActivateAll()
    {
        Int32s(LaneProgram.MaskUnit, Threads).Fill(-1);
        Int32s(LaneProgram.MaskUnit, Lanes)[Threads..].Clear();
        Active = Threads;
    }

    /// <summary>Counts the active lanes after the mask has changed.</summary>
    public void CountActive()
    {
        int sum = 0;
        int* mask = Mask;
        for (int lane = 0; lane < Lanes; lane++)
            sum -= mask[lane];
        Active = sum;
    }

    /// <summary>Reads a lane as the IR has it: integers sign-extended, floating point as bits.</summary>
    public long Read(int unit, IrType type, int lane) => type.Scalar switch
    {
        ScalarType.I1 => Int32(unit)[lane] != 0 ? 1 : 0,
        ScalarType.F32 or ScalarType.F16 => (uint)Int32(unit)[lane],
        _ when IsWide(type) => Int64(unit)[lane],
        _ => Int32(unit)[lane],
    };

    /// <summary>Writes a lane, see <see cref="Read"/>.</summary>
    public void Write(int unit, IrType type, int lane, long bits)
    {
        if (type.Scalar == ScalarType.I1)
            Int32(unit)[lane] = bits != 0 ? -1 : 0;
        else if (IsWide(type))
            Int64(unit)[lane] = bits;
        else
            Int32(unit)[lane] = (int)bits;
    }

    /// <summary>Whether an element takes 8 bytes.</summary>
    public static bool IsWide(IrType type) => type.Bits == 64;

    public void Dispose() => NativeMemory.AlignedFree(_memory);
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// Where the lanes of an access find their bytes: <c>pointer + index * scale + offset</c>. Keeping the index apart spares an array of addresses for
/// what is nearly always one view indexed by thread.
/// </summary>
/// <param name="Pointer">Unit of the pointer.</param>
/// <param name="PointerIsUniform">Whether all lanes have the same.</param>
/// <param name="Index">Unit of an i32 per lane; -1 for none.</param>
/// <param name="Scale">Bytes of an index step.</param>
/// <param name="Offset">Bytes.</param>
internal readonly record struct LaneAddress(int Pointer, bool PointerIsUniform, int Index, long Scale, long Offset)
{
    /// <summary>Whether all lanes mean the same place.</summary>
    public bool IsUniform => PointerIsUniform && Index < 0;
}

/// <summary>Loads, stores and atomics of all active lanes. Inactive lanes touch no memory and keep what they had.</summary>
internal static unsafe class LaneMemory
{
    /// <summary>Loads into one unit per vector component.</summary>
    public static LaneStep Load(LaneAddress at, IrType type, int[] targets, bool uniform)
    {
        IrType element = type.Element;
        int size = element.SizeInBytes;
        if (uniform)
        {
            return group =>
            {
                byte* address = Address(group, at, 0);
                for (int k = 0; k < targets.Length; k++)
                    group.Write(targets[k], element, 0, ReadMemory(address + (k * size), element));
            };
        }
        if (type.Lanes == 4 && size == 4)
            return group => LoadQuads(group, at, targets);
        if (size == 4)
        {
            return group =>
            {
                for (int k = 0; k < targets.Length; k++)
                    LoadWords(group, at with { Offset = at.Offset + (k * size) }, group.Int32(targets[k]));
            };
        }
        return group =>
        {
            Addresses addresses = new(group, at);
            for (int lane = 0; lane < group.Threads; lane++)
            {
                for (int k = 0; group.Mask[lane] != 0 && k < targets.Length; k++)
                    group.Write(targets[k], element, lane, ReadMemory(addresses[lane] + (k * size), element));
            }
        };
    }

    /// <summary>Stores one unit per vector component.</summary>
    public static LaneStep Store(LaneAddress at, IrType type, int[] sources)
    {
        IrType element = type.Element;
        int size = element.SizeInBytes;
        if (size == 4)
        {
            return group =>
            {
                for (int k = 0; k < sources.Length; k++)
                    StoreWords(group, at with { Offset = at.Offset + (k * size) }, group.Int32(sources[k]));
            };
        }
        return group =>
        {
            Addresses addresses = new(group, at);
            for (int lane = 0; lane < group.Threads; lane++)
            {
                for (int k = 0; group.Mask[lane] != 0 && k < sources.Length; k++)
                    WriteMemory(addresses[lane] + (k * size), element, group.Read(sources[k], element, lane));
            }
        };
    }

    /// <summary>Updates memory lane by lane, each as one step that other groups see whole; the target receives what was there before.</summary>
    public static LaneStep Atomic(LaneAddress at, IrType type, int value, int comparand, int target, Func<long, long, long, long> update) => group =>
    {
        Addresses addresses = new(group, at);
        for (int lane = 0; lane < group.Threads; lane++)
        {
            if (group.Mask[lane] == 0)
                continue;
            long operand = group.Read(value, type, lane), other = comparand < 0 ? 0 : group.Read(comparand, type, lane), before;
            if (GroupState.IsWide(type))
            {
                ref long cell = ref *(long*)addresses[lane];
                do
                    before = Volatile.Read(ref cell);
                while (Interlocked.CompareExchange(ref cell, update(before, operand, other), before) != before);
            }
            else
            {
                ref int cell = ref *(int*)addresses[lane];
                int seen;
                do
                {
                    seen = Volatile.Read(ref cell);
                    before = type.Scalar == ScalarType.F32 ? (uint)seen : seen;
                }
                while (Interlocked.CompareExchange(ref cell, (int)update(before, operand, other), seen) != seen);
            }
            group.Write(target, type, lane, before);
        }
    };

    /// <summary>The addresses as numbers, for pointers that are more than accessed.</summary>
    public static LaneStep Materialise(LaneAddress at, int target, bool uniform) => group =>
    {
        long* to = group.Int64(target);
        if (uniform)
        {
            *to = (long)Address(group, at, 0);
            return;
        }
        Addresses addresses = new(group, at);
        for (int lane = 0; lane < group.Lanes; lane++)
            to[lane] = (long)addresses[lane];
    };

    private static byte* Address(GroupState group, LaneAddress at, int lane) => new Addresses(group, at)[lane];

    /// <summary>
    /// One number a lane. Threads side by side mostly read the same element or neighbouring ones; looking at eight indices costs less than eight
    /// separate loads, so that is looked for at run time, whatever the kernel's indices are made of.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadWords(GroupState group, LaneAddress at, int* target)
    {
        int threads = group.Threads, lane = 0;
        if (group.IsFull && at is { PointerIsUniform: true, Index: >= 0 })
        {
            byte* start = (byte*)*group.Int64(at.Pointer) + at.Offset;
            int* index = group.Int32(at.Index);
            for (; lane + 8 <= threads; lane += 8)
            {
                Vector256<int> indices = Vector256.Load(index + lane), first = Vector256.Create(index[lane]);
                int* nearest = (int*)(start + (index[lane] * at.Scale));
                if (indices == first)
                    Vector256.Create(*nearest).Store(target + lane);
                else if (at.Scale == sizeof(int) && indices == first + Vector256<int>.Indices)
                    Vector256.Load(nearest).Store(target + lane);
                else
                {
                    for (int l = lane; l < lane + 8; l++)
                        target[l] = *(int*)(start + (index[l] * at.Scale));
                }
            }
        }
        Addresses addresses = new(group, at);
        int* mask = group.Mask;
        for (; lane < threads; lane++)
        {
            if (mask[lane] != 0)
                target[lane] = *(int*)addresses[lane];
        }
    }

    /// <summary>One number a lane; see <see cref="LoadWords"/>. Lanes that store to one place store in their order, the last one wins.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void StoreWords(GroupState group, LaneAddress at, int* source)
    {
        int threads = group.Threads, lane = 0;
        if (group.IsFull && at is { PointerIsUniform: true, Index: >= 0, Scale: sizeof(int) })
        {
            byte* start = (byte*)*group.Int64(at.Pointer) + at.Offset;
            int* index = group.Int32(at.Index);
            for (; lane + 8 <= threads; lane += 8)
            {
                if (Vector256.Load(index + lane) == Vector256.Create(index[lane]) + Vector256<int>.Indices)
                    Vector256.Load(source + lane).Store((int*)start + index[lane]);
                else
                {
                    for (int l = lane; l < lane + 8; l++)
                        ((int*)start)[index[l]] = source[l];
                }
            }
        }
        Addresses addresses = new(group, at);
        int* mask = group.Mask;
        for (; lane < threads; lane++)
        {
            if (mask[lane] != 0)
                *(int*)addresses[lane] = source[lane];
        }
    }

    /// <summary>Four numbers a lane, turned into four arrays: four lanes at a time with vector instructions.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void LoadQuads(GroupState group, LaneAddress at, int[] targets)
    {
        int* x = group.Int32(targets[0]), y = group.Int32(targets[1]), z = group.Int32(targets[2]), w = group.Int32(targets[3]);
        int lane = 0, threads = group.Threads;
        if (group.IsFull && Sse.IsSupported && at is { PointerIsUniform: true, Index: >= 0 })
        {
            byte* start = (byte*)*group.Int64(at.Pointer) + at.Offset;
            int* index = group.Int32(at.Index);
            long scale = at.Scale;
            for (; lane + 4 <= threads; lane += 4)
            {
                Vector128<float> a = Vector128.Load((float*)(start + (index[lane] * scale)));
                if (Vector128.Load(index + lane) == Vector128.Create(index[lane]))
                {
                    Sse.Shuffle(a, a, 0b00_00_00_00).Store((float*)(x + lane));
                    Sse.Shuffle(a, a, 0b01_01_01_01).Store((float*)(y + lane));
                    Sse.Shuffle(a, a, 0b10_10_10_10).Store((float*)(z + lane));
                    Sse.Shuffle(a, a, 0b11_11_11_11).Store((float*)(w + lane));
                    continue;
                }
                Vector128<float> b = Vector128.Load((float*)(start + (index[lane + 1] * scale)));
                Vector128<float> c = Vector128.Load((float*)(start + (index[lane + 2] * scale)));
                Vector128<float> d = Vector128.Load((float*)(start + (index[lane + 3] * scale)));
                Vector128<float> ab = Sse.UnpackLow(a, b), cd = Sse.UnpackLow(c, d), abHigh = Sse.UnpackHigh(a, b), cdHigh = Sse.UnpackHigh(c, d);
                Sse.MoveLowToHigh(ab, cd).Store((float*)(x + lane));
                Sse.MoveHighToLow(cd, ab).Store((float*)(y + lane));
                Sse.MoveLowToHigh(abHigh, cdHigh).Store((float*)(z + lane));
                Sse.MoveHighToLow(cdHigh, abHigh).Store((float*)(w + lane));
            }
        }
        Addresses addresses = new(group, at);
        for (; lane < threads; lane++)
        {
            if (group.Mask[lane] == 0)
                continue;
            int* quad = (int*)addresses[lane];
            x[lane] = quad[0];
            y[lane] = quad[1];
            z[lane] = quad[2];
            w[lane] = quad[3];
        }
    }

    private static long ReadMemory(byte* address, IrType type) => type.Scalar switch
    {
        ScalarType.I1 => *address != 0 ? 1 : 0,
        ScalarType.I8 => *(sbyte*)address,
        ScalarType.I16 => *(short*)address,
        ScalarType.F16 => *(ushort*)address,
        ScalarType.I32 => *(int*)address,
        ScalarType.F32 => *(uint*)address,
        _ => *(long*)address,
    };

    private static void WriteMemory(byte* address, IrType type, long bits)
    {
        switch (type.SizeInBytes)
        {
            case 1:
                *address = (byte)bits;
                break;
            case 2:
                *(short*)address = (short)bits;
                break;
            case 4:
                *(int*)address = (int)bits;
                break;
            default:
                *(long*)address = bits;
                break;
        }
    }

    /// <summary>The address of each lane.</summary>
    private readonly struct Addresses
    {
        private readonly byte* _base;
        private readonly long* _pointers;
        private readonly int* _index;
        private readonly long _scale;

        public Addresses(GroupState group, LaneAddress at)
        {
            _base = (byte*)at.Offset;
            _pointers = null;
            if (at.PointerIsUniform)
                _base += *group.Int64(at.Pointer);
            else
                _pointers = group.Int64(at.Pointer);
            _index = at.Index < 0 ? null : group.Int32(at.Index);
            _scale = at.Scale;
        }

        public byte* this[int lane]
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get
            {
                byte* address = _base;
                if (_pointers != null)
                    address += _pointers[lane];
                if (_index != null)
                    address += _index[lane] * _scale;
                return address;
            }
        }
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;

namespace CudaEmulation;

/// <summary>Instructions that touch memory.</summary>
internal static unsafe partial class InstructionSet
{
    private static void Memory()
    {
        foreach (string type in (string[])["u8", "b16", "b32", "b64", "f32", "f64"])
        {
            Known.Add($"ld.param.{type}", (decoder, o) =>
            {
                if (o.Length != 2)
                    return null;
                PtxParameter parameter = decoder.Parameter(o[1], type);
                string register = type == "u8" ? "u16" : type;
                int target = decoder.Target(o[0], register), size = PtxDecoder.SizeOf(register);
                return (warp, mask) =>
                {
                    ulong value = 0;
                    warp.Group.Arguments.AsSpan(parameter.Offset, parameter.Size).CopyTo(new Span<byte>(&value, 8));
                    for (uint m = mask; m != 0; m &= m - 1)
                        Buffer.MemoryCopy(&value, warp.Registers + target + BitOperations.TrailingZeroCount(m) * size, size, size);
                };
            });
        }
        foreach (string space in (string[])["global", "shared", "local"])
        {
            foreach (string type in (string[])["b8", "b16", "b32", "b64", "f32", "f64"])
            {
                foreach (int lanes in (int[])[1, 2, 4])
                {
                    int bytes = PtxDecoder.SizeOf(type) * lanes;
                    if (bytes > 16)
                        continue;
                    string suffix = lanes == 1 ? type : $"v{lanes}.{type}";
                    Known.Add($"ld.{space}.{suffix}", (decoder, o) => o.Length == 2 ? Load(decoder, o[0], o[1], space, type, lanes) : null);
                    Known.Add(
                        $"st.{space}.{suffix}", (decoder, o) => o.Length == 2 ? Store(decoder, o[0], o[1], space, type, lanes) : null);
                }
            }
        }
        foreach (string scope in (string[])["cta", "gl", "sys"])
            Known.Add($"membar.{scope}", (_, o) => o.Length == 0 ? (_, _) => Thread.MemoryBarrier() : null);
    }

    private static Step Load(PtxDecoder decoder, Operand target, Operand source, string space, string type, int lanes)
    {
        int size = PtxDecoder.SizeOf(type), bytes = size * lanes;
        // A byte is loaded into a register of 16 bits, with zeros above.
        string register = size == 1 ? "b16" : type;
        int stride = PtxDecoder.SizeOf(register);
        int[] to = [.. Elements(decoder, target, lanes).Select(element => decoder.Target(element, register))];
        Place place = Places(decoder, source, space, bytes);
        return (warp, mask) =>
        {
            for (uint m = mask; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                byte* from = place.ForRead(warp, lane);
                if (size == 4)
                {
                    for (int i = 0; i < to.Length; i++)
                        ((uint*)(warp.Registers + to[i]))[lane] = ((uint*)from)[i];
                    continue;
                }
                for (int i = 0; i < to.Length; i++)
                {
                    byte* element = warp.Registers + to[i] + lane * stride;
                    if (size == 1)
                        *(ushort*)element = from[i];
                    else
                        Copy(element, from + i * size, size);
                }
            }
        };
    }

    private static Step Store(PtxDecoder decoder, Operand target, Operand source, string space, string type, int lanes)
    {
        int size = PtxDecoder.SizeOf(type), bytes = size * lanes;
        string register = size == 1 ? "b16" : type;
        int stride = PtxDecoder.SizeOf(register);
        int[] from = [.. Elements(decoder, source, lanes).Select(element => decoder.Source(element, register))];
        Place place = Places(decoder, target, space, bytes);
        return (warp, mask) =>
        {
            byte* values = stackalloc byte[16];
            for (uint m = mask; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                for (int i = 0; i < from.Length; i++)
                {
                    byte* element = warp.Registers + from[i] + lane * stride;
                    if (size == 1)
                        values[i] = *element;
                    else
                        Copy(values + i * size, element, size);
                }
                Buffer.MemoryCopy(values, place.ForWrite(warp, lane, values), bytes, bytes);
            }
        };
    }

    private static void Atomics()
    {
        Atomic<int>("add.u32", "u32", static (old, value) => unchecked(old + value));
        Atomic<long>("add.u64", "u64", static (old, value) => unchecked(old + value));
        Atomic<float>("add.f32", "f32", static (old, value) => old + value);
        Atomic<double>("add.f64", "f64", static (old, value) => old + value);
        Atomic<int>("min.s32", "s32", Math.Min);
        Atomic<int>("max.s32", "s32", Math.Max);
        Atomic<uint>("min.u32", "u32", Math.Min);
        Atomic<uint>("max.u32", "u32", Math.Max);
        Atomic<long>("min.s64", "s64", Math.Min);
        Atomic<long>("max.s64", "s64", Math.Max);
        Atomic<ulong>("min.u64", "u64", Math.Min);
        Atomic<ulong>("max.u64", "u64", Math.Max);
        Atomic<uint>("exch.b32", "b32", static (_, value) => value);
        Atomic<ulong>("exch.b64", "b64", static (_, value) => value);
        CompareExchange<uint>("b32");
        CompareExchange<ulong>("b64");

        static void Atomic<T>(string operation, string type, Func<T, T, T> f)
            where T : unmanaged => Add<T>(operation, type, 3, (old, a, _) => f(old, a));

        static void CompareExchange<T>(string type)
            where T : unmanaged, IEquatable<T> =>
            Add<T>($"cas.{type}", type, 4, static (old, compare, value) => old.Equals(compare) ? value : old);

        static void Add<T>(string operation, string type, int count, Func<T, T, T, T> f)
            where T : unmanaged
        {
            foreach (string space in (string[])["global", "shared"])
            {
                Known.Add($"atom.{space}.{operation}", (decoder, o) =>
                {
                    if (o.Length != count)
                        return null;
                    int target = decoder.Target(o[0], type), a = decoder.Source(o[2], type), b = count == 4
                        ? decoder.Source(o[3], type)
                        : a;
                    Place place = Places(decoder, o[1], space, sizeof(T));
                    return (warp, mask) =>
                    {
                        lock (warp.Group.Memory.AtomicLock)
                        {
                            for (uint m = mask; m != 0; m &= m - 1)
                            {
                                int lane = BitOperations.TrailingZeroCount(m);
                                T* cell = (T*)place.ForUpdate(warp, lane);
                                T old = *cell;
                                *cell = f(old, ((T*)(warp.Registers + a))[lane], ((T*)(warp.Registers + b))[lane]);
                                ((T*)(warp.Registers + target))[lane] = old;
                            }
                        }
                    };
                });
            }
        }
    }

    private static Operand[] Elements(PtxDecoder decoder, Operand operand, int lanes)
    {
        Operand[] elements = operand is VectorOperand vector ? vector.Lanes : [operand];
        return elements.Length == lanes && (lanes > 1) == (operand is VectorOperand)
            ? elements
            : throw decoder.Error($"{lanes} elements expected");
    }

    private static Place Places(PtxDecoder decoder, Operand address, string space, int bytes)
    {
        (int place, int width, long offset) = decoder.Address(address, space);
        return space switch
        {
            "global" => new GlobalPlace(place, width, offset, bytes),
            "shared" => new SharedPlace(place, width, offset, bytes),
            _ => new LocalPlace(place, width, offset, bytes),
        };
    }

    /// <summary>Where an instruction's lanes access memory; every access is checked.</summary>
    private abstract class Place(int register, int width, long offset, int bytes)
    {
        protected int Bytes => bytes;

        public abstract byte* ForRead(Warp warp, int lane);

        public abstract byte* ForWrite(Warp warp, int lane, byte* values);

        public virtual byte* ForUpdate(Warp warp, int lane) => throw warp.Fault(lane, "an atomic operation here");

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        protected ulong Address(Warp warp, int lane) => unchecked((ulong)offset + (width == 8
            ? ((ulong*)(warp.Registers + register))[lane]
            : ((uint*)(warp.Registers + register))[lane]));
    }

    private sealed class GlobalPlace(int register, int width, long offset, int bytes) : Place(register, width, offset, bytes)
    {
        // Most instructions stay in one buffer. Threads that race for the field lose only time.
        private Allocation? _last;

        public override byte* ForRead(Warp warp, int lane)
        {
            ulong address = Address(warp, lane);
            Allocation allocation = Find(warp, lane, address, "a read");
            ulong at = address - allocation.Address;
            byte* written = allocation.Written + at;
            for (int i = 0; i < Bytes; i++)
            {
                if (written[i] == 0)
                    throw warp.Fault(lane, $"global memory is read before it is written, byte {at} of a buffer of {allocation.Length},");
            }
            return allocation.Bytes + at;
        }

        public override byte* ForWrite(Warp warp, int lane, byte* values)
        {
            ulong address = Address(warp, lane);
            Allocation allocation = Find(warp, lane, address, "a write");
            allocation.MarkWritten(address, Bytes);
            return allocation.Bytes + (address - allocation.Address);
        }

        public override byte* ForUpdate(Warp warp, int lane) => ForRead(warp, lane);

        private Allocation Find(Warp warp, int lane, ulong address, string access)
        {
            if (_last is not { } allocation || !allocation.Holds(address, Bytes))
            {
                allocation = warp.Group.Memory.Find(address, Bytes)
                    ?? throw warp.Fault(
                        lane, $"{access} of {Bytes} bytes at {address:x}, {warp.Group.Memory.DescribeNearest(address)},", isAddress: true);
                _last = allocation;
            }
            if (address % (uint)Bytes != 0)
                throw warp.Fault(lane, $"{access} at {address:x}, which is not a multiple of {Bytes},", isAddress: true);
            return allocation;
        }
    }

    private sealed class SharedPlace(int register, int width, long offset, int bytes) : Place(register, width, offset, bytes)
    {
        public override byte* ForRead(Warp warp, int lane) => warp.Group.ReadShared(warp, lane, (uint)Address(warp, lane), Bytes);

        public override byte* ForWrite(Warp warp, int lane, byte* values) =>
            warp.Group.WriteShared(warp, lane, (uint)Address(warp, lane), Bytes, values);

        public override byte* ForUpdate(Warp warp, int lane) => warp.Group.UpdateShared(warp, lane, (uint)Address(warp, lane), Bytes);
    }

    private sealed class LocalPlace(int register, int width, long offset, int bytes) : Place(register, width, offset, bytes)
    {
        public override byte* ForRead(Warp warp, int lane)
        {
            uint address = (uint)Address(warp, lane);
            int size = warp.Group.Program.Entry.LocalBytes;
            if (address > (uint)size || (uint)Bytes > (uint)size - address || address % (uint)Bytes != 0)
                throw warp.Fault(lane, $"local address {(int)address} of {Bytes} bytes; a thread has {size}", isAddress: true);
            return warp.Local + lane * size + address;
        }

        public override byte* ForWrite(Warp warp, int lane, byte* values) => ForRead(warp, lane);
    }
}

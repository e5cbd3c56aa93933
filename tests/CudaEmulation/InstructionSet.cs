using System.Numerics;
using System.Runtime.CompilerServices;

namespace CudaEmulation;

/// <summary>
/// The instructions the compiler writes, each with its exact meaning: rounding, saturation, NaN, shift counts. The key is the whole
/// mnemonic, so that a modifier that is not understood is an unknown instruction.
/// </summary>
internal static unsafe partial class InstructionSet
{
    private static readonly Dictionary<string, Func<PtxDecoder, Operand[], Step?>> Known = [];

    static InstructionSet()
    {
        Integers<short>("s16", "b16");
        Integers<int>("s32", "b32");
        Integers<long>("s64", "b64");
        Divisions<ushort>("u16");
        Divisions<uint>("u32");
        Divisions<ulong>("u64");
        Logic<ushort>("16");
        Logic<uint>("32");
        Logic<ulong>("64");
        Shifts();
        Widening();
        Bits();
        Predicates();
        Floats<float>("f32", float.FusedMultiplyAdd, float.Sqrt, float.MinNumber, float.MaxNumber);
        Floats<double>("f64", double.FusedMultiplyAdd, double.Sqrt, double.MinNumber, double.MaxNumber);
        Halves();
        FastFloats();
        Conversions();
        Moves();
        Memory();
        Atomics();
        Shuffles();
        TensorCores();
    }

    /// <summary>What an instruction does; null where it is unknown.</summary>
    public static Step? Decode(PtxDecoder decoder, string mnemonic, Operand[] operands) =>
        Known.TryGetValue(mnemonic, out Func<PtxDecoder, Operand[], Step?>? make) ? make(decoder, operands) : null;

    private static void Integers<T>(string type, string bits)
        where T : unmanaged, IBinaryInteger<T>
    {
        Binary<T>($"add.{type}", type, static (a, b) => unchecked(a + b));
        Binary<T>($"sub.{type}", type, static (a, b) => unchecked(a - b));
        Binary<T>($"mul.lo.{type}", type, static (a, b) => unchecked(a * b));
        Ternary<T>($"mad.lo.{type}", type, static (a, b, c) => unchecked(a * b + c));
        Unary<T, T>($"abs.{type}", type, type, static a => a < T.Zero ? unchecked(-a) : a);
        Divisions<T>(type);
        Setp<T>("eq", type, static (a, b) => a == b);
        Setp<T>("ne", type, static (a, b) => a != b);
        Known.Add($"selp.{bits}", Selp<T>(bits));
    }

    private static void Divisions<T>(string type)
        where T : unmanaged, IBinaryInteger<T>
    {
        // Division by zero is undefined; the hardware gives all ones. The least number over -1 wraps.
        Binary<T>($"div.{type}", type, static (a, b) => b == T.Zero ? T.AllBitsSet : IsMinusOne(b) ? unchecked(-a) : a / b);
        Binary<T>($"rem.{type}", type, static (a, b) => b == T.Zero ? a : IsMinusOne(b) ? T.Zero : a % b);
        Binary<T>($"min.{type}", type, static (a, b) => T.Min(a, b));
        Binary<T>($"max.{type}", type, static (a, b) => T.Max(a, b));
        Setp<T>("lt", type, static (a, b) => a < b);
        Setp<T>("le", type, static (a, b) => a <= b);
        Setp<T>("gt", type, static (a, b) => a > b);
        Setp<T>("ge", type, static (a, b) => a >= b);

        static bool IsMinusOne(T value) => T.IsNegative(value) && value == T.AllBitsSet;
    }

    private static void Logic<T>(string bits)
        where T : unmanaged, IBinaryInteger<T>
    {
        Binary<T>($"and.b{bits}", $"b{bits}", static (a, b) => a & b);
        Binary<T>($"or.b{bits}", $"b{bits}", static (a, b) => a | b);
        Binary<T>($"xor.b{bits}", $"b{bits}", static (a, b) => a ^ b);
    }

    private static void Shifts()
    {
        // Counts beyond the width shift everything out.
        Shift<ushort>("shl.b16", "b16", static (a, n) => n > 15 ? (ushort)0 : (ushort)(a << (int)n));
        Shift<uint>("shl.b32", "b32", static (a, n) => n > 31 ? 0 : a << (int)n);
        Shift<ulong>("shl.b64", "b64", static (a, n) => n > 63 ? 0 : a << (int)n);
        Shift<ushort>("shr.u16", "u16", static (a, n) => n > 15 ? (ushort)0 : (ushort)(a >> (int)n));
        Shift<uint>("shr.u32", "u32", static (a, n) => n > 31 ? 0 : a >> (int)n);
        Shift<ulong>("shr.u64", "u64", static (a, n) => n > 63 ? 0 : a >> (int)n);
        Shift<short>("shr.s16", "s16", static (a, n) => (short)(a >> (int)Math.Min(n, 15)));
        Shift<int>("shr.s32", "s32", static (a, n) => a >> (int)Math.Min(n, 31));
        Shift<long>("shr.s64", "s64", static (a, n) => a >> (int)Math.Min(n, 63));

        static void Shift<T>(string mnemonic, string type, Func<T, uint, T> f)
            where T : unmanaged =>
            Known.Add(mnemonic, (decoder, o) => o.Length == 3
                ? Lanes2<T, uint, T>(decoder.Target(o[0], type), decoder.Source(o[1], type), decoder.Source(o[2], "u32"), f) : null);
    }

    private static void Widening() =>
        Known.Add("mad.wide.s32", (decoder, o) => o.Length == 4
            ? Lanes3<int, int, long, long>(
                decoder.Target(o[0], "s64"), decoder.Source(o[1], "s32"), decoder.Source(o[2], "s32"), decoder.Source(o[3], "s64"),
                static (a, b, c) => unchecked((long)a * b + c))
            : null);

    private static void Bits()
    {
        Unary<uint, uint>("popc.b32", "u32", "b32", static a => (uint)BitOperations.PopCount(a));
        Unary<ulong, uint>("popc.b64", "u32", "b64", static a => (uint)BitOperations.PopCount(a));
        Unary<uint, uint>("clz.b32", "u32", "b32", static a => (uint)BitOperations.LeadingZeroCount(a));
        Unary<ulong, uint>("clz.b64", "u32", "b64", static a => (uint)BitOperations.LeadingZeroCount(a));
        Unary<uint, uint>("brev.b32", "b32", "b32", static a => (uint)(Reverse(a) >> 32));
        Unary<ulong, ulong>("brev.b64", "b64", "b64", Reverse);

        static ulong Reverse(ulong value)
        {
            ulong result = 0;
            for (int i = 0; i < 64; i++)
                result |= (value >> i & 1) << (63 - i);
            return result;
        }
    }

    private static void Predicates()
    {
        Mask("and.pred", static (a, b) => a & b);
        Mask("or.pred", static (a, b) => a | b);
        Mask("xor.pred", static (a, b) => a ^ b);
        Known.Add(
            "not.pred",
            (decoder, o) => o.Length == 2 ? Merge(decoder.Target(o[0], "pred"), decoder.Source(o[1], "pred"), uint.MaxValue) : null);
        Known.Add("mov.pred", (decoder, o) => o.Length == 2 ? Merge(decoder.Target(o[0], "pred"), decoder.Source(o[1], "pred"), 0) : null);

        static Step Merge(int target, int source, uint flip) => (warp, mask) =>
        {
            uint value = *(uint*)(warp.Registers + source) ^ flip;
            uint* result = (uint*)(warp.Registers + target);
            *result = (*result & ~mask) | (value & mask);
        };

        static void Mask(string mnemonic, Func<uint, uint, uint> f) => Known.Add(mnemonic, (decoder, o) =>
        {
            if (o.Length != 3)
                return null;
            int target = decoder.Target(o[0], "pred"), a = decoder.Source(o[1], "pred"), b = decoder.Source(o[2], "pred");
            return (warp, mask) =>
            {
                uint value = f(*(uint*)(warp.Registers + a), *(uint*)(warp.Registers + b));
                uint* result = (uint*)(warp.Registers + target);
                *result = (*result & ~mask) | (value & mask);
            };
        });
    }

    private static void Floats<T>(string type, Func<T, T, T, T> fma, Func<T, T> sqrt, Func<T, T, T> min, Func<T, T, T> max)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        Binary<T>($"add.rn.{type}", type, static (a, b) => a + b);
        Binary<T>($"sub.rn.{type}", type, static (a, b) => a - b);
        Binary<T>($"mul.rn.{type}", type, static (a, b) => a * b);
        Binary<T>($"div.rn.{type}", type, static (a, b) => a / b);
        Binary<T>($"min.{type}", type, min);
        Binary<T>($"max.{type}", type, max);
        Ternary<T>($"fma.rn.{type}", type, fma);
        Unary<T, T>($"sqrt.rn.{type}", type, type, sqrt);
        Unary<T, T>($"rcp.rn.{type}", type, type, static a => T.One / a);
        Unary<T, T>($"neg.{type}", type, type, static a => -a);
        Unary<T, T>($"abs.{type}", type, type, static a => T.Abs(a));
        Setp<T>("eq", type, static (a, b) => a == b);
        Setp<T>("neu", type, static (a, b) => a != b);
        Setp<T>("lt", type, static (a, b) => a < b);
        Setp<T>("le", type, static (a, b) => a <= b);
        Setp<T>("gt", type, static (a, b) => a > b);
        Setp<T>("ge", type, static (a, b) => a >= b);
        Setp<T>("ltu", type, static (a, b) => !(a >= b));
        Setp<T>("leu", type, static (a, b) => !(a > b));
        Setp<T>("gtu", type, static (a, b) => !(a <= b));
        Setp<T>("geu", type, static (a, b) => !(a < b));
        Setp<T>("nan", type, static (a, b) => T.IsNaN(a) || T.IsNaN(b));
        Known.Add($"selp.{type}", Selp<T>(type));
    }

    private static void Halves()
    {
        // Sums, differences and products of two halves are rounded the same way with f32 between: 24 bits are at least 2 * 11 + 2.
        Binary<Half>("add.rn.f16", "f16", static (a, b) => (Half)((float)a + (float)b));
        Binary<Half>("sub.rn.f16", "f16", static (a, b) => (Half)((float)a - (float)b));
        Binary<Half>("mul.rn.f16", "f16", static (a, b) => (Half)((float)a * (float)b));
        Unary<Half, Half>("neg.f16", "f16", "f16", static a => -a);
        Ternary<Half>("fma.rn.f16", "f16", FusedMultiplyAdd);
    }

    /// <summary>
    /// The product is exact in f64; the sum is rounded to odd there, so that rounding to f16 is the only rounding that counts.
    /// </summary>
    private static Half FusedMultiplyAdd(Half a, Half b, Half c)
    {
        double product = (double)a * (double)b, sum = product + (double)c;
        if (!double.IsFinite(sum))
            return (Half)sum;
        double fromC = sum - product;
        double error = product - (sum - fromC) + ((double)c - fromC);
        long bits = BitConverter.DoubleToInt64Bits(sum);
        if (error != 0 && (bits & 1) == 0)
            bits += (error > 0) == (sum > 0) ? 1 : -1;
        return (Half)BitConverter.Int64BitsToDouble(bits);
    }

    /// <summary>What kernels spend their time in, on vectors where all lanes are active.</summary>
    private static void FastFloats()
    {
        Fast("add.rn.f32", static (a, b) => a + b);
        Fast("mul.rn.f32", static (a, b) => a * b);
        Func<PtxDecoder, Operand[], Step?> general = Known["fma.rn.f32"];
        Known["fma.rn.f32"] = (decoder, o) =>
        {
            if (general(decoder, o) is not { } step)
                return null;
            int target = decoder.Target(o[0], "f32");
            int a = decoder.Source(o[1], "f32"), b = decoder.Source(o[2], "f32"), c = decoder.Source(o[3], "f32");
            return (warp, mask) =>
            {
                if (mask != uint.MaxValue)
                {
                    step(warp, mask);
                    return;
                }
                byte* registers = warp.Registers;
                for (int i = 0; i < Warp.Lanes * 4; i += Vector<byte>.Count)
                {
                    Vector.FusedMultiplyAdd(
                        *(Vector<float>*)(registers + a + i), *(Vector<float>*)(registers + b + i), *(Vector<float>*)(registers + c + i))
                        .Store((float*)(registers + target + i));
                }
            };
        };

        static void Fast(string mnemonic, Func<Vector<float>, Vector<float>, Vector<float>> f)
        {
            Func<PtxDecoder, Operand[], Step?> general = Known[mnemonic];
            Known[mnemonic] = (decoder, o) =>
            {
                if (general(decoder, o) is not { } step)
                    return null;
                int target = decoder.Target(o[0], "f32"), a = decoder.Source(o[1], "f32"), b = decoder.Source(o[2], "f32");
                return (warp, mask) =>
                {
                    if (mask != uint.MaxValue)
                    {
                        step(warp, mask);
                        return;
                    }
                    byte* registers = warp.Registers;
                    for (int i = 0; i < Warp.Lanes * 4; i += Vector<byte>.Count)
                    {
                        f(*(Vector<float>*)(registers + a + i), *(Vector<float>*)(registers + b + i))
                            .Store((float*)(registers + target + i));
                    }
                };
            };
        }
    }

    private static void Conversions()
    {
        Extend<sbyte, short>("cvt.s16.s8", "s16", "s8", static a => a);
        Extend<sbyte, int>("cvt.s32.s8", "s32", "s8", static a => a);
        Extend<sbyte, long>("cvt.s64.s8", "s64", "s8", static a => a);
        Extend<short, int>("cvt.s32.s16", "s32", "s16", static a => a);
        Extend<short, long>("cvt.s64.s16", "s64", "s16", static a => a);
        Extend<int, long>("cvt.s64.s32", "s64", "s32", static a => a);
        Extend<byte, ushort>("cvt.u16.u8", "u16", "u8", static a => a);
        Extend<byte, uint>("cvt.u32.u8", "u32", "u8", static a => a);
        Extend<byte, ulong>("cvt.u64.u8", "u64", "u8", static a => a);
        Extend<ushort, uint>("cvt.u32.u16", "u32", "u16", static a => a);
        Extend<ushort, ulong>("cvt.u64.u16", "u64", "u16", static a => a);
        Extend<uint, ulong>("cvt.u64.u32", "u64", "u32", static a => a);
        Extend<uint, ushort>("cvt.u16.u32", "u16", "u32", static a => (ushort)a);
        Extend<ulong, ushort>("cvt.u16.u64", "u16", "u64", static a => (ushort)a);
        Extend<ulong, uint>("cvt.u32.u64", "u32", "u64", static a => (uint)a);

        Extend<float, double>("cvt.f64.f32", "f64", "f32", static a => a);
        Extend<Half, float>("cvt.f32.f16", "f32", "f16", static a => (float)a);
        Extend<Half, double>("cvt.f64.f16", "f64", "f16", static a => (double)a);
        Extend<double, float>("cvt.rn.f32.f64", "f32", "f64", static a => (float)a);
        Extend<float, Half>("cvt.rn.f16.f32", "f16", "f32", static a => (Half)a);
        Extend<double, Half>("cvt.rn.f16.f64", "f16", "f64", static a => (Half)a);
        Extend<float, ushort>("cvt.rn.bf16.f32", "b16", "f32", RoundToBFloat16);

        Unary<float, float>("cvt.rni.f32.f32", "f32", "f32", static a => MathF.Round(a, MidpointRounding.ToEven));
        Unary<float, float>("cvt.rmi.f32.f32", "f32", "f32", MathF.Floor);
        Unary<float, float>("cvt.rpi.f32.f32", "f32", "f32", MathF.Ceiling);
        Unary<float, float>("cvt.rzi.f32.f32", "f32", "f32", MathF.Truncate);
        Unary<double, double>("cvt.rni.f64.f64", "f64", "f64", static a => Math.Round(a, MidpointRounding.ToEven));
        Unary<double, double>("cvt.rmi.f64.f64", "f64", "f64", Math.Floor);
        Unary<double, double>("cvt.rpi.f64.f64", "f64", "f64", Math.Ceiling);
        Unary<double, double>("cvt.rzi.f64.f64", "f64", "f64", Math.Truncate);

        FromInteger<sbyte>("s8", static a => a);
        FromInteger<short>("s16", static a => a);
        FromInteger<int>("s32", static a => a);
        FromInteger<long>("s64", static a => a);
        FromInteger<byte>("u8", static a => a);
        FromInteger<ushort>("u16", static a => a);
        FromInteger<uint>("u32", static a => a);
        FromInteger<ulong>("u64", static a => a);
        ToInteger<sbyte, short>("s8", sbyte.MinValue, sbyte.MaxValue, static a => (short)a);
        ToInteger<short, short>("s16", short.MinValue, short.MaxValue, static a => (short)a);
        ToInteger<int, int>("s32", int.MinValue, int.MaxValue, static a => (int)a);
        ToInteger<long, long>("s64", long.MinValue, long.MaxValue, static a => (long)a);
        ToInteger<byte, ushort>("u8", 0, byte.MaxValue, static a => (ushort)a);
        ToInteger<ushort, ushort>("u16", 0, ushort.MaxValue, static a => (ushort)a);
        ToInteger<uint, uint>("u32", 0, uint.MaxValue, static a => (uint)a);
        ToInteger<ulong, ulong>("u64", 0, ulong.MaxValue, static a => (ulong)a);

        // Of the two numbers around it that have 16 bits the nearer, of two as near the even one; every NaN is the canonical one.
        static ushort RoundToBFloat16(float a)
        {
            if (float.IsNaN(a))
                return 0x7FFF;
            uint bits = BitConverter.SingleToUInt32Bits(a), below = bits & 0xFFFF_0000;
            uint above = below + 0x1_0000;
            uint discarded = bits & 0xFFFF;
            bool up = discarded > 0x8000 || (discarded == 0x8000 && (below & 0x1_0000) != 0);
            return (ushort)((up ? above : below) >> 16);
        }

        static void Extend<TFrom, TTo>(string mnemonic, string to, string from, Func<TFrom, TTo> f)
            where TFrom : unmanaged
            where TTo : unmanaged =>
            Known.Add(mnemonic, (decoder, o) =>
            {
                if (o.Length != 2)
                    return null;
                if (o[1] is not RegisterOperand)
                    throw decoder.Error("a register expected");
                // A byte lives in a register of 16 bits.
                return Narrow(decoder.Target(o[0], to), decoder.Source(o[1], from, mayBeWider: true), Math.Max(2, sizeof(TFrom)), f);
            });

        // Through Int128: exact, and one rounding from there to each type.
        static void FromInteger<T>(string from, Func<T, Int128> widen)
            where T : unmanaged
        {
            Extend<T, float>($"cvt.rn.f32.{from}", "f32", from, a => ToSingle(widen(a)));
            Extend<T, double>($"cvt.rn.f64.{from}", "f64", from, a => (double)widen(a));
            Extend<T, Half>($"cvt.rn.f16.{from}", "f16", from, a => (Half)ToSingleOdd(widen(a)));
        }

        static void ToInteger<T, TRegister>(string to, Int128 low, Int128 high, Func<Int128, TRegister> narrow)
            where T : unmanaged
            where TRegister : unmanaged
        {
            string register = $"{to[0]}{sizeof(TRegister) * 8}";
            // A NaN becomes 0, but for f64 sources and 64-bit results the number with only the top bit set.
            TRegister indefinite = narrow(Int128.One << (sizeof(T) * 8 - 1));
            Extend<float, TRegister>($"cvt.rzi.{to}.f32", register, "f32", a => Convert(a, sizeof(T) == 8));
            Extend<double, TRegister>($"cvt.rzi.{to}.f64", register, "f64", a => Convert(a, isNaNIndefinite: true));
            Extend<Half, TRegister>($"cvt.rzi.{to}.f16", register, "f16", a => Convert((double)a, sizeof(T) == 8));

            TRegister Convert(double a, bool isNaNIndefinite)
            {
                if (double.IsNaN(a))
                    return isNaNIndefinite ? indefinite : default;
                return narrow(a >= (double)high ? high : a <= (double)low ? low : (Int128)Math.Truncate(a));
            }
        }
    }

    /// <summary>The nearest f32: with more than 53 bits, a sticky bit keeps the rounding to f64 from counting.</summary>
    private static float ToSingle(Int128 value) => (float)(double)Sticky(value, 40);

    private static float ToSingleOdd(Int128 value)
    {
        // Halves end at 65504: whatever is larger than 2^20 is infinite.
        Int128 limit = Int128.One << 20;
        return (float)(value > limit ? limit : value < -limit ? -limit : value);
    }

    /// <summary>A number of at most 53 bits that lies on the same side of every f32 and every midpoint between two.</summary>
    private static Int128 Sticky(Int128 value, int keptBits)
    {
        Int128 magnitude = Int128.Abs(value);
        int drop = Math.Max(0, 128 - (int)Int128.LeadingZeroCount(magnitude) - keptBits);
        Int128 kept = magnitude >> drop;
        if (kept << drop != magnitude)
            kept |= 1;
        kept <<= drop;
        return value < 0 ? -kept : kept;
    }

    private static void Moves()
    {
        Move<ushort>("mov.b16", "b16");
        Move<uint>("mov.b32", "b32");
        Move<ulong>("mov.b64", "b64");
        Move<float>("mov.f32", "f32");
        Move<double>("mov.f64", "f64");
        Known.Add("mov.u32", (decoder, o) =>
        {
            if (o.Length != 2 || !PtxDecoder.IsMovedName(o[1]))
                return null;
            return Lanes1<uint, uint>(decoder.Target(o[0], "u32"), decoder.MovedName(o[1]), static a => a);
        });
        Known.Add("cvta.to.global.u64", (decoder, o) => o.Length == 2
            ? Lanes1<ulong, ulong>(decoder.Target(o[0], "u64"), decoder.Source(o[1], "u64"), static a => a) : null);

        static void Move<T>(string mnemonic, string type)
            where T : unmanaged =>
            Known.Add(mnemonic, (decoder, o) => o switch
            {
                [VectorOperand target, var source] => Unpack(decoder, target, source, type),
                [var target, VectorOperand source] => Pack(decoder, target, source, type),
                [var target, var source] => Lanes1<T, T>(decoder.Target(target, type), decoder.Source(source, type), static a => a),
                _ => null,
            });

        static Step Unpack(PtxDecoder decoder, VectorOperand target, Operand source, string type)
        {
            int size = PtxDecoder.SizeOf(type), part = size / target.Lanes.Length;
            int from = decoder.Source(source, type);
            int[] to = [.. target.Lanes.Select(lane => decoder.Target(lane, $"b{part * 8}"))];
            return (warp, mask) =>
            {
                for (uint m = mask; m != 0; m &= m - 1)
                {
                    int lane = BitOperations.TrailingZeroCount(m);
                    for (int i = 0; i < to.Length; i++)
                        Copy(warp.Registers + to[i] + lane * part, warp.Registers + from + lane * size + i * part, part);
                }
            };
        }

        static Step Pack(PtxDecoder decoder, Operand target, VectorOperand source, string type)
        {
            int size = PtxDecoder.SizeOf(type), part = size / source.Lanes.Length;
            int to = decoder.Target(target, type);
            int[] from = [.. source.Lanes.Select(lane => decoder.Source(lane, $"b{part * 8}"))];
            return (warp, mask) =>
            {
                for (uint m = mask; m != 0; m &= m - 1)
                {
                    int lane = BitOperations.TrailingZeroCount(m);
                    for (int i = 0; i < from.Length; i++)
                        Copy(warp.Registers + to + lane * size + i * part, warp.Registers + from[i] + lane * part, part);
                }
            };
        }
    }

    private static void Shuffles()
    {
        foreach (string mode in (string[])["idx", "down", "up", "bfly"])
        {
            Known.Add($"shfl.sync.{mode}.b32", (decoder, o) =>
            {
                if (o is not [_, _, _, _, NumberOperand { Bits: -1 }])
                    return null;
                int target = decoder.Target(o[0], "b32"), source = decoder.Source(o[1], "b32");
                int change = decoder.Source(o[2], "b32"), control = decoder.Source(o[3], "b32");
                return (warp, mask) =>
                {
                    uint* from = (uint*)(warp.Registers + source), result = (uint*)(warp.Registers + target);
                    uint* b = (uint*)(warp.Registers + change), c = (uint*)(warp.Registers + control);
                    uint* old = stackalloc uint[Warp.Lanes];
                    new Span<uint>(from, Warp.Lanes).CopyTo(new Span<uint>(old, Warp.Lanes));
                    for (uint m = mask; m != 0; m &= m - 1)
                    {
                        int lane = BitOperations.TrailingZeroCount(m);
                        // As PTX ISA defines it: the segment's bits of the lane stay, the clamp bounds the rest.
                        int clamp = (int)(c[lane] & 31), segment = (int)(c[lane] >> 8 & 31), by = (int)(b[lane] & 31);
                        int last = (lane & segment) | (clamp & ~segment), first = lane & segment;
                        (int chosen, bool inside) = mode switch
                        {
                            "up" => (lane - by, lane - by >= last),
                            "down" => (lane + by, lane + by <= last),
                            "bfly" => (lane ^ by, (lane ^ by) <= last),
                            _ => (first | (by & ~segment), (first | (by & ~segment)) <= last),
                        };
                        int read = inside ? chosen : lane;
                        if ((mask >> read & 1) == 0)
                            throw warp.Fault(lane, $"a shuffle from lane {read}, which is not there,");
                        result[lane] = old[read];
                    }
                };
            });
        }
    }

    private static Func<PtxDecoder, Operand[], Step?> Selp<T>(string type)
        where T : unmanaged => (decoder, o) =>
        {
            if (o.Length != 4)
                return null;
            int target = decoder.Target(o[0], type), a = decoder.Source(o[1], type), b = decoder.Source(o[2], type);
            int p = decoder.Source(o[3], "pred");
            return (warp, mask) =>
            {
                T* result = (T*)(warp.Registers + target), x = (T*)(warp.Registers + a), y = (T*)(warp.Registers + b);
                uint predicate = *(uint*)(warp.Registers + p);
                for (uint m = mask; m != 0; m &= m - 1)
                {
                    int lane = BitOperations.TrailingZeroCount(m);
                    result[lane] = (predicate >> lane & 1) != 0 ? x[lane] : y[lane];
                }
            };
        };

    private static void Setp<T>(string comparison, string type, Func<T, T, bool> f)
        where T : unmanaged =>
        Known.Add($"setp.{comparison}.{type}", (decoder, o) =>
        {
            if (o.Length != 3)
                return null;
            int target = decoder.Target(o[0], "pred"), a = decoder.Source(o[1], type), b = decoder.Source(o[2], type);
            return (warp, mask) =>
            {
                T* x = (T*)(warp.Registers + a), y = (T*)(warp.Registers + b);
                uint* result = (uint*)(warp.Registers + target);
                uint value = 0;
                for (uint m = mask; m != 0; m &= m - 1)
                {
                    int lane = BitOperations.TrailingZeroCount(m);
                    if (f(x[lane], y[lane]))
                        value |= 1u << lane;
                }
                *result = (*result & ~mask) | value;
            };
        });

    private static void Unary<TFrom, TTo>(string mnemonic, string to, string from, Func<TFrom, TTo> f)
        where TFrom : unmanaged
        where TTo : unmanaged =>
        Known.Add(mnemonic, (decoder, o) => o.Length == 2 ? Lanes1(decoder.Target(o[0], to), decoder.Source(o[1], from), f) : null);

    private static void Binary<T>(string mnemonic, string type, Func<T, T, T> f)
        where T : unmanaged =>
        Known.Add(mnemonic, (decoder, o) => o.Length == 3
            ? Lanes2(decoder.Target(o[0], type), decoder.Source(o[1], type), decoder.Source(o[2], type), f) : null);

    private static void Ternary<T>(string mnemonic, string type, Func<T, T, T, T> f)
        where T : unmanaged =>
        Known.Add(mnemonic, (decoder, o) => o.Length == 4
            ? Lanes3(decoder.Target(o[0], type), decoder.Source(o[1], type), decoder.Source(o[2], type), decoder.Source(o[3], type), f)
            : null);

    private static Step Lanes1<TFrom, TTo>(int target, int a, Func<TFrom, TTo> f)
        where TFrom : unmanaged
        where TTo : unmanaged => Narrow(target, a, sizeof(TFrom), f);

    /// <summary>One operand whose register may be wider than what is read of it.</summary>
    private static Step Narrow<TFrom, TTo>(int target, int a, int stride, Func<TFrom, TTo> f)
        where TFrom : unmanaged
        where TTo : unmanaged => (warp, mask) =>
        {
            TTo* result = (TTo*)(warp.Registers + target);
            byte* x = warp.Registers + a;
            for (uint m = mask; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                result[lane] = f(*(TFrom*)(x + lane * stride));
            }
        };

    private static Step Lanes2<TA, TB, TTo>(int target, int a, int b, Func<TA, TB, TTo> f)
        where TA : unmanaged
        where TB : unmanaged
        where TTo : unmanaged => (warp, mask) =>
        {
            TTo* result = (TTo*)(warp.Registers + target);
            TA* x = (TA*)(warp.Registers + a);
            TB* y = (TB*)(warp.Registers + b);
            if (mask == uint.MaxValue)
            {
                for (int lane = 0; lane < Warp.Lanes; lane++)
                    result[lane] = f(x[lane], y[lane]);
                return;
            }
            for (uint m = mask; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                result[lane] = f(x[lane], y[lane]);
            }
        };

    private static Step Lanes3<TA, TB, TC, TTo>(int target, int a, int b, int c, Func<TA, TB, TC, TTo> f)
        where TA : unmanaged
        where TB : unmanaged
        where TC : unmanaged
        where TTo : unmanaged => (warp, mask) =>
        {
            TTo* result = (TTo*)(warp.Registers + target);
            TA* x = (TA*)(warp.Registers + a);
            TB* y = (TB*)(warp.Registers + b);
            TC* z = (TC*)(warp.Registers + c);
            for (uint m = mask; m != 0; m &= m - 1)
            {
                int lane = BitOperations.TrailingZeroCount(m);
                result[lane] = f(x[lane], y[lane], z[lane]);
            }
        };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(byte* target, byte* source, int size)
    {
        switch (size)
        {
            case 2:
                *(ushort*)target = *(ushort*)source;
                break;
            case 4:
                *(uint*)target = *(uint*)source;
                break;
            default:
                *(ulong*)target = *(ulong*)source;
                break;
        }
    }
}

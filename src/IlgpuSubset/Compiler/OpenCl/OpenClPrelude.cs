using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.OpenCl;

/// <summary>What stands before the kernel: settings, and those functions that it calls.</summary>
internal sealed class OpenClPrelude
{
    private const string Settings = """
        // OpenCL C 1.2. Every floating-point operation rounds once: nothing is contracted or reassociated.
        #pragma OPENCL FP_CONTRACT OFF

        """;

    // One address may be read as different types; without the attribute a compiler may take such accesses for unrelated.
    private const string AnyTypes = """
        #if defined(__clang__) || defined(__GNUC__)
        #define ALIASED __attribute__((may_alias))
        #else
        #define ALIASED
        #endif
        typedef short ALIASED any_short;
        typedef ushort ALIASED any_ushort;
        typedef int ALIASED any_int;
        typedef long ALIASED any_long;
        typedef ulong ALIASED any_ulong;
        typedef float ALIASED any_float;

        """;

    private const string HalfToFloat = """
        static float half_to_float(ushort bits)
        {
            return vload_half(0, (const __private half*)&bits);
        }

        """;

    private const string FloatToHalf = """
        static ushort float_to_half(float number)
        {
            ushort bits;
            vstore_half_rte(number, 0, (__private half*)&bits);
            return bits;
        }

        """;

    private const string DoubleToHalf = """
        static ushort double_to_half(double number)
        {
            ushort bits;
            vstore_half_rte(number, 0, (__private half*)&bits);
            return bits;
        }

        """;

    // The product of two halves is exact in 32 bits. The sum is rounded to odd, so that rounding it again to 11 bits is as if only
    // that had been done (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
    private const string HalfFma = """
        static ushort half_fma(ushort a, ushort b, ushort c)
        {
            float product = half_to_float(a) * half_to_float(b), addend = half_to_float(c);
            float sum = product + addend, part = sum - product;
            float error = (product - (sum - part)) + (addend - part);
            uint bits = as_uint(sum);
            if (isfinite(sum) && error != 0.0f && (bits & 1u) == 0u)
                bits += (error > 0.0f) == (sum > 0.0f) ? 1u : -1u;
            return float_to_half(as_float(bits));
        }

        """;

    private readonly int _warpSize;
    private readonly SortedSet<string> _extensions = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _numbers = new(StringComparer.Ordinal);
    private readonly List<string> _functions = [];
    private bool _usesDouble;

    /// <param name="warpSize">The lanes of a warp.</param>
    public OpenClPrelude(int warpSize) => _warpSize = warpSize;

    /// <summary>The names that <see cref="UseSpecial"/> and <see cref="UseThread"/> may give.</summary>
    public static IEnumerable<string> NumberNames { get; } = [.. Enum.GetValues<SpecialNumber>().Select(NameOf), ThreadName];

    /// <summary>The thread's linear index in its group.</summary>
    private const string ThreadName = "thread";

    /// <summary>The name of a number that the launch gives a thread.</summary>
    public string UseSpecial(SpecialNumber number)
    {
        string name = NameOf(number);
        _numbers[name] = number switch
        {
            <= SpecialNumber.GroupIdZ => $"(int)get_local_id({number - SpecialNumber.GroupIdX})",
            <= SpecialNumber.GroupDimZ => $"(int)get_local_size({number - SpecialNumber.GroupDimX})",
            <= SpecialNumber.GridIdZ => $"(int)get_group_id({number - SpecialNumber.GridIdX})",
            <= SpecialNumber.GridDimZ => $"(int)get_num_groups({number - SpecialNumber.GridDimX})",
            _ => $"{UseThread()} % {_warpSize}",
        };
        return name;
    }

    /// <summary>The name of the thread's linear index in its group.</summary>
    public string UseThread()
    {
        _numbers[ThreadName] =
            "(int)((get_local_id(2) * get_local_size(1) + get_local_id(1)) * get_local_size(0) + get_local_id(0))";
        return ThreadName;
    }

    /// <summary>Enables an extension.</summary>
    public void UseExtension(string name) => _extensions.Add(name);

    /// <summary>Makes variables of 64-bit floating point available.</summary>
    public void UseDouble()
    {
        _usesDouble = true;
        UseExtension("cl_khr_fp64");
    }

    /// <summary>The name of the function from the bits of a half to the number.</summary>
    public string UseHalfToFloat() => Use(HalfToFloat, "half_to_float");

    /// <summary>The name of the function from a number to the bits of the nearest half.</summary>
    public string UseFloatToHalf() => Use(FloatToHalf, "float_to_half");

    /// <summary>The name of the function from a 64-bit number to the bits of the nearest half.</summary>
    public string UseDoubleToHalf() => Use(DoubleToHalf, "double_to_half");

    /// <summary>The name of the fused multiply-add of halves.</summary>
    public string UseHalfFma()
    {
        UseHalfToFloat();
        UseFloatToHalf();
        return Use(HalfFma, "half_fma");
    }

    /// <summary>The name of the function that adds to a number in memory as one step, which OpenCL has for integers only.</summary>
    public string UseAtomicAdd(string space, bool isDouble)
    {
        (string number, string bits, string call) = isDouble ? ("double", "ulong", "atom_cmpxchg") : ("float", "uint", "atomic_cmpxchg");
        string name = $"atomic_add_{number}_{space.TrimStart('_')}";
        return Use(
            $$"""
            static {{number}} {{name}}(volatile {{space}} {{bits}}* cell, {{number}} value)
            {
                {{bits}} seen, found = *cell;
                do
                {
                    seen = found;
                    found = {{call}}(cell, seen, as_{{bits}}(as_{{number}}(seen) + value));
                } while (found != seen);
                return as_{{number}}(found);
            }

            """,
            name);
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        IEnumerable<string> parts =
            [.. _extensions.Select(name => $"#pragma OPENCL EXTENSION {name} : enable\n"), Settings, AnyTypes];
        if (_usesDouble)
            parts = parts.Append("typedef double ALIASED any_double;\n");
        // Macros rather than variables: see OpenClLayout on values that live across barriers.
        IEnumerable<string> numbers = _numbers.Select(number => $"#define {number.Key} ({number.Value})\n");
        return string.Concat(parts.Concat(_functions.Select(text => "\n" + text)).Append("\n").Concat(numbers));
    }

    private static string NameOf(SpecialNumber number) => number switch
    {
        <= SpecialNumber.GroupIdZ => $"thread_{"xyz"[number - SpecialNumber.GroupIdX]}",
        <= SpecialNumber.GroupDimZ => $"group_size_{"xyz"[number - SpecialNumber.GroupDimX]}",
        <= SpecialNumber.GridIdZ => $"group_{"xyz"[number - SpecialNumber.GridIdX]}",
        <= SpecialNumber.GridDimZ => $"groups_{"xyz"[number - SpecialNumber.GridDimX]}",
        _ => "lane",
    };

    private string Use(string text, string name)
    {
        if (!_functions.Contains(text))
            _functions.Add(text);
        return name;
    }
}

using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Intrinsics;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.Cpu;

/// <summary>
/// The vectors in which lanes lie. There are 16 lanes whatever the machine (32 in kernels for tensor cores, whose warps have so many), so
/// that warps and results are the same everywhere; a machine with narrower vectors holds a value in more of them.
/// </summary>
internal sealed class LaneVectors
{
    /// <summary>Lanes of a warp as kernels see it.</summary>
    public const int WarpSize = 16;

    /// <summary>
    /// Operations that .NET's compiler knows as operators only: the methods of their names are wrappers that it inlines, which for
    /// thousands of them it stops to do.
    /// </summary>
    private static readonly Dictionary<string, string> Operators = new()
    {
        ["Add"] = "op_Addition",
        ["Subtract"] = "op_Subtraction",
        ["Multiply"] = "op_Multiply",
        ["Divide"] = "op_Division",
        ["BitwiseAnd"] = "op_BitwiseAnd",
        ["BitwiseOr"] = "op_BitwiseOr",
        ["Xor"] = "op_ExclusiveOr",
        ["OnesComplement"] = "op_OnesComplement",
        ["Negate"] = "op_UnaryNegation",
        ["ShiftLeft"] = "op_LeftShift",
        ["ShiftRightArithmetic"] = "op_RightShift",
        ["ShiftRightLogical"] = "op_UnsignedRightShift",
        ["AllEqual"] = "op_Equality",
        ["AnyDiffers"] = "op_Inequality",
    };

    private readonly ConcurrentDictionary<(string, Type, string), MethodInfo> _methods = [];
    private readonly Type _class;
    private readonly Type _vector;

    /// <param name="bytes">16, 32 or 64.</param>
    /// <param name="lanes">Lanes that run together.</param>
    public LaneVectors(int bytes, int lanes = WarpSize)
    {
        (Bytes, Lanes) = (bytes, lanes);
        (_class, _vector) = bytes switch
        {
            64 => (typeof(Vector512), typeof(Vector512<>)),
            32 => (typeof(Vector256), typeof(Vector256<>)),
            16 => (typeof(Vector128), typeof(Vector128<>)),
            _ => throw new ArgumentOutOfRangeException(nameof(bytes)),
        };
    }

    /// <summary>The widest vectors that the machine computes with.</summary>
    public static LaneVectors Widest { get; } = new(Vector512.IsHardwareAccelerated ? 64 : Vector256.IsHardwareAccelerated ? 32 : 16);

    /// <summary>Lanes that run together.</summary>
    public int Lanes { get; }

    /// <summary>Bytes of a vector.</summary>
    public int Bytes { get; }

    /// <summary>Elements of a vector of a type.</summary>
    public int Count(Type element) => Bytes / SizeOf(element);

    /// <summary>Vectors that hold the lanes of a value.</summary>
    public int Parts(Type element) => Lanes / Count(element);

    /// <summary>The type of a vector.</summary>
    public Type Vector(Type element) => _vector.MakeGenericType(element);

    /// <summary>
    /// What a lane of a value is kept as: narrow integers sign-extended, truth values as 0 or -1 (0 or 1 as scalars), f16 as f32.
    /// </summary>
    public static Type Element(IrType type) => type.Scalar switch
    {
        ScalarType.I64 or ScalarType.Pointer => typeof(long),
        ScalarType.F16 or ScalarType.F32 => typeof(float),
        ScalarType.F64 => typeof(double),
        _ => typeof(int),
    };

    /// <summary>Bytes of an element.</summary>
    public static int SizeOf(Type element) => element == typeof(long) || element == typeof(ulong) || element == typeof(double) ? 8 : 4;

    /// <summary>The unsigned integer of the size of a signed one.</summary>
    public static Type Unsigned(Type element) => element == typeof(int) ? typeof(uint) : typeof(ulong);

    /// <summary>A method of the vector class by its name and parameters.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="element">The element of the first vector, or what a generic method is made for.</param>
    /// <param name="parameters">Their types.</param>
    public MethodInfo Method(string name, Type element, params Type[] parameters) =>
        _methods.GetOrAdd(
            (name, element, string.Join(',', parameters.Select(type => type.ToString()))), _ => Find(name, element, parameters));

    private MethodInfo Find(string name, Type element, Type[] parameters)
    {
        if (Operators.TryGetValue(name, out string? symbol))
            return Vector(element).GetMethod(symbol, parameters) ?? throw new MissingMethodException(name);
        foreach (MethodInfo candidate in _class.GetMethods(BindingFlags.Public | BindingFlags.Static))
        {
            if (candidate.Name != name || candidate.GetParameters().Length != parameters.Length)
                continue;
            MethodInfo method = candidate;
            if (candidate.IsGenericMethodDefinition)
            {
                if (candidate.GetGenericArguments().Length != 1)
                    continue;
                method = candidate.MakeGenericMethod(element);
            }
            if (method.GetParameters().Select(parameter => parameter.ParameterType).SequenceEqual(parameters))
                return method;
        }
        throw new MissingMethodException(
            $"{_class.Name}.{name}<{element.Name}>({string.Join(", ", parameters.Select(type => type.Name))})");
    }

    /// <summary>An operation on vectors of one element type.</summary>
    public MethodInfo Operation(string name, Type element, int operands = 2) =>
        Method(name, element, [.. Enumerable.Repeat(Vector(element), operands)]);
}

using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.OpenCl;

/// <summary>Types of the IR as types of OpenCL C. Halves are kept as their bits, since only cl_khr_fp16 has variables of them.</summary>
internal static class OpenClTypes
{
    /// <summary>The type of variables.</summary>
    public static string Name(IrType type)
    {
        if (type.IsPointer)
            return $"{Space(type.Space)} uchar*";
        string scalar = type.Scalar switch
        {
            ScalarType.I1 => "bool",
            ScalarType.I8 => "char",
            ScalarType.I16 => "short",
            ScalarType.I32 => "int",
            ScalarType.I64 => "long",
            ScalarType.F16 => "ushort",
            ScalarType.F32 => "float",
            _ => "double",
        };
        return type.IsVector ? scalar + type.Lanes : scalar;
    }

    /// <summary>The unsigned type of an integer's width.</summary>
    public static string Unsigned(IrType type) => "u" + Name(type);

    /// <summary>
    /// The type through which memory is accessed. One address may be read as different types (Interop, casts of views), which C
    /// allows for vectors and bytes only, and for the types that the prelude declares.
    /// </summary>
    public static string InMemory(IrType type) =>
        type.IsPointer ? "any_ulong" : type.IsVector || type.Scalar == ScalarType.I8 ? Name(type) : "any_" + Name(type);

    /// <summary>The qualifier of an address space.</summary>
    public static string Space(AddressSpace space) => space switch
    {
        AddressSpace.Global => "__global",
        AddressSpace.Shared => "__local",
        _ => "__private",
    };
}

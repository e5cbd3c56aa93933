using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.CompilerServices;
using ILGPU.Compiler.IR;
using ILGPU.Runtime;

namespace ILGPU.Compiler;

/// <summary>A number or pointer inside a type, with its place in memory.</summary>
internal readonly record struct Leaf(IrType Type, int Offset, string Path, ParameterRole Role);

/// <summary>
/// How values of a C# type lie in memory and of which leaves they consist. A view is a pointer and a 64-bit length; a reference
/// is a pointer. Truth values are i8, characters i16.
/// </summary>
internal sealed class TypeLayout
{
    private static readonly ConcurrentDictionary<Type, TypeLayout> Layouts = new();

    private readonly Dictionary<FieldInfo, (int Offset, int FirstLeaf)> _fields = [];

    private TypeLayout(Type type)
    {
        Type = type;
        if (ScalarOf(type) is { } scalar)
        {
            Size = Alignment = scalar.SizeInBytes;
            Leaves = [new Leaf(scalar, 0, "", scalar.IsPointer ? ParameterRole.ViewPointer : ParameterRole.Scalar)];
        }
        else if (IsView(type))
        {
            (Size, Alignment) = (16, 8);
            Leaves =
            [
                new Leaf(IrType.PointerTo(AddressSpace.Generic), 0, "", ParameterRole.ViewPointer),
                new Leaf(IrType.I64, 8, ".Length", ParameterRole.ViewLength),
            ];
        }
        else if (type.IsValueType && !type.IsExplicitLayout)
        {
            var leaves = new List<Leaf>();
            Alignment = 1;
            int pack = type.StructLayoutAttribute is { Pack: > 0 } layout ? layout.Pack : int.MaxValue;
            foreach (FieldInfo field in InstanceFields(type))
            {
                TypeLayout part = Of(field.FieldType);
                int alignment = Math.Min(part.Alignment, pack);
                int offset = Align(Size, alignment);
                _fields.Add(field, (offset, leaves.Count));
                // A view with a layout is, to whoever reads a message, the view itself.
                string name = type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ArrayView1D<,>) ? "" : $".{FieldName(field)}";
                leaves.AddRange(part.Leaves.Select(leaf => leaf with { Offset = leaf.Offset + offset, Path = name + leaf.Path }));
                Size = offset + part.Size;
                Alignment = Math.Max(Alignment, alignment);
            }
            // .NET gives an empty structure one byte.
            Size = Math.Max(Align(Size, Alignment), 1);
            if (type.StructLayoutAttribute is { Size: > 0 } sized)
                Size = Math.Max(Size, sized.Size);
            Leaves = [.. leaves];
        }
        else
        {
            throw new NotSupportedException(
                $"The type {type} ({(type.IsValueType ? "explicit layout" : "a class")}) cannot be used in a kernel.");
        }
    }

    public Type Type { get; }

    public int Size { get; }

    public int Alignment { get; }

    public Leaf[] Leaves { get; }

    /// <summary>
    /// The vector type that moves a whole value in one access: 2 or 4 numbers of one kind that fill 8 or 16 bytes; null for others.
    /// Views of such types are aligned to the whole size, since buffers are and casts must be.
    /// </summary>
    public IrType? VectorType =>
        Leaves.Length is 2 or 4
        && Leaves[0].Type is { IsPointer: false } element
        && Size is 8 or 16
        && Leaves.Length * element.SizeInBytes == Size
        && Leaves.All(leaf => leaf.Type == element)
            ? IrType.VectorOf(element, Leaves.Length)
            : null;

    /// <summary>The layout of a type.</summary>
    /// <exception cref="NotSupportedException">The type is or contains a class, or has explicit layout.</exception>
    public static TypeLayout Of(Type type) => Layouts.GetOrAdd(type, static key => new TypeLayout(key));

    /// <summary>The layout of a type whose values lie in buffers, checked against what the host writes there.</summary>
    public static TypeLayout OfElement(Type type)
    {
        TypeLayout layout = Of(type);
        int hostSize = (int)SizeOfMethod.MakeGenericMethod(type).Invoke(null, null)!;
        if (layout.Size != hostSize)
            throw new NotSupportedException($"The type {type} has {hostSize} bytes on the host but {layout.Size} in declaration order.");
        return layout;
    }

    /// <summary>The number of bytes of a field before it, and the number of leaves.</summary>
    public (int Offset, int FirstLeaf) Field(FieldInfo field)
    {
        foreach ((FieldInfo candidate, (int, int) place) in _fields)
        {
            if (candidate.MetadataToken == field.MetadataToken && candidate.Module == field.Module)
                return place;
        }
        throw new NotSupportedException($"The field {field.DeclaringType}.{field.Name} cannot be reached in a kernel.");
    }

    /// <summary>The fields of a structure in declaration order, which is the order of its leaves.</summary>
    [SuppressMessage("Trimming", "IL2070", Justification = "Kernels are compiled by reflection; the assembly is not trimmed.")]
    public static FieldInfo[] InstanceFields(Type type)
    {
        FieldInfo[] fields = type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic);
        Array.Sort(fields, (a, b) => a.MetadataToken.CompareTo(b.MetadataToken));
        return fields;
    }

    /// <summary>The type of a number, truth value, character or reference; null for structures.</summary>
    public static IrType? ScalarOf(Type type)
    {
        if (type.IsByRef || type.IsPointer)
            return IrType.PointerTo(AddressSpace.Generic);
        if (type.IsEnum)
            type = type.GetEnumUnderlyingType();
        if (type == typeof(Half) || type == typeof(System.Half))
            return IrType.F16;
        if (type == typeof(nint) || type == typeof(nuint))
            return IrType.I64;
        return Type.GetTypeCode(type) switch
        {
            TypeCode.Boolean or TypeCode.Byte or TypeCode.SByte => IrType.I8,
            TypeCode.Char or TypeCode.Int16 or TypeCode.UInt16 => IrType.I16,
            TypeCode.Int32 or TypeCode.UInt32 => IrType.I32,
            TypeCode.Int64 or TypeCode.UInt64 => IrType.I64,
            TypeCode.Single => IrType.F32,
            TypeCode.Double => IrType.F64,
            _ => null,
        };
    }

    /// <summary>Whether a type is <see cref="ArrayView{T}"/>.</summary>
    public static bool IsView(Type type) => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ArrayView<>);

    private static MethodInfo SizeOfMethod { get; } = typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!;

    private static int Align(int value, int alignment) => (value + alignment - 1) / alignment * alignment;

    /// <summary>The C# name behind a field: auto-properties and captured parameters are wrapped in angle brackets.</summary>
    private static string FieldName(FieldInfo field)
    {
        int end = field.Name.IndexOf('>');
        return field.Name.StartsWith('<') && end > 1 ? field.Name[1..end] : field.Name;
    }
}

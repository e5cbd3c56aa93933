using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.FrontEnd;

/// <summary>
/// A value of the IL evaluation stack: a number or reference (one leaf; integers of less than 32 bits are widened), a structure
/// (the leaves of its layout, as they lie in memory), or an object that exists only while compiling.
/// </summary>
internal sealed record StackValue(Value[] Leaves, TypeLayout? Structure, object? Object)
{
    public StackValue(Value scalar)
        : this([scalar], null, null)
    {
    }

    /// <summary>A number or reference.</summary>
    public Value Scalar => Structure is null && Object is null
        ? Leaves[0]
        : throw new NotSupportedException("A structure or object where a number is needed");

    public static StackValue Of(TypeLayout structure, Value[] leaves) => new(leaves, structure, null);

    public static StackValue OfObject(object value) => new([], null, value);
}

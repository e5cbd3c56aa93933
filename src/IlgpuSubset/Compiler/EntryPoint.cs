using System.Reflection;
using ILGPU.Runtime;

namespace ILGPU.Compiler;

/// <summary>A method to be compiled as a kernel, and how launches will call it. Immutable.</summary>
internal sealed class EntryPoint
{
    public EntryPoint(MethodInfo method, bool autoGrouped, KernelSpecialization specialization)
    {
        // A lambda without captures is an instance method of a class without fields; its "this" is never read.
        if (method.ReturnType != typeof(void)
            || (!method.IsStatic && TypeLayout.InstanceFields(method.DeclaringType!).Length > 0))
            throw new NotSupportedException(
                $"{method.DeclaringType}.{method.Name} is no kernel: a kernel is a static method, or a lambda without captures, "
                + "that returns nothing.");
        Method = method;
        AutoGrouped = autoGrouped;
        Specialization = specialization;
        ParameterTypes = [.. method.GetParameters().Select(parameter => parameter.ParameterType)];
        IsSpecialized = ParameterTypes.Any(IsSpecializedValue);
        if (autoGrouped)
        {
            IndexLeaves = ParameterTypes[0] == typeof(Index1D) ? 1 : ParameterTypes[0] == typeof(Index2D) ? 2
                : ParameterTypes[0] == typeof(Index3D) ? 3
                : throw new NotSupportedException($"{Name}: the first parameter of a grouped kernel is Index1D, Index2D or Index3D.");
        }
    }

    /// <summary>The method.</summary>
    public MethodInfo Method { get; }

    /// <summary>Type and method.</summary>
    public string Name => $"{Method.DeclaringType?.Name}.{Method.Name}";

    /// <summary>Whether the first parameter is the thread's position, for which launches pass the extent.</summary>
    public bool AutoGrouped { get; }

    /// <summary>Of an auto-grouped kernel, how many numbers the extent has.</summary>
    public int IndexLeaves { get; }

    /// <summary>What launches promise.</summary>
    public KernelSpecialization Specialization { get; }

    /// <summary>The C# types of the parameters.</summary>
    public Type[] ParameterTypes { get; }

    /// <summary>Whether any parameter is a <see cref="SpecializedValue{T}"/>.</summary>
    public bool IsSpecialized { get; }

    /// <summary>Whether a parameter's value is a constant of the compiled kernel.</summary>
    public static bool IsSpecializedValue(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(SpecializedValue<>);
}

using ILGPU.Beyond;
using ILGPU.Runtime.OpenCL;

namespace ILGPU.Tests.OpenCl;

/// <summary>A test that needs an OpenCL device, and is skipped with the reason where there is none.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OpenClFactAttribute : FactAttribute
{
    public OpenClFactAttribute() => Skip = OpenClDevices.MissingReason;
}

/// <summary>As <see cref="OpenClFactAttribute"/>, for theories.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class OpenClTheoryAttribute : TheoryAttribute
{
    public OpenClTheoryAttribute() => Skip = OpenClDevices.MissingReason;
}

/// <summary>Whether this machine has an OpenCL device.</summary>
internal static class OpenClDevices
{
    public static string? MissingReason { get; } = Find();

    private static string? Find()
    {
        using Context context = Context.Create(builder => builder.OpenCL());
        return context.Devices.Length > 0
            ? null
            : "no OpenCL device: " + string.Join("; ", context.GetUnusableDevices().Select(device => $"{device.Name}: {device.Reason}"));
    }
}

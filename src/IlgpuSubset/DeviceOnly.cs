using System.Runtime.CompilerServices;

namespace ILGPU;

/// <summary>
/// What the bodies of device functions throw. The compiler replaces every call to them, so their bodies run only when host code
/// calls them by mistake.
/// </summary>
internal static class DeviceOnly
{
    /// <summary>The exception for a call from the host.</summary>
    public static NotSupportedException Exception([CallerMemberName] string member = "") =>
        new($"'{member}' exists only inside a kernel; it was called by host code.");
}

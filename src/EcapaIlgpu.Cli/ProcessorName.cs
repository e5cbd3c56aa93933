using System.Runtime.InteropServices;
using System.Text;

namespace EcapaIlgpu.Cli;

/// <summary>What the processor calls itself.</summary>
internal static partial class ProcessorName
{
    /// <summary>The name as the system has it; the architecture where it has none.</summary>
    public static string Find()
    {
        try
        {
            string? name = OperatingSystem.IsMacOS() ? FromSysctl() : OperatingSystem.IsWindows() ? FromEnvironment() : FromProc();
            return string.IsNullOrWhiteSpace(name) ? RuntimeInformation.ProcessArchitecture.ToString() : name.Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DllNotFoundException or EntryPointNotFoundException)
        {
            return RuntimeInformation.ProcessArchitecture.ToString();
        }
    }

    // Arm kernels give no model name there.
    private static string? FromProc() => File.ReadLines("/proc/cpuinfo")
        .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[^1];

    private static string? FromEnvironment() => Environment.GetEnvironmentVariable("PROCESSOR_IDENTIFIER");

    private static unsafe string? FromSysctl()
    {
        byte* buffer = stackalloc byte[256];
        nuint length = 256;
        return SysctlByName("machdep.cpu.brand_string", buffer, &length, null, 0) == 0 && length > 0
            ? Encoding.UTF8.GetString(buffer, (int)length - 1)
            : null;
    }

    [LibraryImport("libc", EntryPoint = "sysctlbyname", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int SysctlByName(string name, byte* value, nuint* length, void* newValue, nuint newLength);
}

using System.Runtime.InteropServices;

namespace EcapaIlgpu.Audio;

/// <summary>Standard input, or that there is none.</summary>
internal static partial class StandardInput
{
    private const int GetDescriptorFlags = 1, CloseOnExec = 1;

    /// <summary>Whether the process was started without a standard input, as <c>ecapa embed - &lt;&amp;-</c> starts it.</summary>
    /// <remarks>
    /// The runtime then opens something of its own under the same number, a pipe on which one would wait for ever. It is told from an input
    /// by being closed in child processes: what was inherited never is, or it would not have been.
    /// </remarks>
    public static bool IsClosed { get; } = !OperatingSystem.IsWindows() && ReadFlags() is < 0 or CloseOnExec;

    /// <summary>Opens it; empty where there is none.</summary>
    public static Stream Open() => IsClosed ? Stream.Null : Console.OpenStandardInput();

    private static int ReadFlags()
    {
        const int Input = 0;
        int flags = FileControl(Input, GetDescriptorFlags);
        return flags < 0 ? flags : flags & CloseOnExec;
    }

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int FileControl(int descriptor, int command);
}

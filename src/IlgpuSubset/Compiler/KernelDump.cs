namespace ILGPU.Compiler;

/// <summary>What the compiler emitted, for those who want to read it: in the folder that the variable ECAPA_DUMP names.</summary>
internal static class KernelDump
{
    private static readonly string? Folder = Environment.GetEnvironmentVariable("ECAPA_DUMP") is { Length: > 0 } folder ? folder : null;

    /// <summary>Writes a text as <c>name.extension</c>, if a folder is named.</summary>
    public static void Write(string name, string extension, Func<string> text)
    {
        if (Folder is null)
            return;
        Directory.CreateDirectory(Folder);
        File.WriteAllText(Path.Combine(Folder, $"{name}.{extension}"), text());
    }
}

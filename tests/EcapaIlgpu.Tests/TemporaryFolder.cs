namespace EcapaIlgpu.Tests;

/// <summary>A folder that goes away with the test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string FullPath { get; } = Directory.CreateTempSubdirectory("ecapa-test-").FullName;

    public string this[string relative] => Path.Combine(FullPath, relative);

    public string Write(string relative, string content = "")
    {
        Directory.CreateDirectory(Path.GetDirectoryName(this[relative])!);
        File.WriteAllText(this[relative], content);
        return this[relative];
    }

    public string Write(string relative, byte[] content)
    {
        File.WriteAllBytes(this[relative], content);
        return this[relative];
    }

    /// <summary>Names of everything directly in the folder, temporary files too.</summary>
    public string[] Entries() =>
        [.. Directory.EnumerateFileSystemEntries(FullPath).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}

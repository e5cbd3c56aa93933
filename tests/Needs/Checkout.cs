namespace Needs;

/// <summary>Where this checkout of the repository lies.</summary>
internal static class Checkout
{
    public static string Folder { get; } = Find();

    /// <summary>A path of what lies beside the repository.</summary>
    public static string Beside(string relative) => Path.GetFullPath(Path.Combine(Folder, "..", relative));

    private static string Find()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "EcapaIlgpu.sln")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException($"No EcapaIlgpu.sln above {AppContext.BaseDirectory}.");
    }
}

namespace ILGPU.Beyond;

/// <summary>Where OpenCL kernels that were compiled once are kept for the next time.</summary>
public static class OpenCLCache
{
    /// <summary>The environment variable that names the folder; empty, it turns the cache off.</summary>
    public const string Variable = "ECAPA_OPENCL_CACHE";

    private static volatile string? _folder = Initial();

    /// <summary>
    /// The folder; null for none. At first what <see cref="Variable"/> says, else a folder of the user's caches: under
    /// XDG_CACHE_HOME or ~/.cache, ~/Library/Caches on macOS, and LocalAppData on Windows. A folder that cannot be read or written is no
    /// error: kernels are then compiled each time. Thread-safe; kernels that are loaded afterwards use it.
    /// </summary>
    public static string? Folder
    {
        get => _folder;
        set => _folder = value;
    }

    private static string? Initial()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { } named)
            return named.Length > 0 ? named : null;
        string caches = UserCaches();
        return caches.Length > 0 ? Path.Combine(caches, "ecapa-ilgpu", "opencl") : null;
    }

    private static string UserCaches()
    {
        string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        if (OperatingSystem.IsWindows())
            return Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData);
        if (OperatingSystem.IsMacOS())
            return home.Length > 0 ? Path.Combine(home, "Library", "Caches") : "";
        // Relative paths are to be ignored, says the XDG base directory specification.
        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } caches && Path.IsPathRooted(caches))
            return caches;
        return home.Length > 0 ? Path.Combine(home, ".cache") : "";
    }
}

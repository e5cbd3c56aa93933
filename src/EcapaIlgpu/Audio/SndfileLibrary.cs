using System.Runtime.InteropServices;

namespace EcapaIlgpu.Audio;

/// <summary>
/// libsndfile's C functions (sndfile.h, version 1.0.17 and later), where the library is installed. It is looked for by the names its
/// packages give it, as none of them carries the unversioned name that only development packages link.
/// </summary>
internal sealed unsafe class SndfileLibrary
{
    /// <summary><c>SFM_READ</c>.</summary>
    public const int ModeRead = 0x10;

    /// <summary><c>SF_COUNT_MAX</c>: the length of a file that does not say it.</summary>
    public const long CountMax = long.MaxValue;

    private static readonly Lazy<SndfileLibrary?> Found = new(Find);

    // Homebrew's on Apple silicon and on Intel, and MacPorts': not all are on the loader's path.
    private static readonly string[] MacFolders = ["/opt/homebrew/lib", "/usr/local/lib", "/opt/local/lib"];

    private readonly Lock _opening = new();

    private readonly delegate* unmanaged<VirtualIo*, int, Info*, void*, nint> _openVirtual;
    private readonly delegate* unmanaged<nint, double*, long, long> _readFrames;
    private readonly delegate* unmanaged<nint, int> _error;
    private readonly delegate* unmanaged<nint, byte*> _errorText;
    private readonly delegate* unmanaged<nint, int> _close;

    private SndfileLibrary(nint library)
    {
        _openVirtual = (delegate* unmanaged<VirtualIo*, int, Info*, void*, nint>)NativeLibrary.GetExport(library, "sf_open_virtual");
        _readFrames = (delegate* unmanaged<nint, double*, long, long>)NativeLibrary.GetExport(library, "sf_readf_double");
        _error = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "sf_error");
        _errorText = (delegate* unmanaged<nint, byte*>)NativeLibrary.GetExport(library, "sf_strerror");
        _close = (delegate* unmanaged<nint, int>)NativeLibrary.GetExport(library, "sf_close");
    }

    /// <summary>The installed library, or null.</summary>
    public static SndfileLibrary? Installed => Found.Value;

    /// <summary><c>sf_open_virtual</c>: a handle, or 0 with the reason.</summary>
    public nint Open(ref VirtualIo io, ref Info info, nint state, out string reason)
    {
        // The reason for a failed open is kept in a variable of the library's that all threads share.
        lock (_opening)
        {
            fixed (VirtualIo* ioPointer = &io)
            fixed (Info* infoPointer = &info)
            {
                nint handle = _openVirtual(ioPointer, ModeRead, infoPointer, (void*)state);
                reason = handle == 0 ? ErrorText(0) : "";
                return handle;
            }
        }
    }

    /// <summary><c>sf_readf_double</c>: up to <paramref name="frames"/> frames at full scale ±1; 0 at the end and on an error.</summary>
    public long ReadFrames(nint handle, Span<double> interleaved, long frames)
    {
        fixed (double* pointer = interleaved)
            return _readFrames(handle, pointer, frames);
    }

    /// <summary>What went wrong with a handle, or null.</summary>
    public string? Error(nint handle) => _error(handle) == 0 ? null : ErrorText(handle);

    /// <summary><c>sf_close</c>.</summary>
    public void Close(nint handle) => _ = _close(handle);

    private string ErrorText(nint handle) => Marshal.PtrToStringUTF8((nint)_errorText(handle))?.TrimEnd('.', '\n') ?? "unknown error";

    private static SndfileLibrary? Find()
    {
        // Never the current folder, where anybody's library may lie beside the audio.
        const DllImportSearchPath Folders = DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory;
        foreach (string name in Names())
        {
            if (NativeLibrary.TryLoad(name, typeof(SndfileLibrary).Assembly, Folders, out nint library)
                && NativeLibrary.TryGetExport(library, "sf_open_virtual", out _))
            {
                return new(library);
            }
        }
        return null;
    }

    private static string[] Names()
    {
        if (OperatingSystem.IsWindows())
        {
            string programs = Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles);
            return ["sndfile.dll", "libsndfile-1.dll", "libsndfile.dll", Path.Combine(programs, "libsndfile", "bin", "sndfile.dll")];
        }
        return OperatingSystem.IsMacOS()
            ? ["libsndfile.1.dylib", .. MacFolders.Select(folder => Path.Combine(folder, "libsndfile.1.dylib"))]
            : ["libsndfile.so.1"];
    }

    /// <summary><c>SF_INFO</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Info
    {
        public long Frames;
        public int SampleRate;
        public int Channels;
        public int Format;
        public int Sections;
        public int Seekable;
    }

    /// <summary><c>SF_VIRTUAL_IO</c>: how the library reads a stream that is not a file of the system's.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct VirtualIo
    {
        public delegate* unmanaged<nint, long> Length;
        public delegate* unmanaged<long, int, nint, long> Seek;
        public delegate* unmanaged<byte*, long, nint, long> Read;
        public delegate* unmanaged<byte*, long, nint, long> Write;
        public delegate* unmanaged<nint, long> Tell;
    }
}

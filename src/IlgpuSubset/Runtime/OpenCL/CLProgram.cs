using ILGPU.Beyond;

namespace ILGPU.Runtime.OpenCL;

/// <summary>Builds programs: from the binary that an earlier build left on disk where there is one, else from the source.</summary>
internal static class CLProgram
{
    /// <summary>A built program, which the caller releases.</summary>
    /// <exception cref="CLException">The driver cannot compile it; the message has the driver's log.</exception>
    public static nint Build(CLLibrary library, nint context, CLDevice device, string source, string options)
    {
        string key = CLBinaryCache.Key(device.Identity, options, source);
        if (CLBinaryCache.TryRead(OpenCLCache.Folder, key) is { } binary
            && TryBuild(() => library.CreateProgramWithBinary(context, device.Handle, binary)) is { } known)
        {
            return known;
        }

        nint program = library.CreateProgramWithSource(context, source);
        Finish(program);
        try
        {
            CLBinaryCache.Write(OpenCLCache.Folder, key, library.GetProgramBinary(program));
        }
        catch (CLException)
        {
            // A driver that gives out no binary compiles the source each time.
        }
        return program;

        // A driver may refuse a binary of its own, as after a change of its settings: then the source decides.
        nint? TryBuild(Func<nint> create)
        {
            try
            {
                nint created = create();
                Finish(created);
                return created;
            }
            catch (CLException)
            {
                return null;
            }
        }

        void Finish(nint unbuilt)
        {
            try
            {
                library.BuildProgram(unbuilt, device.Handle, options);
            }
            catch
            {
                library.ReleaseProgram(unbuilt);
                throw;
            }
        }
    }
}

using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

/// <summary>Waiting for a stream whose results nobody wants any more.</summary>
internal static class StreamDraining
{
    /// <summary>Waits until nothing that is queued uses any memory; where the device is lost, nothing does.</summary>
    public static void Drain(this AcceleratorStream stream)
    {
        try
        {
            stream.Synchronize();
        }
        catch (AcceleratorException)
        {
            // Whoever wanted the results was told.
        }
    }
}

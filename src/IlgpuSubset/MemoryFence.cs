namespace ILGPU;

/// <summary>Orders a thread's memory accesses before the fence ahead of those after it. Kernels only.</summary>
public static class MemoryFence
{
    /// <summary>As seen by the threads of the group.</summary>
    public static void GroupLevel() => throw DeviceOnly.Exception();

    /// <summary>As seen by all threads of the device.</summary>
    public static void DeviceLevel() => throw DeviceOnly.Exception();

    /// <summary>As seen by the device and the host.</summary>
    public static void SystemLevel() => throw DeviceOnly.Exception();
}

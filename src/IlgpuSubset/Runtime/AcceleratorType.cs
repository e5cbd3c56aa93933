namespace ILGPU.Runtime;

/// <summary>The kinds of accelerators.</summary>
public enum AcceleratorType
{
    /// <summary>Kernels run on the host's processor.</summary>
    CPU,

    /// <summary>Kernels run on an NVIDIA GPU through the CUDA driver.</summary>
    Cuda,

    /// <summary>Kernels run on any device through OpenCL.</summary>
    OpenCL,
}

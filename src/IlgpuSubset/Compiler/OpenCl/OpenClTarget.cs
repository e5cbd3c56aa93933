namespace ILGPU.Compiler.OpenCl;

/// <summary>What an OpenCL device can do beyond version 1.2's core.</summary>
/// <param name="HasDouble">64-bit floating point (cl_khr_fp64, or a full profile that has it).</param>
/// <param name="HasLongAtomics">64-bit atomic addition, exchange and compare-exchange (cl_khr_int64_base_atomics).</param>
/// <param name="HasLongMinMax">64-bit atomic minimum and maximum (cl_khr_int64_extended_atomics).</param>
internal sealed record OpenClTarget(bool HasDouble, bool HasLongAtomics, bool HasLongMinMax);

using System.Security.Cryptography;
using System.Text;
using ILGPU.Runtime;

namespace ILGPU.Compiler;

/// <summary>Names of compiled kernels: the same for the same kernel in every run, so that caches and dumps can use them.</summary>
internal static class KernelNames
{
    /// <summary>Type and method as an identifier, with a hash of what else distinguishes the kernel.</summary>
    public static string Unique(EntryPoint entry, SpecializationKey specialization, CompilerOptions options)
    {
        string method =
            $"{entry.Method.DeclaringType?.FullName}|{entry.Method}|{entry.AutoGrouped}|{entry.Specialization.MaxNumThreadsPerGroup}" +
            $"|{entry.Specialization.MinNumGroupsPerMultiprocessor}|{string.Join(',', specialization.Bits.ToArray())}|{options}";
        string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(method)))[..8];
        return $"{Identifier(entry.Name)}_{hash}";
    }

    private static string Identifier(string name) =>
        string.Concat(name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')).Trim('_') is [>= 'A' and <= 'z', ..] identifier
            ? identifier
            : "kernel_" + string.Concat(name.Where(char.IsAsciiLetterOrDigit));
}

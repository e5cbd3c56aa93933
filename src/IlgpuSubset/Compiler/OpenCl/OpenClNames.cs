using System.Collections.Frozen;

namespace ILGPU.Compiler.OpenCl;

/// <summary>Gives out identifiers of OpenCL C that say what they name and are used once.</summary>
internal sealed class OpenClNames
{
    // Words of the language and functions that emitted text calls: a variable of the name would hide them.
    private static readonly FrozenSet<string> Reserved = FrozenSet.Create(
        StringComparer.Ordinal,
        "auto", "bool", "break", "case", "char", "const", "constant", "continue", "default", "do", "double", "else", "enum", "extern",
        "false", "float", "for", "global", "goto", "half", "if", "image1d_t", "image2d_t", "image3d_t", "inline", "int", "kernel",
        "local", "long", "main", "ptrdiff_t", "private", "quad", "read_only", "read_write", "register", "restrict", "return",
        "sampler_t", "short", "signed", "size_t", "sizeof", "static", "struct", "switch", "true", "typedef", "uchar", "uint", "ulong",
        "union", "unsigned", "ushort", "vector", "void", "volatile", "while", "write_only", "pipe", "generic",
        "INFINITY", "NAN", "HUGE_VALF", "GROUP_SIZE", "ALIASED",
        "abs", "atan2", "atom_add", "barrier", "ceil", "clz", "cos", "exp", "exp2", "fabs", "floor", "fma", "fmax", "fmin", "fmod",
        "isfinite", "log", "log10", "log2", "max", "mem_fence", "min", "popcount", "pow", "rint", "rsqrt", "sin", "sqrt", "tan", "tanh",
        "trunc", "vload_half", "vstore_half", "event_t", "select", "sign", "step", "mix", "length", "distance", "dot", "cross", "clamp",
        "linux", "unix");

    private readonly HashSet<string> _used = new(StringComparer.Ordinal);

    /// <summary>The wish as an identifier, with a number where it is taken or reserved.</summary>
    public string Unique(string wish)
    {
        string name = string.Concat(wish.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_')).Trim('_');
        if (name.Length == 0 || char.IsAsciiDigit(name[0]))
            name = "v" + name;
        if (Reserved.Contains(name))
            name += "_";
        string unique = name;
        for (int i = 2; !_used.Add(unique); i++)
            unique = $"{name}_{i}";
        return unique;
    }
}

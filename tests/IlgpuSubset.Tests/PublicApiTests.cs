using System.Reflection;

namespace ILGPU.Tests;

/// <summary>
/// The public surface is ILGPU 1.5.3's: what is built on it must build against the package too. The list of the package's members
/// lies outside the repository.
/// </summary>
public class PublicApiTests
{
    /// <summary>What the list leaves out of the package, or has in another shape that compiles alike.</summary>
    private static readonly string[] KnownDifferences =
    [
        // Instance methods or extensions there that the list was made without.
        "ILGPU.Runtime.SpecializedValue`1: set_Value",
        "ILGPU.Runtime.Accelerator: Allocate1D",
        "ILGPU.Runtime.ArrayViewExtensions: CopyToPageLockedAsync",
        "ILGPU.Runtime.Accelerator: Dispose",
        "ILGPU.Context: Dispose",
        "ILGPU.Runtime.MemoryBuffer`1: get_",
        // The list has the loaders of up to three parameters, and those without a stream.
        "ILGPU.Runtime.KernelLoaders: ",
    ];

    [NeedsFact(typeof(ApiList))]
    public void Every_public_member_has_the_signature_of_one_of_the_package_ILGPU()
    {
        Dictionary<string, HashSet<string>> package = ReadList(ApiList.File);
        var extra = new List<string>();
        foreach (Type type in typeof(Context).Assembly.GetExportedTypes().Where(type => type.Namespace != "ILGPU.Beyond"))
        {
            if (!package.TryGetValue(Section(type), out HashSet<string>? known))
                continue;
            const BindingFlags Declared = BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
            foreach (MethodBase member in type.GetMembers(Declared).OfType<MethodBase>())
            {
                string text = $"{type.FullName}: {member.Name}";
                bool overridden = member is MethodInfo { IsVirtual: true } method
                    && method.GetBaseDefinition().DeclaringType == typeof(object);
                bool comparison = member.Name is "Equals" or "op_Equality" or "op_Inequality";
                if (!overridden && !comparison && !known.Contains(Signature(member)) && !KnownDifferences.Any(text.StartsWith))
                    extra.Add($"{text} as {Signature(member)}");
            }
        }
        Assert.True(extra.Count == 0, string.Join("\n", extra));
    }

    private static string Section(Type type) => Name(type, full: true);

    private static string Signature(MethodBase member)
    {
        string name = member.Name is ".ctor" ? "new" : member.Name;
        string parameters = string.Join(",", member.GetParameters().Select(parameter => Name(parameter.ParameterType)));
        if (member.Name.StartsWith("get_", StringComparison.Ordinal))
            name = member.Name[4..];
        return $"{name}({parameters})";
    }

    private static string Name(Type type, bool full = false)
    {
        if (type.IsByRef)
            return "ref " + Name(type.GetElementType()!);
        if (type.IsArray)
            return Name(type.GetElementType()!) + "[]";
        if (type.IsGenericParameter)
            return type.Name;
        string name = type.Name.Split('`')[0];
        if (type.IsNested)
            name = $"{type.DeclaringType!.Name.Split('`')[0]}.{name}";
        if (full)
            name = $"{type.Namespace}.{name}";
        return type.IsGenericType ? $"{name}<{string.Join(",", type.GetGenericArguments().Select(argument => Name(argument)))}>" : name;
    }

    /// <summary>The members of each type, as name and parameter types.</summary>
    private static Dictionary<string, HashSet<string>> ReadList(string file)
    {
        var types = new Dictionary<string, HashSet<string>>();
        HashSet<string> members = [];
        foreach (string line in File.ReadLines(file))
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                string name = line.Split(' ')[2];
                if (!types.TryGetValue(name, out HashSet<string>? known))
                    types.Add(name, known = []);
                members = known;
            }
            else if (line.StartsWith("  ", StringComparison.Ordinal))
            {
                members.Add(Member(line.Trim()));
            }
        }
        return types;
    }

    private static string Member(string line)
    {
        int bracket = line.IndexOf('(');
        if (bracket < 0)
        {
            // A property, perhaps an indexer: "ref T Item[Index1D] { get; }".
            string property = line[..line.IndexOf(" {", StringComparison.Ordinal)];
            int index = property.IndexOf(" Item[", StringComparison.Ordinal);
            return index < 0
                ? property[(property.LastIndexOf(' ') + 1)..] + "()"
                : $"Item({property[(index + 6)..^1]})";
        }
        string head = line[..bracket];
        string name = head[(head.LastIndexOf(' ') + 1)..].Split('<')[0];
        IEnumerable<string> parameters = Split(line[(bracket + 1)..line.LastIndexOf(')')])
            .Select(parameter => parameter.Trim())
            .Where(parameter => parameter.Length > 0)
            .Select(parameter => parameter.StartsWith("this ", StringComparison.Ordinal) ? parameter[5..] : parameter)
            .Select(parameter => parameter[..parameter.LastIndexOf(' ')]);
        return $"{name}({string.Join(",", parameters)})";
    }

    /// <summary>Splits at commas that are not between angle brackets.</summary>
    private static IEnumerable<string> Split(string parameters)
    {
        int depth = 0;
        int start = 0;
        for (int i = 0; i < parameters.Length; i++)
        {
            depth += parameters[i] switch { '<' => 1, '>' => -1, _ => 0 };
            if (parameters[i] == ',' && depth == 0)
            {
                yield return parameters[start..i];
                start = i + 1;
            }
        }
        yield return parameters[start..];
    }
}

/// <summary>The listing of ILGPU 1.5.3's public signatures.</summary>
internal sealed class ApiList() : Need(
    static () =>
        System.IO.File.Exists(File) ? null : "The listing of ILGPU 1.5.3's public signatures is not at ../shared/spec/ilgpu-1.5.3-api.txt",
    "It is made of ILGPU's package, which the feed of this project does not have, and stays outside the repository (../shared/spec)",
    "put the file of that name, which this project's own machines have, there")
{
    public static string File { get; } = Checkout.Beside("shared/spec/ilgpu-1.5.3-api.txt");
}

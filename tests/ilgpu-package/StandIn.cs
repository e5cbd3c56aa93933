// The packages ILGPU and ILGPU.Algorithms 1.5.3 as signatures only: every body throws. For a feed that has not got them, so that
// -p:UseIlgpuPackage=true can be built all the same. Run by build.sh:
//   dotnet run StandIn.cs -- LIST FOLDER
// LIST: the package's public members, as reflection printed them (../shared/spec/ilgpu-1.5.3-api.txt). FOLDER receives two projects to
// pack. What the list leaves out (bases, constraints, enumerations, by which kind of reference something is passed) is in Unlisted.cs and
// in Constraint and PassedBy below, from ILGPU's documentation and sources. A member that mentions a type that neither knows is left out:
// code that needs it does not build.
using System.Text;
using System.Text.RegularExpressions;

const int MostKernelParameters = 14;

string[] lines = File.ReadAllLines(args[0]);
string folder = args[1];
string unlisted = File.ReadAllText(Path.Combine(AppContext.GetData("EntryPointFileDirectoryPath") as string ?? ".", "Unlisted.cs"));
List<Section> sections = Sections(lines);
HashSet<string> known =
[
    .. sections.Select(section => section.SimpleName),
    .. Regex.Matches(unlisted, @"\b(?:class|struct|enum|interface) (\w+)").Select(match => match.Groups[1].Value),
    "Action", "Boolean", "Byte", "Double", "Func", "IEnumerable", "ImmutableArray", "Int16", "Int32", "Int64", "IntPtr", "MethodInfo",
    "Nullable", "Object", "Predicate", "ReadOnlySpan", "SByte", "Single", "Span", "String", "Task", "TextWriter", "TimeSpan", "Type",
    "UInt16", "UInt32", "UInt64", "ValueTuple",
    "Void", "ref", "this",
];
int left = 0;
Write("ILGPU", $"{unlisted}\n{Declarations(section => section.Namespace != "ILGPU.Algorithms")}\n{Loaders()}", "");
Write(
    "ILGPU.Algorithms", Declarations(section => section.Namespace == "ILGPU.Algorithms"),
    """<ProjectReference Include="../ILGPU/ILGPU.csproj" />""");
Console.WriteLine($"{sections.Sum(section => section.Members.Count) - left} members of ILGPU 1.5.3, {left} left out");

static List<Section> Sections(string[] lines)
{
    List<Section> sections = [];
    foreach (string line in lines)
    {
        if (Regex.Match(line, @"^## (class|struct|ext) (\S+)(?: : (\S+))?") is { Success: true } head)
            sections.Add(new Section(head.Groups[1].Value, head.Groups[2].Value, head.Groups[3].Value, []));
        else if (line.StartsWith("  ", StringComparison.Ordinal))
            sections[^1].Members.Add(line.Trim());
    }
    // Extensions are listed a second time, as what they extend; where a class has its own list that one is whole.
    sections.RemoveAll(section => section.Kind == "ext"
        && (section.Type is "ILGPU.Runtime.KernelLoaders" || section.Type is "ILGPU.Runtime.ArrayViewExtensions"
            || sections.Exists(other => other != section && other.Type == section.Type)));
    sections.RemoveAll(section => section.Type == "ILGPU.Runtime.KernelLoaders");
    return sections;
}

string Declarations(Func<Section, bool> chosen)
{
    StringBuilder text = new();
    foreach (Section section in sections.Where(chosen))
    {
        bool isStatic = section.Kind == "ext" || (section.Kind == "class" && section.Members.Count > 0 && section.Base == "Object"
            && section.Members.TrueForAll(member => member.StartsWith("static ", StringComparison.Ordinal)));
        string name = section.SimpleName + Generics(section.Type), bases = Base(section);
        text.Append($"namespace {section.Namespace} {{ ");
        if (section.Outer is { } outer)
            text.Append($"public partial class {outer} {{ ");
        string kind = section.Kind == "struct" ? "struct" : "class";
        text.Append($"public {(isStatic ? "static " : "")}partial {kind} {name}{bases}{Constraints(Names(name))} {{\n");
        foreach (string member in section.Members.Distinct())
        {
            if (Member(member, section) is { } declaration)
                text.Append($"  {declaration}\n");
            else
                left++;
        }
        text.Append(section.Outer is null ? "} }\n" : "} } }\n");
    }
    return text.ToString();
}

string Base(Section section) => section.Base is "" or "Object" or "ValueType" ? ""
    : section.Base.StartsWith("CachedExtensionBase<", StringComparison.Ordinal) ? " : ILGPU.Util.DisposeBase"
    : Known(section.Base, [], section) ? $" : {section.Base}" : "";

string? Member(string member, Section section)
{
    Match method = Regex.Match(member, @"^(static )?(?<result>.*? )?(?<name>\w+)(?<generics><[^(]*>)?\((?<parameters>.*)\)$");
    if (method.Success)
    {
        string[] generics = Names(method.Groups["generics"].Value);
        string name = method.Groups["name"].Value, result = Lower(method.Groups["result"].Value.Trim());
        string[] parameters = [.. Split(method.Groups["parameters"].Value).Select(
            (parameter, i) => Parameter(section.Kind == "ext" && i == 0 ? $"this {parameter}" : parameter))];
        if (!Known(method.Groups["result"].Value, generics, section)
            || !Split(method.Groups["parameters"].Value).All(p => Known(TypeOf(p), generics, section)))
            return null;
        string list = string.Join(", ", parameters);
        if (name == "new")
            return $"public {section.SimpleName}({list}) => throw null!;";
        string statically = member.StartsWith("static ", StringComparison.Ordinal) ? "static " : "";
        if (Operator(name) is { } sign)
        {
            return name is "op_Implicit" or "op_Explicit"
                ? $"public static {sign} operator {result}({list}) => throw null!;"
                : $"public static {result} operator {sign}({list}) => throw null!;";
        }
        string overrides = (name, parameters.Length) is ("ToString" or "GetHashCode", 0) || (name == "Equals" && list == "Object @obj")
            ? "override "
            : "";
        string own = method.Groups["generics"].Value;
        return $"public {statically}{overrides}{result} {name}{own}({list}){Constraints(generics, section)} => throw null!;";
    }
    Match property = Regex.Match(member, @"^(?<static>static )?(?<type>.+) (?<name>\w+)(\[(?<index>.*)\])? \{ (?<accessors>.*) \}$");
    if (!property.Success || !Known(property.Groups["type"].Value, [], section))
        return null;
    string type = Lower(property.Groups["type"].Value), accessors = property.Groups["accessors"].Value
        .Replace("get;", "get => throw null!;", StringComparison.Ordinal).Replace("set;", "set => throw null!;", StringComparison.Ordinal);
    string[] indices = Split(property.Groups["index"].Value);
    if (!indices.All(index => Known(index, [], section)))
        return null;
    string named = indices.Length == 0
        ? property.Groups["name"].Value
        : $"this[{string.Join(", ", indices.Select((index, i) => $"{index} @i{i}"))}]";
    return $"public {property.Groups["static"].Value}{type} {named} {{ {accessors} }}";
}

static string Parameter(string parameter)
{
    string type = TypeOf(parameter), name = parameter[(parameter.LastIndexOf(' ') + 1)..];
    bool extended = type.StartsWith("this ", StringComparison.Ordinal);
    if (extended)
        type = type["this ".Length..];
    if (type.StartsWith("ref ", StringComparison.Ordinal))
        type = $"{PassedBy(type["ref ".Length..], name)} {type["ref ".Length..]}";
    return $"{(extended ? "this " : "")}{type} @{name}";
}

// Reflection prints ref, in and out alike.
static string PassedBy(string type, string name) =>
    type is "KernelInfo" || name is "minGridSize" or "gridDim" or "groupDim" or "sharedMemoryConfig" or "boundaries" ? "out"
    : name is "cpuData" or "target" && !type.Contains("View", StringComparison.Ordinal) ? "ref"
    : "in";

bool Known(string type, string[] generics, Section section) => Regex.Matches(type, @"\w+").Select(match => match.Value)
    .All(word => known.Contains(word) || generics.Contains(word) || Names(section.Type).Contains(word));

static string TypeOf(string parameter) => parameter[..parameter.LastIndexOf(' ')];

static string Lower(string type) => Regex.Replace(type, @"\bVoid\b", "void");

static string? Operator(string name) => name switch
{
    "op_Implicit" => "implicit",
    "op_Explicit" => "explicit",
    "op_Equality" => "==",
    "op_Inequality" => "!=",
    "op_Addition" => "+",
    "op_Subtraction" or "op_UnaryNegation" => "-",
    "op_Multiply" => "*",
    "op_Division" => "/",
    "op_LessThan" => "<",
    "op_LessThanOrEqual" => "<=",
    "op_GreaterThan" => ">",
    "op_GreaterThanOrEqual" => ">=",
    _ => null,
};

string Constraints(string[] generics, Section? section = null) => string.Concat(generics
    .Select(name => (Name: name, Constraint: Constraint(name, generics, section)))
    .Where(item => item.Constraint is not null).Select(item => $" where {item.Name} : {item.Constraint}"));

static string? Constraint(string name, string[] generics, Section? section) => name switch
{
    "T" when section?.SimpleName == "SpecializedValue" => "unmanaged, IEquatable<T>",
    "T" or "TOther" or "TFirst" or "TSecond" => "unmanaged",
    "TStride" or "TOtherStride" => "struct, IStride1D",
    "TView" => generics.Contains("T") ? "IContiguousArrayView<T>" : section is null ? "struct, IArrayView" : "IContiguousArrayView",
    "TDevice" => "Device",
    "TIndex" => "struct, IIndex",
    "TDelegate" or "TSourceDelegate" => "Delegate",
    _ => Regex.IsMatch(name, @"^T\d+$") ? "struct" : null,
};

// The list shows the loaders of up to three parameters and says that there are as many as fourteen.
static string Loaders()
{
    StringBuilder text = new("namespace ILGPU.Runtime { public static class KernelLoaders {\n");
    for (int count = 1; count <= MostKernelParameters; count++)
    {
        string[] own = [.. Enumerable.Range(1, count).Select(i => $"T{i}")];
        Add("LoadKernel", own, "AcceleratorStream, KernelConfig, ", own, specialized: true);
        Add("LoadStreamKernel", own, "KernelConfig, ", own, specialized: true);
        Add("LoadAutoGroupedKernel", ["TIndex", .. own], "AcceleratorStream, TIndex, ", own, specialized: false);
        Add("LoadAutoGroupedStreamKernel", ["TIndex", .. own], "TIndex, ", own, specialized: false);
    }
    return text.Append("} }\n").ToString();

    void Add(string name, string[] generics, string before, string[] own, bool specialized)
    {
        string all = string.Join(", ", generics);
        string where = string.Concat(
            generics.Select(generic => $" where {generic} : {(generic == "TIndex" ? "struct, IIndex" : "struct")}"));
        foreach (string rest in (string[])["", ", out KernelInfo? kernelInfo", ", KernelSpecialization specialization",
            ", KernelSpecialization specialization, out KernelInfo? kernelInfo"])
        {
            if (specialized || !rest.Contains("Specialization", StringComparison.Ordinal))
            {
                text.Append($"  public static Action<{before}{string.Join(", ", own)}> {name}<{all}>"
                    + $"(this Accelerator accelerator, Action<{all}> action{rest}){where} => throw null!;\n");
            }
        }
    }
}

static string Generics(string type) => type.Contains('<') ? type[type.IndexOf('<')..] : "";

static string[] Names(string generic) =>
    generic.Contains('<') ? generic[(generic.IndexOf('<') + 1)..generic.LastIndexOf('>')].Split(',', StringSplitOptions.TrimEntries) : [];

static string[] Split(string parameters)
{
    List<string> parts = [];
    int depth = 0, start = 0;
    for (int i = 0; i < parameters.Length; i++)
    {
        depth += parameters[i] switch { '<' => 1, '>' => -1, _ => 0 };
        if (parameters[i] == ',' && depth == 0)
        {
            parts.Add(parameters[start..i].Trim());
            start = i + 1;
        }
    }
    return parameters.Length == 0 ? [] : [.. parts, parameters[start..].Trim()];
}

void Write(string package, string source, string references)
{
    string project = Directory.CreateDirectory(Path.Combine(folder, package)).FullName;
    File.WriteAllText(Path.Combine(project, $"{package}.cs"), $"""
        #nullable enable
        using System; using System.Collections.Generic; using System.Collections.Immutable; using System.IO; using System.Reflection; using System.Threading.Tasks;
        using ILGPU; using ILGPU.Runtime; using ILGPU.Runtime.CPU; using ILGPU.Runtime.Cuda; using ILGPU.Runtime.OpenCL;
        {source}
        """);
    File.WriteAllText(Path.Combine(project, $"{package}.csproj"), $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <TargetFramework>net10.0</TargetFramework>
            <Version>1.5.3</Version>
            <NoWarn>CS0660;CS0661;CS8625;CS8618;CS0649;CS0169;NU5128;CS8597;CS8765</NoWarn>
            <Description>Signatures of {package} 1.5.3, every body throws: to build against, not to run.</Description>
          </PropertyGroup>
          <ItemGroup>{references}</ItemGroup>
        </Project>
        """);
}

internal sealed record Section(string Kind, string Type, string Base, List<string> Members)
{
    private string[] Path { get; } = Type.Split('<')[0].Split('.');

    public string SimpleName => Path[^1];

    public string? Outer => Path[^2] == "Context" ? "Context" : null;

    public string Namespace => string.Join('.', Path[..^(Outer is null ? 1 : 2)]);
}

using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace CudaEmulation;

/// <summary>
/// NVIDIA's assembler and disassembler, which need no GPU: from the folder that ECAPA_PTXAS names, else fetched once into the temporary
/// folder by the script <c>../shared/tools/get-ptxas.sh</c> beside the repository.
/// </summary>
public static partial class Ptxas
{
    private static readonly Lazy<(string? Folder, string Reason)> Tools = new(Find);

    /// <summary>Why there are no tools; null where there are.</summary>
    public static string? MissingReason => Tools.Value.Folder is null ? Tools.Value.Reason : null;

    /// <summary>Assembles modules, all in one run, and returns what ptxas says of each kernel, in order.</summary>
    /// <param name="modules">The texts of modules.</param>
    /// <param name="architecture">The GPU to assemble for: 80 for sm_80.</param>
    /// <exception cref="InvalidOperationException">ptxas refuses; the message has its words.</exception>
    public static IReadOnlyList<PtxasKernel> Assemble(IEnumerable<string> modules, int architecture)
    {
        string[] texts = [.. modules];
        string folder = Directory.CreateTempSubdirectory("ecapa-ptxas").FullName;
        try
        {
            string ptx = Path.Combine(folder, "kernels.ptx"), cubin = Path.Combine(folder, "kernels.cubin");
            string joined = Join(texts);
            File.WriteAllText(ptx, joined);
            string log = Run("ptxas", $"-v -arch=sm_{architecture} \"{ptx}\" -o \"{cubin}\"");
            string sass = Run("nvdisasm", $"-c \"{cubin}\"");
            var kernels = new List<PtxasKernel>();
            foreach (Match match in KernelReport().Matches(log))
            {
                string name = match.Groups["name"].Value;
                kernels.Add(new PtxasKernel(
                    name, Number("stack"), Number("stores") + Number("loads"), Number("registers"),
                    Instructions(sass, name)));

                int Number(string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
            }
            return [.. kernels.OrderBy(
                kernel => int.Parse(kernel.Name[(kernel.Name.LastIndexOf('_') + 1)..], CultureInfo.InvariantCulture))];
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>One module of all: headers once, kernels renamed by their place, which ends their name.</summary>
    private static string Join(string[] modules)
    {
        var text = new System.Text.StringBuilder();
        string newest = modules.Max(module => Header().Match(module).Groups[1].Value)!;
        string target = Header().Match(modules[0]).Groups[2].Value;
        text.Append(CultureInfo.InvariantCulture, $".version {newest}\n.target {target}\n.address_size 64\n");
        if (Array.Exists(modules, ExternShared().IsMatch))
            text.Append(".extern .shared .align 16 .b8 dynamic_shared[];\n");
        for (int i = 0; i < modules.Length; i++)
        {
            int number = i;
            string body = ExternShared().Replace(Header().Replace(modules[i], ""), "");
            text.Append(Entry().Replace(body, match => $"{match.Value}_{number}"));
        }
        return text.ToString();
    }

    /// <summary>The instructions of a kernel in the disassembly, without predicates and operands: FFMA, LDS.128, BRA.</summary>
    private static SassInstruction[] Instructions(string sass, string kernel)
    {
        int start = sass.IndexOf($".text.{kernel}:", StringComparison.Ordinal);
        if (start < 0)
            throw new InvalidOperationException($"nvdisasm does not list {kernel}.");
        int end = sass.IndexOf("\t.section\t", start, StringComparison.Ordinal);
        string body = sass[start..(end < 0 ? sass.Length : end)];
        var labels = new Dictionary<string, int>();
        var instructions = new List<SassInstruction>();
        foreach (string line in body.Split('\n'))
        {
            if (Label().Match(line) is { Success: true } label)
                labels[label.Groups[1].Value] = instructions.Count;
            else if (Sass().Match(line) is { Success: true } instruction)
                instructions.Add(new SassInstruction(
                    instruction.Groups[1].Value,
                    BranchTarget().Match(line) is { Success: true } target ? target.Groups[1].Value : null));
        }
        return [.. instructions.Select(
            i => i with { Target = i.TargetLabel is not null && labels.TryGetValue(i.TargetLabel, out int at) ? at : null })];
    }

    private static (string?, string) Find()
    {
        if (Environment.GetEnvironmentVariable("ECAPA_PTXAS") is { Length: > 0 } named)
            return Has(named) ? (named, "") : (null, $"ECAPA_PTXAS names {named}, which has no ptxas and nvdisasm.");
        string cached = Path.Combine(Path.GetTempPath(), "ecapa-ptxas-tools");
        if (Has(cached))
            return (cached, "");
        string? script = null;
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null && script is null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "shared", "tools", "get-ptxas.sh");
            if (File.Exists(candidate))
                script = candidate;
        }
        if (script is null)
        {
            return (null,
                "ptxas is not here: ECAPA_PTXAS names no folder of it, and ../shared/tools/get-ptxas.sh, which fetches it, "
                + "is not beside the repository");
        }
        // Into a folder of its own first: other test processes may be at the same.
        string fresh = $"{cached}-{Environment.ProcessId}";
        try
        {
            Execute("bash", $"\"{script}\" \"{fresh}\"", TimeSpan.FromMinutes(3));
            if (!Directory.Exists(cached))
                Directory.Move(fresh, cached);
        }
        catch (Exception exception) when (exception is InvalidOperationException or IOException or System.ComponentModel.Win32Exception)
        {
            return Has(cached) ? (cached, "") : (null, $"get-ptxas.sh could not bring ptxas: {exception.Message}");
        }
        return Has(cached) ? (cached, "") : (null, "get-ptxas.sh brought no ptxas.");

        static bool Has(string folder) => File.Exists(Path.Combine(folder, "ptxas")) && File.Exists(Path.Combine(folder, "nvdisasm"));
    }

    private static string Run(string tool, string arguments) => Execute(
        Path.Combine(Tools.Value.Folder ?? throw new InvalidOperationException(Tools.Value.Reason), tool), arguments,
        TimeSpan.FromMinutes(5));

    private static string Execute(string program, string arguments, TimeSpan limit)
    {
        using Process process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            throw new InvalidOperationException($"{Path.GetFileName(program)} did not end within {limit}.");
        }
        string text = output.Result + errors.Result;
        return process.ExitCode == 0 ? text : throw new InvalidOperationException($"{Path.GetFileName(program)}: {text.Trim()}");
    }

    [GeneratedRegex(@"\.version (\d+\.\d)\n\.target (sm_\d+)\n\.address_size 64\n")]
    private static partial Regex Header();

    [GeneratedRegex(@"\.extern \.shared [^;]*;\n")]
    private static partial Regex ExternShared();

    [GeneratedRegex(@"\.visible \.entry [\w$]+")]
    private static partial Regex Entry();

    [GeneratedRegex(
        @"Compiling entry function '(?<name>[^']+)'[^\n]*\n[^\n]*Function properties[^\n]*\n\s*(?<stack>\d+) bytes stack frame, "
        + @"(?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads\n[^\n]*Used (?<registers>\d+) registers")]
    private static partial Regex KernelReport();

    [GeneratedRegex(@"^\s*(\.L_\w+):")]
    private static partial Regex Label();

    // What is predicated with "never" only fills a place in the pipeline.
    [GeneratedRegex(@"^\s*/\*[0-9a-f]+\*/\s+(?!@!PT\s)(?:@!?U?P\w+\s+)?([A-Z][\w.]*)")]
    private static partial Regex Sass();

    [GeneratedRegex(@"`\((\.L_\w+)\)")]
    private static partial Regex BranchTarget();
}

/// <summary>What ptxas made of a kernel.</summary>
/// <param name="Name">Its name, with its place in the list at the end.</param>
/// <param name="StackBytes">Memory of a thread that is no register.</param>
/// <param name="SpillBytes">Bytes written to and read from memory for want of registers.</param>
/// <param name="Registers">Registers of a thread.</param>
/// <param name="Instructions">The machine code.</param>
public sealed record PtxasKernel(string Name, int StackBytes, int SpillBytes, int Registers, IReadOnlyList<SassInstruction> Instructions)
{
    /// <summary>The instructions of the innermost loop that has the most of an operation: from its target to the branch back.</summary>
    public IReadOnlyList<SassInstruction> MainLoop(string operation)
    {
        var best = new ArraySegment<SassInstruction>([]);
        SassInstruction[] all = [.. Instructions];
        for (int i = 0; i < all.Length; i++)
        {
            if (all[i].Target is not { } start || start > i || !all[i].Operation.StartsWith("BRA", StringComparison.Ordinal))
                continue;
            // An inner loop would be a way back that lies within.
            bool isInnermost = !Enumerable.Range(start, i - start).Any(k => all[k].Target is { } inner && inner <= k && inner > start
                && all[k].Operation.StartsWith("BRA", StringComparison.Ordinal));
            var loop = new ArraySegment<SassInstruction>(all, start, i - start + 1);
            if (isInnermost && loop.Count(instruction => instruction.Is(operation)) > best.Count(instruction => instruction.Is(operation)))
                best = loop;
        }
        return best;
    }
}

/// <summary>An instruction of the machine.</summary>
/// <param name="Operation">What it does, with modifiers: LDS.128.</param>
/// <param name="TargetLabel">The label it branches to.</param>
/// <param name="Target">The place of that label.</param>
public sealed record SassInstruction(string Operation, string? TargetLabel, int? Target = null)
{
    /// <summary>Whether it is an operation, with any modifiers.</summary>
    public bool Is(string operation) => Operation == operation || Operation.StartsWith(operation + ".", StringComparison.Ordinal);
}

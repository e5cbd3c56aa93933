using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using ILGPU.Compiler.IR;

namespace ILGPU.Compiler.FrontEnd;

/// <summary>C# lines of IL offsets, from the portable debugging information in or beside an assembly.</summary>
internal static class SourceLines
{
    private static readonly ConcurrentDictionary<Assembly, MetadataReader?> Readers = new();

    /// <summary>The lines of a method by IL offset, ascending; empty where there is no debugging information.</summary>
    public static IReadOnlyList<(int Offset, SourceLocation Location)> Of(MethodBase method)
    {
        if (Readers.GetOrAdd(method.Module.Assembly, Open) is not { } reader)
            return [];
        string name = $"{method.DeclaringType?.Name}.{method.Name}";
        MethodDebugInformationHandle handle = MetadataTokens.MethodDefinitionHandle(method.MetadataToken & 0xFFFFFF)
            .ToDebugInformationHandle();
        var lines = new List<(int, SourceLocation)>();
        foreach (SequencePoint point in reader.GetMethodDebugInformation(handle).GetSequencePoints())
        {
            if (!point.IsHidden)
                lines.Add((point.Offset, new SourceLocation(
                    reader.GetString(reader.GetDocument(point.Document).Name), point.StartLine, name)));
        }
        return lines;
    }

    [SuppressMessage(
        "SingleFile", "IL3000", Justification = "In a single file the lines are not found, and messages name the method only.")]
    private static MetadataReader? Open(Assembly assembly)
    {
        try
        {
            if (!File.Exists(assembly.Location))
                return null;
            using var image = new PEReader(File.OpenRead(assembly.Location));
            foreach (DebugDirectoryEntry entry in image.ReadDebugDirectory())
            {
                if (entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb)
                    return image.ReadEmbeddedPortablePdbDebugDirectoryData(entry).GetMetadataReader();
            }
            string beside = Path.ChangeExtension(assembly.Location, ".pdb");
            return File.Exists(beside)
                ? MetadataReaderProvider.FromPortablePdbStream(new MemoryStream(File.ReadAllBytes(beside))).GetMetadataReader()
                : null;
        }
        catch (Exception e) when (e is IOException or BadImageFormatException or UnauthorizedAccessException)
        {
            // Lines only make messages better.
            return null;
        }
    }
}

using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace EcapaIlgpu.Tests;

/// <summary>Where test files lie: in the repository, and beside it where the larger reference set exists.</summary>
internal static partial class TestFiles
{
    public static string Repository => Checkout.Folder;

    public static string TestRoot { get; } = Path.Combine(Repository, "tests", "testdata");

    public static string ReferenceRoot { get; } = Checkout.Beside("shared/reference");

    public static string InTestdata(string relative) => Path.Combine(TestRoot, relative);

    public static string InReference(string relative) => Path.Combine(ReferenceRoot, relative);

    /// <summary>Reads a .npy file of float32, float64 or int64, C order, little endian, as doubles.</summary>
    public static (double[] Values, int[] Shape) ReadNpy(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int headerLength = bytes[6] == 1 ? BitConverter.ToUInt16(bytes, 8) : BitConverter.ToInt32(bytes, 8);
        int start = (bytes[6] == 1 ? 10 : 12) + headerLength;
        string header = Encoding.ASCII.GetString(bytes, start - headerLength, headerLength);
        string type = TypePattern().Match(header).Groups[1].Value;
        if (header.Contains("'fortran_order': True", StringComparison.Ordinal))
            throw new InvalidDataException($"{path}: Fortran order");
        string extents = ShapePattern().Match(header).Groups[1].Value;
        int[] shape = [.. extents.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .Select(s => int.Parse(s, CultureInfo.InvariantCulture))];
        ReadOnlySpan<byte> body = bytes.AsSpan(start);
        double[] values = type switch
        {
            "<f4" => [.. MemoryMarshal.Cast<byte, float>(body).ToArray().Select(v => (double)v)],
            "<f8" => MemoryMarshal.Cast<byte, double>(body).ToArray(),
            "<i8" => [.. MemoryMarshal.Cast<byte, long>(body).ToArray().Select(v => (double)v)],
            _ => throw new InvalidDataException($"{path}: type {type}"),
        };
        return (values, shape);
    }

    [GeneratedRegex(@"'descr':\s*'([^']+)'")]
    private static partial Regex TypePattern();

    [GeneratedRegex(@"'shape':\s*\(([^)]*)\)")]
    private static partial Regex ShapePattern();
}

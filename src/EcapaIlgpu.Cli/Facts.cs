using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace EcapaIlgpu.Cli;

/// <summary>One thing to say: a label for people, a key for JSON, and a value for both.</summary>
/// <param name="Label">What people read.</param>
/// <param name="Key">What programs read.</param>
/// <param name="Value">A string, a number, a truth value, or null for what does not apply.</param>
internal sealed record Fact(string Label, string Key, object? Value);

/// <summary>Prints facts, aligned for people or as one line of JSON for programs.</summary>
internal static class Facts
{
    public static void Print(CliConsole console, IReadOnlyList<Fact> facts, bool json)
    {
        if (json)
            PrintJson(console.Text, facts);
        else
            PrintAligned(console, facts);
    }

    public static void PrintJson(TextWriter writer, IReadOnlyList<Fact> facts)
    {
        ArrayBufferWriter<byte> line = new();
        using (Utf8JsonWriter json = new(line, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            foreach (Fact fact in facts)
            {
                json.WritePropertyName(fact.Key);
                switch (fact.Value)
                {
                    case null:
                        json.WriteNullValue();
                        break;
                    case bool truth:
                        json.WriteBooleanValue(truth);
                        break;
                    case long number:
                        json.WriteNumberValue(number);
                        break;
                    case int number:
                        json.WriteNumberValue(number);
                        break;
                    // As a float: the fewest digits, where a double would show the rounding.
                    case float number:
                        json.WriteNumberValue(number);
                        break;
                    // JSON has no such numbers, and what is not one must not be the end of a list.
                    case double number when !double.IsFinite(number):
                        json.WriteNullValue();
                        break;
                    case double number:
                        json.WriteNumberValue(number);
                        break;
                    default:
                        json.WriteStringValue((string)fact.Value);
                        break;
                }
            }
            json.WriteEndObject();
        }
        writer.WriteLine(System.Text.Encoding.UTF8.GetString(line.WrittenSpan));
    }

    private static void PrintAligned(CliConsole console, IReadOnlyList<Fact> facts)
    {
        Fact[] known = [.. facts.Where(f => f.Value is not null)];
        int width = known.Max(f => f.Label.Length);
        foreach (Fact fact in known)
            console.WriteText($"{fact.Label.PadRight(width)}  ", Shown(fact.Value!));
    }

    private static string Shown(object value) => value switch
    {
        bool truth => truth ? "yes" : "no",
        long or int => string.Format(CultureInfo.InvariantCulture, "{0:#,0}", value),
        float number => number.ToString("0.0000", CultureInfo.InvariantCulture),
        double number => number.ToString("#,0", CultureInfo.InvariantCulture),
        _ => (string)value,
    };
}

using System.Globalization;
using System.Text.RegularExpressions;

namespace CudaEmulation;

/// <summary>Reads the part of PTX that the compiler writes; anything else is an error.</summary>
internal sealed partial class PtxParser
{
    private readonly string _text;
    private int _position;
    private int _lineStart;
    private int _line = 1;

    private PtxParser(string text)
    {
        // Comments become blanks, so that positions still give lines.
        _text = Comment().Replace(text, match => Blank().Replace(match.Value, " "));
    }

    /// <summary>The module.</summary>
    /// <exception cref="PtxSyntaxException">The text is not what is understood here.</exception>
    public static PtxSource Parse(string text) => new PtxParser(text).Module();

    private PtxSource Module()
    {
        int version = 0, target = 0;
        string? dynamicShared = null;
        var entries = new List<PtxEntry>();
        while (Skip())
        {
            if (Accept(VersionDirective()) is { } v)
                version = Int(v.Groups[1].Value) * 10 + Int(v.Groups[2].Value);
            else if (Accept(TargetDirective()) is { } t)
                target = Int(t.Groups[1].Value);
            else if (Accept(AddressSizeDirective()) is not null)
                continue;
            else if (Accept(ExternShared()) is { } shared && dynamicShared is null)
                dynamicShared = shared.Groups[1].Value;
            else if (Accept(EntryStart()) is { } entry)
                entries.Add(Entry(entry.Groups[1].Value, dynamicShared));
            else
                throw Error("unexpected text in the module");
        }
        if (version == 0 || target == 0)
            throw Error("missing .version or .target");
        return new PtxSource(version, target, dynamicShared is not null, entries);
    }

    private PtxEntry Entry(string name, string? dynamicShared)
    {
        var entry = new PtxEntry(name);
        int offset = 0;
        while (Skip() && Accept(ParameterDeclaration()) is { } parameter)
        {
            string type = parameter.Groups[1].Value;
            int size = Bits(type) / 8;
            offset = (offset + size - 1) / size * size;
            entry.Parameters.Add(new PtxParameter(parameter.Groups[2].Value, type, offset, size));
            offset += size;
        }
        Expect(")");
        while (Skip() && _text[_position] != '{')
        {
            if (Accept(MaxThreads()) is { } limit)
                entry.MaxThreads = Int(limit.Groups[1].Value) * Int(limit.Groups[2].Value) * Int(limit.Groups[3].Value);
            else if (Accept(MinGroups()) is null)
                throw Error("unknown directive of an entry");
        }
        Expect("{");
        while (Skip() && _text[_position] != '}')
            BodyItem(entry);
        Expect("}");
        if (dynamicShared is not null)
            entry.Arrays.Add(dynamicShared, ("shared", (entry.StaticSharedBytes + 15) / 16 * 16));
        return entry;
    }

    private void BodyItem(PtxEntry entry)
    {
        if (Accept(RegisterDeclaration()) is { } register)
        {
            if (!entry.Registers.TryAdd(register.Groups[2].Value, (register.Groups[1].Value, Int(register.Groups[3].Value))))
                throw Error($"registers {register.Groups[2].Value} declared twice");
        }
        else if (Accept(ArrayDeclaration()) is { } array)
        {
            int alignment = Int(array.Groups[2].Value), size = Int(array.Groups[4].Value);
            bool isShared = array.Groups[1].Value == "shared";
            int end = isShared ? entry.StaticSharedBytes : entry.LocalBytes;
            int start = (end + alignment - 1) / alignment * alignment;
            entry.Arrays.Add(array.Groups[3].Value, (array.Groups[1].Value, start));
            if (isShared)
                entry.StaticSharedBytes = start + size;
            else
                entry.LocalBytes = start + size;
        }
        else if (Accept(Label()) is { } label)
        {
            if (!entry.Labels.TryAdd(label.Groups[1].Value, entry.Statements.Count))
                throw Error($"label {label.Groups[1].Value} defined twice");
        }
        else
        {
            int line = Line;
            int end = _text.IndexOf(';', _position);
            if (end < 0)
                throw Error("a statement without ';'");
            string text = _text[_position..end].Trim();
            _position = end + 1;
            Match match = Statement().Match(text);
            if (!match.Success)
                throw new PtxSyntaxException(line, $"not a statement: '{text}'");
            entry.Statements.Add(new PtxStatement(
                line, text,
                match.Groups[2].Success ? match.Groups[2].Value : null,
                match.Groups[1].Value == "!",
                match.Groups[3].Value,
                [.. Split(match.Groups[4].Value).Select(operand => ParseOperand(operand, line))]));
        }
    }

    private static Operand ParseOperand(string text, int line)
    {
        if (text.StartsWith('{') && text.EndsWith('}'))
            return new VectorOperand([.. Split(text[1..^1]).Select(lane => ParseOperand(lane, line))]);
        if (AddressForm().Match(text) is { Success: true } address)
        {
            long offset = address.Groups[2].Success
                ? long.Parse(address.Groups[2].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture)
                : 0;
            return new AddressOperand(address.Groups[1].Value, offset);
        }
        if (RegisterForm().IsMatch(text))
            return new RegisterOperand(text);
        if (text.StartsWith("0f", StringComparison.Ordinal) && text.Length == 10)
            return new NumberOperand(long.Parse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture), 32);
        if (text.StartsWith("0d", StringComparison.Ordinal) && text.Length == 18)
            return new NumberOperand(long.Parse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture), 64);
        if (text.StartsWith("0x", StringComparison.Ordinal))
            return new NumberOperand((long)ulong.Parse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture), 0);
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number))
            return new NumberOperand(number, 0);
        if (NameForm().IsMatch(text))
            return new NameOperand(text);
        throw new PtxSyntaxException(line, $"not an operand: '{text}'");
    }

    /// <summary>Parts between commas that stand outside braces.</summary>
    private static IEnumerable<string> Split(string text)
    {
        int depth = 0, start = 0;
        if (text.Trim().Length == 0)
            yield break;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || (text[i] == ',' && depth == 0))
            {
                yield return text[start..i].Trim();
                start = i + 1;
            }
            else if (text[i] == '{')
            {
                depth++;
            }
            else if (text[i] == '}')
            {
                depth--;
            }
        }
    }

    /// <summary>Bits of a type such as .b32.</summary>
    public static int Bits(string type) => Int(type.TrimStart('.')[1..]);

    private static int Int(string digits) => int.Parse(digits, NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>The present line; counted on from the last question.</summary>
    private int Line
    {
        get
        {
            _line += _text.AsSpan(_lineStart, _position - _lineStart).Count('\n');
            _lineStart = _position;
            return _line;
        }
    }

    private bool Skip()
    {
        while (_position < _text.Length && char.IsWhiteSpace(_text[_position]))
            _position++;
        return _position < _text.Length;
    }

    private Match? Accept(Regex regex)
    {
        Match match = regex.Match(_text, _position);
        if (!match.Success)
            return null;
        _position += match.Length;
        return match;
    }

    private void Expect(string token)
    {
        Skip();
        if (string.CompareOrdinal(_text, _position, token, 0, token.Length) != 0)
            throw Error($"'{token}' expected");
        _position += token.Length;
    }

    private PtxSyntaxException Error(string message) => new(Line, message);

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"[^\n]")]
    private static partial Regex Blank();

    [GeneratedRegex(@"\G\.version\s+(\d+)\.(\d)")]
    private static partial Regex VersionDirective();

    [GeneratedRegex(@"\G\.target\s+sm_(\d+)")]
    private static partial Regex TargetDirective();

    [GeneratedRegex(@"\G\.address_size\s+64")]
    private static partial Regex AddressSizeDirective();

    [GeneratedRegex(@"\G\.extern\s+\.shared\s+\.align\s+16\s+\.b8\s+(\w+)\[\]\s*;")]
    private static partial Regex ExternShared();

    [GeneratedRegex(@"\G\.visible\s+\.entry\s+([\w$]+)\s*\(")]
    private static partial Regex EntryStart();

    [GeneratedRegex(@"\G\.param\s+(\.(?:u8|b16|b32|b64|f32|f64))\s+(\w+)\s*,?")]
    private static partial Regex ParameterDeclaration();

    [GeneratedRegex(@"\G\.maxntid\s+(\d+)\s*,\s*(\d+)\s*,\s*(\d+)")]
    private static partial Regex MaxThreads();

    [GeneratedRegex(@"\G\.minnctapersm\s+(\d+)")]
    private static partial Regex MinGroups();

    [GeneratedRegex(@"\G\.reg\s+(\.(?:pred|b16|b32|b64|f32|f64))\s+(%[a-z]+)<(\d+)>\s*;")]
    private static partial Regex RegisterDeclaration();

    [GeneratedRegex(@"\G\.(shared|local)\s+\.align\s+(\d+)\s+\.b8\s+(\w+)\[(\d+)\]\s*;")]
    private static partial Regex ArrayDeclaration();

    [GeneratedRegex(@"\G(\$\w+):")]
    private static partial Regex Label();

    [GeneratedRegex(@"^(?:@(!?)(%\w+)\s+)?([\w.]+)(?:\s+(.*))?$", RegexOptions.Singleline)]
    private static partial Regex Statement();

    [GeneratedRegex(@"^\[([%\w$]+)(?:\+(-?\d+))?\]$")]
    private static partial Regex AddressForm();

    [GeneratedRegex(@"^%[\w.]+$")]
    private static partial Regex RegisterForm();

    [GeneratedRegex(@"^[\w$]+$")]
    private static partial Regex NameForm();
}

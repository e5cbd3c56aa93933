using System.Text;
using EcapaIlgpu.Extraction;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class WavScpTests
{
    private static IReadOnlyList<AudioInput> Read(string text) => Read(Encoding.UTF8.GetBytes(text));

    private static IReadOnlyList<AudioInput> Read(byte[] bytes) => WavScp.Read(new MemoryStream(bytes), "wav.scp");

    [Theory]
    [InlineData("a x.wav\nb y.wav\n")]
    [InlineData("a x.wav\r\nb y.wav\r\n")]
    [InlineData("a x.wav\nb y.wav")]
    [InlineData("\uFEFFa x.wav\nb y.wav\n")]
    [InlineData("a\tx.wav\n\n  \nb    y.wav  \n")]
    [InlineData("  a x.wav\n\tb \t y.wav\n")]
    public void White_space_line_ends_and_a_byte_order_mark_do_not_matter(string text) =>
        Assert.Equal([new AudioInput("a", "x.wav"), new AudioInput("b", "y.wav")], Read(text));

    [Fact]
    public void Paths_may_contain_spaces() =>
        Assert.Equal([new AudioInput("spk1-utt1", "/my data/first  take.wav")], Read("spk1-utt1 /my data/first  take.wav\n"));

    [Fact]
    public void Utf_16_as_windows_shells_write_it_is_understood() =>
        Assert.Equal(
            [new AudioInput("é", "ü.wav")], Read([.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes("é ü.wav\r\n")]));

    [Theory]
    [InlineData("a x.wav\nlonely\nb y.wav", "wav.scp, line 2: 'lonely' has no path")]
    [InlineData("a x.wav\n\nb \n", "wav.scp, line 3: 'b' has no path")]
    [InlineData("a x.wav\nb y.wav\na z.wav", "wav.scp, line 3: the name 'a' is already that of line 1")]
    [InlineData("a sox x.mp3 -t wav - |\n", "wav.scp, line 1: 'sox x.mp3 -t wav - |' is a command to run; lists come from anywhere")]
    [InlineData("a x\0.wav\n", "wav.scp, line 1: holds a zero byte")]
    [InlineData("\n \n", "wav.scp: the list is empty")]
    [InlineData("", "wav.scp: the list is empty")]
    public void A_bad_line_is_named_by_its_number(string text, string message) =>
        Assert.StartsWith(message, Assert.Throws<InputException>(() => Read(text)).Message);

    [Fact]
    public void A_binary_file_is_no_list() =>
        Assert.Contains("not UTF-8 text", Assert.Throws<InputException>(() => Read([0x61, 0x20, 0xFF, 0xFE, 0x80])).Message);

    [Fact]
    public void A_missing_list_is_named() =>
        Assert.StartsWith("no/such.scp: the list cannot be read", Assert.Throws<InputException>(() => WavScp.Read("no/such.scp")).Message);

    [Fact]
    public void A_folder_is_no_list() =>
        Assert.Contains(
            "is a folder; a list has lines 'name path'", Assert.Throws<InputException>(() => WavScp.Read(Path.GetTempPath())).Message);

    [Fact]
    public void What_is_written_is_read_back()
    {
        Gen<string> word = Gen.NonEmptyListOf(Gen.Elements("abcXYZ019_-./#é日".ToCharArray())).Select(c => new string([.. c]));
        // A line that begins with '# ' is a remark.
        Gen<string> names = word.Where(w => w != "#");
        Gen<string> path = Gen.NonEmptyListOf(word).Select(w => string.Join(' ', w));
        Gen<string> separator = Gen.Elements(" ", "\t", "   ");
        Gen<string> lineEnd = Gen.Elements("\n", "\r\n", "\n\n", " \n");
        Gen<List<(AudioInput Input, string Line)>> lists =
            Gen.NonEmptyListOf(
                from name in names
                from location in path
                from between in separator
                from end in lineEnd
                select (new AudioInput(name, location), name + between + location + end))
            .Select(l => l.DistinctBy(x => x.Item1.Name).ToList());

        Check.One(Config.QuickThrowOnFailure.WithMaxTest(200), Prop.ForAll(lists.ToArbitrary(), list =>
            Read(string.Concat(list.Select(l => l.Line))).SequenceEqual(list.Select(l => l.Input))));
    }

    [Theory]
    [InlineData("# why\n#\n#\tmore\na x.wav\n", "a", "x.wav")]
    [InlineData("#1 x.wav\n", "#1", "x.wav")]
    [InlineData("\"my take.wav\"  my take.wav\n", "my take.wav", "my take.wav")]
    [InlineData("a \"/data/ends with |\"", "a", "/data/ends with |")]
    [InlineData("\"\\u65e5\\n\" \"/a b \"\n", "日\n", "/a b ")]
    [InlineData("\"a\"b x.wav\n", "\"a\"b", "x.wav")]
    [InlineData("\"a b x.wav\n", "\"a", "b x.wav")]
    [InlineData("a \"x\" y.wav\n", "a", "\"x\" y.wav")]
    public void Remarks_are_passed_over_and_quotes_hold_what_could_not_be_written_otherwise(string text, string name, string path) =>
        Assert.Equal([new AudioInput(name, path)], Read(text));

    [Fact]
    public void Any_bytes_give_a_list_or_an_input_error()
    {
        Gen<byte> likely = Gen.Elements("ab |\n\r\t\0\u00FF"u8.ToArray());
        Gen<byte[]> bytes = Gen.ListOf(Gen.Frequency((4, likely), (1, Gen.Choose(0, 255).Select(b => (byte)b)))).Select(b => b.ToArray());

        Check.One(Config.QuickThrowOnFailure.WithMaxTest(500), Prop.ForAll(bytes.ToArbitrary(), content =>
        {
            try
            {
                IReadOnlyList<AudioInput> inputs = Read(content);
                return inputs.Count > 0
                    && inputs.Select(i => i.Name).Distinct().Count() == inputs.Count
                    && inputs.All(i => i.Path.Length > 0 && !i.Name.Any(char.IsWhiteSpace) && !i.Path.EndsWith('|'));
            }
            catch (InputException e)
            {
                return e.InputName.StartsWith("wav.scp", StringComparison.Ordinal) && e.Message.Length < 400;
            }
        }));
    }
}

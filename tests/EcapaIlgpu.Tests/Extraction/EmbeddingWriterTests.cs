using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Extraction.Writers;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class EmbeddingWriterTests : IDisposable
{
    private static readonly float[] First = [1.5f, -0.1f, 3.4028235e38f];
    private static readonly float[] Second = [1e-45f, 0f, 16777216f];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static ExtractionResult Row(string name, float[] embedding, string? path = null) =>
        new(new AudioInput(name, path ?? name)) { Embedding = embedding, Duration = TimeSpan.FromSeconds(2.5) };

    private string WriteBoth(EmbeddingFormat format, string file, string firstName = "a", string secondName = "b")
    {
        using IEmbeddingWriter writer = EmbeddingWriter.Create(format, _folder[file], 3);
        writer.Write(Row(firstName, First));
        writer.Write(Row(secondName, Second));
        writer.Complete();
        Assert.Equal(2, writer.Rows);
        return _folder[file];
    }

    [Theory]
    [InlineData("a.jsonl", EmbeddingFormat.JsonLines)]
    [InlineData("a.csv", EmbeddingFormat.Csv)]
    [InlineData("a.NPY", EmbeddingFormat.Npy)]
    [InlineData("x/a.ark", EmbeddingFormat.KaldiArk)]
    [InlineData("a.scp", EmbeddingFormat.KaldiArk)]
    [InlineData("a.txt", EmbeddingFormat.KaldiText)]
    [InlineData("a.wav", null)]
    [InlineData("a", null)]
    public void The_extension_says_the_format(string path, EmbeddingFormat? expected) =>
        Assert.Equal(expected, EmbeddingWriter.FormatOf(path));

    [Fact]
    public void Npy_is_read_back_with_its_names_beside()
    {
        string path = WriteBoth(EmbeddingFormat.Npy, "e.npy", "my dir/a.wav", "日本.wav");
        (double[] values, int[] shape) = TestFiles.ReadNpy(path);
        Assert.Equal([2, 3], shape);
        Assert.Equal([.. First, .. Second], values.Select(v => (float)v));
        Assert.Equal("my dir/a.wav\n日本.wav\n", File.ReadAllText(_folder["e.txt"]));
        byte[] bytes = File.ReadAllBytes(path);
        Assert.Equal(128 + (2 * 3 * 4), bytes.Length);
        Assert.Equal((byte)'\n', bytes[127]);
    }

    [Fact]
    public void Npy_without_rows_is_an_empty_matrix()
    {
        using (IEmbeddingWriter writer = EmbeddingWriter.Create(EmbeddingFormat.Npy, _folder["e.npy"], 3))
            writer.Complete();
        Assert.Equal([0, 3], TestFiles.ReadNpy(_folder["e.npy"]).Shape);
    }

    [Fact]
    public void Json_lines_round_trip_to_the_bit()
    {
        string[] lines = File.ReadAllLines(WriteBoth(EmbeddingFormat.JsonLines, "e.jsonl", "quote \" and\nnew line", "日本"));
        Assert.Equal(2, lines.Length);
        JsonElement[] rows = [.. lines.Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal("quote \" and\nnew line", rows[0].GetProperty("name").GetString());
        Assert.Equal(First, rows[0].GetProperty("embedding").EnumerateArray().Select(v => v.GetSingle()));
        Assert.Equal(Second, rows[1].GetProperty("embedding").EnumerateArray().Select(v => v.GetSingle()));
        Assert.Equal(2.5, rows[1].GetProperty("seconds").GetDouble());
        Assert.Equal("日本", rows[1].GetProperty("path").GetString());
        Assert.StartsWith("{\"name\":\"日本\"", lines[1]);
    }

    [Fact]
    public void Csv_quotes_what_needs_it()
    {
        string text = File.ReadAllText(WriteBoth(EmbeddingFormat.Csv, "e.csv", "a,\"b\"", "plain name"));
        Assert.Equal("name,e0,e1,e2\n\"a,\"\"b\"\"\",1.5,-0.1,3.4028235E+38\nplain name,1E-45,0,16777216\n", text);
    }

    [Fact]
    public void Kaldi_text_has_name_and_vector_on_a_line()
    {
        string[] lines = File.ReadAllLines(WriteBoth(EmbeddingFormat.KaldiText, "e.txt"));
        Assert.Equal("a  [ 1.5 -0.1 3.4028235E+38 ]", lines[0]);
        Assert.Equal("b", lines[1].Split(' ')[0]);
        Assert.Equal(
            Second,
            lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries)[2..^1].Select(v => float.Parse(v, CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData("e.ark")]
    [InlineData("e.scp")]
    public void Kaldi_archive_is_read_by_its_index_and_from_end_to_end(string given)
    {
        WriteBoth(EmbeddingFormat.KaldiArk, given, "spk1-a", "spk2-é");
        byte[] ark = File.ReadAllBytes(_folder["e.ark"]);

        Dictionary<string, float[]> byIndex = [];
        foreach (string line in File.ReadAllLines(_folder["e.scp"]))
        {
            string[] fields = line.Split(' ', 2);
            int colon = fields[1].LastIndexOf(':');
            Assert.Equal(_folder["e.ark"], fields[1][..colon]);
            byIndex.Add(fields[0], ReadFloatVector(ark, int.Parse(fields[1][(colon + 1)..], CultureInfo.InvariantCulture), out _));
        }
        Assert.Equal(First, byIndex["spk1-a"]);
        Assert.Equal(Second, byIndex["spk2-é"]);

        Dictionary<string, float[]> inOrder = [];
        for (int at = 0; at < ark.Length;)
        {
            int space = Array.IndexOf(ark, (byte)' ', at);
            inOrder.Add(Encoding.UTF8.GetString(ark, at, space - at), ReadFloatVector(ark, space + 1, out at));
        }
        Assert.Equal(byIndex, inOrder);
    }

    /// <summary>
    /// As Kaldi's <c>Vector&lt;float&gt;::Read</c>: a binary mark, the type's token, the size of an index, the index, the numbers.
    /// </summary>
    private static float[] ReadFloatVector(byte[] ark, int at, out int end)
    {
        Assert.Equal("\0B"u8.ToArray(), ark[at..(at + 2)]);
        Assert.Equal("FV "u8.ToArray(), ark[(at + 2)..(at + 5)]);
        Assert.Equal(sizeof(int), ark[at + 5]);
        int length = BinaryPrimitives.ReadInt32LittleEndian(ark.AsSpan(at + 6));
        float[] values = new float[length];
        for (int i = 0; i < length; i++)
            values[i] = BinaryPrimitives.ReadSingleLittleEndian(ark.AsSpan(at + 10 + (i * sizeof(float))));
        end = at + 10 + (length * sizeof(float));
        return values;
    }

    [Theory]
    [InlineData(EmbeddingFormat.KaldiArk, "my dir/a.wav", true)]
    [InlineData(EmbeddingFormat.KaldiText, "a\tb", true)]
    [InlineData(EmbeddingFormat.KaldiText, "a\nb", true)]
    [InlineData(EmbeddingFormat.KaldiArk, "dir/a.wav", false)]
    [InlineData(EmbeddingFormat.Npy, "a\nb", true)]
    [InlineData(EmbeddingFormat.Npy, "a b", false)]
    [InlineData(EmbeddingFormat.Csv, "a\n\"b", false)]
    [InlineData(EmbeddingFormat.JsonLines, "a\n\"b", false)]
    public void A_name_that_a_format_cannot_hold_is_refused_before_and_when_writing(EmbeddingFormat format, string name, bool refused)
    {
        using IEmbeddingWriter writer = EmbeddingWriter.Create(format, _folder["out.x"], 3);
        Exception? before = Record.Exception(() => writer.CheckName(name));
        Exception? when = Record.Exception(() => writer.Write(Row(name, First)));
        Assert.Equal(refused, before is InputException);
        Assert.Equal(refused, when is InputException);
        Assert.Equal(refused ? 0 : 1, writer.Rows);
    }

    [Theory]
    [InlineData("e.npy", "e.npy,e.txt")]
    [InlineData("e.ark", "e.ark,e.scp")]
    [InlineData("e.jsonl", "e.jsonl")]
    [InlineData("e.csv", "e.csv")]
    [InlineData("e.txt", "e.txt")]
    public void Nothing_stands_under_the_final_name_before_it_is_complete(string file, string expected)
    {
        EmbeddingFormat format = EmbeddingWriter.FormatOf(file)!.Value;
        using (IEmbeddingWriter writer = EmbeddingWriter.Create(format, _folder[file], 3))
        {
            writer.Write(Row("a", First));
            Assert.DoesNotContain(_folder.Entries(), e => !e.StartsWith('.'));
        }
        Assert.Empty(_folder.Entries());

        using (IEmbeddingWriter writer = EmbeddingWriter.Create(format, _folder[file], 3))
            writer.Complete();
        Assert.Equal(expected.Split(','), _folder.Entries());
        Assert.Equal(EmbeddingWriter.FilesOf(format, _folder[file]), expected.Split(',').Select(e => _folder[e]));
    }

    [Fact]
    public void What_was_there_is_replaced_only_at_the_end()
    {
        _folder.Write("e.jsonl", "old");
        using IEmbeddingWriter writer = EmbeddingWriter.Create(EmbeddingFormat.JsonLines, _folder["e.jsonl"], 3);
        writer.Write(Row("a", First));
        Assert.Equal("old", File.ReadAllText(_folder["e.jsonl"]));
        writer.Complete();
        Assert.StartsWith("{\"name\":\"a\"", File.ReadAllText(_folder["e.jsonl"]));
    }

    [NeedsTheory(typeof(Unix))]
    [InlineData("e.npy", "e.txt", "e.npy")]
    [InlineData("e.npy", "e.txt", "e.txt")]
    [InlineData("e.ark", "e.scp", "e.ark")]
    [InlineData("e.ark", "e.scp", "e.scp")]
    public void Lines_never_stand_beside_the_rows_of_another_run_whichever_file_cannot_be_moved(string rows, string lines, string stuck)
    {
        _folder.Write(rows, "old rows");
        _folder.Write(lines, "old lines");
        using IEmbeddingWriter writer = EmbeddingWriter.Create(EmbeddingWriter.FormatOf(rows)!.Value, _folder[rows], 3);
        writer.Write(Row("a", First));
        // Whoever has the file open still writes to it, but there is nothing left to move.
        File.Delete(_folder[_folder.Entries().Single(entry => entry.StartsWith($".{stuck}.", StringComparison.Ordinal))]);
        Assert.Throws<InputException>(writer.Complete);
        Assert.False(File.Exists(_folder[lines]));
        Assert.Equal(stuck == rows, File.ReadAllText(_folder[rows]) == "old rows");
    }

    [Fact]
    public void Bytes_after_the_last_whole_row_are_cut_off()
    {
        using (OutputFile file = OutputFile.Create(_folder["e.bin"]))
        {
            file.Write("whole"u8);
            file.MarkWhole();
            file.Write("hal"u8);
            file.Commit();
        }
        Assert.Equal("whole", File.ReadAllText(_folder["e.bin"]));
    }

    [Fact]
    public void A_folder_that_does_not_exist_or_is_in_the_way_is_said_at_once()
    {
        Assert.Contains(
            "there is no folder",
            Assert.Throws<InputException>(() => EmbeddingWriter.Create(EmbeddingFormat.Csv, _folder["no/e.csv"], 3)).Message);
        Directory.CreateDirectory(_folder["dir.csv"]);
        Assert.Contains(
            "it is a folder",
            Assert.Throws<InputException>(() => EmbeddingWriter.Create(EmbeddingFormat.Csv, _folder["dir.csv"], 3)).Message);
        // The second file of a pair fails: nothing of the first remains.
        Directory.CreateDirectory(_folder["e.txt"]);
        Assert.Throws<InputException>(() => EmbeddingWriter.Create(EmbeddingFormat.Npy, _folder["e.npy"], 3));
        Assert.Equal(["dir.csv", "e.txt"], _folder.Entries());
    }

    [NeedsFact(typeof(FullDevice))]
    public void A_full_disk_is_an_input_error()
    {
        using IEmbeddingWriter writer = EmbeddingWriter.Create(EmbeddingFormat.JsonLines, FullDevice.Name, 3);
        InputException error = Assert.Throws<InputException>(() => writer.Write(Row("a", First)));
        Assert.StartsWith("/dev/full: cannot be written", error.Message);
        Assert.Equal(0, writer.Rows);
    }

    [Fact]
    public void Npy_needs_a_file_since_its_header_is_written_last()
    {
        using MemoryStream stream = new();
        Assert.Contains(
            "--output", Assert.Throws<InputException>(() => EmbeddingWriter.Create(EmbeddingFormat.Npy, stream, "stdout", 3)).Message);
        Assert.Throws<InputException>(() => EmbeddingWriter.Create(EmbeddingFormat.Npy, _folder["e.txt"], 3));
    }
}

using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class AudioListingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public AudioListingTests()
    {
        foreach (string file in new[] { "b.wav", "a.flac", "B/z.wav", "sub/deep/1.WAV", "sub/2.wav", "notes.txt", ".hidden.wav", "x[1].wav" })
            _folder.Write(file);
    }

    public void Dispose() => _folder.Dispose();

    private string[] Relative(params string[] arguments) =>
        [.. AudioListing.Expand(arguments).Select(i => Path.GetRelativePath(_folder.FullPath, i.Path).Replace('\\', '/'))];

    [Fact]
    public void A_folder_gives_its_audio_recursively_in_ordinal_order() =>
        Assert.Equal(["B/z.wav", "a.flac", "b.wav", "sub/2.wav", "sub/deep/1.WAV", "x[1].wav"], Relative(_folder.FullPath));

    /// <summary>A folder is gone through folder by folder; the order is that of the whole paths all the same.</summary>
    [Fact]
    public void Characters_before_and_after_the_separator_do_not_disturb_the_order()
    {
        string[] names = ["a", "a-b", "a.wav", "a0", "a b", "A", "é", "日"];
        foreach (string name in names)
        {
            foreach (string below in (string[])["x.wav", "a/x.wav", "a-/x.wav", "a.wav"])
                _folder.Write($"order/{name}.d/{below}");
            _folder.Write($"order/{name}.flac");
            _folder.Write($"order/{name}/y.wav");
        }
        string[] all = Directory.GetFiles(_folder["order"], "*", SearchOption.AllDirectories);
        Assert.Equal(6 * names.Length, all.Length);
        Assert.Equal(all.Order(StringComparer.Ordinal), AudioListing.Expand([_folder["order"]]).Select(input => input.Path));
    }

    [Fact]
    public void Files_are_named_by_their_path_as_given()
    {
        string given = Path.Combine(_folder.FullPath, "sub", "..", "b.wav");
        Assert.Equal([new AudioInput(given, given), new AudioInput("-", "-")], AudioListing.Expand([given, "-"]));
        string folder = Path.Combine(_folder.FullPath, "sub", "deep");
        Assert.Equal([Path.Combine(folder, "1.WAV")], AudioListing.Expand([folder]).Select(i => i.Name));
    }

    [Theory]
    [InlineData("*.wav", "b.wav x[1].wav")]
    [InlineData("**/*.wav", "B/z.wav b.wav sub/2.wav x[1].wav")]
    [InlineData("?.wav", "b.wav")]
    [InlineData("sub/*/*", "sub/deep/1.WAV")]
    [InlineData("x[1].wav", "x[1].wav")]
    [InlineData("s*b/?.wav", "sub/2.wav")]
    public void Patterns_are_expanded_here_too(string pattern, string expected)
    {
        // On systems whose file names ignore case, 1.WAV is a *.wav as well.
        string[] found = [.. Relative(_folder[pattern]).Where(f => OperatingSystem.IsLinux() || !pattern.Contains("**") || !f.EndsWith("1.WAV", StringComparison.Ordinal))];
        Assert.Equal(expected.Split(' '), found.Where(f => !f.StartsWith('.')));
    }

    [Fact]
    public void A_file_named_twice_is_listed_once_where_it_first_stood() =>
        Assert.Equal(
            ["b.wav", "B/z.wav", "a.flac", "sub/2.wav", "sub/deep/1.WAV", "x[1].wav"], Relative(_folder["b.wav"], _folder.FullPath));

    [Fact]
    public void A_missing_file_is_listed_since_its_error_is_its_own() => Assert.Equal(["gone.wav"], Relative(_folder["gone.wav"]));

    [Fact]
    public void An_empty_argument_is_an_error() =>
        Assert.Contains("an empty name is no file", Assert.Throws<InputException>(() => AudioListing.Expand(["a.wav", ""])).Message);

    [Fact]
    public void A_folder_without_audio_is_an_error()
    {
        Directory.CreateDirectory(_folder["empty/below"]);
        InputException error = Assert.Throws<InputException>(() => AudioListing.Expand([_folder["b.wav"], _folder["empty"]]));
        Assert.Equal(_folder["empty"], error.InputName);
        Assert.Contains("no audio files", error.Message);
        Assert.Contains(".wav", error.Message);
    }

    [Theory]
    [InlineData("*.mp3")]
    [InlineData("nowhere/*.wav")]
    public void A_pattern_without_match_is_an_error(string pattern)
    {
        InputException error = Assert.Throws<InputException>(() => AudioListing.Expand([_folder[pattern]]));
        Assert.Equal(_folder[pattern], error.InputName);
        Assert.Contains("matches no file", error.Message);
    }

    [Fact]
    public void A_link_back_up_does_not_go_round()
    {
        try
        {
            Directory.CreateSymbolicLink(_folder["sub/up"], _folder.FullPath);
        }
        catch (IOException) when (OperatingSystem.IsWindows())
        {
            // Links need a privilege there that test machines may lack.
            return;
        }
        Assert.Equal(
            ["sub/2.wav", "sub/deep/1.WAV"], Relative(_folder["sub"]).Where(f => !f.StartsWith("sub/up", StringComparison.Ordinal)));
        Assert.Equal(6, Relative(_folder.FullPath).Length);
    }
}

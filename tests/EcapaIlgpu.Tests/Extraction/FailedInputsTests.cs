using EcapaIlgpu.Extraction;
using EcapaIlgpu.Extraction.Journals;
using FsCheck;
using FsCheck.Fluent;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class FailedInputsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_list_gives_every_input_with_its_reason_and_reads_back()
    {
        using (FailedInputs failed = new(_folder["e.failed.scp"]))
        {
            failed.Add(new FailedInput(new AudioInput("utt1", "/data/a b.wav"), "is empty (0 bytes): expected audio."));
            failed.Add(new FailedInput(new AudioInput("my dir/x.wav"), "ffmpeg said:\nno\r\nway"));
            failed.Complete();
            Assert.Equal(2, failed.Count);
        }
        Assert.Equal(
            "# is empty (0 bytes): expected audio.\nutt1 /data/a b.wav\n# ffmpeg said: no way\n\"my dir/x.wav\" my dir/x.wav\n",
            File.ReadAllText(_folder["e.failed.scp"]));
        Assert.Equal([new AudioInput("utt1", "/data/a b.wav"), new AudioInput("my dir/x.wav")], WavScp.Read(_folder["e.failed.scp"]));
    }

    [Fact]
    public void Every_name_and_path_is_read_back()
    {
        Gen<string> text = Gen.NonEmptyListOf(Gen.Elements("ab#\"\\| \t\n\r\u0001\u00A0\u2028\uFEFF/é日".ToCharArray()))
            .Select(c => new string([.. c]));
        Gen<AudioInput[]> inputs = (from name in text from path in text select new AudioInput(name, path)).NonEmptyListOf()
            .Select(list => list.DistinctBy(i => i.Name).ToArray());
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(inputs.ToArbitrary(), list =>
        {
            using FailedInputs failed = new(_folder["f.scp"]);
            foreach (AudioInput input in list)
                failed.Add(new FailedInput(input, "no\nreason"));
            failed.Complete();
            Assert.Equal(list, WavScp.Read(_folder["f.scp"]));
        }));
    }

    [Fact]
    public void Where_nothing_failed_an_earlier_list_goes_away()
    {
        _folder.Write("f.scp", "old");
        using (FailedInputs stopped = new(_folder["f.scp"]))
            stopped.Add(new FailedInput(new AudioInput("a"), "b"));
        Assert.Equal("old", File.ReadAllText(_folder["f.scp"]));
        using FailedInputs none = new(_folder["f.scp"]);
        none.Complete();
        Assert.Empty(_folder.Entries());
    }

    /// <summary>One of the few that not even root can remove, so that it is an error to try.</summary>
    [NeedsFact(typeof(Unix))]
    public void A_device_is_not_removed_where_nothing_failed()
    {
        using FailedInputs none = new("/dev/fd/2");
        none.Complete();
        Assert.Equal(0, none.Count);
    }

    [Fact]
    public void Two_runs_that_were_given_one_list_do_not_mix_in_it()
    {
        FailedInput input = new(new AudioInput("a"), "b");
        using FailedInputs first = new(_folder["f.scp"]), second = new(_folder["f.scp"]);
        first.Add(input);
        InputException error = Assert.Throws<InputException>(() => second.Add(input));
        Assert.Contains("another run is writing to it", error.Message, StringComparison.Ordinal);
        first.Complete();
        Assert.Equal([input.Input], WavScp.Read(_folder["f.scp"]));
    }
}

using System.Collections.Concurrent;
using System.Globalization;
using EcapaIlgpu.Audio;
using EcapaIlgpu.Extraction;
using EcapaIlgpu.Features;
using EcapaIlgpu.Tests.Audio;
using EcapaIlgpu.Tests.Cli;

namespace EcapaIlgpu.Tests.Extraction;

/// <summary>What goes wrong with files in the course of a long run, and very long lists: nobody else's row is lost.</summary>
public sealed class ExtractionFaultTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static string Sample { get; } = TestFiles.InTestdata("samples/awb_1.wav");

    private static UtteranceReader RealReader { get; } = UtteranceReaders.Features(new AudioOptions());

    private static FakeEngine EightyBins() => new(featureDim: Fbank.MelBins);

    private static async Task<List<ExtractionResult>> Collect(Extractor extractor, IEnumerable<AudioInput> inputs)
    {
        List<ExtractionResult> results = [];
        await foreach (ExtractionResult result in extractor.ExtractAsync(inputs))
            results.Add(result);
        return results;
    }

    [Fact]
    public async Task A_file_that_vanishes_between_listing_and_reading_is_its_own_error()
    {
        string[] paths = [.. Enumerable.Range(0, 20).Select(i => ShortSpeech.Write(_folder[$"{i:00}.wav"], TimeSpan.FromSeconds(0.1)))];
        IReadOnlyList<AudioInput> listed = AudioListing.Expand([_folder.FullPath]);
        Extractor extractor = new([EightyBins()], (input, cancellation) =>
        {
            if (input.Path == paths[7])
                File.Delete(input.Path);
            return RealReader(input, cancellation);
        });

        List<ExtractionResult> results = await Collect(extractor, listed);

        Assert.Equal(paths, results.Select(r => r.Name));
        Assert.Equal($"{paths[7]}: no such file.", Assert.Single(results, r => r.Error is not null).Error!.Message);
    }

    [Fact]
    public async Task A_file_that_grows_while_it_is_read_is_read_as_far_as_it_went()
    {
        // A recorder's header claims all there could ever be, and its file gets longer with every look at it.
        byte[] begun = (WavBuilder.Int16(new short[8000]) with { DataSize = uint.MaxValue }).Build();
        using GrowingStream recording = new(begun, begun.Length, long.MaxValue);
        Task<Waveform> reading = Task.Run(() => AudioFile.Read(recording, "recording.wav"));
        Waveform waveform = await reading.WaitAsync(Ecapa.Patience);
        Assert.InRange(waveform.Samples.Length, 8000, 20_000);
        AssertFramesAreThoseOf(waveform);
    }

    /// <summary>
    /// Half is written when it is opened, and the rest while it is read; a recorder's header does not know how long it will be.
    /// </summary>
    [NeedsTheory(typeof(Libsndfile), typeof(Ffmpeg))]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_flac_file_that_grows_while_it_is_read_is_read_as_far_as_it_went(bool lengthIsKnown)
    {
        Waveform expected = AudioFile.Read(Sample);
        byte[] whole = EncodeFlac();
        if (!lengthIsKnown)
            ForgetLength(whole);
        using GrowingStream recording = new(whole, whole.Length / 2, whole.Length);
        InstalledDecoders onlySndfile = new(SndfileLibrary.Installed, null);
        Task<Waveform> reading = Task.Run(() => AudioFile.Read(recording, "recording.flac", null, onlySndfile, CancellationToken.None));
        Waveform waveform = await reading.WaitAsync(Ecapa.Patience);
        Assert.Equal(expected.Samples.ToArray(), waveform.Samples.ToArray());
        Assert.Empty(waveform.Warnings);
        AssertFramesAreThoseOf(waveform);
    }

    /// <summary>
    /// What is reported and what is embedded are of one look at the file, whatever its header says and however it goes on.
    /// </summary>
    [NeedsTheory(typeof(Libsndfile), typeof(Ffmpeg))]
    [InlineData(true)]
    [InlineData(false)]
    public void The_length_of_a_flac_file_that_is_half_written_is_that_of_its_frames(bool lengthIsKnown)
    {
        byte[] whole = EncodeFlac();
        if (!lengthIsKnown)
            ForgetLength(whole);
        TimeSpan longest = AudioFile.Read(Sample).Duration;
        foreach (UtteranceReader reader in (UtteranceReader[])[RealReader, UtteranceReaders.Samples(new AudioOptions())])
        {
            string path = _folder.Write("half.flac", whole[..(whole.Length / 2)]);
            using Utterance half = reader(new AudioInput(path), CancellationToken.None);
            File.WriteAllBytes(path, whole);
            using Utterance all = reader(new AudioInput(path), CancellationToken.None);
            Assert.InRange(half.Duration, longest / 4, 3 * longest / 4);
            Assert.Equal(longest, all.Duration);
            Assert.Equal(lengthIsKnown ? 1 : 0, half.Warnings.Count);
            foreach (Utterance utterance in (Utterance[])[half, all])
            {
                int samples = (int)Math.Round(utterance.Duration.TotalSeconds * Fbank.SampleRate);
                Assert.Equal(Fbank.FrameCount(samples), utterance.Rows);
                Assert.Equal(utterance.Features.IsEmpty ? samples : 0, utterance.Pcm.Length);
            }
        }
    }

    [Fact]
    public async Task An_unreadable_file_among_a_thousand_costs_one_row()
    {
        string good = ShortSpeech.Write(_folder["good.wav"], TimeSpan.FromSeconds(0.05));
        string bad = _folder.Write("bad.wav", "RIFF, but not really");
        AudioInput[] inputs = [.. Enumerable.Range(0, 1000).Select(i => new AudioInput($"{i}", i == 617 ? bad : good))];

        List<ExtractionResult> results = await Collect(new Extractor(EightyBins()), inputs);

        Assert.Equal(inputs, results.Select(r => r.Input));
        Assert.Equal("617", Assert.Single(results, r => r.Error is not null).Name);
        Assert.All(results.Where(r => r.Name != "617"), r => Assert.Equal(results[0].Embedding.ToArray(), r.Embedding.ToArray()));
    }

    [Fact]
    public async Task A_list_with_the_same_file_under_two_names_gives_two_rows()
    {
        string path = ShortSpeech.Write(_folder["once.wav"], TimeSpan.FromSeconds(0.1));
        List<ExtractionResult> results = await Collect(
            new Extractor(EightyBins()), [new("first", path), new("second", path), new("first", path)]);
        Assert.Equal(["first", "second", "first"], results.Select(r => r.Name));
        Assert.Equal(results[0].Embedding.ToArray(), results[1].Embedding.ToArray());
    }

    [Fact]
    public async Task A_hundred_thousand_tiny_files_pass_through_flat_memory()
    {
        const int Count = 100_000, Sampled = 100;
        int drawn = 0, taken = 0, mostAhead = 0, kept = 0;
        // What of every hundredth file should be gone when its row is out. The process' memory says nothing: other tests use it too.
        ConcurrentQueue<WeakReference> traces = new();
        IEnumerable<AudioInput> Inputs()
        {
            for (int i = 0; i < Count; i++)
            {
                mostAhead = Math.Max(mostAhead, ++drawn - Volatile.Read(ref taken));
                AudioInput input = new($"{i}");
                if (i % Sampled == 0)
                    traces.Enqueue(new WeakReference(input));
                yield return input;
            }
        }
        Extractor extractor = new([new FakeWaveformEngine()], (input, _) =>
        {
            short[] pcm = new short[400];
            if (int.Parse(input.Name, CultureInfo.InvariantCulture) % Sampled == 0)
                traces.Enqueue(new WeakReference(pcm));
            return new Utterance(1, TimeSpan.FromMilliseconds(25), []) { Pcm = pcm };
        });
        await foreach (ExtractionResult result in extractor.ExtractAsync(Inputs()))
        {
            Assert.Equal($"{taken}", result.Name);
            if (++taken == 90_000)
            {
                GC.Collect();
                kept = traces.Count(trace => trace.IsAlive);
            }
        }

        Assert.Equal(Count, taken);
        // All files let in at once are some four thousand.
        Assert.InRange(mostAhead, 1, 10_000);
        Assert.InRange(kept, 0, (2 * mostAhead / Sampled) + 20);
    }

    [Fact]
    public async Task While_a_very_long_file_is_read_those_after_it_are_embedded()
    {
        using ManualResetEventSlim othersAreEmbedded = new();
        int embedded = 0;
        FakeWaveformEngine engine = new()
        {
            Concurrency = 1,
            OnEmbed = (lengths, _) =>
            {
                if (Interlocked.Add(ref embedded, lengths.Length) >= 1000)
                    othersAreEmbedded.Set();
            },
        };
        Extractor extractor = new([engine], (input, cancellation) =>
        {
            if (input.Name == "3")
                Assert.True(othersAreEmbedded.Wait(Ecapa.Patience, cancellation), "the others wait for the long one");
            return new Utterance(1, TimeSpan.FromSeconds(1), []) { Pcm = new short[400] };
        }, new ExtractionOptions { Readers = 2 });

        List<ExtractionResult> results = await Collect(extractor, Enumerable.Range(0, 2000).Select(i => new AudioInput($"{i}")));

        Assert.Equal(Enumerable.Range(0, 2000).Select(i => $"{i}"), results.Select(r => r.Name));
        Assert.All(results, r => Assert.Null(r.Error));
    }

    [Fact]
    public async Task While_a_very_long_file_is_embedded_others_go_through_the_engine_s_other_call()
    {
        const int Giant = 3 * 3600 * 100;
        using ManualResetEventSlim othersAreEmbedded = new();
        int embedded = 0;
        FakeWaveformEngine engine = new()
        {
            OnEmbed = (lengths, cancellation) =>
            {
                if (lengths is [800])
                    Assert.True(othersAreEmbedded.Wait(Ecapa.Patience, cancellation), "the others wait for the long one");
                else if (Interlocked.Add(ref embedded, lengths.Length) >= 1000)
                    othersAreEmbedded.Set();
            },
        };
        // It says how many frames it has, so that it goes alone; its samples need not be there for that.
        Extractor extractor = new([engine], (input, _) => new Utterance(input.Name == "3" ? Giant : 1, TimeSpan.FromSeconds(1), [])
        {
            Pcm = new short[input.Name == "3" ? 800 : 400],
        });

        List<ExtractionResult> results = await Collect(extractor, Enumerable.Range(0, 2000).Select(i => new AudioInput($"{i}")));

        Assert.Equal(Enumerable.Range(0, 2000).Select(i => $"{i}"), results.Select(r => r.Name));
        Assert.Contains(engine.Batches, batch => batch.Lengths is [800]);
    }

    [Fact]
    public async Task Memory_of_files_goes_back_when_they_are_embedded()
    {
        int held = 0, most = 0;
        Extractor extractor = new([EightyBins()], (_, _) =>
        {
            lock (_folder)
                most = Math.Max(most, ++held);
            return new Utterance(1, TimeSpan.FromSeconds(1), [])
            {
                Features = new float[Fbank.MelBins],
                Memory = new OnDispose(() =>
                {
                    lock (_folder)
                        held--;
                }),
            };
        });
        await Collect(extractor, Enumerable.Range(0, 20_000).Select(i => new AudioInput($"{i}")));
        Assert.Equal(0, held);
        Assert.InRange(most, 1, 5000);
    }

    [Fact]
    public async Task A_caller_that_stops_in_the_middle_ends_every_thread()
    {
        using ManualResetEventSlim forever = new();
        FakeWaveformEngine engine =
            new() { OnEmbed = (lengths, cancellation) => forever.Wait(lengths.Contains(401) ? Timeout.Infinite : 0, cancellation) };
        Extractor extractor = new([engine], (input, _) => new Utterance(1, TimeSpan.FromSeconds(1), []) { Pcm = new short[input.Name == "500" ? 401 : 400] },
            new ExtractionOptions { Readers = 1, BatchRows = 50 });
        await Task.Run(async () =>
        {
            int taken = 0;
            await foreach (ExtractionResult result in extractor.ExtractAsync(Enumerable.Range(0, 1_000_000).Select(i => new AudioInput($"{i}"))))
            {
                if (++taken == 400)
                    break;
            }
        }).WaitAsync(Ecapa.Patience);
    }

    private static void AssertFramesAreThoseOf(Waveform waveform)
    {
        float[] rows = new FeatureExtractor().Compute(waveform, "recording");
        Assert.Equal(Fbank.FrameCount(waveform.Samples.Length), rows.Length / Fbank.MelBins);
        Assert.Equal(waveform.Samples.Length / (double)Fbank.SampleRate, waveform.Duration.TotalSeconds, 1e-6);
    }

    private byte[] EncodeFlac()
    {
        Encoder.Encode(Sample, _folder["sample.flac"]);
        return File.ReadAllBytes(_folder["sample.flac"]);
    }

    /// <summary>Sets the number of samples in STREAMINFO (RFC 9639, 36 bits) to 0, which stands for unknown.</summary>
    private static void ForgetLength(byte[] flac)
    {
        flac[21] &= 0xF0;
        flac.AsSpan(22, 4).Clear();
    }

    /// <summary>
    /// A file that gets longer with every look at it, by more than is read of it, up to a length; beyond the bytes given it is zeros.
    /// </summary>
    private sealed class GrowingStream(byte[] bytes, long begun, long longest) : Stream
    {
        private long _length = begun;

        public override long Length => _length;

        public override long Position { get; set; }

        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override int Read(Span<byte> buffer)
        {
            buffer = buffer[..(int)Math.Min(buffer.Length, _length - Position)];
            buffer.Clear();
            if (Position < bytes.Length)
                bytes.AsSpan((int)Position, (int)Math.Min(buffer.Length, bytes.Length - Position)).CopyTo(buffer);
            Position += buffer.Length;
            _length = Math.Min(longest, _length + buffer.Length + 100);
            return buffer.Length;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override long Seek(long offset, SeekOrigin origin) =>
            Position = offset + (origin switch { SeekOrigin.Begin => 0, SeekOrigin.Current => Position, _ => Length });

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }
    }

    private sealed class OnDispose(Action action) : IDisposable
    {
        public void Dispose() => action();
    }
}

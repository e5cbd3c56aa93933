using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class ExtractionStatisticsTests
{
    [Fact]
    public void A_stage_s_share_is_of_its_threads_time_and_its_speed_that_of_all_of_them()
    {
        ExtractionStatistics statistics = new();
        statistics.Threads(ExtractionStage.Read, 4);
        statistics.Add(ExtractionStage.Read, TimeSpan.FromHours(8), TimeSpan.FromHours(400));
        statistics.Add(ExtractionStage.Embed, TimeSpan.FromHours(3), TimeSpan.FromHours(300));
        statistics.End();

        StageLoad read = statistics.Loads[0], embed = statistics.Loads[1];
        Assert.Equal((ExtractionStage.Read, 4), (read.Stage, read.Threads));
        Assert.Equal(200, read.Speed, 1e-9);
        Assert.Equal((ExtractionStage.Embed, 1), (embed.Stage, embed.Threads));
        Assert.Equal(100, embed.Speed, 1e-9);
        // Two hours of four threads are less than three of one.
        Assert.Equal(2.0 / 3, read.Busy / embed.Busy, 1e-9);
        Assert.Equal(ExtractionStage.Embed, ExtractionStatistics.Slowest(statistics.Loads)!.Value.Stage);
    }

    [Fact]
    public async Task Every_stage_of_an_extraction_is_told_and_its_audio_counted()
    {
        Extractor extractor = new(
            [new FakeEngine()], (_, _) => new Utterance(1, TimeSpan.FromSeconds(3), []) { Features = new float[2] },
            new ExtractionOptions { Readers = 1 });
        ExtractionStatistics statistics = new();
        IEnumerable<AudioInput> inputs = Enumerable.Range(0, 50).Select(i => new AudioInput($"{i}"));
        await foreach (ExtractionResult result in extractor.ExtractAsync(inputs, null, statistics))
            Assert.Null(result.Error);
        statistics.End();

        IReadOnlyList<StageLoad> loads = statistics.Loads;
        Assert.Equal(
            [ExtractionStage.List, ExtractionStage.Read, ExtractionStage.Pack, ExtractionStage.Embed, ExtractionStage.Write],
            loads.Select(load => load.Stage));
        Assert.All(loads, load =>
        {
            Assert.InRange(load.Busy, 0, 1.0);
            // All stages saw the same 150 s of audio, each in the time that it was busy.
            Assert.Equal(150, load.Speed * load.Busy * statistics.Elapsed.TotalSeconds, 1e-6);
        });
    }
}

using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Tests.Extraction;

/// <summary>Who gets what of the files that are read, above all of those that come back.</summary>
public sealed class ReadyQueueTests
{
    private readonly ReadyQueue _queue = new();

    private static string[] Names(ReadyBatch? batch) => [.. batch!.Files.Select(file => file.Input.Name)];

    private void Add(params string[] names)
    {
        foreach (string name in names)
            _queue.Add(new PendingFile(new AudioInput(name), 0) { Utterance = new Utterance(1, TimeSpan.Zero, []) });
    }

    private ReadyBatch Take(long mostRows = 2) => _queue.Take(mostRows, CancellationToken.None)!;

    [Fact]
    public void Batches_have_as_many_rows_as_they_may_and_the_queue_ends_when_all_is_done()
    {
        Add("a", "b", "c");
        _queue.Complete();
        ReadyBatch first = Take(), second = Take();
        Assert.Equal(["a", "b"], Names(first));
        Assert.Equal(["c"], Names(second));
        _queue.Finished(first);
        _queue.Finished(second);
        Assert.Null(_queue.Take(2, CancellationToken.None));
    }

    [Fact]
    public void A_batch_that_nobody_tried_goes_back_to_where_it_was()
    {
        Add("a", "b", "c");
        _queue.Return(Take());
        Assert.Equal(["a", "b", "c"], Names(Take(3)));
    }

    [Fact]
    public void Batches_with_which_an_engine_failed_come_back_as_they_were_before_all_others_and_one_at_a_time()
    {
        Add("a", "b", "c", "d");
        ReadyBatch culprit = Take(), companion = Take();
        Add("e", "f");
        _queue.Return(culprit, "GPU 0 failed");
        _queue.Return(companion, "GPU 0 failed");

        ReadyBatch suspect = Take(1);
        Assert.Equal(["a", "b"], Names(suspect));
        Assert.Equal("GPU 0 failed", suspect.EarlierFailure);
        // Beside it goes what nobody suspects, so that it is known which was the end of the next engine.
        ReadyBatch unsuspected = Take();
        Assert.Equal(["e", "f"], Names(unsuspected));
        Assert.Null(unsuspected.EarlierFailure);
        _queue.Finished(suspect);
        Assert.Equal(["c", "d"], Names(Take(1)));
    }

    [Fact]
    public void Of_a_batch_that_comes_back_what_is_done_is_left_out()
    {
        Add("a", "b");
        ReadyBatch batch = Take();
        batch.Files[0].Complete(new ExtractionResult(batch.Files[0].Input));
        _queue.Return(batch, "GPU 0 failed");
        ReadyBatch rest = Take();
        Assert.Equal(["b"], Names(rest));
        // An engine that has failed meanwhile has not tried it.
        _queue.Return(rest);
        Assert.Equal("GPU 0 failed", Take().EarlierFailure);
    }
}

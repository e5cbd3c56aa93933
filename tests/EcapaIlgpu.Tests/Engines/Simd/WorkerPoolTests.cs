using EcapaIlgpu.Engines.Simd;

namespace EcapaIlgpu.Tests.Engines.Simd;

public class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_item_runs_once_in_every_one_of_many_rounds(int threads)
    {
        // More threads than cores, rounds with fewer items than threads, pauses that let threads fall asleep: where wake-ups get lost.
        using WorkerPool pool = new(threads);
        for (int round = 0; round < 3000; round++)
        {
            int[] runs = new int[1 + (round % 9)];
            pool.Run(runs.Length, (item, thread) =>
            {
                Assert.InRange(thread, 0, threads - 1);
                Interlocked.Increment(ref runs[item]);
            });
            Assert.All(runs, count => Assert.Equal(1, count));
            if (round % 500 == 0)
                Thread.Yield();
        }
    }

    [Fact]
    public void Sleeping_threads_wake_for_the_next_round()
    {
        using WorkerPool pool = new(4);
        for (int round = 0; round < 20; round++)
        {
            using Barrier allFour = new(4);
            // Only if all four threads take an item does the barrier open: a thread that stayed asleep would time it out.
            pool.Run(4, (_, _) => Assert.True(allFour.SignalAndWait(TimeSpan.FromSeconds(30))));
            using ManualResetEventSlim pause = new();
            pause.Wait(TimeSpan.FromMilliseconds(2));
        }
    }

    [Fact]
    public void An_exception_of_an_item_reaches_the_caller_and_the_pool_goes_on()
    {
        using WorkerPool pool = new(3);
        InvalidOperationException failure = Assert.Throws<InvalidOperationException>(
            () => pool.Run(50, (item, _) => { if (item == 7) throw new InvalidOperationException("item 7"); }));
        Assert.Equal("item 7", failure.Message);
        int sum = 0;
        pool.Run(50, (item, _) => Interlocked.Add(ref sum, item));
        Assert.Equal(49 * 50 / 2, sum);
    }

    [Fact]
    public void Disposing_twice_is_harmless()
    {
        WorkerPool pool = new(2);
        pool.Dispose();
        pool.Dispose();
    }
}

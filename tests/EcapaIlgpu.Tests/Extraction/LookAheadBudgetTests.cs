using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class LookAheadBudgetTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Giants_are_held_two_at_a_time_and_keep_no_other_out()
    {
        LookAheadBudget budget = new(100);
        budget.Acquire(1000, CancellationToken.None);
        budget.Acquire(2000, CancellationToken.None);
        budget.Acquire(50, CancellationToken.None);
        budget.Acquire(50, CancellationToken.None);
        Task third = Task.Run(() => budget.Acquire(51, CancellationToken.None));
        Assert.False(third.IsCompleted);
        budget.Release(1000);
        await third.WaitAsync(Patience);
    }

    [Fact]
    public async Task Others_wait_for_room()
    {
        LookAheadBudget budget = new(100);
        budget.Acquire(50, CancellationToken.None);
        budget.Acquire(50, CancellationToken.None);
        Task third = Task.Run(() => budget.Acquire(1, CancellationToken.None));
        Assert.False(third.IsCompleted);
        budget.Release(50);
        await third.WaitAsync(Patience);
    }

    [Fact]
    public async Task A_corrected_estimate_makes_room()
    {
        LookAheadBudget budget = new(100);
        budget.Acquire(50, CancellationToken.None);
        budget.Acquire(50, CancellationToken.None);
        Task third = Task.Run(() => budget.Acquire(30, CancellationToken.None));
        Assert.False(third.IsCompleted);
        budget.Correct(50, 20);
        await third.WaitAsync(Patience);
    }

    [Fact]
    public async Task An_estimate_that_grows_into_a_giant_counts_as_one()
    {
        LookAheadBudget budget = new(100);
        budget.Acquire(10, CancellationToken.None);
        budget.Correct(10, 5000);
        budget.Acquire(3000, CancellationToken.None);
        budget.Acquire(50, CancellationToken.None);
        Task giant = Task.Run(() => budget.Acquire(200, CancellationToken.None));
        Assert.False(giant.IsCompleted);
        budget.Release(5000);
        await giant.WaitAsync(Patience);
    }

    [Fact]
    public async Task Waiting_ends_with_cancellation()
    {
        LookAheadBudget budget = new(100);
        budget.Acquire(50, CancellationToken.None);
        budget.Acquire(50, CancellationToken.None);
        using CancellationTokenSource cancel = new();
        Task waiting = Task.Run(() => budget.Acquire(1, cancel.Token));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }
}

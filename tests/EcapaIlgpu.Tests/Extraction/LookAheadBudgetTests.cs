using EcapaIlgpu.Extraction;

namespace EcapaIlgpu.Tests.Extraction;

public sealed class LookAheadBudgetTests
{
    [Fact]
    public async Task One_that_is_too_large_is_let_in_alone()
    {
        LookAheadBudget budget = new(100);
        budget.Acquire(1000, CancellationToken.None);
        Task second = Task.Run(() => budget.Acquire(1, CancellationToken.None));
        Assert.False(second.IsCompleted);
        budget.Release(1000);
        await second.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_corrected_estimate_makes_room()
    {
        LookAheadBudget budget = new(100);
        budget.Acquire(90, CancellationToken.None);
        Task second = Task.Run(() => budget.Acquire(50, CancellationToken.None));
        Assert.False(second.IsCompleted);
        budget.Correct(90, 50);
        await second.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Waiting_ends_with_cancellation()
    {
        LookAheadBudget budget = new(100);
        budget.Acquire(100, CancellationToken.None);
        using CancellationTokenSource cancel = new();
        Task waiting = Task.Run(() => budget.Acquire(1, cancel.Token));
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }
}

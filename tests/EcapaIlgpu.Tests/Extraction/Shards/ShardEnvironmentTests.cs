using EcapaIlgpu.Extraction.Shards;

namespace EcapaIlgpu.Tests.Extraction.Shards;

public sealed class ShardEnvironmentTests
{
    private static (Shard Shard, string Source)? Find(string variables, int? count = null)
    {
        Dictionary<string, string> set = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('='))
            .ToDictionary(v => v[0], v => v[1]);
        return ShardEnvironment.Find(set.GetValueOrDefault, count);
    }

    [Theory]
    [InlineData("SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8 SLURM_ARRAY_TASK_STEP=1", null, "1/8")]
    [InlineData("SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_STEP=1", 8, "8/8")]
    [InlineData("SLURM_ARRAY_TASK_ID=8 SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=0 SLURM_ARRAY_TASK_MAX=12 SLURM_ARRAY_TASK_STEP=4", null, "3/4")]
    [InlineData("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=4", null, "3/4")]
    [InlineData("JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=5", null, "1/5")]
    [InlineData("JOB_COMPLETION_INDEX=4", 5, "5/5")]
    public void Schedulers_say_which_shard_a_process_is(string variables, int? count, string shard)
    {
        (Shard found, string source) = Find(variables, count)!.Value;
        Assert.Equal(shard, found.ToString());
        Assert.Equal(variables.Split('=')[0], source);
    }

    [Fact]
    public void Without_a_scheduler_there_is_no_shard()
    {
        Assert.Null(Find(""));
        Assert.Null(Find("SLURM_ARRAY_TASK_ID= JOB_COMPLETIONS=3"));
    }

    [Theory]
    [InlineData("SLURM_ARRAY_TASK_ID=3", null, "SLURM_ARRAY_TASK_COUNT: is not set")]
    [InlineData("SLURM_ARRAY_TASK_ID=x SLURM_ARRAY_TASK_COUNT=2", null, "is 'x', which is no number")]
    [InlineData("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_STEP=1", null, "not evenly numbered")]
    [InlineData("SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=3", 8, "is 1, and 8 shards are asked for; to run some tasks")]
    [InlineData("SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=8", null, "not evenly numbered")]
    [InlineData("JOB_COMPLETION_INDEX=2", null, "set JOB_COMPLETIONS")]
    [InlineData("JOB_COMPLETION_INDEX=5 JOB_COMPLETIONS=5", null, "is 5, counted from 0, of 5")]
    [InlineData("JOB_COMPLETION_INDEX=5 JOB_COMPLETIONS=6", 7, "is 6, and 7 shards are asked for")]
    [InlineData("JOB_COMPLETION_INDEX=1 SLURM_ARRAY_TASK_ID=1", null, "are both set")]
    public void What_leaves_the_shard_open_is_said_with_the_way_out(string variables, int? count, string problem)
    {
        InputException error = Assert.Throws<InputException>(() => Find(variables, count));
        Assert.Contains(problem, error.Message, StringComparison.Ordinal);
        Assert.Contains("--shard none", error.Message, StringComparison.Ordinal);
    }
}

using System.Globalization;

namespace EcapaIlgpu.Extraction.Shards;

/// <summary>Which shard a job scheduler means this process to be, by the variables that it sets.</summary>
internal static class ShardEnvironment
{
    private const string SlurmTask = "SLURM_ARRAY_TASK_ID";
    private const string SlurmCount = "SLURM_ARRAY_TASK_COUNT";
    private const string SlurmMin = "SLURM_ARRAY_TASK_MIN";
    private const string SlurmMax = "SLURM_ARRAY_TASK_MAX";
    private const string SlurmStep = "SLURM_ARRAY_TASK_STEP";
    private const string KubernetesIndex = "JOB_COMPLETION_INDEX";
    private const string KubernetesCount = "JOB_COMPLETIONS";

    /// <summary>
    /// The shard of a task of a Slurm array or of a pod of a Kubernetes Job with completion mode Indexed. Kubernetes does not tell a pod
    /// how many there are: the manifest has to set <c>JOB_COMPLETIONS</c>.
    /// </summary>
    /// <param name="variable">Reads a variable; null where it is not set.</param>
    /// <param name="count">How many shards there are, where that was given; it must then be what the scheduler says, where it says
    /// it.</param>
    /// <returns>The shard and the variable that says so; null where no scheduler has set any.</returns>
    /// <exception cref="InputException">The variables make no sense, or leave open which shard this is.</exception>
    public static (Shard Shard, string Source)? Find(Func<string, string?> variable, int? count = null)
    {
        bool isSlurm = !string.IsNullOrEmpty(variable(SlurmTask));
        bool isKubernetes = !string.IsNullOrEmpty(variable(KubernetesIndex));
        if (isSlurm && isKubernetes)
            throw Unclear(SlurmTask, $"and {KubernetesIndex} are both set, so which shard this is stays open");
        if (isSlurm)
            return (FromSlurm(variable, count), SlurmTask);
        return isKubernetes ? (FromKubernetes(variable, count), KubernetesIndex) : null;
    }

    private static Shard FromSlurm(Func<string, string?> variable, int? given)
    {
        int task = Number(variable, SlurmTask);
        int count = Number(variable, SlurmCount);
        int min = Number(variable, SlurmMin, 1);
        int step = Math.Max(1, Number(variable, SlurmStep, 1));
        int max = Number(variable, SlurmMax, min + count - 1);
        if (given is { } expected && expected != count)
        {
            throw Unclear(SlurmCount, $"is {count}, and {expected} shards are asked for; "
                + $"to run some tasks of an array again, give each its --shard i/{expected}");
        }
        // Of --array=1,3,7 nothing says which place a task has.
        if (count is < 1 or > Shard.MaxCount || task < min || task > max || (max - min) / step + 1 != count || (task - min) % step != 0)
            throw Unclear(SlurmTask, $"is {task} in an array of {count} tasks from {min} to {max}, which are not evenly numbered");
        return new Shard(((task - min) / step) + 1, count);
    }

    private static Shard FromKubernetes(Func<string, string?> variable, int? given)
    {
        int index = Number(variable, KubernetesIndex);
        if (given is null && string.IsNullOrEmpty(variable(KubernetesCount)))
            throw Unclear(KubernetesIndex, $"is {index}, but nothing says of how many: set {KubernetesCount} to the Job's completions");
        int count = Number(variable, KubernetesCount, given ?? 0);
        if (given is { } expected && expected != count)
            throw Unclear(KubernetesCount, $"is {count}, and {expected} shards are asked for");
        return index < count && count <= Shard.MaxCount
            ? new Shard(index + 1, count)
            : throw Unclear(KubernetesIndex, $"is {index}, counted from 0, of {count}");
    }

    private static int Number(Func<string, string?> variable, string name, int? otherwise = null)
    {
        string? text = variable(name);
        if (string.IsNullOrEmpty(text) && otherwise is { } value)
            return value;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : throw Unclear(name, string.IsNullOrEmpty(text) ? "is not set" : $"is '{Shown.Name(text)}', which is no number");
    }

    private static InputException Unclear(string variable, string problem) =>
        new(variable, $"{problem}. Give --shard i/n, or --shard none to embed the whole list");
}

using System.Text.Json;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>A profile for programs: one JSON object, in seconds, operations and bytes.</summary>
internal static class ProfileJson
{
    /// <summary>Writes a profile.</summary>
    public static void Write(Utf8JsonWriter json, NetworkProfile profile)
    {
        json.WriteStartObject();
        json.WriteString("device", profile.Selector);
        json.WriteString("name", profile.DeviceName);
        json.WriteString("precision", profile.Precision.Name());
        json.WriteString("date", profile.Date);
        json.WriteString("model", profile.Model);
        json.WriteNumber("channels", profile.Channels);
        json.WriteNumber("utterances", profile.Utterances);
        json.WriteNumber("frames", profile.Frames);
        json.WriteNumber("runs", profile.Runs);
        json.WriteNumber("warm_up_runs", NetworkProfiler.WarmUpRuns);
        json.WriteStartObject("ceilings");
        json.WriteNumber("operations_per_second", profile.Ceilings.OperationsPerSecond);
        json.WriteNumber("bytes_per_second", profile.Ceilings.BytesPerSecond);
        json.WriteStartObject("tensor_operations_per_second");
        foreach ((Precision format, double rate) in profile.Ceilings.TensorOperationsPerSecond)
            json.WriteNumber(format.Name(), rate);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteNumber("run_seconds", profile.RunSeconds);
        json.WriteNumber("least_run_seconds", profile.RunSecondsRange.Least);
        json.WriteNumber("most_run_seconds", profile.RunSecondsRange.Most);
        json.WriteNumber("profiled_run_seconds", profile.ProfiledRunSeconds);
        json.WriteNumber("overhead", profile.Overhead);
        if (profile.GraphRunSeconds is (double least, double median, double most))
        {
            json.WriteNumber("graph_run_seconds", median);
            json.WriteNumber("least_graph_run_seconds", least);
            json.WriteNumber("most_graph_run_seconds", most);
        }
        json.WriteStartArray("kernels");
        foreach (KernelProfile kernel in profile.Kernels)
            WriteKernel(json, kernel, profile.Ceilings.Of(kernel.Multiplied), profile.Ceilings.BytesPerSecond);
        json.WriteEndArray();
        json.WritePropertyName("total");
        WriteKernel(json, profile.Total, profile.TotalCeiling, profile.Ceilings.BytesPerSecond);
        json.WriteEndObject();
    }

    /// <summary>Writes what one utterance alone takes.</summary>
    public static void Write(
        Utf8JsonWriter json, string selector, string deviceName, Precision precision, string model, UtteranceLatency latency)
    {
        json.WriteStartObject();
        json.WriteString("device", selector);
        json.WriteString("name", deviceName);
        json.WriteString("precision", precision.Name());
        json.WriteString("date", latency.Date);
        json.WriteString("model", model);
        json.WriteNumber("frames", latency.Frames);
        json.WriteNumber("runs", latency.Runs);
        json.WriteNumber("warm_up_runs", UtteranceLatency.WarmUpRuns);
        json.WriteNumber("median_seconds", latency.MedianSeconds);
        json.WriteNumber("least_seconds", latency.LeastSeconds);
        json.WriteNumber("percentile_95_seconds", latency.Percentile95Seconds);
        json.WriteEndObject();
    }

    private static void WriteKernel(Utf8JsonWriter json, KernelProfile kernel, OperationsCeiling ceiling, double bytesPerSecond)
    {
        json.WriteStartObject();
        json.WriteString("kernel", kernel.Name);
        json.WriteNumber("launches", kernel.Launches);
        json.WriteNumber("seconds", kernel.Seconds);
        json.WriteNumber("share", kernel.Share);
        json.WriteNumber("operations", kernel.Operations);
        json.WriteNumber("bytes", kernel.Bytes);
        json.WriteNumber("operations_per_second", kernel.OperationsPerSecond);
        json.WriteString("operations_ceiling", ceiling.Name);
        json.WriteNumber("operations_ceiling_per_second", ceiling.PerSecond);
        json.WriteNumber("share_of_operations_ceiling", kernel.OperationsPerSecond / ceiling.PerSecond);
        json.WriteNumber("bytes_per_second", kernel.BytesPerSecond);
        json.WriteNumber("share_of_bytes_ceiling", kernel.BytesPerSecond / bytesPerSecond);
        json.WriteEndObject();
    }
}

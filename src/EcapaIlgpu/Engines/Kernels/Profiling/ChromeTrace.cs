using System.Text.Json;

namespace EcapaIlgpu.Engines.Kernels.Profiling;

/// <summary>
/// A run as a timeline that chrome://tracing and Perfetto open: the trace-event format's complete events, one for each launch, on one track
/// for the device.
/// </summary>
internal static class ChromeTrace
{
    private const int Process = 1;
    private const int Track = 1;

    /// <summary>Writes the trace of a profile's median run, as one JSON object.</summary>
    public static void Write(Utf8JsonWriter json, NetworkProfile profile)
    {
        json.WriteStartObject();
        json.WriteString("displayTimeUnit", "ms");
        json.WriteStartArray("traceEvents");
        WriteName(json, "process_name", $"ecapa profile: {profile.Model}, {profile.BatchText}");
        WriteName(json, "thread_name", $"{profile.Selector} ({profile.DeviceName})");
        foreach (LaunchTime launch in profile.Launches)
            WriteLaunch(json, launch);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void WriteName(Utf8JsonWriter json, string what, string name)
    {
        json.WriteStartObject();
        json.WriteString("name", what);
        json.WriteString("ph", "M");
        json.WriteNumber("pid", Process);
        json.WriteNumber("tid", Track);
        json.WriteStartObject("args");
        json.WriteString("name", name);
        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WriteLaunch(Utf8JsonWriter json, in LaunchTime launch)
    {
        json.WriteStartObject();
        json.WriteString("name", launch.Cost.Kernel);
        json.WriteString("cat", launch.Cost.Stage);
        json.WriteString("ph", "X");
        json.WriteNumber("ts", launch.Start.TotalMicroseconds);
        json.WriteNumber("dur", launch.Duration.TotalMicroseconds);
        json.WriteNumber("pid", Process);
        json.WriteNumber("tid", Track);
        json.WriteStartObject("args");
        json.WriteString("stage", launch.Cost.Stage);
        json.WriteNumber("operations", launch.Cost.Operations);
        json.WriteNumber("bytes", launch.Cost.Bytes);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}

using EcapaIlgpu.Extraction;
using EcapaIlgpu.Scoring;

namespace EcapaIlgpu.Tests;

/// <summary>What the README shows a programmer compiles, runs, and is what the README shows.</summary>
public class ReadmeTests
{
    [Fact]
    public async Task The_csharp_sample_runs()
    {
        string samples = TestFiles.InTestdata("samples");
        TextWriter before = Console.Out;
        using StringWriter output = new();
        try
        {
            Console.SetOut(output);
            await RunSample(samples);
        }
        finally
        {
            Console.SetOut(before);
        }
        Assert.Contains("cosine 0.92", output.ToString(), StringComparison.Ordinal);
        Assert.Equal(8, output.ToString().Split('\n').Count(line => line.Contains(": 192 numbers of ", StringComparison.Ordinal)));
    }

    [Fact]
    public void The_csharp_sample_is_the_readmes()
    {
        string readme = File.ReadAllText(Path.Combine(TestFiles.Repository, "README.md")).ReplaceLineEndings("\n");
        string block = readme.Split("```csharp\n")[1].Split("```")[0];
        string source = File.ReadAllText(Path.Combine(TestFiles.Repository, "tests", "EcapaIlgpu.Tests", "ReadmeTests.cs"))
            .ReplaceLineEndings("\n");
        string sample =
            source.Split("// README\n")[1].Split("        // end\n")[0].Replace("\n        ", "\n", StringComparison.Ordinal)[8..];
        Assert.Equal(block, sample);
    }

    private static async Task RunSample(string samples)
    {
        // README
        using SpeakerEmbedder embedder = SpeakerEmbedder.Load();            // or Load("wespeaker-voxceleb-ecapa-tdnn1024-LM")
        float[] alice = embedder.Embed(Path.Combine(samples, "slt_1.wav"));
        float[] again = embedder.Embed(Path.Combine(samples, "slt_2.wav"));
        Console.WriteLine($"{embedder.Device}: cosine {Cosine.Similarity(alice, again):0.00}");

        string[] files = Directory.GetFiles(samples, "*.wav");
        await foreach (ExtractionResult result in embedder.EmbedAsync(files))
        {
            string line = result.Error?.Message ?? $"{result.Name}: {result.Embedding.Length} numbers of {result.Duration.TotalSeconds:0.0} s";
            Console.WriteLine(line);
        }
        // end
    }
}

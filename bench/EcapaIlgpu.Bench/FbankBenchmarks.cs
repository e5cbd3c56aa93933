using BenchmarkDotNet.Attributes;
using EcapaIlgpu.Engines.Kernels.Checking;
using EcapaIlgpu.Features;

namespace EcapaIlgpu.Bench;

/// <summary>Samples to log-mel rows, on one thread. bench/fbank_torchaudio.py times torchaudio on the same work.</summary>
public class FbankBenchmarks
{
    private readonly Fbank _fbank = new();
    private float[] _samples = [];
    private float[] _rows = [];

    [Params(4, 60)]
    public int Seconds { get; set; }

    [GlobalSetup]
    public void CreateNoise()
    {
        _samples = RandomModels.Features(Seconds * Fbank.SampleRate, 1, seed: 1);
        _rows = new float[Fbank.FrameCount(_samples.Length) * Fbank.MelBins];
    }

    [Benchmark]
    public void Compute() => _fbank.Compute(_samples, _rows);
}

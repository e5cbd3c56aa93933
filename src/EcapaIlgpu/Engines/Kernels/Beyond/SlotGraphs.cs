using EcapaIlgpu.Kernels;
using ILGPU.Beyond;
using ILGPU.Runtime;

namespace EcapaIlgpu.Engines.Kernels;

internal sealed partial class EngineSlot
{
    /// <summary>
    /// Chunks of the longest utterance that is worth a graph, 41 s: from there on the kernels take longer than all their launches.
    /// </summary>
    private const int MostGraphChunks = 64;

    /// <summary>Graphs kept, the last used ones; some hundred kilobytes each.</summary>
    private const int MostGraphs = 32;

    private readonly Dictionary<InputForm, CudaGraph> _graphs = [];

    /// <summary>The forms of <see cref="_graphs"/>, the last used one last.</summary>
    private readonly List<InputForm> _graphsByUse = [];

    /// <summary>What <see cref="Moves"/> was when the graphs were captured.</summary>
    private int _movesOfGraphs;

    private int Moves => Buffers.Sum(buffer => buffer.Moves);

    partial void EmbedByGraph(BatchSource source, int from, int to, ref Span<Float4> found, CancellationToken cancellation)
    {
        if (to - from != 1 || !UsesGraphs || Operations.Observer is not null || !Stream.Accelerator.SupportsGraphs()
            || BatchInput.Chunks(source.Offsets[to] - source.Offsets[from]) > MostGraphChunks)
            return;
        BatchInput input = BatchInput.TakeBucketed(source, from);
        if (Moves == _movesOfGraphs && _graphs.TryGetValue(input.Form, out CudaGraph? graph))
        {
            cancellation.ThrowIfCancellationRequested();
            Stage(input);
            graph.Launch(Stream);
            Stream.Synchronize();
            GraphRuns++;
            _graphsByUse.Remove(input.Form);
            _graphsByUse.Add(input.Form);
            found = _results.Require((long)input.Form.Shape.Utterances * _forward.EmbeddingQuads);
            return;
        }
        // After this all memory is taken and all kernels are compiled: a capture may do neither.
        found = EmbedByLaunches(input, cancellation);
        if (Moves != _movesOfGraphs)
            ForgetGraphs();
        Capture(input.Form);
    }

    partial void ForgetGraphs()
    {
        foreach (CudaGraph graph in _graphs.Values)
            graph.Dispose();
        _graphs.Clear();
        _graphsByUse.Clear();
    }

    private void Capture(InputForm form)
    {
        if (_graphs.Count == MostGraphs)
        {
            _graphs.Remove(_graphsByUse[0], out CudaGraph? oldest);
            oldest!.Dispose();
            _graphsByUse.RemoveAt(0);
        }
        _graphs.Add(form, Stream.Capture(() => Queue(form, CancellationToken.None).CopyToPageLockedAsync(Stream, _results.Memory!)));
        _graphsByUse.Add(form);
        _movesOfGraphs = Moves;
    }
}

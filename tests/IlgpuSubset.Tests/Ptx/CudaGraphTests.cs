using ILGPU.Beyond;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;

namespace ILGPU.Tests.Ptx;

/// <summary>Captured work: what is recorded, when it runs, and what a capture refuses.</summary>
public sealed class CudaGraphTests : IDisposable
{
    private const int Length = 8;

    private readonly EmulatedGpuTest _gpu = new();
    private readonly AcceleratorStream _stream;
    private readonly PageLockedArray1D<int> _from;
    private readonly PageLockedArray1D<int> _to;
    private readonly MemoryBuffer1D<int, Stride1D.Dense> _buffer;
    private readonly Action<AcceleratorStream, KernelConfig, ArrayView<int>> _double;

    public CudaGraphTests()
    {
        _stream = _gpu.Accelerator.CreateStream();
        (_from, _to) = (_gpu.Accelerator.AllocatePageLocked1D<int>(Length), _gpu.Accelerator.AllocatePageLocked1D<int>(Length + 3));
        _buffer = _gpu.Accelerator.Allocate1D<int>(Length);
        _double = _gpu.Accelerator.LoadKernel<ArrayView<int>>(view => view[Group.IdxX] *= 2);
    }

    public void Dispose()
    {
        foreach (IDisposable part in (IDisposable[])[_buffer, _from, _to, _stream, _gpu])
            part.Dispose();
    }

    [Fact]
    public void What_is_captured_runs_when_the_graph_does_and_reads_memory_as_it_is_then()
    {
        Fill(1);
        using CudaGraph graph = _stream.Capture(Queue);
        _stream.Synchronize();
        Assert.Equal((0, 0, 0L), (_gpu.Driver.Launches, _gpu.Driver.GraphLaunches, _gpu.Driver.BytesToDevice));
        Assert.All(_to.GetArray(), value => Assert.Equal(0, value));
        foreach (int first in (int[])[5, 70])
        {
            Fill(first);
            graph.Launch(_stream);
            _stream.Synchronize();
            Assert.Equal([.. Enumerable.Range(first, Length).Select(value => 4 * value), 0, 0, 0], _to.GetArray());
        }
        // Two kernels a graph, none of them with a call of its own.
        Assert.Equal((4, 0, 2), (_gpu.Driver.Launches, _gpu.Driver.LaunchCalls, _gpu.Driver.GraphLaunches));
        Assert.Equal((2L * sizeof(int) * Length, 2L * sizeof(int) * Length), (_gpu.Driver.BytesToDevice, _gpu.Driver.BytesFromDevice));
    }

    [Fact]
    public void Other_streams_and_threads_go_on_during_a_capture()
    {
        using AcceleratorStream other = _gpu.Accelerator.CreateStream();
        Fill(3);
        using CudaGraph graph = _stream.Capture(() =>
        {
            Queue();
            // A thread and no task: a task that is waited for at once may run on the thread that waits.
            Thread thread = new(() =>
            {
                using MemoryBuffer1D<int, Stride1D.Dense> elsewhere = _gpu.Accelerator.Allocate1D<int>(Length);
                elsewhere.View.BaseView.CopyFromCPU(other, new int[Length]);
                _double(other, new KernelConfig(1, Length), elsewhere.View);
                other.Synchronize();
            });
            thread.Start();
            thread.Join();
        });
        Assert.Equal(1, _gpu.Driver.Launches);
        graph.Launch(_stream);
        _stream.Synchronize();
        Assert.Equal(3, _gpu.Driver.Launches);
        Assert.Equal(12, _to[0]);
    }

    public static TheoryData<string> Refused => ["wait", "allocate", "give back", "pageable source", "pageable target", "exception"];

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_capture_that_fails_leaves_the_stream_usable(string fault)
    {
        using MemoryBuffer1D<int, Stride1D.Dense> spare = _gpu.Accelerator.Allocate1D<int>(1);
        int before = _gpu.Driver.LiveObjects;
        Exception error = Assert.ThrowsAny<Exception>(() => _stream.Capture(() =>
        {
            Queue();
            switch (fault)
            {
                case "wait": _stream.Synchronize(); break;
                case "allocate": _gpu.Accelerator.Allocate1D<int>(1); break;
                // Giving back is never an exception of its own: the capture's end is.
                case "give back": spare.Dispose(); break;
                case "pageable source": _buffer.View.CopyFromCPU(_stream, new int[Length]); break;
                case "pageable target": _buffer.View.CopyToCPU(_stream, new int[Length]); break;
                default: throw new InvalidOperationException();
            }
        }));
        if (fault == "exception")
            Assert.IsType<InvalidOperationException>(error);
        else
            Assert.Contains("CAPTURE", Assert.IsType<CudaException>(error).ErrorName, StringComparison.Ordinal);
        Assert.Equal(before, _gpu.Driver.LiveObjects);
        Fill(9);
        Queue();
        _stream.Synchronize();
        Assert.Equal(36, _to[0]);
    }

    [Fact]
    public void A_fault_in_a_graph_comes_out_when_the_stream_is_waited_for()
    {
        using CudaGraph graph = _stream.Capture(Queue);
        Fill(1);
        _gpu.Driver.FailAtLaunch = 2;
        graph.Launch(_stream);
        CudaException error = Assert.Throws<CudaException>(_stream.Synchronize);
        Assert.Equal("CUDA_ERROR_LAUNCH_FAILED", error.ErrorName);
    }

    [Fact]
    public void A_graph_whose_memory_was_given_back_is_an_error()
    {
        using CudaGraph graph = _stream.Capture(Queue);
        _buffer.Dispose();
        Assert.Equal("CUDA_ERROR_INVALID_VALUE", Assert.Throws<CudaException>(() => graph.Launch(_stream)).ErrorName);
    }

    [Fact]
    public void A_graph_that_was_disposed_is_refused_and_gone()
    {
        int before = _gpu.Driver.LiveObjects;
        CudaGraph graph = _stream.Capture(Queue);
        graph.Dispose();
        graph.Dispose();
        Assert.Throws<ObjectDisposedException>(() => graph.Launch(_stream));
        Assert.Equal(before, _gpu.Driver.LiveObjects);
    }

    [Fact]
    public void Devices_without_graphs_say_so()
    {
        using Context context = Context.Create(builder => builder.CPU());
        using Accelerator accelerator = context.GetCPUDevice(0).CreateAccelerator(context);
        Assert.False(accelerator.SupportsGraphs());
        Assert.True(_gpu.Accelerator.SupportsGraphs());
        Assert.Throws<NotSupportedException>(() => accelerator.DefaultStream.Capture(() => { }));
    }

    [Fact]
    public void Free_memory_is_what_the_driver_says()
    {
        long before = _gpu.Accelerator.GetFreeMemory()!.Value;
        using MemoryBuffer1D<int, Stride1D.Dense> taken = _gpu.Accelerator.Allocate1D<int>(1000);
        Assert.Equal(before - 4000, _gpu.Accelerator.GetFreeMemory());
    }

    private void Queue()
    {
        _buffer.View.BaseView.CopyFromCPU(_stream, (ReadOnlySpan<int>)_from.Span);
        _double(_stream, new KernelConfig(1, Length), _buffer.View);
        _double(_stream, new KernelConfig(1, Length), _buffer.View);
        _buffer.View.BaseView.CopyToPageLockedAsync(_stream, _to);
    }

    private void Fill(int first)
    {
        for (int i = 0; i < Length; i++)
            _from[i] = first + i;
    }
}

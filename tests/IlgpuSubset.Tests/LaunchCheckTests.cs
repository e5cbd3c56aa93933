using ILGPU.Runtime;
using ILGPU.Tests.Interpreter;

namespace ILGPU.Tests;

/// <summary>Launches that a device cannot run are refused before the driver sees them.</summary>
public sealed class LaunchCheckTests : IDisposable
{
    private readonly Context _context = Context.Create().ToContext();
    private readonly Accelerator _accelerator;

    public LaunchCheckTests() => _accelerator = new InterpreterDevice(32).CreateAccelerator(_context);

    public void Dispose()
    {
        _accelerator.Dispose();
        _context.Dispose();
    }

    [Fact]
    public void Shapes_beyond_the_device_are_refused()
    {
        using var target = _accelerator.Allocate1D<int>(1);
        var kernel = _accelerator.LoadStreamKernel<ArrayView<int>>(y => y[0] = 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel((1, 1025), target.View));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel((0, 1), target.View));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel((new Index3D(1, 70000, 1), new Index3D(1)), target.View));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel(((1 << 23) + 1, 1), target.View));
    }

    [Fact]
    public void Shared_memory_beyond_the_device_is_refused()
    {
        using var target = _accelerator.Allocate1D<int>(1);
        var kernel = _accelerator.LoadStreamKernel<ArrayView<int>>(y =>
        {
            ArrayView<int> fixedSize = SharedMemory.Allocate<int>(1000);
            fixedSize[0] = 1;
            Group.Barrier();
            y[0] = SharedMemory.GetDynamic<int>().IntLength + fixedSize[0];
        });
        kernel((1, 1, SharedMemoryConfig.RequestDynamic<int>(11288)), target.View);
        Assert.Equal([11289], target.GetAsArray1D());
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel((1, 1, SharedMemoryConfig.RequestDynamic<int>(11289)), target.View));
    }

    [Fact]
    public void Disposed_buffers_and_foreign_streams_are_refused()
    {
        var target = _accelerator.Allocate1D<int>(1);
        var kernel = _accelerator.LoadKernel<ArrayView<int>>(y => y[0] = 1);
        target.Dispose();
        target.Dispose();
        Assert.Throws<ObjectDisposedException>(() => kernel(_accelerator.DefaultStream, (1, 1), target.View));
        using Accelerator other = new InterpreterDevice(32).CreateAccelerator(_context);
        using var otherTarget = other.Allocate1D<int>(1);
        Assert.Throws<ArgumentException>(() => kernel(other.DefaultStream, (1, 1), otherTarget.View));
    }

    [Fact]
    public void Casts_that_are_not_aligned_are_refused()
    {
        using var buffer = _accelerator.Allocate1D<int>(16);
        Assert.Equal(2, buffer.View.BaseView.SubView(4, 8).Cast<Int128>().Length);
        Assert.Throws<InvalidOperationException>(() => buffer.View.BaseView.SubView(2, 8).Cast<Int128>());
    }

    [Fact]
    public void Views_stay_within_their_buffer()
    {
        using var buffer = _accelerator.Allocate1D<int>(16);
        ArrayView<int> view = buffer.View.BaseView;
        Assert.Throws<ArgumentOutOfRangeException>(() => view.SubView(10, 7));
        Assert.Throws<ArgumentOutOfRangeException>(() => view.SubView(-1, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => view.CopyToCPU(_accelerator.DefaultStream, new Span<int>(new int[17])));
        Assert.Throws<ArgumentOutOfRangeException>(() => view.SubView(0, 4).CopyTo(_accelerator.DefaultStream, view.SubView(8, 3)));
    }
}

// What the list of ILGPU's members leaves out and this project's code leans on: bases, enumerations, nested types. Facts of the package's public surface.
namespace ILGPU
{
    public interface IArrayView { long Length { get; } }
    public interface IArrayView<T> : IArrayView where T : unmanaged { }
    public interface IContiguousArrayView : IArrayView { }
    public interface IContiguousArrayView<T> : IArrayView<T>, IContiguousArrayView where T : unmanaged { }
    public interface IIndex { }
    public interface IStride1D { }
    public partial struct ArrayView<T> : IContiguousArrayView<T> { }
    public static class Stride1D { public struct Infinite : IStride1D { } public struct Dense : IStride1D { } public struct General : IStride1D { } }
    public partial struct Index1D : IIndex { }
    public partial struct Index2D : IIndex { }
    public struct Index3D : IIndex
    {
        public Index3D(int x, int y, int z) => throw null!;
        public int X => throw null!;
        public int Y => throw null!;
        public int Z => throw null!;
        public int Size => throw null!;
        public static implicit operator Index3D((int, int, int) values) => throw null!;
    }
    public struct LongIndex1D : IIndex
    {
        public LongIndex1D(long x) => throw null!;
        public long X => throw null!;
        public long Size => throw null!;
        public static implicit operator long(LongIndex1D index) => throw null!;
        public static implicit operator LongIndex1D(long index) => throw null!;
    }
    public enum IndexType { None, Index1D, Index2D, Index3D, LongIndex1D, LongIndex2D, LongIndex3D, KernelConfig }
    public enum OptimizationLevel { O0, O1, O2, Debug = O0, Release = O1 }
    public enum MathMode { Default, Fast, Fast32BitOnly }
    public class ContextProperties { }
    public partial class Context
    {
        // No IEnumerable: such a collection lives on the stack.
        public readonly ref struct DeviceCollection<TDevice> where TDevice : Device
        {
            public AcceleratorType AcceleratorType => throw null!;
            public int Count => throw null!;
            public TDevice this[int deviceIndex] => throw null!;
            public Enumerator GetEnumerator() => throw null!;
            public ref struct Enumerator
            {
                public TDevice Current => throw null!;
                public bool MoveNext() => throw null!;
            }
        }
    }
}
namespace ILGPU.Util
{
    public abstract class DisposeBase : IDisposable
    {
        public bool IsDisposed => throw null!;
        public void Dispose() => throw null!;
    }
}
namespace ILGPU.Runtime
{
    using ILGPU.Util;
    public enum AcceleratorType { CPU, Cuda, OpenCL }
    public abstract class AcceleratorException : Exception { public abstract AcceleratorType AcceleratorType { get; } }
    public abstract class AcceleratorObject : DisposeBase { public Accelerator Accelerator => throw null!; }
    public sealed class KernelInfo { }
    public partial class Accelerator
    {
        public MemoryBuffer1D<T, Stride1D.Dense> Allocate1D<T>(long length) where T : unmanaged => throw null!;
    }
    public partial struct ArrayView1D<T, TStride> : IArrayView<T> { }
    public static partial class ArrayViewExtensions
    {
        public static void CopyToPageLockedAsync<T>(this ArrayView1D<T, Stride1D.Dense> source, PageLockedArray1D<T> target) where T : unmanaged => throw null!;
        public static void CopyToPageLockedAsync<T>(this ArrayView1D<T, Stride1D.Dense> source, AcceleratorStream stream, PageLockedArray1D<T> target)
            where T : unmanaged => throw null!;
    }
    public abstract class PageLockedArray<T> : DisposeBase where T : unmanaged
    {
        public Span<T> Span => throw null!;
        public long Length => throw null!;
    }
    public sealed class PageLockedArray1D<T> : PageLockedArray<T> where T : unmanaged
    {
        public LongIndex1D Extent => throw null!;
        public ref T this[int index] => throw null!;
        public ref T this[long index] => throw null!;
        public T[] GetArray() => throw null!;
    }
}
namespace ILGPU.Runtime.CPU
{
    public sealed class CPUDevice : Device { public CPUAccelerator CreateCPUAccelerator(Context context) => throw null!; }
    public sealed class CPUAccelerator : Accelerator { }
}
namespace ILGPU.Runtime.Cuda
{
    public sealed class CudaDevice : Device { public CudaAccelerator CreateCudaAccelerator(Context context) => throw null!; }
    public sealed class CudaAccelerator : Accelerator { }
    public sealed class CudaException : AcceleratorException
    {
        public string Error => throw null!;
        public override AcceleratorType AcceleratorType => throw null!;
    }
}
namespace ILGPU.Runtime.OpenCL
{
    public sealed class CLDevice : Device { public CLAccelerator CreateCLAccelerator(Context context) => throw null!; }
    public sealed class CLAccelerator : Accelerator { }
    public sealed class CLException : AcceleratorException { public override AcceleratorType AcceleratorType => throw null!; }
}
namespace ILGPU.Algorithms
{
    public static class AlgorithmContextExtensions { public static Context.Builder EnableAlgorithms(this Context.Builder builder) => throw null!; }
}
